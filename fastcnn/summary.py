"""The table that `model.summary()` prints."""


def lines(model):
    """The lines of the table."""
    rows = [("Layer (type)", "Output shape", "Parameters", "Multiply-adds", "Connections")]
    for layer in model.layers:
        rows.append((f"{layer.name} ({type(layer).__name__})", str(layer.output_shape), f"{layer.count_params():,}",
                     f"{layer.multiply_adds():,}", f"{layer.connections():,}"))
    totals = [sum(f(layer) for layer in model.layers) for f in
              (lambda x: x.count_params(), lambda x: x.multiply_adds(), lambda x: x.connections())]
    rows.append(("total", "", *(f"{total:,}" for total in totals)))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    text = ["  ".join([*(c.ljust(w) for c, w in zip(row[:2], widths)), *(c.rjust(w) for c, w in zip(row[2:], widths[2:]))])
            .rstrip() for row in rows]
    rule = "─" * max(map(len, text))
    yield f'Model "{model.name}"'
    yield from (rule, text[0], rule, *text[1:-1], rule, text[-1])
    frozen = sum(layer.count_params() for layer in model.layers if not layer.trainable)
    yield f"trainable parameters: {totals[0] - frozen:,}; kept as they are: {frozen:,}"
