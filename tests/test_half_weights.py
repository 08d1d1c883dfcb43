"""Dense kernels in fewer bits: rounded bit for bit as they should be, and then computed with as float32 is."""

import inside
import numpy as np
import pytest
from buffers import assert_same, assert_within, guarded, normal, poisoned
from remembered import reference

import fastcnn
from fastcnn import _ops, ops
from fastcnn import layers as L
from fastcnn.ops import half_weights
from fastcnn.ops.half_weights import store

DTYPES = "float16", "int8"
SPARSE = "sparse_categorical_crossentropy"
EPS = 2.0**-24


def generator(*numbers):
    return np.random.default_rng(numbers)


def chain(*units, inputs=521, seed=0):
    layers = [L.Dense(n, "tanh" if i else "relu", bias_initializer="random_normal") for i, n in enumerate(units)]
    model = fastcnn.Sequential([fastcnn.Input((inputs,)), *layers], seed=seed)
    model.compile("sgd", SPARSE, metrics=["accuracy"])
    return model


def rounded(model, dtype):
    """A float32 model with what is left of the dense kernels."""
    twin = fastcnn.Sequential.from_config({k: v for k, v in model.get_config().items() if k != "half_weights"})
    twin.set_weights([half_weights(w, dtype) if w.ndim == 2 else w for w in model.get_weights()])
    twin.compile("sgd", SPARSE, metrics=["accuracy"])
    return twin


# Rounding


def float16_cases():
    """All numbers of float16, those halfway between two, their neighbours in float32, and many others."""
    exact = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middle = (exact[1:] + exact[:-1]) / 2
    beside = [np.nextafter(middle, np.float32(to)) for to in (0, np.inf)]
    rng = generator(1)
    bits = rng.integers(0, 0x477FE001, 60000, np.uint32).view(np.float32)  # up to 65504, subnormal float32 among them
    small = np.ldexp(rng.random(20000), rng.integers(-30, -10, 20000)).astype(np.float32)
    found = np.concatenate([exact, middle, *beside, bits, small, [65504, 2.0**-25, 2.0**-149]]).astype(np.float32)
    return np.concatenate([found, -found])


@pytest.mark.parametrize("columns", [1, 37, 129])
def test_float16_bit_for_bit(columns, isa):
    found = float16_cases()
    kernel = found[:len(found) // columns * columns].reshape(-1, columns)
    y = half_weights(kernel, "float16")
    assert_same(y, kernel.astype(np.float16).astype(np.float32))
    assert_same(y, reference.half_weights(kernel, "float16"))
    assert np.array_equal(np.signbit(y), np.signbit(kernel))


def int8_kernel(shape):
    """Columns of zeros, of tiny, of huge and of few different numbers among others."""
    rng = generator(*shape)
    kernel = rng.standard_normal(shape) * np.ldexp(1.0, rng.integers(-20, 20, shape[1]))
    special = [0 * kernel[:, 0], kernel[:, 0] * 2.0**-140, np.sign(kernel[:, 0]) * 3e38, np.rint(kernel[:, 0] * 4) / 2]
    for j, column in enumerate(special[:shape[1] - 1]):
        kernel[:, j + 1] = column
    return kernel.astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (255, 16), (256, 64), (257, 65), (600, 37), (1025, 130)],
                         ids=str)
