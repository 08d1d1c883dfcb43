"""Initial values have the distributions their names promise, repeat by seed, and are found by all names."""

import copy
import doctest
import json
import math
from inspect import signature

import numpy as np
import pytest

import fastcnn
from fastcnn import initializers as I
from fastcnn import registry
from fastcnn.initializers import base, fixed, names, random, scaling

SCALED = [I.GlorotUniform, I.GlorotNormal, I.HeUniform, I.HeNormal, I.LecunUniform, I.LecunNormal]
RANDOM = [I.RandomNormal, I.TruncatedNormal, I.RandomUniform, I.VarianceScaling, *SCALED]
CONV2, CONV2_GROUPED, DENSE = (5, 5, 64, 100), (5, 5, 32, 100), (300, 500)
FANS = {CONV2: (1600, 2500), CONV2_GROUPED: (800, 2500), DENSE: (300, 500)}
CUT = 0.8796256610342398  # what is left of a unit normal's deviation between -2 and 2


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("module", [base, fixed, names, random, scaling, registry])
def test_examples(module):
    result = doctest.testmod(module, extraglobs={"fastcnn": fastcnn, "np": np})
    assert result.attempted and not result.failed


@pytest.mark.parametrize("made, value", [
    (I.Zeros(), 0), (I.Ones(), 1), (I.Constant(), 0), (I.Constant(-2.5), -2.5),
    (I.Constant(np.float32(0.5)), 0.5),
])
@pytest.mark.parametrize("shape", [(3,), (5, 5, 1, 6), (), (0, 4), [2, 3]])
def test_constants(made, value, shape):
    x = made(shape, rng())
    assert x.dtype == np.float32 and x.shape == tuple(shape) and (x == value).all()


@pytest.mark.parametrize("cls", RANDOM)
@pytest.mark.parametrize("shape", [(3,), (5, 5, 1, 6), (), (0, 4), [2, 3]])
def test_random_shapes(cls, shape):
    x = cls()(shape, rng())
    assert x.dtype == np.float32 and x.shape == tuple(shape) and np.isfinite(x).all()
    assert x.flags.writeable and x.flags.c_contiguous


def test_random_normal_moments():
    x = I.RandomNormal(mean=1, stddev=0.5)((1000, 1000), rng()).astype(np.float64)
    assert abs(x.mean() - 1) < 0.005 and abs(x.std() - 0.5) < 0.005
    assert abs(((x - 1) ** 4).mean() / 0.5**4 - 3) < 0.05  # a normal distribution's kurtosis
    assert np.abs(x - 1).max() > 4 * 0.5                   # not truncated


def test_random_uniform_moments():
    x = I.RandomUniform(-1, 3)((1000, 1000), rng()).astype(np.float64)
    assert -1 <= x.min() < -0.999 and 2.999 < x.max() <= 3
    assert abs(x.mean() - 1) < 0.01 and abs(x.std() - 4 / math.sqrt(12)) < 0.01


@pytest.mark.parametrize("low, high", [(0.1, 0.1), (0.1, 0.3), (1e6, 1e6 + 0.1)])
def test_random_uniform_stays_between_bounds_in_float32(low, high):
    x = I.RandomUniform(low, high)((100_000,), rng())
    assert x.min() >= np.float32(low) and x.max() <= np.float32(high)


def test_truncated_normal_redraws_rather_than_clips():
    x = I.TruncatedNormal(mean=-1, stddev=2)((1000, 1000), rng()).astype(np.float64)
    assert np.abs(x + 1).max() <= 4 + 1e-6
    assert (np.abs(x + 1) > 3.999).mean() < 1e-3  # clipping would put 5 % there
    assert abs(x.mean() + 1) < 0.01 and abs(x.std() - 2 * CUT) < 0.01


@pytest.mark.parametrize("shape", FANS)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "untruncated_normal", "uniform"])
def test_variance_scaling(shape, mode, distribution):
    fan_in, fan_out = FANS[shape]
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    x = I.VarianceScaling(1.5, mode, distribution)(shape, rng()).astype(np.float64)
    deviation = math.sqrt(1.5 / n)
    assert abs(x.std() / deviation - 1) < 0.01 and abs(x.mean()) < 0.02 * deviation
    largest = np.abs(x).max() / deviation
    if distribution == "uniform":
        assert 1.73 < largest <= 1.7321  # √3
    elif distribution == "untruncated_normal":
        assert largest > 3
    else:
        assert 2.26 < largest <= 2.2738  # 2 / .8796: cut, then widened to the variance asked for


