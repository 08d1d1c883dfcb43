"""Numbers that are none: where a loss of NaN or infinity comes from. Nobody looks before there is such a loss."""

import numpy as np

from fastcnn import calling

_ROWS = 1024  # looked at together


def check(loss, model, batches, arrays, place, training, validation=False):
    """Says why a loss is not finite.

    Args:
        loss: the sum or mean that is not.
        model: whose it is.
        batches: that it was taken over: `data.Batches`, whose arrays are looked through; None: one batch alone.
        arrays: of the batch.
        place: of the batch among those of a source.
        training: have the weights taken a step on it?
        validation: are these the samples that training is validated on?

    Raises:
        ValueError: numbers that are not finite were given to train on, and training does not stop by itself.
    """
    whole = batches is not None and not batches.timed
    found = _given(model, batches.arrays if whole else arrays)
    if found is not None and batches is not None and not whole:
        found = f"batch {place} of the source: {found}"
    if found is not None and training and not model.stop_training:
        raise ValueError(f"{found}. It has made the loss {loss}, and weights too: load the model or make it anew, and train "
                         f"without such samples")
    reason = found or _own(model, training)
    calling.warn(f"the loss {'of validation ' if validation else ''}is {loss}: {reason}", RuntimeWarning)


def _given(model, arrays):
    """What was given that is not finite, as words; None: all is."""
    inputs, heads = len(model.graph.inputs), len(model._heads)
    names = ["x"] if inputs == 1 else [f"x[{name!r}]" for name in model.input_names]
    ends = [("y", "sample_weight")] if heads == 1 else [(f"y[{name!r}]", f"sample_weight[{name!r}]")
                                                       for name in model.output_names]
    names += [y for y, _ in ends] + [weight for _, weight in ends]
    for name, array in zip(names, arrays):
        found = None if array is None else first(array)
        if found is not None:
            return f"{name} must hold numbers that are finite in float32. Received: {found[1]:g} in {name}[{found[0]}]"
    return None


def first(array):
    """(number, value) of the first sample that holds something that is not finite in float32; None: there is none.

    Example:
        >>> first(np.array([[0.0, 1.0], [np.inf, 2.0]])), first(np.zeros(3))
        ((1, inf), None)
    """
    if array.dtype.kind != "f":
        return None
    for start in range(0, len(array), _ROWS):
        rows = array[start:start + _ROWS]
        with np.errstate(over="ignore"):
            good = np.isfinite(rows.astype(np.float32, copy=False)).reshape(len(rows), -1)
        if not good.all():
            row = int(np.argmin(good.all(axis=1)))
            return start + row, float(rows[row].flat[int(np.argmin(good[row]))])
    return None


def _own(model, training):
    """Why it may be that finite numbers end in such a loss, as words."""
    losses = [type(head.loss).__name__ for head in model._heads if head.loss is not None and head.loss.kind is None]
    layers = [layer.name for layer in model._leaves() if layer.nodes() is None]
    own = f"; {', '.join([*losses, *layers])} may give such numbers" if losses or layers else ""
    if training:
        return (f"x and y are finite, so training has diverged, if weights were finite before; a smaller learning_rate, "
                f"clipnorm=1.0 or smaller x help{own}")
    lost = next((layer.name for layer in model._leaves() for p in layer.parameters if not np.isfinite(p.value).all()), None)
    return f"weights of layer {lost!r} are not finite" if lost else f"x and y are finite, predictions or losses are not{own}"
