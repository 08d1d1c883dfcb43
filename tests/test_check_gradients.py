"""fastcnn.check_gradients finds what is wrong in layers and losses of one's own, and nothing where all is right."""

import doctest

import numpy as np
import pytest
from test_custom import MyDense, MyPool, MySquares, MyTanh
from twin import Affine, Doubled

import fastcnn
from fastcnn import layers as L
from fastcnn import losses
from fastcnn.reference import check_gradients as module

RNG = np.random.default_rng(0)
IMAGES, ROWS = RNG.standard_normal((5, 6, 4, 3)), RNG.standard_normal((7, 12))


def test_examples():
    result = doctest.testmod(module, extraglobs={"fastcnn": fastcnn, "np": np})
    assert result.attempted and not result.failed


class Relu(L.Layer):
    """Corners everywhere."""

    def forward(self, x, training=False):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy):
        return dy * (self.y > 0)


class Product(L.Layer):
    """Of two inputs, times a factor."""

    merges = True

    def build(self, shapes):
        self.factor = self.add_weight("factor", shapes[0][-1:], "ones")
        self.output_size = shapes[0]

    def forward(self, xs, training=False):
        self.xs = xs
        return xs[0] * xs[1] * self.factor.value

    def backward(self, dy):
        a, b = self.xs
        self.factor.gradient[...] = (dy * a * b).sum(axis=0)
        return [dy * b * self.factor.value, dy * a * self.factor.value]


class Single(MyDense):
    """Computes in float32 whatever comes."""

    def forward(self, x, training=False):
        return super().forward(x.astype(np.float32), training).astype(np.float32)


