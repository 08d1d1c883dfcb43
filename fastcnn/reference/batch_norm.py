"""Batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.arguments import shown
from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def batch_norm(x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, mean: ArrayLike | None = None,
               variance: ArrayLike | None = None, epsilon: float = 1e-3) -> Array:
    """Each channel less its mean, over its standard deviation.

        y = γ · x̂ + β,   x̂ = (x − μ) / √(σ² + ε)

    μ and σ² are given, or μ = Σ x / n and σ² = Σ (x − μ)² / n over all axes but the last.

    Source: Ioffe & Szegedy 2015, "Batch normalization", algorithm 1.
    """
    x, inverse, given = _prepare(x, gamma, beta, mean, variance, epsilon)
    return x * inverse * given.get("gamma", 1.0) + given.get("beta", 0.0)


def batch_norm_backward(dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None,
                        mean: ArrayLike | None = None, variance: ArrayLike | None = None, epsilon: float = 1e-3) -> Any:
    """Gradients of `batch_norm`: dx, or (dx, dγ, dβ) with those that were given.

        dβ = Σ dy,   dγ = Σ dy·x̂,   dx = γ / √(σ² + ε) · (dy − Σ dy / n − x̂ · Σ dy·x̂ / n)

    The last two terms are what x changes through its mean and variance; they are left out if these were given.
    """
    x, inverse, given = _prepare(x, gamma, beta, mean, variance, epsilon)
    dy, normal = as_gradient(dy, x.shape), x * inverse
    axes = tuple(range(dy.ndim - 1))
    sums = {"gamma": (dy * normal).sum(axis=axes), "beta": dy.sum(axis=axes)}
    dx = dy
    if mean is None:
        n = max(dy.size // dy.shape[-1], 1)
        dx = dy - sums["beta"] / n - normal * sums["gamma"] / n
    dx = dx * inverse * given.get("gamma", 1.0)
    gradients = [value for name, value in sums.items() if name in given]
    return (dx, *gradients) if gradients else dx


def _prepare(x, gamma, beta, mean, variance, epsilon):
    """x − μ, 1/√(σ² + ε), and the arrays that were given."""
    x = as_float64(x)
    if x.ndim < 1 or x.shape[-1] == 0:
        raise ValueError(f"`x` must end in at least one channel. Received: shape {x.shape}")
    if (mean is None) != (variance is None):
        raise ValueError(f"`mean` and `variance` must be given together. "
                         f"Received: {shown(mean)}, {shown(variance)}")
    if not epsilon >= 0:
        raise ValueError(f"`epsilon` must be at least 0. Received: {epsilon}")
    given = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    given = {name: as_float64(value, name) for name, value in given.items() if value is not None}
    for name, value in given.items():
        if value.shape != x.shape[-1:]:
            raise ValueError(f"`{name}` must have shape {x.shape[-1:]}. Received: {value.shape}")
    if mean is None:
        pixels = x.reshape(-1, x.shape[-1])
        given["mean"], given["variance"] = (pixels.mean(axis=0), pixels.var(axis=0)) if len(pixels) else (0.0, 1.0)
    return x - given["mean"], 1.0 / np.sqrt(given["variance"] + epsilon), given
