"""The table that `model.summary()` prints, and that notebooks show."""

import sys

from fastcnn.callbacks import terminal
from fastcnn.tables import Table, wrapped

_LEFT_OUT = "Connections", "Multiply-adds"  # where there is no room for them, the first before the second
_LEAST = 40  # letters of a line
_PLAIN = {"─": "-", "×": "x"}  # for standard outputs that have only few characters


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


def _table(model, algorithms, short=False):
    """The table of a model's layers. short: shapes without the batch."""
    def row(name, shape, what):
        shape = "×".join(map(str, shape[1:])) if short else str(shape or "")
        return [name, shape, f"{what.count_params():,}", f"{what.multiply_adds():,}", f"{what.connections():,}"]

    headings = ["Layer (type)", "Output shape", "Parameters", "Multiply-adds", "Connections"]
    rows = [row(f"{layer.name} ({type(layer).__name__})", layer.output_shape, layer) for layer in model.layers]
    total, numbers = row("total", (), model), headings[2:]
    more = [("Takes", lambda layer: _sources(model, layer))] if not _is_chain(model) else []
    for heading, text in [*more, ("Algorithms", _algorithms)] if algorithms else more:
        headings.append(heading)
        total.append("")
        for cells, layer in zip(rows, model.layers):
            cells.append(text(layer))
    return Table(headings, rows, total, numbers, whole=headings[1:2])


def _notes(model):
    """What to say below the table."""
    frozen = sum(p.size for layer, p in model._items if not (layer.trainable and p.trainable))
    yield f"trainable parameters: {model.count_params() - frozen:,}; kept as they are: {frozen:,}"
    if model.dense_dtype != "float32":
        model._plan("predict", 1)
        yield model._half.describe()
    if model.quantized:
        yield f"convolutions that predict and evaluate compute in int8: {', '.join(model.quantized)}"


def lines(model, algorithms=False, width=None):
    """The lines of `summary`, each of at most so many letters; None: as many as it takes."""
    table, notes, left_out = _table(model, algorithms), list(_notes(model)), []
    if width and table.is_crowded(width):
        table = _table(model, algorithms, short=True)
        for heading in _LEFT_OUT:
            if table.is_crowded(width):
                table = table.without(heading)
                left_out.append(heading.lower())
    if left_out:
        notes.append(f"left out for want of room: {', '.join(left_out)}")
    yield from (line for text in [f'Model "{model.name}"'] for line in (wrapped(text, width) if width else [text]))
    yield from table.lines(width)
    yield from (line for text in notes for line in (wrapped(text, width) if width else [text]))


def html(model):
    """The table as HTML."""
    if not model.built or not model.layers:
        types = [[type(layer).__name__] for layer in model.layers]
        return Table(["Type"], types).html(f'Model "{model.name}", not built yet')
    return _table(model, False).html(f'Model "{model.name}"', _notes(model))


def columns():
    """How many letters a line of standard output has; None: it is no terminal."""
    try:
        return max(terminal.width(), _LEAST) if sys.stdout.isatty() else None
    except (AttributeError, OSError, ValueError):  # there is none, or it is closed
        return None


def show(line):
    """Prints a line in the characters that standard output has."""
    print(line if _is_shown(line) else "".join(c if _is_shown(c) else _PLAIN.get(c, "?") for c in line))


def _is_shown(text):
    """Has standard output these characters? What is not encoded has all."""
    return getattr(sys.stdout, "encoding", None) is None or terminal.can_show(text)
