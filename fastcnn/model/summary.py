"""The table that `model.summary()` prints."""


def _algorithms(layer):
    """How a layer's convolutions are computed: one name each, or one for each pass that differs from the forward one."""
    ops = [getattr(layer, name) for name in ("op", "depthwise", "pointwise") if hasattr(layer, name)]
    return " + ".join(_algorithm(op) for op in ops if op.name.startswith("conv2d"))


def _algorithm(op):
    forward, *others = (op.algorithm(name) for name in ("forward", "data", "weights"))
    differing = [f"{what} {name}" for what, name in zip(("data", "weights"), others) if name != forward]
    return ", ".join([forward, *differing])


def _is_chain(model):
    """Does each layer take what the one before it gives, and nothing else?"""
    calls = model.graph.calls
    return len(model.graph.inputs) == 1 and len({call.layer for call in calls}) == len(calls) and all(
        len(call.inputs) == 1 and call.inputs[0].call is before for before, call in zip(calls, calls[1:]))


def _sources(model, layer):
    """Names of the layers that a layer takes values from, call by call."""
    return "; ".join(", ".join(names) for names in model.graph.sources(layer))


def lines(model, algorithms=False):
    """The lines of the table."""
    rows = [["Layer (type)", "Output shape", "Parameters", "Multiply-adds", "Connections"]]
    for layer in model.layers:
        rows.append([f"{layer.name} ({type(layer).__name__})", str(layer.output_shape), f"{layer.count_params():,}",
                     f"{layer.multiply_adds():,}", f"{layer.connections():,}"])
    totals = model.count_params(), model.multiply_adds(), model.connections()
    rows.append(["total", "", *(f"{total:,}" for total in totals)])
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    text = ["  ".join([*(c.ljust(w) for c, w in zip(row[:2], widths)), *(c.rjust(w) for c, w in zip(row[2:], widths[2:]))])
            .rstrip() for row in rows]
    if not _is_chain(model):
        text = _beside(text, ["Takes", *(_sources(model, layer) for layer in model.layers), ""])
    if algorithms:
        text = _beside(text, ["Algorithms", *map(_algorithms, model.layers), ""])
    rule = "─" * max(map(len, text))
    yield f'Model "{model.name}"'
    yield from (rule, text[0], rule, *text[1:-1], rule, text[-1])
    frozen = sum(p.size for layer, p in model._items if not (layer.trainable and p.trainable))
    yield f"trainable parameters: {totals[0] - frozen:,}; kept as they are: {frozen:,}"
    if model.dense_dtype != "float32":
        model._plan("predict", 1)
        yield model._half.describe()


def _beside(text, column):
    """The lines with another column behind them."""
    width = max(map(len, text))
    return [f"{line.ljust(width)}  {more}".rstrip() for line, more in zip(text, column)]
