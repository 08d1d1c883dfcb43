"""Steps of optimizers on flat arrays.

`weight_decay` is coupled: g = dw + weight_decay·w. `out` is a tuple of arrays for the results, which may be the arguments
themselves, but for dw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import _ops, arguments
from fastcnn.ops.shared import describe, result, run
from fastcnn.typing import Array, ArrayLike

__all__ = ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "sdlm"]


def sgd(w: ArrayLike, dw: ArrayLike, v: ArrayLike | None = None, learning_rate: float = 0.01, momentum: float = 0.0,
        nesterov: bool = False, weight_decay: float = 0.0, *, out: Sequence[Array] | None = None) -> tuple[Any, ...]:
    """One step of stochastic gradient descent, Keras' form, with coupled weight decay.

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
    momentum = arguments.number("momentum", momentum, 0)
    w, v = _step("sgd", w, dw, {"v": v}, learning_rate, weight_decay, out, momentum=momentum,
                 nesterov=arguments.flag("nesterov", nesterov))
    return w, v if momentum else None


def rmsprop(w: ArrayLike, dw: ArrayLike, v: ArrayLike | None = None, m: ArrayLike | None = None,
            average: ArrayLike | None = None, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0,
            epsilon: float = 1e-7, centered: bool = False, weight_decay: float = 0.0, *,
            out: Sequence[Array] | None = None) -> tuple[Any, ...]:
    """One step of RMSprop, with epsilon inside the root as in Keras.

    Args:
        w, dw: parameters and their gradient.
        v, m, average: running mean of g², velocity, running mean of g; None: 0.
        out: tuple of arrays (w, v), then m with momentum, then average if centered, to write to.

    Shape:
        all any, alike → (w, v, m, average); m is None without momentum, average unless centered

    Example:
        >>> w, v, *_ = fastcnn.ops.rmsprop(np.ones(1), np.full(1, 2.0), learning_rate=0.5, rho=0.75)
        >>> w.round(4).tolist(), v.tolist()
        ([0.0], [1.0])
    """
    momentum, centered = arguments.part("momentum", momentum), arguments.flag("centered", centered)
    states = {"v": v, **({"m": m} if momentum else {}), **({"average": average} if centered else {})}
    w, *new = _step("rmsprop", w, dw, states, learning_rate, weight_decay, out, places=("v", "m", "average"),
                    momentum=momentum, rho=arguments.part("rho", rho), epsilon=arguments.small("epsilon", epsilon),
                    centered=centered)
    new = dict(zip(states, new))
    return w, new["v"], new.get("m"), new.get("average")


def adagrad(w: ArrayLike, dw: ArrayLike, a: ArrayLike | None = None, learning_rate: float = 0.001, epsilon: float = 1e-7,
            weight_decay: float = 0.0, *, out: Sequence[Array] | None = None) -> tuple[Any, ...]:
    """One step of Adagrad, with epsilon inside the root as in Keras.

    Args:
        w, dw: parameters and their gradient.
        a: sum of squares; None: 0. (Keras starts it at .1.)
        out: pair of arrays (w, a) to write to.

    Shape:
        all any, alike → (w, a)

    Example:
        >>> w, a = fastcnn.ops.adagrad(np.ones(1), np.full(1, 2.0), learning_rate=0.5)
        >>> w.round(4).tolist(), a.tolist()
        ([0.5], [4.0])
    """
    return _step("adagrad", w, dw, {"a": a}, learning_rate, weight_decay, out, epsilon=arguments.small("epsilon", epsilon))


def adadelta(w: ArrayLike, dw: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None,
             learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7, weight_decay: float = 0.0, *,
             out: Sequence[Array] | None = None) -> tuple[Any, ...]:
    """One step of Adadelta; the paper has no learning rate, or 1.

    Args:
        w, dw: parameters and their gradient.
        a, b: running means of g² and d²; None: 0.
        out: tuple of arrays (w, a, b) to write to.

    Shape:
        all any, alike → (w, a, b)

    Example:
        >>> w, a, b = fastcnn.ops.adadelta([1.0], [2.0], [3.0], [3.0], learning_rate=0.25, rho=0.0, epsilon=12.0)
        >>> round(float(w[0]), 3), a.tolist()
        (0.516, [4.0])
    """
    return _step("adadelta", w, dw, {"a": a, "b": b}, learning_rate, weight_decay, out, rho=arguments.part("rho", rho),
                 epsilon=arguments.small("epsilon", epsilon))