@pytest.mark.parametrize("shape, fans", [
    ((7,), (7, 7)), ((), (1, 1)), ((3, 4, 5), (12, 15)), ((0, 4), (0, 4)),
])
def test_fans_of_unusual_shapes(shape, fans):
    for mode, fan in zip(("fan_in", "fan_out"), fans):
        x = I.VarianceScaling(3.0, mode, "uniform", seed=1)(shape)
        again = np.random.default_rng(1).random(shape, np.float32)
        np.testing.assert_allclose(x, (again * 2 - 1) * 3 / math.sqrt(max(fan, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls, deviation, uniform", [
    (I.GlorotUniform, math.sqrt(2 / (1600 + 2500)), True),
    (I.GlorotNormal, math.sqrt(2 / (1600 + 2500)), False),
    (I.HeUniform, math.sqrt(2 / 1600), True), (I.HeNormal, math.sqrt(2 / 1600), False),
    (I.LecunUniform, math.sqrt(1 / 1600), True), (I.LecunNormal, math.sqrt(1 / 1600), False),
])
def test_named_scalings(cls, deviation, uniform):
    x = cls()(CONV2, rng()).astype(np.float64)
    assert abs(x.std() / deviation - 1) < 0.01
    assert (np.abs(x).max() < 1.74 * deviation) == uniform


@pytest.mark.parametrize("cls", RANDOM)
def test_seed(cls):
    own = cls(seed=7)
    a, b = own((4, 5), rng(1)), own((4, 5), rng(2))
    assert (a == b).all()                                        # its own generator, anew at every call
    assert (a == cls(seed=7)((4, 5))).all() and (a != cls(seed=8)((4, 5))).any()
    passed = rng(3)
    c, d = cls()((4, 5), passed), cls()((4, 5), passed)
    assert (c != d).any() and (c == cls()((4, 5), rng(3))).all()  # the generator passed, moved on
    assert (cls()((4, 5)) != cls()((4, 5))).any()                 # neither: never the same
    before = passed.bit_generator.state
    own((4, 5), passed)
    assert passed.bit_generator.state == before                   # a seed leaves the generator alone


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (6, 6), (3, 3, 2, 5), (2, 1, 2, 9), (1, 1), (0, 3)])
def test_orthogonal(shape):
    """The fewer of rows and columns have length gain and right angles between them."""
    x = I.Orthogonal(1.5)(shape, rng()).astype(np.float64)
    assert x.shape == shape
    x = x.reshape(-1, shape[-1])
    product = x.T @ x if len(x) >= x.shape[1] else x @ x.T
    np.testing.assert_allclose(product, 2.25 * np.eye(min(x.shape)) if x.size else np.zeros(product.shape), atol=2e-6)


def test_orthogonal_matrices_are_spread_evenly():
    """Each value of a random rotation has mean 0 and variance 1/n; the algorithm's own signs would not."""
    drawn = rng()
    x = np.stack([I.Orthogonal()((4, 4), drawn) for _ in range(2000)]).astype(np.float64)
    assert np.abs(x.mean(0)).max() < 0.05 and np.abs(x.var(0) - 0.25).max() < 0.03
    assert 900 < (np.linalg.det(x) > 0).sum() < 1100


def test_orthogonal_seed():
    own = I.Orthogonal(seed=7)
    assert (own((4, 5), rng(1)) == own((4, 5), rng(2))).all() and (own((4, 5)) != I.Orthogonal(seed=8)((4, 5))).any()
    assert (I.Orthogonal()((4, 5), rng(3)) == I.Orthogonal()((4, 5), rng(3))).all()


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 2)])
def test_identity(shape):
    x = I.Identity(-0.5)(shape, rng())
    assert x.dtype == np.float32 and x.shape == shape and (x == -0.5 * np.eye(*shape)).all()