@pytest.mark.parametrize("layer, x", [
    (MyDense(3), ROWS), (MyTanh(), ROWS), (MyPool(), IMAGES), (Affine(), IMAGES), (Doubled(), IMAGES), (Relu(), IMAGES),
    (Relu(), np.zeros((2, 3))), (Single(3), ROWS), (Relu(), RNG.integers(-2, 3, (40, 40))),
], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_right_passes(layer, x, seed):
    errors = fastcnn.check_gradients(layer, x, seed=seed)
    assert set(errors) == {"x", *(p.name for p in layer.parameters)}
    assert all(0 <= error < (0.05 if isinstance(layer, Single) else 1e-4) for error in errors.values())


@pytest.mark.parametrize("loss, y", [
    (MySquares(), RNG.standard_normal((7, 12))), (losses.MeanSquaredError(), RNG.standard_normal((7, 12))),
    (losses.Hinge(), RNG.choice([-1, 1], (7, 12))), (losses.SparseCategoricalCrossentropy(True), np.arange(7)),
    (losses.SparseCategoricalCrossentropy(True, 3, 0.1), np.arange(7)), (losses.MulticlassHinge(), np.arange(7)),
    (losses.BinaryCrossentropy(True, 0.2), np.eye(12)[:7]), (losses.Huber(0.3), RNG.standard_normal((7, 12))),
], ids=lambda value: type(value).__name__)
def test_losses_that_are_right_pass(loss, y):
    assert set(fastcnn.check_gradients(loss, ROWS, y)) == {"x"}


def test_a_layer_that_merges():
    assert set(fastcnn.check_gradients(Product(), [ROWS, ROWS + 1])) == {"x[0]", "x[1]", "factor"}

    class First(Product):
        def backward(self, dy):
            dxs = super().backward(dy)
            return [dxs[0], dxs[0]]

    with pytest.raises(ValueError, match=r"First.backward: the gradient of x\[1\] at "):
        fastcnn.check_gradients(First(), [ROWS, ROWS + 1])

    class One(Product):
        def backward(self, dy):
            return super().backward(dy)[:1]

    with pytest.raises(ValueError, match="a gradient for each of 2 inputs. Received: 1"):
        fastcnn.check_gradients(One(), [ROWS, ROWS + 1])


class Wrong(MyDense):
    """A dense layer with one of many faults."""

    def __init__(self, fault):
        super().__init__(3)
        self.fault = fault

    def forward(self, x, training=False):
        if self.fault == "writes x":
            x *= 2
        y = super().forward(x, training)
        if self.fault == "chance":
            y = y + np.random.default_rng().random(y.shape)
        return y + np.inf if self.fault == "infinite" else y

    def backward(self, dy):
        if self.fault == "writes dy":
            dy *= 2
        kernel, bias = self.x.T @ dy, dy.sum(axis=0)
        dx = dy @ self.kernel.value.T
        if self.fault == "entry":
            kernel[4, 2] *= 1.001
        elif self.fault == "transposed":
            kernel = (self.x.T[::-1] @ dy)
        elif self.fault == "mean":
            bias = dy.mean(axis=0)
        elif self.fault == "x":
            dx[2, 5] += 0.01
        elif self.fault == "shape":
            dx = dx[:, :1]
        if self.fault == "added":
            kernel = kernel + self.kernel.gradient
        self.kernel.gradient[...] = kernel
        if self.fault != "unset":
            self.bias.gradient[...] = bias
        return dx


@pytest.mark.parametrize("fault, message", [
    ("entry", r"the gradient of kernel at \[4, 2\], dy random, must be .*1.001 of it"),
    ("transposed", r"the gradient of kernel at \[\d+, \d\], dy"),
    ("mean", r"the gradient of bias at \[\d\], dy random, .*Received: .*, 0.1429 of it"),
    ("x", r"the gradient of x at \[2, 5\], dy rand"),
    ("shape", r"must return real numbers of shape \(7, 12\) for x. Rec.*\(7, 1\)"),
    ("added", "must set the gradient of kernel everywhere"),
    ("unset", r"must set the gradient of bias everywhere.*Received: NaN at \[0\]"),
    ("writes x", "Wrong.forward must leave its argument"), ("writes dy", "Wrong.backward must leave its argument"),
    ("chance", "the same for the same"), ("infinite", "must return finite real numbers"),
])
def test_what_is_wrong_is_named(fault, message):
    layer = Wrong(fault)
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            fastcnn.check_gradients(layer, ROWS)
        assert all(p.value.dtype == np.float32 for p in layer.parameters), "as it was"


def test_what_is_wrong_in_float32_is_named():
    class Half(Single):
        def backward(self, dy):
            dx = super().backward(dy)
            self.bias.gradient[...] /= 2
            return dx

    with pytest.raises(ValueError, match=r"Half.backward: the gradient of bias at .*0\.(49|50)\d* of it|0\.5 of it"):
        fastcnn.check_gradients(Half(3), ROWS)


def test_a_loss_that_is_wrong_is_named():
    class Doubly(MySquares):
        def backward(self, y_true, y_pred):
            return 4 * (y_pred - y_true) / y_pred.shape[1]

    class Mean(MySquares):
        def backward(self, y_true, y_pred):
            return super().backward(y_true, y_pred) / len(y_pred)

    for loss, words in ((Doubly(), "Doubly.backward: the gradient of x at .* 2 of it"), (Mean(), "0.1429 of it")):
        with pytest.raises(ValueError, match=words):
            fastcnn.check_gradients(loss, ROWS, np.zeros((7, 12)))


def test_the_layer_stays_as_it_is():
    """Built or not, in a model or not; what is not trained is not asked for."""
    layer = MyDense(3)
    model = fastcnn.Sequential([fastcnn.Input((12,)), layer], seed=0)
    before, y = model.get_weights(), model.predict(ROWS)
    fastcnn.check_gradients(layer, ROWS)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert np.array_equal(model.predict(ROWS), y)
    x = ROWS.copy()
    fastcnn.check_gradients(layer, x)
    assert np.array_equal(x, ROWS)

    class Fixed(Affine):
        def build(self, shape):
            super().build(shape)
            self.shift.trainable = False

    assert set(fastcnn.check_gradients(Fixed(), IMAGES)) == {"x", "factor"}


def test_training_is_passed_on():
    class Noise(L.Layer):
        def forward(self, x, training=False):
            return x + np.random.default_rng().random(x.shape) if training else x

        def backward(self, dy):
            return dy

    assert fastcnn.check_gradients(Noise(), ROWS, training=False) == {"x": pytest.approx(0, abs=1e-6)}
    with pytest.raises(ValueError, match="training=False leaves it out"):
        fastcnn.check_gradients(Noise(), ROWS)


@pytest.mark.parametrize("call, error, message", [
    (lambda: fastcnn.check_gradients(L.Dense(3), ROWS), TypeError, "Dense, which C computes"),
    (lambda: fastcnn.check_gradients(np.tanh, ROWS), TypeError, "Received: the function tanh"),
    (lambda: fastcnn.check_gradients(MySquares(), ROWS), ValueError, r"check_gradients\(loss, predictions, targets\)"),
    (lambda: fastcnn.check_gradients(MyTanh(), np.zeros((0, 3))), ValueError, r"Received: shape \(0, 3\)"),
])
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
