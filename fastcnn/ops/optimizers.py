"""Steps of optimizers on flat arrays."""

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import describe, result, run


def sgd(w, dw, v=None, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0, *, out=None):
    """One step of stochastic gradient descent, Keras' form, with coupled weight decay.

        g = dw + weight_decay·w      v ← momentum·v − learning_rate·g      w ← w + v
        (Nesterov: w ← w + momentum·v − learning_rate·g)

    Args:
        w, dw: parameters and their gradient.
        v: velocity; None: 0.
        out: pair of arrays (w, v) to write to; may be the arguments themselves.

    Shape:
        w, dw, v any, alike → (w, v); v is None without momentum

    Example:
        >>> w, v = fastcnn.ops.sgd(np.ones(2), np.ones(2), learning_rate=0.5)
        >>> w.tolist(), v
        ([0.5, 0.5], None)
    """
    w, dw = arguments.array("w", w), arguments.array("dw", dw)
    rate, momentum = arguments.number("learning_rate", learning_rate, 0), arguments.number("momentum", momentum, 0)
    decay, nesterov = arguments.number("weight_decay", weight_decay, 0), arguments.flag("nesterov", nesterov)
    v = np.zeros_like(w) if v is None else arguments.array("v", v)
    for name, value in (("dw", dw), ("v", v)):
        if value.shape != w.shape:
            raise ValueError(f"{name} must have w's shape {w.shape}. Received: shape {value.shape}")
    if out is None:
        new_w, new_v = np.empty_like(w), np.empty_like(v)
    else:
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise TypeError(f"out must be a pair of arrays (w, v). Received: {describe(out)}")
        new_w, new_v = (result(a, w.shape) for a in out)
        if np.may_share_memory(new_w, new_v) or np.may_share_memory(new_w, dw) or np.may_share_memory(new_v, dw):
            raise ValueError("out must be two arrays that overlap neither each other nor dw")
        w, v = w.copy(), v.copy()
    new_w[...], new_v[...] = w, v
    if w.size:
        run(_ops.sgd(w.size, momentum, nesterov, decay, False), 1, [["update"]],
             arrays=[("w", new_w), ("dw", dw), ("state", new_v)], scale=rate)
    return new_w, new_v if momentum else None