NAMES = {
    "orthogonal": I.Orthogonal, "Orthogonal": I.Orthogonal, "OrthogonalInitializer": I.Orthogonal,
    "identity": I.Identity, "IdentityInitializer": I.Identity,
    "zeros": I.Zeros, "zero": I.Zeros, "Zeros": I.Zeros, "ones": I.Ones, "one": I.Ones, "Ones": I.Ones,
    "constant": I.Constant, "normal": I.RandomNormal, "random_normal": I.RandomNormal,
    "RandomNormal": I.RandomNormal, "uniform": I.RandomUniform, "random_uniform": I.RandomUniform,
    "truncated_normal": I.TruncatedNormal, "TruncatedNormal": I.TruncatedNormal,
    "variance_scaling": I.VarianceScaling, "glorot_uniform": I.GlorotUniform,
    "GlorotUniform": I.GlorotUniform,
    "glorot_normal": I.GlorotNormal, "he_normal": I.HeNormal, "he_uniform": I.HeUniform,
    "HeUniform": I.HeUniform,
    "lecun_normal": I.LecunNormal, "lecun_uniform": I.LecunUniform,
}


@pytest.mark.parametrize("name", NAMES)
def test_get_by_name(name):
    assert type(I.get(name)) is NAMES[name]
    assert type(I.get({"class_name": name})) is NAMES[name]


@pytest.mark.parametrize("made", [
    I.Zeros(), I.Ones(), I.Constant(0.1), I.RandomNormal(1, 2, 3), I.RandomUniform(-1, 2, 3),
    I.TruncatedNormal(1, 2, 3), I.VarianceScaling(2.0, "fan_out", "uniform", 3), I.VarianceScaling(),
    *(cls(seed=4) for cls in RANDOM), I.Orthogonal(2.0, 3), I.Identity(0.5),
], ids=repr)
def test_serialize_there_and_back(made):
    config = json.loads(json.dumps(I.serialize(made)))
    again = I.get(config)
    assert type(again) is type(made) and again.get_config() == made.get_config() and repr(again) == repr(made)
    assert (again((3, 4), rng()) == made((3, 4), rng())).all()


def test_get_takes_objects_classes_and_functions():
    made = I.HeNormal()
    assert I.get(made) is made
    assert type(I.get(I.HeNormal)) is I.HeNormal
    x = I.get(lambda shape: np.full(shape, 3))((2, 2), rng())
    assert x.dtype == np.float32 and (x == 3).all()


def test_a_functions_result_is_copied_and_checked():
    kept = np.ones((2, 2), np.float32)
    made = I.get(lambda shape: kept)
    made((2, 2))[...] = 5
    assert (kept == 1).all()
    with pytest.raises(ValueError, match=r"must return shape \(3, 2\). Received: shape \(2, 2\)"):
        made((3, 2))
    with pytest.raises(TypeError, match="Received: dtype"):
        I.get(lambda shape: np.full(shape, "a"))((1,))


def test_custom_objects():
    class Mine(I.Initializer):
        config = ("value",)

        def __init__(self, value=1):
            self.value = value

        def __call__(self, shape, rng=None):
            return np.full(shape, self.value, np.float32)

    def sevens(shape):
        return np.full(shape, 7)

    config = I.serialize(Mine(4))
    assert config == {"class_name": "Mine", "config": {"value": 4}}
    with pytest.raises(ValueError, match="Received: 'Mine'"):
        I.get(config)
    assert I.get(config, {"Mine": Mine})((1,)) == 4
    assert I.get("Mine", {"Mine": Mine})((1,)) == 1
    assert I.serialize(sevens) == {"class_name": "sevens", "config": {}}
    assert I.get(I.serialize(sevens), {"sevens": sevens})((1,)) == 7


@pytest.mark.parametrize("wrong, error, message", [
    ("glorot_unifrom", ValueError, "did you mean 'glorot_uniform'.*Received: 'glorot_unifrom'"),
    ("xyz", ValueError, "accepted: .*he_normal.*Received: 'xyz'"),
    (None, TypeError, "Received: None"), (3, TypeError, "Received: 3"),
    (int, TypeError, "Received: the class int"),
    ({"config": {}}, ValueError, "Received: {'config': {}}"),
    ({"class_name": "Zeros", "seed": 1}, ValueError, "Received: {'class_name': 'Zeros', 'seed': 1}"),
    ({"class_name": "Zeros", "config": [1]}, ValueError, r"Received: .*\[1\]"),
    ({"class_name": "Constant", "config": {"valu": 1}}, TypeError, "valu"),
])
def test_get_refuses(wrong, error, message):
    with pytest.raises(error, match=message):
        I.get(wrong)


