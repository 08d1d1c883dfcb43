"""The maximum of each group of consecutive channels."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64, as_gradient


def maxout(x: ArrayLike, group_size: int = 2) -> Array:
    """y_j = max_k x_(j·group_size + k), 0 <= k < group_size, over the last axis; NaN if there is one.

    Source: Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, "Maxout networks", §3.
    """
    return _groups(x, group_size).max(axis=-1)


def maxout_backward(dy: ArrayLike, x: ArrayLike, group_size: int = 2) -> Array:
    """dx of `maxout`: dy goes to the first maximum (or NaN) of its group."""
    groups = _groups(x, group_size)
    dy = as_gradient(dy, groups.shape[:-1])
    dgroups = np.zeros(groups.shape)
    # argmax takes the first maximum, and NaN for the largest of all: the rule wanted here.
    np.put_along_axis(dgroups, groups.argmax(axis=-1)[..., None], dy[..., None], axis=-1)
    return dgroups.reshape(np.shape(x))


def _groups(x, group_size):
    x = as_float64(x)
    if group_size < 1 or x.ndim < 1 or x.shape[-1] == 0 or x.shape[-1] % group_size:
        raise ValueError(
            f"`x` must end in a multiple of `group_size` channels. Received: shape {x.shape}, group_size {group_size}"
        )
    return x.reshape(*x.shape[:-1], x.shape[-1] // group_size, group_size)
