"""Checks `backward` of a layer or loss of one's own against its `forward`, by finite differences.

A directional derivative along random numbers sees every entry of an array at once; where it is wrong, halves of the array
are tried, until one entry is left to name. Differences are taken on both sides: between them lies the slope, and at a
corner, as that of max(x, 0), any slope between them is right. Corners close by disturb them less the smaller the step is, so
a gradient must be off at two steps to be wrong.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastcnn.typing import ArrayLike

_STEPS, _SINGLE_STEPS = (1e-6, 1e-7), (1e-3, 2.5e-4)  # of float64 and of float32, in units of the numbers moved
_NOISE = 16       # roundings in a sum, in units of the last place
_TOLERANCE = 1e-6
_DIRECTIONS = 3   # tried per array
_MOST = 3000      # halvings in search of a wrong entry


def check_gradients(layer_or_loss: Any, x: Any, y: ArrayLike | None = None, training: bool = True,
                    seed: int = 0) -> dict[str, float]:
    """Compares the gradients that a layer or loss written in NumPy returns with differences of what it computes.

    Computed in float64, as far as the code allows: code that makes float32 of its numbers is checked less closely. A layer
    is built if it has not been, and its weights stay as they are.

    Args:
        layer_or_loss: a `fastcnn.layers.Layer` with `forward` and `backward`, or a `fastcnn.losses.Loss`.
        x: a batch, channels last, or a list of them for a layer that merges; of a loss, predictions.
        y: of a loss, the targets as its `forward` takes them.
        training: what a layer's `forward` is told.
        seed: of the directions.

    Returns:
        {"x" (of a list "x[0]" and so on) or a parameter's name: how far its gradient is off, as a part of itself}

    Raises:
        ValueError: a gradient is wrong, and which entry of which array; it has another shape, or is not set; `forward`
            or `backward` writes into its argument, or gives other numbers each time.
        TypeError: another kind of object.

    Example:
        >>> class Squares(fastcnn.losses.Loss):
        ...     def forward(self, y_true, y_pred):
        ...         return ((y_pred - y_true) ** 2).sum(axis=1)
        ...     def backward(self, y_true, y_pred):
        ...         return y_pred - y_true
        >>> fastcnn.check_gradients(Squares(), [[3.0, 1.0]], [[0.0, 1.0]])
        Traceback (most recent call last):
        ValueError: Squares.backward: the gradient of x at [0, 0], dy random, must be 6.82177. Received: 3.41089, 0.5 of it
    """
    from fastcnn.arguments import real, shown

    rng, merges = np.random.default_rng(seed), getattr(layer_or_loss, "merges", False)
    xs = [np.array(real("x", part), np.float64) for part in (x if merges else [x])]
    for part in xs:
        if part.ndim < 1 or not part.size:
            raise ValueError(f"x must be a batch with a sample at least. Received: shape {part.shape}")
    if hasattr(layer_or_loss, "build_for"):
        return _of_layer(layer_or_loss, xs, merges, training, rng)
    if not (hasattr(layer_or_loss, "forward") and hasattr(layer_or_loss, "backward")):
        raise TypeError("layer_or_loss must be a Layer or a Loss with forward and backward. "
                        f"Received: {shown(layer_or_loss)}")
    if y is None:
        raise ValueError("y must be given for a loss: check_gradients(loss, predictions, targets). Received: None")
    (x,), y = xs, real("y", y)
    return _compared(type(layer_or_loss).__name__, lambda: layer_or_loss.forward(y, x),
                     lambda dy: [layer_or_loss.backward(y, x) * dy.reshape(-1, *(1,) * (x.ndim - 1))], {"x": x}, {}, rng)


def _of_layer(layer, xs, merges, training, rng):
    name = type(layer).__name__
    if not layer.built:
        layer.build_for([x.shape[1:] for x in xs] if merges else xs[0].shape[1:])
    if layer.nodes() is not None:
        raise TypeError(f"layer_or_loss must compute in NumPy, by forward and backward. Received: {name}, which C computes")
    trained = [p for p in layer.parameters if p.trainable]
    with _in_float64(layer.parameters, rng):
        inputs = {f"x[{i}]": x for i, x in enumerate(xs)} if merges else {"x": xs[0]}
        arrays = {**inputs, **{p.name: p.array for p in trained}}
        gradients = {p.name: p.gradient for p in trained}

        def backward(dy):
            dx = layer.backward(dy)
            return list(dx) if merges else [dx]

        return _compared(name, lambda: layer.forward(xs if merges else xs[0], training=training), backward, arrays,
                         gradients, rng)


@contextmanager
def _in_float64(parameters, rng):
    """A block in which parameters, wherever they lie, have arrays of their own: values in float64, a little apart from such
    as 0, at which much goes unseen, and gradients that are NaN until they are set."""
    before = [(p, dict(vars(p))) for p in parameters]
    try:
        for p, _ in before:
            value = p.value + 0.01 * (1 + np.abs(p.value)) * rng.standard_normal(p.shape)
            vars(p).update(flat=None, stored=None, absorbed=False, _value=value, _gradient=np.full(p.shape, np.nan))
        yield
    finally:
        for p, kept in before:
            vars(p).update(kept)


def _compared(name, forward, backward, arrays, gradients, rng):
    """{array: relative error}; `forward` reads `arrays`, `backward` sets the gradients of those in `gradients`, and returns
    the others'."""
    inputs = [key for key in arrays if key not in gradients]
    y = _of_forward(name, forward, [arrays[key] for key in inputs])
    dy = rng.uniform(0.5, 1.5, y.shape) * rng.choice([-1, 1], y.shape)
    given = dy.copy()
    dxs = backward(dy)
    if not np.array_equal(dy, given):
        raise ValueError(f"{name}.backward must leave its argument as it is. Received: one that it has written into")
    if len(dxs) != len(inputs):
        raise ValueError(f"{name}.backward must return a gradient for each of {len(inputs)} inputs. Received: {len(dxs)}")
    found = {key: value.copy() for key, value in gradients.items()}
    for key, dx in zip(inputs, map(np.asarray, dxs)):
        if dx.shape != arrays[key].shape or dx.dtype.kind not in "fiu":
            raise ValueError(f"{name}.backward must return real numbers of shape {arrays[key].shape} for {key}. "
                             f"Received: {dx.dtype}, shape {dx.shape}")
        found[key] = np.array(dx, np.float64)
    for key, gradient in found.items():
        if np.isnan(gradient).any():
            at = _place(np.argmax(np.isnan(gradient)), gradient.shape)
            raise ValueError(f"{name}.backward must set the gradient of {key} everywhere, whatever was there before: "
                             f"gradient[...] = …. Received: NaN at {at}")
    return {key: _check(name, key, arrays[key], found[key], _objective(forward, dy), rng) for key in arrays}


def _of_forward(name, forward, xs):
    """What `forward` returns, twice the same."""
    before = [x.copy() for x in xs]
    y = np.array(forward())
    if y.dtype.kind not in "fiu" or not np.isfinite(y).all():
        raise ValueError(f"{name}.forward must return finite real numbers. Received: {y.dtype}"
                         + (", with NaN or infinities" if y.dtype.kind == "f" else ""))
    if not all(np.array_equal(x, kept) for x, kept in zip(xs, before)):
        raise ValueError(f"{name}.forward must leave its argument as it is. Received: one that it has written into")
    if not np.array_equal(forward(), y):
        raise ValueError(f"{name}.forward must give the same for the same to be checked; chance needs a fixed seed, or "
                         "training=False leaves it out. Received: other numbers the second time")
    return y


def _objective(forward, dy):
    """A function of nothing: (Σ dy·y, Σ |dy·y|, y)."""

    def value():
        y = np.asarray(forward())
        terms = dy * y
        return math.fsum(terms.ravel()), float(np.abs(terms).sum()), y

    return value


def _check(name, key, array, gradient, objective, rng):
    """The relative error of one array's gradient; a ValueError names an entry that is wrong."""
    slopes = _Slopes(array, gradient, objective)
    worst = 0.0
    for _ in range(_DIRECTIONS):
        direction = rng.standard_normal(array.shape) * np.maximum(np.abs(array), 1.0)
        if slopes.off(direction) > 1:
            _name_entry(name, key, direction, slopes)
        else:
            low, high, own, _ = slopes(direction)
            worst = max(worst, max(low - own, own - high) / max(abs(own), abs(high), abs(low), 1e-300))
    return worst


class _Slopes:
    """Slopes of the objective along directions of one array, by differences and by the gradient that is given."""

    def __init__(self, array, gradient, objective):
        self.array, self.gradient, self.objective = array, gradient, objective
        self.single = self._is_single()
        self.steps = _SINGLE_STEPS if self.single else _STEPS

    def _is_single(self):
        """Is it computed in float32? Then it does not see how float64 moves a little."""
        y, kept = self.objective()[2], self.array.copy()
        self.array *= 1 + 1e-10
        still = np.array_equal(self.objective()[2], y)
        self.array[...] = kept
        return y.dtype != np.float64 or still

    def __call__(self, direction, step=None):
        """(the least and largest slope along a direction, the one that is given, what rounding may add)."""
        step = self.steps[0] if step is None else step
        kept, (middle, terms, _) = self.array.copy(), self.objective()
        found = []
        for sign in (1, -1):
            self.array[...] = kept + sign * step * direction
            found.append(sign * (self.objective()[0] - middle) / step)
        self.array[...] = kept
        own = float(np.sum(self.gradient * direction))
        unit, alike = (2.0**-24, 1000) if self.single else (2.0**-53, 1)
        slack = _NOISE * unit * terms / step + alike * _TOLERANCE * float(np.linalg.norm(self.gradient * direction))
        return min(found), max(found), own, slack

    def off(self, direction):
        """How far off the given slope is, in units of what rounding may do: above 1 it is wrong."""
        found = [self(direction, step) for step in self.steps]
        return min(max(low - own, own - high) / max(slack, 1e-300) for low, high, own, slack in found)


def _name_entry(name, key, direction, slopes):
    """Raises a ValueError for an entry that is off, found by halves of the direction. At corners entries may be right and
    their sum look wrong."""
    flat, left, tried = direction.ravel(), [np.arange(direction.size)], 0

    def part(some):
        only = np.zeros(flat.size)
        only[some] = flat[some]
        return only.reshape(direction.shape)

    while left:
        places = left.pop()
        if len(places) == 1:
            low, high, own, _ = slopes(part(places))
            right, given = (low + high) / 2 / flat[places[0]], own / flat[places[0]]
            times = f", {given / right:.4g} of it" if right else ""
            raise ValueError(f"{name}.backward: the gradient of {key} at {_place(places[0], direction.shape)}, dy random, "
                             f"must be {right:.6g}. Received: {given:.6g}{times}")
        halves = [(slopes.off(part(half)), i, half) for i, half in enumerate(np.array_split(places, 2))]
        left += [half for off, _, half in sorted(halves) if off > 1]  # the worse is looked at first
        tried += 1
        if tried > _MOST:
            raise ValueError(f"{name}.forward has too many corners at this {key} to be checked; move it a little, as "
                             f"x + 0.001 * noise. Received: more than {_MOST} places that may be wrong")
    low, high, own, slack = slopes(direction)
    if high - low <= slack:  # no corners: each entry is off by less than can be seen, and all of them together by more
        raise ValueError(f"{name}.backward: the gradient of {key} is off along directions through all of it. "
                         f"Received: {own:.6g} where differences are {low:.6g} to {high:.6g}")


def _place(number, shape):
    """An entry's place, as Python indexes it."""
    return f"[{', '.join(str(int(i)) for i in np.unravel_index(number, shape))}]"
