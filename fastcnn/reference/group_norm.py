"""Normalization of each sample by its own moments: of its last axes, or of groups of channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.typing import Array, ArrayLike, Pair

from .arrays import as_float64, as_gradient


def layer_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, axis: Pair = -1,
               epsilon: float = 1e-3) -> Array:
    """Values less their mean, over their standard deviation, both taken along the last axes.

        y = γ · x̂ + β,   x̂ = (x − μ) / √(σ² + ε),   μ = Σ x / n,   σ² = Σ (x − μ)² / n

    Args:
        x: any rank >= 1.
        gamma, beta: the shape of these axes; None: 1 and 0.
        axis: an integer or several, which are the last axes.
        epsilon: >= 0.

    Shape: → like x.

    Source: Ba, Kiros & Hinton 2016, eq. 4.
    """
    x, axes, given = _layer(x, gamma, beta, axis, epsilon)
    return _normalize(x, axes, epsilon)[0] * given.get("gamma", 1.0) + given.get("beta", 0.0)


def layer_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        axis: Pair = -1, epsilon: float = 1e-3) -> Any:
    """Gradients of `layer_norm`: dx, or (dx, dγ, dβ) with those that were given.

        dβ = Σ dy,   dγ = Σ dy·x̂  over all other axes,   dx = (g − Σ g / n − x̂ · Σ g·x̂ / n) / √(σ² + ε),   g = γ·dy

    Shape: dy, like x → dx like x, dγ and dβ like γ and β.
    """
    x, axes, given = _layer(x, gamma, beta, axis, epsilon)
    return _gradients(as_gradient(dy, x.shape), x, axes, epsilon, given, tuple(range(x.ndim - len(axes))))


def group_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, groups: int = 32,
               epsilon: float = 1e-3) -> Array:
    """The same with moments of each sample's groups of channels, over all its pixels.

    Args:
        x: (N, ..., C); channels last.
        gamma, beta: (C,); None: 1 and 0.
        groups: equal parts of the channels; -1: as many as channels.
        epsilon: >= 0.

    Shape: → like x.

    Source: Wu & He 2018, eq. 1–2 and 7.
    """
    parts, axes, given = _groups(x, gamma, beta, groups, epsilon)
    y = _normalize(parts, axes, epsilon)[0] * given.get("gamma", 1.0) + given.get("beta", 0.0)
    return y.reshape(np.shape(x))


def group_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        groups: int = 32, epsilon: float = 1e-3) -> Any:
    """Gradients of `group_norm`: dx, or (dx, dγ, dβ) with those that were given (formulas: `layer_norm_backward`).

    Shape: dy, like x → dx like x, dγ (C,), dβ (C,).
    """
    parts, axes, given = _groups(x, gamma, beta, groups, epsilon)
    dy = as_gradient(dy, np.shape(x)).reshape(parts.shape)
    gradients = _gradients(dy, parts, axes, epsilon, given, tuple(range(parts.ndim - 2)))
    if not given:
        return gradients.reshape(np.shape(x))
    return (gradients[0].reshape(np.shape(x)), *(g.ravel() for g in gradients[1:]))


def _normalize(x, axes, epsilon):
    """x̂, and 1/√(σ² + ε)."""
    mean = x.mean(axis=axes, keepdims=True)
    inverse = 1.0 / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)
    return (x - mean) * inverse, inverse


def _gradients(dy, x, axes, epsilon, given, others):
    normal, inverse = _normalize(x, axes, epsilon)
    g = dy * given.get("gamma", 1.0)
    k, l = (a.mean(axis=axes, keepdims=True) for a in (g, g * normal))
    sums = {"gamma": (dy * normal).sum(axis=others), "beta": dy.sum(axis=others)}
    dx = (g - k - normal * l) * inverse
    return (dx, *(sums[name] for name in given)) if given else dx


def _layer(x, gamma, beta, axis, epsilon):
    x = as_float64(x)
    axes = sorted(a % x.ndim if -x.ndim <= a < x.ndim else a for a in np.atleast_1d(axis).tolist())
    if not axes or axes != list(range(x.ndim - len(axes), x.ndim)):
        raise ValueError(f"`axis` must name the last axes of x of shape {x.shape}. Received: {axis}")
    return x, tuple(axes), _given(x.shape[x.ndim - len(axes):], gamma, beta, epsilon, x)


def _groups(x, gamma, beta, groups, epsilon):
    """x as (N, ..., groups, C / groups), the axes of its moments, and γ and β of that shape."""
    x = as_float64(x)
    if x.ndim < 2:
        raise ValueError(f"`x` must be (N, ..., C). Received: shape {x.shape}")
    given = _given(x.shape[-1:], gamma, beta, epsilon, x[:1])
    groups = x.shape[-1] if groups == -1 else groups
    if groups < 1 or x.shape[-1] % groups:
        raise ValueError(f"`groups` must divide the {x.shape[-1]} channels, or be -1. Received: {groups}")
    parts = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    given = {name: value.reshape(groups, -1) for name, value in given.items()}
    return parts, (*range(1, parts.ndim - 2), parts.ndim - 1), given


def _given(shape, gamma, beta, epsilon, x):
    if not epsilon >= 0:
        raise ValueError(f"`epsilon` must be at least 0. Received: {epsilon}")
    if 0 in shape or 0 in x.shape[1:]:
        raise ValueError(f"`x` must have values to normalize. Received: shape {x.shape}")
    given = {n: as_float64(v, n) for n, v in (("gamma", gamma), ("beta", beta)) if v is not None}
    for name, value in given.items():
        if value.shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}. Received: {value.shape}")
    return given
