"""Parameter updates.

Each takes parameters w, their gradient dw and what the optimizer keeps, all of one shape (None starts at zero), and returns
the new ones in this order, None for what is not kept. `weight_decay` is coupled: g = dw + weight_decay · w.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.typing import Array, ArrayLike

from .arrays import as_float64


def sgd(w: ArrayLike, dw: ArrayLike, v: ArrayLike | None = None, learning_rate: float = 0.01, momentum: float = 0.0,
        nesterov: bool = False, weight_decay: float = 0.0) -> tuple[Any, ...]:
    """One step of stochastic gradient descent, in Keras' form, with coupled weight decay.

        g  = dw + weight_decay · w
        v ← momentum · v − learning_rate · g
        w ← w + v,   or w + momentum · v − learning_rate · g with Nesterov

    Source: Krizhevsky et al. 2012, §5; Nesterov: Sutskever et al. 2013.
    """
    w, g, v = _arguments(w, dw, weight_decay, v=v)
    step = learning_rate * g
    if momentum == 0:
        return w - step, None
    v = momentum * v - step
    return (w + momentum * v - step if nesterov else w + v), v


def rmsprop(w: ArrayLike, dw: ArrayLike, v: ArrayLike | None = None, m: ArrayLike | None = None,
            average: ArrayLike | None = None, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0,
            epsilon: float = 1e-7, centered: bool = False, weight_decay: float = 0.0) -> tuple[Any, ...]:
    """One step of RMSprop, with epsilon inside the root as in Keras.

        v ← rho · v + (1 − rho) · g²
        d = learning_rate · g / √(v + epsilon);   centered: average ← rho · average + (1 − rho) · g, v − average² for v
        w ← w − d;   with momentum: m ← momentum · m + d, w ← w − m

    Source: Tieleman, Hinton 2012; Graves 2013, eq. 38 to 45 (centered).
    """
    w, g, v, m, average = _arguments(w, dw, weight_decay, v=v, m=m, average=average)
    v = rho * v + (1 - rho) * g**2
    average = rho * average + (1 - rho) * g
    variance = v - average**2 if centered else v
    step = learning_rate * g / np.sqrt(np.maximum(variance, 0) + epsilon)  # below 0 by rounding only
    m = momentum * m + step
    return w - m if momentum else w - step, v, m if momentum else None, average if centered else None


def adagrad(w: ArrayLike, dw: ArrayLike, a: ArrayLike | None = None, learning_rate: float = 0.001, epsilon: float = 1e-7,
            weight_decay: float = 0.0) -> tuple[Any, ...]:
    """One step of Adagrad, with epsilon inside the root as in Keras.

        a ← a + g²
        w ← w − learning_rate · g / √(a + epsilon)

    Source: Duchi, Hazan, Singer 2011.
    """
    w, g, a = _arguments(w, dw, weight_decay, a=a)
    a = a + g**2
    return w - learning_rate * g / np.sqrt(a + epsilon), a


def adadelta(w: ArrayLike, dw: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None,
             learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
             weight_decay: float = 0.0) -> tuple[Any, ...]:
    """One step of Adadelta; the paper has no learning rate, or 1.

        a ← rho · a + (1 − rho) · g²
        d = √(b + epsilon) / √(a + epsilon) · g
        b ← rho · b + (1 − rho) · d²
        w ← w − learning_rate · d

    Source: Zeiler 2012, algorithm 1.
    """
    w, g, a, b = _arguments(w, dw, weight_decay, a=a, b=b)
    a = rho * a + (1 - rho) * g**2
    d = np.sqrt(b + epsilon) / np.sqrt(a + epsilon) * g
    return w - learning_rate * d, a, rho * b + (1 - rho) * d**2


def adam(w: ArrayLike, dw: ArrayLike, m: ArrayLike | None = None, v: ArrayLike | None = None, v_hat: ArrayLike | None = None,
         step: int = 1, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7,
         amsgrad: bool = False, weight_decay: float = 0.0) -> tuple[Any, ...]:
    """Step number `step` (from 1) of Adam, with epsilon added to the uncorrected root as in Keras.

        m ← beta_1 · m + (1 − beta_1) · g
        v ← beta_2 · v + (1 − beta_2) · g²;   amsgrad: v_hat ← max(v_hat, v), which then stands for v
        w ← w − learning_rate · √(1 − beta_2^step) / (1 − beta_1^step) · m / (√v + epsilon)

    Source: Kingma, Ba 2015, §2, last paragraph before 2.1; Reddi, Kale, Kumar 2018 (amsgrad).
    """
    w, g, m, v, v_hat = _arguments(w, dw, weight_decay, m=m, v=v, v_hat=v_hat)
    if step < 1:
        raise ValueError(f"`step` must be 1 or more. Received: {step}")
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    v_hat = np.maximum(v_hat, v) if amsgrad else None
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v_hat if amsgrad else v) + epsilon), m, v, v_hat


def sdlm(w: ArrayLike, dw: ArrayLike, h: ArrayLike, learning_rate: float = 0.01, mu: float = 0.02) -> Array:
    """w − learning_rate / (mu + h) · dw, of one shape all; h is the diagonal of the Hessian, at least 0.

    Source: LeCun, Bottou, Bengio, Haffner 1998, equations 18 and 23; Becker, LeCun 1989.
    """
    w, dw, h = as_float64(w, "w"), as_float64(dw, "dw"), as_float64(h, "h")
    if not w.shape == dw.shape == h.shape:
        raise ValueError(f"`w`, `dw` and `h` must have one shape. Received: {w.shape}, {dw.shape}, {h.shape}")
    if not np.all(h >= 0) or mu <= 0:
        raise ValueError(f"`h` must be at least 0 and `mu` more. Received: {h.min(initial=0)}, {mu}")
    return w - learning_rate / (mu + h) * dw


def _arguments(w, dw, weight_decay, **states):
    """w, the gradient with weight decay, and the states, all float64 and of one shape."""
    w, dw = as_float64(w, "w"), as_float64(dw, "dw")
    arrays = [np.zeros(w.shape) if state is None else as_float64(state, name) for name, state in states.items()]
    if any(array.shape != w.shape for array in (dw, *arrays)):
        names = ", ".join(f"`{name}`" for name in ("w", "dw", *states))
        shapes = ", ".join(str(array.shape) for array in (w, dw, *arrays))
        raise ValueError(f"{names} must have one shape. Received: {shapes}")
    return w, dw + weight_decay * w, *arrays
