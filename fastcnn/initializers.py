"""Initial values of weights, by Keras' names: objects that fill a shape with numbers from a generator.

Random ones take a `seed`: an integer ≥ 0 gives the same values at every call; None draws from `rng`.
"""

import math

import numpy as np

from fastcnn import arguments, registry
from fastcnn.prototypes import rbf_prototypes

_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal distribution cut at ±2


class Initializer(registry.Configurable):
    """Base of all initial values: `__call__(shape, rng)` gives a new float32 array.

    Subclass it for your own: write `__call__`, and name what `__init__` takes in `config` for saved models.

    Raises:
        TypeError, ValueError: arguments of a wrong type, bad values.

    Example:
        >>> class Diagonal(Initializer):
        ...     def __call__(self, shape, rng=None):
        ...         return np.eye(*shape, dtype=np.float32)
        >>> Diagonal()((2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __call__(self, shape, rng=None):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, rng)")


class Constant(Initializer):
    """All values the same.

    Args:
        value: that number.

    Example:
        >>> Constant(0.5)((2,)).tolist()
        [0.5, 0.5]
    """

    config = ("value",)

    def __init__(self, value=0.0):
        self.value = arguments.number("value", value)

    def __call__(self, shape, rng=None):
        return np.full(_shape(shape), self.value, np.float32)


class Zeros(Initializer):
    """All values 0: what biases start from.

    Example:
        >>> Zeros()((3,)).tolist()
        [0.0, 0.0, 0.0]
    """

    def __call__(self, shape, rng=None):
        return np.zeros(_shape(shape), np.float32)


class Ones(Initializer):
    """All values 1.

    Example:
        >>> Ones()((3,)).tolist()
        [1.0, 1.0, 1.0]
    """

    def __call__(self, shape, rng=None):
        return np.ones(_shape(shape), np.float32)


class _Random(Initializer):
    def __init__(self, seed=None):
        self.seed = None if seed is None else arguments.integer("seed", seed, 0, 2**63 - 1)

    def _rng(self, rng):
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator. Received: {rng!r}")
        return np.random.default_rng(self.seed) if rng is None or self.seed is not None else rng


class RandomUniform(_Random):
    """Values spread evenly between two bounds.

    Args:
        minval, maxval: the bounds, minval ≤ maxval.

    Example:
        >>> bool(abs(RandomUniform(-0.1, 0.1, seed=1)((1000,))).max() <= 0.1)
        True
    """

    config = ("minval", "maxval", "seed")

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = arguments.number("minval", minval), arguments.number("maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(f"minval must be at most maxval. Received: minval={minval!r}, maxval={maxval!r}")

    def __call__(self, shape, rng=None):
        return _uniform(_shape(shape), self._rng(rng), self.minval, self.maxval)


class RandomNormal(_Random):
    """Normally distributed values.

    Args:
        mean, stddev: of the distribution; stddev ≥ 0.

    Example:
        >>> round(float(RandomNormal(stddev=0.01, seed=1)((3, 3, 256, 384)).std()), 3)
        0.01
    """

    config = ("mean", "stddev", "seed")

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = arguments.number("mean", mean), arguments.number("stddev", stddev, 0)

    def __call__(self, shape, rng=None):
        return _moved(self._rng(rng).standard_normal(_shape(shape), np.float32), self.stddev, self.mean)


class TruncatedNormal(RandomNormal):
    """RandomNormal's values, those beyond two standard deviations from the mean drawn again.

    Example:
        >>> bool(abs(TruncatedNormal(0, 1, seed=1)((1000,))).max() <= 2)
        True
    """

    def __call__(self, shape, rng=None):
        return _moved(_truncated(_shape(shape), self._rng(rng)), self.stddev, self.mean)


class VarianceScaling(_Random):
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

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None):
        super().__init__(seed)
        self.scale = arguments.number("scale", scale)
        if self.scale <= 0:
            raise ValueError(f"scale must be greater than 0. Received: {scale!r}")
        self.mode = arguments.choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        kinds = ("normal", "truncated_normal", "untruncated_normal", "uniform")
        distribution = arguments.choice("distribution", distribution, kinds)
        self.distribution = "truncated_normal" if distribution == "normal" else distribution

    def __call__(self, shape, rng=None):
        shape, rng = _shape(shape), self._rng(rng)
        fan_in, fan_out = _fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = (3 * variance) ** 0.5
            return _uniform(shape, rng, -limit, limit)
        if self.distribution == "untruncated_normal":
            return _moved(rng.standard_normal(shape, np.float32), variance**0.5)
        return _moved(_truncated(shape, rng), variance**0.5 / _TRUNCATED_STDDEV)


class _Scaled(VarianceScaling):
    """VarianceScaling with everything but the seed fixed by the class.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward networks", 2010;
    K. He et al., "Delving deep into rectifiers", 2015; Y. LeCun et al., "Efficient BackProp", 1998.
    """

    config = ("seed",)
    _fixed = ()

    def __init__(self, seed=None):
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


class Orthogonal(_Random):
    """A random matrix of orthogonal rows or columns of one length, whichever are fewer; the last size of the shape counts
    the columns, the others together the rows.

    Args:
        gain: that length.

    Raises:
        ValueError: a shape of fewer than two dimensions.

    Source: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", 2014.

    Example:
        >>> w = Orthogonal(2.0, seed=1)((5, 3))
        >>> bool(np.allclose(w.T @ w, 4 * np.eye(3), atol=1e-6))
        True
    """

    config = ("gain", "seed")

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = arguments.number("gain", gain)

    def __call__(self, shape, rng=None):
        shape, rng = _shape(shape), self._rng(rng)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of two dimensions or more. Received: {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = rng.standard_normal((max(rows, columns), min(rows, columns)), np.float32)
        q, r = np.linalg.qr(normal)
        q = q * np.where(np.diag(r) < 0, np.float32(-1), np.float32(1))  # else the signs are the algorithm's, not random
        return np.ascontiguousarray(self.gain * (q.T if rows < columns else q), np.float32).reshape(shape)


class Identity(Initializer):
    """The identity matrix times a number; zeros beside it if the shape is not square.

    Args:
        gain: that number.

    Raises:
        ValueError: a shape that is not of two dimensions.

    Example:
        >>> Identity(2.0)((2, 3)).tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    config = ("gain",)

    def __init__(self, gain=1.0):
        self.gain = arguments.number("gain", gain)

    def __call__(self, shape, rng=None):
        shape = _shape(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two dimensions. Received: {shape}")
        return np.eye(*shape, dtype=np.float32) * np.float32(self.gain)


class FanInUniform(_Random):
    """Uniform within ± scale / fan-in: LeNet-5's initial values.

    Args:
        scale: a number > 0.
        fan_in: inputs of a unit: a number, or one for each index of the shape's last axis; None: that of a kernel's shape.

    Example:
        >>> bool(abs(FanInUniform(seed=1)((5, 5, 6, 16))).max() <= 2.4 / 150)
        True

    Source: LeCun, Bottou, Bengio, Haffner 1998, appendix A.
    """

    config = ("scale", "fan_in", "seed")

    def __init__(self, scale=2.4, fan_in=None, seed=None):
        super().__init__(seed)
        self.scale, self.fan_in = arguments.number("scale", scale, 0), fan_in
        if isinstance(fan_in, (tuple, list)):
            self.fan_in = [arguments.integer("fan_in", n) for n in fan_in]
        elif fan_in is not None:
            self.fan_in = arguments.integer("fan_in", fan_in)

    def __call__(self, shape, rng=None):
        shape, fan_in = _shape(shape), self.fan_in
        if fan_in is None and len(shape) < 2:
            raise ValueError(f"fan_in must be given for values that are no kernel. Received: shape {shape}")
        if isinstance(fan_in, list) and len(fan_in) != shape[-1]:
            raise ValueError(f"fan_in must be a number, or {shape[-1]} of them. Received: {len(fan_in)}")
        limit = np.float32(self.scale) / np.asarray(_fans(shape)[0] if fan_in is None else fan_in, np.float32)
        return _uniform(shape, self._rng(rng), -1.0, 1.0) * limit


class RandomSigns(_Random):
    """1 or −1, each half of the time: prototypes of classes that have no drawing.

    Example:
        >>> sorted(set(RandomSigns(seed=1)((3, 84)).ravel().tolist()))
        [-1.0, 1.0]
    """

    config = ("seed",)

    def __call__(self, shape, rng=None):
        return _moved(self._rng(rng).integers(0, 2, _shape(shape)).astype(np.float32), 2.0, -1.0)


class DigitPrototypes(Initializer):
    """The drawings of `fastcnn.networks.rbf_prototypes`, one in each row, for ten units of 84 inputs.

    Example:
        >>> DigitPrototypes()((10, 84)).shape
        (10, 84)
    """

    def __call__(self, shape, rng=None):
        if _shape(shape) != (10, 84):
            raise ValueError(f"the digits' prototypes are (10, 84): ten drawings of 7 × 12 pixels. Received: {tuple(shape)}")
        return rbf_prototypes().reshape(10, 84)


class _Function(Initializer):
    """A user's function of the shape, its result checked."""

    def __init__(self, function):
        self.function, self.class_name = function, registry.function_name(function)

    def __call__(self, shape, rng=None):
        shape = _shape(shape)
        values = arguments.array(f"the result of {self.class_name}", self.function(shape))
        if values.shape != shape:
            raise ValueError(f"{self.class_name} must return shape {shape}. Received: shape {values.shape}")
        return values.copy()


_NAMES = registry.names(
    Zeros, Ones, Constant, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, Identity, FanInUniform, RandomSigns,
    DigitPrototypes, zero=Zeros, one=Ones, normal=RandomNormal, uniform=RandomUniform, OrthogonalInitializer=Orthogonal,
    IdentityInitializer=Identity)


def get(identifier, custom_objects=None):
    """An initializer from whatever a layer's `kernel_initializer=` may be.

    Args:
        identifier: a name ("glorot_uniform", "GlorotUniform", "zeros", "normal" …), an `Initializer` or a
            class of them, a function f(shape), or what `serialize` returned.
        custom_objects: {name: class or function}, known by name beside fastcnn's own.

    Raises:
        TypeError, ValueError: something else, an unknown name.

    Example:
        >>> get("he_normal"), get({"class_name": "Constant", "config": {"value": 1}})
        (HeNormal(seed=None), Constant(value=1.0))
    """
    found, _ = registry.resolve("initializer", Initializer, _NAMES, identifier, custom_objects)
    return found if isinstance(found, Initializer) else _Function(found)


def serialize(initializer):
    """An initializer as {"class_name", "config"}, JSON-able; `get` turns it back.

    What is not fastcnn's own is found again by its name in the `custom_objects` of `get`.

    Example:
        >>> serialize(Constant(2))
        {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    return registry.serialize(get(initializer))


def _shape(shape):
    return tuple(arguments.integer("shape", size, 0) for size in shape)


def _fans(shape):
    if len(shape) < 2:
        return (*shape, *shape) or (1, 1)
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def _truncated(shape, rng):
    flat = rng.standard_normal(math.prod(shape), np.float32)
    outside = np.flatnonzero(np.abs(flat) > 2)
    while outside.size:
        flat[outside] = rng.standard_normal(outside.size, np.float32)
        outside = outside[np.abs(flat[outside]) > 2]
    return flat.reshape(shape)


def _uniform(shape, rng, low, high):
    values = _moved(rng.random(shape, np.float32), high - low, low)
    return values.clip(low, high, out=values)  # against rounding


def _moved(values, scale, shift=0.0):
    values *= np.float32(scale)
    values += np.float32(shift)
    return values
