"""Random values that are the smaller the more inputs or outputs a unit has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.initializers.base import sizes
from fastcnn.initializers.random import Random, moved, truncated, uniform
from fastcnn.typing import Array, Pair

_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal distribution cut at ±2


class VarianceScaling(Random):
    """Random values of variance scale / n, n being the fan-in, the fan-out or their mean.

    The fan-in is the last but one size of the shape, the fan-out the last, each times the sizes before these
    two: a kernel (height, width, in_c / groups, out_c) has the fan-in height · width · in_c / groups.

    Args:
        scale: a number > 0.
        mode: "fan_in", "fan_out" or "fan_avg": what n is.
        distribution: "truncated_normal" or "normal" (cut at two standard deviations, widened to match),
            "untruncated_normal" or "uniform".

    Example:
        >>> round(float(VarianceScaling(2.0, "fan_in", seed=1)((200, 1000)).var()), 3)
        0.01
    """

    config = ("scale", "mode", "distribution", "seed")

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
                 seed: int | None = None) -> None:
        super().__init__(seed)
        self.scale = arguments.number("scale", scale)
        if self.scale <= 0:
            raise ValueError(f"scale must be greater than 0. Received: {arguments.shown(scale)}")
        self.mode = arguments.choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        kinds = ("normal", "truncated_normal", "untruncated_normal", "uniform")
        distribution = arguments.choice("distribution", distribution, kinds)
        self.distribution = "truncated_normal" if distribution == "normal" else distribution

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        shape, rng = sizes(shape), self._rng(rng)
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = (3 * variance) ** 0.5
            return uniform(shape, rng, -limit, limit)
        if self.distribution == "untruncated_normal":
            return moved(rng.standard_normal(shape, np.float32), variance**0.5)
        return moved(truncated(shape, rng), variance**0.5 / _TRUNCATED_STDDEV)


class _Scaled(VarianceScaling):
    """VarianceScaling with everything but the seed fixed by the class.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward networks", 2010;
    K. He et al., "Delving deep into rectifiers", 2015; Y. LeCun et al., "Efficient BackProp", 1998.
    """

    config = ("seed",)
    _fixed = ()

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._fixed, seed)


class GlorotUniform(_Scaled):
    """Uniform within ±√(6 / (fan_in + fan_out)): the default of layers.

    Example:
        >>> print(f"{GlorotUniform(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.106
    """
    _fixed = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out).

    Example:
        >>> print(f"{GlorotNormal(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.109
    """
    _fixed = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_Scaled):
    """Uniform within ±√(6 / fan_in), for ReLU networks.

    Example:
        >>> print(f"{HeUniform(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.280
    """
    _fixed = 2.0, "fan_in", "uniform"


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in, for ReLU networks.

    Example:
        >>> print(f"{HeNormal(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.288
    """
    _fixed = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_Scaled):
    """Uniform within ±√(3 / fan_in).

    Example:
        >>> print(f"{LecunUniform(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.198
    """
    _fixed = 1.0, "fan_in", "uniform"


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in.

    Example:
        >>> print(f"{LecunNormal(seed=1)((5, 5, 1, 6)).std():.3f}")
        0.204
    """
    _fixed = 1.0, "fan_in", "truncated_normal"


class FanInUniform(Random):
    """Uniform within ± scale / fan-in: LeNet-5's initial values.

    Args:
        scale: a number ≥ 0.
        fan_in: inputs of a unit: a number, or one for each index of the shape's last axis; None: that of a kernel's shape.

    Example:
        >>> bool(abs(FanInUniform(seed=1)((5, 5, 6, 16))).max() <= 2.4 / 150)
        True

    Source: LeCun, Bottou, Bengio, Haffner 1998, appendix A.
    """

    config = ("scale", "fan_in", "seed")

    def __init__(self, scale: float = 2.4, fan_in: Pair | None = None, seed: int | None = None) -> None:
        super().__init__(seed)
        self.scale, self.fan_in = arguments.number("scale", scale, 0), fan_in
        if isinstance(fan_in, (tuple, list)):
            self.fan_in = [arguments.integer("fan_in", n) for n in fan_in]
        elif fan_in is not None:
            self.fan_in = arguments.integer("fan_in", fan_in)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None) -> Array:
        shape, fan_in = sizes(shape), self.fan_in
        if fan_in is None and len(shape) < 2:
            raise ValueError(f"fan_in must be given for values that are no kernel. Received: shape {shape}")
        if isinstance(fan_in, list) and len(fan_in) != shape[-1]:
            raise ValueError(f"fan_in must be a number, or {shape[-1]} of them. Received: {len(fan_in)}")
        limit = np.float32(self.scale) / np.asarray(fans(shape)[0] if fan_in is None else fan_in, np.float32)
        return uniform(shape, self._rng(rng), -1.0, 1.0) * limit


def fans(shape):
    """(fan-in, fan-out) of a kernel of this shape."""
    if len(shape) < 2:
        return (*shape, *shape) or (1, 1)
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive
