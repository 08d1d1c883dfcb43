"""The table that `model.summary()` prints."""


def _algorithms(layer):
    """How a layer's convolutions are computed: one name each, or one for each pass that differs from the forward one."""
    ops = [getattr(layer, name) for name in ("op", "depthwise", "pointwise") if hasattr(layer, name)]
    return " + ".join(_algorithm(op) for op in ops if op.name.startswith("conv2d"))


def _algorithm(op):
    forward, *others = (op.algorithm(name) for name in ("forward", "data", "weights"))
    differing = [f"{what} {name}" for what, name in zip(("data", "weights"), others) if name != forward]
    return ", ".join([forward, *differing])


def lines(model, algorithms=False):
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
    if algorithms:
        text = [f"{line.ljust(max(map(len, text)))}  {more}".rstrip()
                for line, more in zip(text, ["Algorithms", *map(_algorithms, model.layers), ""])]
    rule = "─" * max(map(len, text))
    yield f'Model "{model.name}"'
    yield from (rule, text[0], rule, *text[1:-1], rule, text[-1])
    frozen = sum(p.size for layer in model.layers for p in layer.parameters if not (layer.trainable and p.trainable))
    yield f"trainable parameters: {totals[0] - frozen:,}; kept as they are: {frozen:,}"
    if model.dense_dtype != "float32":
        yield model._half.describe()