@pytest.mark.parametrize("make, error, received", [
    (lambda: I.Constant("1"), TypeError, "'1'"), (lambda: I.Constant(math.nan), ValueError, "nan"),
    (lambda: I.RandomNormal(stddev=-1), ValueError, "-1"),
    (lambda: I.RandomNormal(mean=None), TypeError, "None"),
    (lambda: I.TruncatedNormal(stddev=math.inf), ValueError, "inf"),
    (lambda: I.RandomUniform(1, 0), ValueError, "minval=1, maxval=0"),
    (lambda: I.VarianceScaling(0), ValueError, "0"),
    (lambda: I.VarianceScaling(mode="fan"), ValueError, "'fan'"),
    (lambda: I.VarianceScaling(distribution="cauchy"), ValueError, "'cauchy'"),
    (lambda: I.HeNormal(seed=-1), ValueError, "-1"), (lambda: I.HeNormal(seed=1.5), TypeError, "1.5"),
    (lambda: I.Zeros()((2, -1)), ValueError, "-1"), (lambda: I.Zeros()((2.0,)), TypeError, "2.0"),
    (lambda: I.HeNormal()((2,), 5), TypeError, "5"), (lambda: I.Orthogonal()((2,)), ValueError, "(2,)"),
    (lambda: I.Orthogonal("1"), TypeError, "'1'"), (lambda: I.Identity()((2, 2, 2)), ValueError, "(2, 2, 2)"),
])
def test_bad_arguments(make, error, received):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).endswith(f"Received: {received}")


def test_unknown_arguments():
    for call in (lambda: I.Zeros(seed=1), lambda: I.HeNormal(scale=2), lambda: I.RandomNormal(std=1)):
        with pytest.raises(TypeError, match="has no argument"):
            call()


@pytest.mark.parametrize("call, message", [
    (lambda: I.RandomNormal(std=1), "'std'. Did you mean 'stddev'"),
    (lambda: fastcnn.losses.Huber(dleta=1), "Huber has .*'dleta'. Did you mean 'delta'"),
    (lambda: fastcnn.losses.BinaryCrossentropy(reduction="sum"), "'reduction'. Accepted: from_logits, label_smoothing."),
    (lambda: I.HeNormal(scale=2), "HeNormal has .*'scale'. Accepted: seed."),
    (lambda: fastcnn.losses.MeanSquaredError(reduction="sum"), "no argument .reduction.. Accepted: none"),
    (lambda: fastcnn.metrics.Recall(threshold=0.5), "'threshold'. Did you mean 'thresholds'"),
    (lambda: fastcnn.callbacks.EarlyStopping(patient=3), "'patient'. Did you mean 'patience'"),
    (lambda: fastcnn.optimizers.schedules.CosineDecay(0.1, 9, warmup=3), "'warmup'. Did you mean 'warmup_"),
    (lambda: fastcnn.regularizers.L2(l1=1), "'l1'. Did you mean 'l2'"),
    (lambda: fastcnn.images.Distortion(shear=1), "'shear'. Did you mean 'shearing'"),
])
def test_what_an_unknown_argument_may_have_meant(call, message):
    """Of initializers and of all else that is made of a configuration."""
    with pytest.raises(TypeError, match=message):
        call()


def test_arguments_of_ones_own():
    """Classes of users', however they take them."""
    class Any(I.Initializer):
        def __init__(self, *values, **named):
            self.values, self.named = values, named

    class Own(fastcnn.callbacks.Callback):
        def __init__(self, first, *, second):
            self.both = first, second

    made = Any(1, 2, three=3)
    assert (made.values, made.named) == ((1, 2), {"three": 3}) and copy.deepcopy(made).named == {"three": 3}
    assert Own(1, second=2).both == (1, 2)
    with pytest.raises(TypeError, match="'secnd'. Did you mean 'second'"):
        Own(1, secnd=2)
    assert str(signature(Own)) == "(first, *, second)" and list(signature(I.HeNormal).parameters) == ["seed"]


def test_abstract():
    with pytest.raises(NotImplementedError, match="Initializer must define"):
        I.Initializer()((1,))


def test_layers_use_them():
    given = {"kernel_initializer": I.Constant(2.0), "bias_initializer": "ones"}
    model = fastcnn.Sequential([fastcnn.layers.Dense(3, input_shape=(4,), **given)], seed=1)
    assert [w.tolist() for w in model.get_weights()] == [[[2.0] * 3] * 4, [1.0] * 3]
    default = fastcnn.Sequential([fastcnn.layers.Dense(500, input_shape=(300,))], seed=1).get_weights()
    limit = math.sqrt(6 / 800)
    assert 0.99 * limit < np.abs(default[0]).max() <= limit and not default[1].any()