def test_int8_bit_for_bit(shape, isa):
    kernel = int8_kernel(shape)
    y = half_weights(kernel, "int8")
    assert_same(y, reference.half_weights(kernel, "int8"))
    for start in range(0, len(kernel), 256):
        block, left = kernel[start:start + 256], y[start:start + 256]
        largest = np.abs(block).max(0).astype(np.float64)
        step = np.where(largest / 127 < 2.0**-126, 2 * largest, largest / 127)
        assert (np.abs(left.astype(np.float64) - block) <= 0.5001 * step).all()
        assert all(len(np.unique(column)) <= 255 for column in left.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_again_changes_nothing(dtype):
    kernel = half_weights(generator(3).standard_normal((300, 70)).astype(np.float32), dtype)
    assert_within(half_weights(kernel, dtype), kernel, 2 * EPS * np.abs(kernel))


def test_the_functions_arguments():
    kernel = np.ones((2, 3), np.float32)
    out = poisoned((2, 3))
    assert half_weights(kernel, "int8", out=out) is out and (out == 1).all()
    assert half_weights(kernel[:, :0], "float16").shape == (2, 0)
    assert half_weights([[1, 2]], "float16").tolist() == [[1, 2]]
    assert np.array_equal(half_weights(kernel.T[::-1], "float16"), kernel.T)
    for call in (half_weights, reference.half_weights):
        with pytest.raises(ValueError, match="Received: 'float64'"):
            call(kernel, "float64")
        with pytest.raises(ValueError, match=r"Received: .*\(6,\)"):
            call(kernel.ravel(), "int8")
        with pytest.raises(TypeError, match="real numbers"):
            call(kernel + 1j, "int8")


@pytest.mark.parametrize("value, dtypes", [(np.nan, DTYPES), (np.inf, DTYPES), (-np.inf, DTYPES), (65504.01, ("float16",)),
                                           (-65505, ("float16",)), (1e38, ("float16",))])
def test_what_cannot_be_stored_is_refused(value, dtypes):
    model = chain(600, 3)
    before = model.get_weights()
    weights = [w.copy() for w in before]
    weights[2][599, 2] = np.float32(value)
    for dtype in dtypes:
        for call in (half_weights, reference.half_weights):
            with pytest.raises(ValueError, match="Received: "):
                call(weights[2], dtype)
        model.set_weights(before)
        model.half_weights(dtype)
        model.set_weights(weights)
        with pytest.raises(ValueError, match=f"dense_1/kernel must be finite.* stored as {dtype}. Received: values from"):
            model.predict(np.ones((1, 521)))
        model.half_weights("float32")
        assert model.predict(np.ones((1, 521))).shape == (1, 3)
        with pytest.raises(ValueError, match="dense_1/kernel"):
            model.half_weights(dtype)
        assert model.dense_dtype == "float32"
    assert half_weights([[65504.0]], "float16").item() == 65504


# Computing

SHAPES = {  # more than 262,144 weights are wide; the last has too few units to be read in panels
    "prime": (521, (509, 517, 10)), "one panel": (4100, (64, 5)), "a part of one": (12000, (22,)),
    "few": (60000, (5, 3)), "small": (50, (40, 7)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_predictions_have_the_bits_of_a_rounded_model(name, dtype, isa):
    inputs, units = SHAPES[name]
    model = chain(*units, inputs=inputs)
    x = normal(generator(inputs), (17, inputs)) / 10
    plain = model.predict(x)
    model.half_weights(dtype)
    expected = rounded(model, dtype).predict(x)
    for batch in (1, 2, 5, 6, 13, 17):
        assert np.array_equal(model.predict(x, batch_size=batch), expected), batch
    assert np.array_equal(model.predict_on_batch(x[:3]), expected[:3])
    assert not np.array_equal(plain, expected)
    model.half_weights(None)
    assert np.array_equal(model.predict(x), plain)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 9])
def test_one_layer_against_the_reference(batch, dtype, isa):
    model = fastcnn.Sequential([fastcnn.Input((700,)), L.Dense(391, bias_initializer="random_normal")], seed=3)
    kernel, bias = model.get_weights()
    x, left = normal(generator(batch), (batch, 700)), reference.half_weights(kernel, dtype)
    model.half_weights(dtype)
    bound = 702 * EPS * reference.dense(np.abs(x), np.abs(left), np.abs(bias))
    assert_within(model.predict(x), reference.dense(x, left, bias), bound)
    assert _ops.dense(700, 391, True).with_format(dtype) is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_at_any_number_of_threads(dtype, threads):
    """1.7 million weights: two threads and more share even one image, and the rounding."""
    x = normal(generator(5), (8, 1301))
    model = chain(1303, inputs=1301)
    with fastcnn.num_threads(1):
        model.half_weights(dtype)
        expected = [model.predict(x[:n]) for n in (1, 8)]
        model.half_weights(None)
    model.half_weights(dtype)
    for n, y in zip((1, 8), expected):
        assert np.array_equal(model.predict(x[:n]), y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(600, 450), (17000, 16)], ids=str)
@pytest.mark.parametrize("batch", [1, 7])
def test_nothing_is_read_or_written_beyond_the_arrays(batch, shape, dtype, isa):
    kernel, x = guarded(normal(generator(*shape), shape)), guarded(normal(generator(1), (batch, shape[0])))
    y, op = poisoned((batch, shape[1]), guarded), _ops.dense(*shape, False).with_format(dtype)
    stored = [guarded(a) for a in store(kernel, dtype)]
    store(kernel, dtype, *stored)
    program = _ops.Program([op], [(0, "forward")], [(0, 1, 1, True)])
    for name, array in zip(("half", "scales"), stored):
        program.bind(0, name, array)
    program.bind_rows(0, "x", x, shape[0])
    program.bind_rows(0, "y", y, shape[1])
    program.run(batch, 2)
    assert np.array_equal(y, ops.dense(x, half_weights(kernel, dtype, out=poisoned(shape, guarded))))


def test_lenet_stays_in_lanes():
    model = fastcnn.networks.lenet5(seed=1)
    x = generator(0).standard_normal((40, 28, 28, 1)).astype(np.float32)
    names = [op.name for op in model._plan("predict", 40).ops]
    model.half_weights("int8")
    assert [op.name for op in model._plan("predict", 40).ops] == names
    assert np.array_equal(model.predict(x, batch_size=40), rounded(model, "int8").predict(x, batch_size=40))