def adam(w: ArrayLike, dw: ArrayLike, m: ArrayLike | None = None, v: ArrayLike | None = None, v_hat: ArrayLike | None = None,
         step: int = 1, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7,
         amsgrad: bool = False, weight_decay: float = 0.0, *, out: Sequence[Array] | None = None) -> tuple[Any, ...]:
    """Step number `step` of Adam, with epsilon added to the uncorrected root as in Keras.

    Args:
        w, dw: parameters and their gradient.
        m, v, v_hat: running means of g and g², largest v so far; None: 0.
        step: from 1.
        out: tuple of arrays (w, m, v), then v_hat with amsgrad, to write to.

    Shape:
        all any, alike → (w, m, v, v_hat); v_hat is None unless amsgrad

    Example:
        >>> w, m, v, _ = fastcnn.ops.adam(np.ones(1), np.full(1, 2.0), learning_rate=0.5, beta_1=0.5, beta_2=0.75)
        >>> round(float(w[0]), 4), m.tolist(), v.tolist()
        (0.5, [1.0], [1.0])
    """
    step, amsgrad = arguments.integer("step", step, 1, 2**63 - 1), arguments.flag("amsgrad", amsgrad)
    beta_1, beta_2 = arguments.part("beta_1", beta_1), arguments.part("beta_2", beta_2)
    states = {"m": m, "v": v, **({"v_hat": v_hat} if amsgrad else {})}
    correction = math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    new = _step("adam", w, dw, states, learning_rate, weight_decay, out, correction=correction, momentum=beta_1, rho=beta_2,
                epsilon=arguments.small("epsilon", epsilon), amsgrad=amsgrad)
    return new if amsgrad else (*new, None)


def sdlm(w: ArrayLike, dw: ArrayLike, h: ArrayLike, learning_rate: float = 0.01, mu: float = 0.02) -> Array:
    """One step of stochastic diagonal Levenberg–Marquardt.

        w ← w − learning_rate / (mu + h) · dw

    Args:
        w, dw: parameters and their gradient.
        h: second derivatives of the loss along each parameter, at least 0.
        mu: > 0; keeps steps small where h is.

    Shape:
        w, dw, h any, alike → w

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> fastcnn.ops.sdlm([1.0, 1.0], [1.0, 1.0], [0.0, 0.25], learning_rate=0.25, mu=0.25).tolist()
        [0.0, 0.5]
    """
    h, mu = arguments.array("h", h), arguments.small("mu", mu)
    if h.size and not h.min() >= 0:
        raise ValueError(f"h must be at least 0. Received: {h.min()}")
    return _step("sdlm", w, dw, {"h": h}, learning_rate, 0, None, epsilon=mu)[0]


def _step(kind, w, dw, states, learning_rate, weight_decay, out, places=None, correction=1.0, **constants):
    """(w, *states) after a step; `places`: the states' names in the op's order, if it is another."""
    w, dw = arguments.array("w", w), arguments.array("dw", dw)
    rate, decay = arguments.number("learning_rate", learning_rate, 0), arguments.number("weight_decay", weight_decay, 0)
    states = {name: np.zeros_like(w) if a is None else arguments.array(name, a) for name, a in states.items()}
    for name, value in {"dw": dw, **states}.items():
        if value.shape != w.shape:
            raise ValueError(f"{name} must have w's shape {w.shape}. Received: shape {value.shape}")
    old = [w, *states.values()]
    if out is None:
        new = [np.empty_like(w) for _ in old]
    else:
        names = ", ".join(("w", *states))
        if not isinstance(out, (tuple, list)) or len(out) != len(old):
            raise TypeError(f"out must be a tuple of arrays ({names}). Received: {describe(out)}")
        new = [result(a, w.shape) for a in out]
        if any(np.may_share_memory(a, b) for i, a in enumerate(new) for b in (dw, *new[:i])):
            raise ValueError(f"out must be arrays ({names}) that overlap neither each other nor dw")
        old = [a.copy() for a in old]
    for a, b in zip(new, old):
        a[...] = b
    if w.size:
        kept = dict(zip(states, new[1:]))
        run(_ops.optimizer(kind, w.size, decay=decay, **constants), 1, [["update"]], arrays=[("w", new[0]), ("dw", dw)],
            states=[kept.get(name) for name in places or kept], scale=rate, correction=correction)
    return tuple(new)
