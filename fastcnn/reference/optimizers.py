"""Parameter updates."""

import numpy as np

from .arrays import as_float64


def sgd(w, dw, v=None, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0):
    """One step of stochastic gradient descent, in Keras' form, with coupled weight decay.

        g  = dw + weight_decay · w
        v ← momentum · v − learning_rate · g
        w ← w + v,   or w + momentum · v − learning_rate · g with Nesterov

    Args:
        w, dw: parameters and their gradient, of one shape.
        v: velocity, of the same shape; None starts at zero.

    Returns: (w, v), new arrays; v is None if momentum is 0.

    Source: Krizhevsky et al. 2012, §5; Nesterov: Sutskever et al. 2013.
    """
    w, dw = as_float64(w, "w"), as_float64(dw, "dw")
    v = np.zeros(w.shape) if v is None else as_float64(v, "v")
    if not w.shape == dw.shape == v.shape:
        raise ValueError(f"`w`, `dw` and `v` must have one shape. Received: {w.shape}, {dw.shape}, {v.shape}")
    step = learning_rate * (dw + weight_decay * w)
    if momentum == 0:
        return w - step, None
    v = momentum * v - step
    return (w + momentum * v - step if nesterov else w + v), v