# The model's life


def samples(count=60):
    rng = generator(count)
    return rng.standard_normal((count, 521)).astype(np.float32), rng.integers(0, 3, count)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_changes_is_rounded_anew(dtype):
    (x, y), model = samples(), chain(600, 3)
    model.half_weights(dtype)

    def is_current():
        return np.array_equal(model.predict(x), rounded(model, dtype).predict(x))

    assert is_current()
    model.train_on_batch(x, y)
    assert is_current()
    model.layers[0].set_weights([2 * w for w in model.layers[0].get_weights()])
    assert is_current()
    model.fit(x, y, epochs=2, verbose=0)
    assert is_current()
    assert model.evaluate(x, y, verbose=0) == rounded(model, dtype).evaluate(x, y, verbose=0)
    assert model.test_on_batch(x, y) == rounded(model, dtype).test_on_batch(x, y)


def test_training_and_validation_within_it_are_float32():
    x, y = samples()
    model, plain = chain(600, 3), chain(600, 3)
    model.half_weights("int8")
    found = [m.fit(x, y, epochs=2, verbose=0, validation_data=(x, y)).history for m in (model, plain)]
    assert found[0] == found[1]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights()))
    assert np.array_equal(model.layers[0](x), plain.layers[0](x)), "a layer alone"
    assert model.evaluate(x, y, verbose=0)[0] != plain.evaluate(x, y, verbose=0)[0]


def test_formats_are_chosen_by_name():
    model = chain(600, 3)
    assert model.dense_dtype == "float32"
    for dtype in ("float16", "int8", "int8", None, "float32"):
        model.half_weights(dtype)
        assert model.dense_dtype == (dtype or "float32")
    for wrong in ("half", "int4", np.float16, 16, ["int8"]):
        with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float16', 'int8'"):
            model.half_weights(wrong)
    with pytest.raises(TypeError, match="free must be True or False. Received: 1"):
        model.half_weights("int8", free=1)
    with pytest.raises(ValueError, match="Received: dtype='float32'"):
        model.half_weights("float32", free=True)
    with pytest.raises(ValueError, match="no input shape yet"):
        fastcnn.Sequential([L.Dense(3)]).half_weights("int8")
    with pytest.raises(ValueError, match="no Dense layer .* Received: layers conv2d"):
        fastcnn.Sequential([L.Conv2D(3, 3, input_shape=(5, 5, 1))]).half_weights("int8")


def test_layers_that_come_later():
    model = chain(600)
    model.half_weights("int8")
    x = samples()[0]
    model.predict(x)
    model.add(L.Dense(500))
    assert model.dense_dtype == "int8"
    assert np.array_equal(model.predict(x), rounded(model, "int8").predict(x))


def lines_of(model):
    lines = []
    model.summary(lines.append)
    return lines


def test_summary():
    model = chain(600, 3)
    plain = lines_of(model)
    model.half_weights("float16")
    assert lines_of(model)[:-1] == plain
    weights = 521 * 600
    stored = 521 * 608 * 2 + 600 * 3 * 4  # columns are filled to 16; the small kernel is float32
    assert lines_of(model)[-1] == (f"dense kernels that predict and evaluate read: float16, {stored / 1e6:.1f} MB beside "
                                   f"{(weights + 1800) * 4 / 1e6:.1f} MB of float32")
    model.half_weights("int8", free=True)
    assert "int8" in lines_of(model)[-1] and "in place of" in lines_of(model)[-1]
    model.half_weights(None)
    assert lines_of(model) == plain


@pytest.mark.parametrize("free", [False, True])
def test_files_hold_float32_and_the_choice(free, tmp_path):
    (x, y), model = samples(), chain(600, 3)
    model.fit(x, y, verbose=0)
    assert "half_weights" not in model.get_config()
    weights = model.get_weights()
    model.half_weights("float16", free=free)
    model.save(tmp_path / "model.safetensors")
    loaded = fastcnn.load_model(tmp_path / "model.safetensors")
    assert loaded.dense_dtype == "float16" and np.array_equal(loaded.predict(x), model.predict(x))
    if free:
        weights[0] = half_weights(weights[0], "float16")  # the other is small
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), weights))
    assert loaded.fit(x, y, verbose=0).history["loss"]
    config = {**model.get_config(), "half_weights": "int4"}
    with pytest.raises(ValueError, match="half_weights must be one of 'float16', 'int8'.*'int4'"):
        fastcnn.Sequential.from_config(config)


