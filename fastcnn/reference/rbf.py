"""Euclidean radial basis functions, and the losses of their distances (LeCun et al. 1998, II.B and II.C)."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def rbf(x: ArrayLike, prototypes: ArrayLike) -> Array:
    """Squared distances from prototypes: y[n, i] = Σ_j (x[n, j] − prototypes[i, j])².

    Source: LeCun et al. 1998, equation 7.
    """
    return (_differences(x, prototypes) ** 2).sum(axis=2)


def rbf_backward(dy: ArrayLike, x: ArrayLike, prototypes: ArrayLike) -> tuple[Array, ...]:
    """(dx, dprototypes) of `rbf`.

        dx[n, j] = Σ_i 2·dy[n, i]·(x[n, j] − prototypes[i, j]),   dprototypes[i, j] = −Σ_n 2·dy[n, i]·(x[n, j] − …)
    """
    d = _differences(x, prototypes)
    terms = 2.0 * as_gradient(dy, d.shape[:2])[:, :, None] * d
    return terms.sum(axis=1), -terms.sum(axis=0)


def rbf_mean_squared_error(x: ArrayLike, target: ArrayLike) -> Array:
    """loss = x[target]: the distance from the prototype of the true class.

    Source: LeCun et al. 1998, equation 8.
    """
    x, hot = _class_arguments(x, target)
    return (x * hot).sum(axis=1)


def rbf_mean_squared_error_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike) -> Array:
    """dx_i = dy · [i = target]."""
    x, hot = _class_arguments(x, target)
    return as_gradient(dy, x.shape[:1])[:, None] * hot


def rbf_maximum_a_posteriori(x: ArrayLike, target: ArrayLike, j: float = 0.1) -> Array:
    """loss = x[target] + log(e^−j + Σ_i e^−x_i).

    Source: LeCun et al. 1998, equation 9.
    """
    x, hot = _class_arguments(x, target)
    least = np.minimum(x.min(axis=1, initial=np.inf), j)
    rest = np.log(np.exp(least - j) + np.exp(least[:, None] - x).sum(axis=1)) - least
    return (x * hot).sum(axis=1) + rest


def rbf_maximum_a_posteriori_backward(dy: ArrayLike, x: ArrayLike, target: ArrayLike, j: float = 0.1) -> Array:
    """dx_i = dy · ([i = target] − p_i), p_i = e^−x_i / (e^−j + Σ_k e^−x_k)."""
    x, hot = _class_arguments(x, target)
    return as_gradient(dy, x.shape[:1])[:, None] * (hot - posteriors(x, j))


def posteriors(x, j=0.1):
    """p_i = e^−x_i / (e^−j + Σ_k e^−x_k), of distances (N, C): they sum to less than 1, the rest is no class at all."""
    least = np.minimum(x.min(axis=1, initial=np.inf), j)[:, None]
    weights = np.exp(least - x)
    return weights / (np.exp(least - j) + weights.sum(axis=1, keepdims=True))


def _differences(x, prototypes):
    """(N, U, I)"""
    x, prototypes = as_float64(x), as_float64(prototypes, "prototypes")
    if x.ndim != 2 or prototypes.ndim != 2 or x.shape[1] != prototypes.shape[1]:
        raise ValueError(f"`x` must be (N, I) and `prototypes` (U, I). Received: {x.shape}, {prototypes.shape}")
    return x[:, None] - prototypes


def _class_arguments(x, target):
    """x, and 1 at the label of each row."""
    x, target = as_float64(x), np.asarray(target)
    if target.dtype.kind not in "iu":
        raise TypeError(f"Class labels must be integers. Received: dtype {target.dtype}")
    if x.ndim != 2 or target.shape != x.shape[:1]:
        raise ValueError(f"`x` must be (N, C) and labels (N,). Received: {x.shape}, {target.shape}")
    if np.any((target < 0) | (target >= x.shape[1])):
        raise ValueError(f"Labels must be in 0 ... {x.shape[1] - 1}. Received: {target}")
    return x, (target[:, None] == np.arange(x.shape[1])).astype(np.float64)