# Without float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_float32_given_up(dtype):
    (x, y), model = samples(), chain(600, 3)
    model.fit(x, y, verbose=0)
    twin, size = rounded(model, dtype), inside.flat(model).values.nbytes
    before = model.get_weights()
    model.half_weights(dtype)
    expected = model.predict(x)
    model.half_weights(dtype, free=True)
    assert inside.flat(model).values.nbytes < size - 521 * 600 * 4 + 100 and inside.state(model) is None
    kernels = [p for layer in model.layers for p in layer.parameters if p.stored is not None]
    assert [p.shape for p in kernels] == [(521, 600)] and kernels[0]._value is None and kernels[0].gradient is None
    assert np.array_equal(model.predict(x), expected) and np.array_equal(twin.predict(x), expected)
    assert model.evaluate(x, y, verbose=0) == twin.evaluate(x, y, verbose=0)
    found = model.get_weights()
    assert np.array_equal(found[0], half_weights(before[0], dtype))
    assert all(np.array_equal(a, b) for a, b in zip(found[1:], before[1:])), "biases and small kernels are as they were"
    assert all(not w.flags.writeable for w in model.weights)
    assert np.array_equal(model.layers[0](x), twin.layers[0](x))
    model.layers[1].set_weights([2 * w for w in model.layers[1].get_weights()])
    assert not np.array_equal(model.predict(x), expected)


def test_what_needs_float32_says_so():
    (x, y), model = samples(), chain(600, 3)
    model.half_weights("int8", free=True)
    for what, call in (
        ("fit", lambda: model.fit(x, y)), ("train_on_batch", lambda: model.train_on_batch(x, y)),
        ("set_weights", lambda: model.set_weights(model.get_weights())),
        ("set_weights", lambda: model.layers[0].set_weights(model.layers[0].get_weights())),
        ("add", lambda: model.add(L.Dense(3))),
    ):
        with pytest.raises(ValueError, match=f"{what} needs the float32 .* Received: .*dense/kernel as int8 only"):
            call()
    assert len(model.layers) == 2


def test_float32_comes_back_rounded():
    (x, y), model = samples(), chain(600, 3)
    weights = model.get_weights()
    model.half_weights("float16", free=True)
    model.half_weights("float16", free=True)
    model.half_weights("float32")
    assert np.array_equal(model.get_weights()[0], half_weights(weights[0], "float16"))
    assert np.array_equal(model.get_weights()[2], weights[2])
    twin = chain(600, 3)
    twin.set_weights(model.get_weights())
    assert model.fit(x, y, verbose=0).history == twin.fit(x, y, verbose=0).history
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights()))
    model.half_weights("float16", free=True)
    model.half_weights("int8", free=False)
    kernel = model.get_weights()[0]
    assert np.array_equal(kernel, half_weights(twin.get_weights()[0], "float16")), "what was given up is gone"
    assert np.array_equal(model.predict(x), rounded(model, "int8").predict(x))


# What it costs


@pytest.fixture(scope="module")
def digits():
    """(LeNet-5 trained on a part of MNIST, test images, labels)."""
    from fastcnn.recipes import prepare_digits

    (x, y), (x_test, y_test) = fastcnn.datasets.mnist.load_data()
    model = fastcnn.networks.lenet5(seed=0)
    model.compile(fastcnn.optimizers.SGD(0.05, momentum=0.9), SPARSE, metrics=["accuracy"])
    model.fit(prepare_digits(x[:6000]), y[:6000], batch_size=32, epochs=1, verbose=0)
    return model, prepare_digits(x_test[:2000]), y_test[:2000]


@pytest.mark.parametrize("dtype, agreement, change", [("float16", 0.999, 2e-3), ("int8", 0.99, 5e-2)])
def test_accuracy_on_digits(dtype, agreement, change, digits):
    model, x, y = digits
    model.half_weights(None)
    plain, p = model.evaluate(x, y, verbose=0), model.predict(x)
    assert plain[1] > 0.85
    model.half_weights(dtype)
    found, q = model.evaluate(x, y, verbose=0), model.predict(x)
    assert abs(found[1] - plain[1]) <= 1 - agreement and abs(found[0] - plain[0]) < change * plain[0]
    assert (p.argmax(1) == q.argmax(1)).mean() >= agreement


@pytest.mark.parametrize("dtype, change", [("float16", 1e-3), ("int8", 3e-2)])
def test_alexnets_logits(dtype, change):
    """Kernels of half a million weights each, 1024 units in place of 4096."""
    sizes = (1024, "relu"), (1024, "relu"), (1000, None)
    layers = [L.Dense(units, activation, kernel_initializer="he_normal") for units, activation in sizes]
    model = fastcnn.Sequential([fastcnn.Input((576,)), *layers], seed=0)
    x = np.abs(normal(generator(0), (50, 576)))
    plain = model.predict(x)
    model.half_weights(dtype)
    found = model.predict(x)
    assert 0 < np.abs(found - plain).max() < change * np.abs(plain).max()
    assert (found.argmax(1) == plain.argmax(1)).mean() >= 0.9
