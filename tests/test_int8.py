"""Convolutions in int8: bit for bit what the reference gives, and models that compute them."""

import copy
import pickle

import numpy as np
import pytest
from buffers import assert_same, guarded, normal, poisoned
from remembered import reference

import fastcnn
from fastcnn import _ops
from fastcnn import layers as L
from fastcnn.ops import conv2d_int8

SPARSE = "sparse_categorical_crossentropy"
CASES = {  # image, kernel, options
    "AlexNet's first, smaller": ((27, 27, 3), (11, 11, 3, 96), {"strides": 4}),
    "groups": ((13, 13, 48), (5, 5, 24, 40), {"padding": 2, "groups": 2}),
    "long rows": ((5, 5, 700), (2, 2, 700, 17), {"padding": "same"}),
    "one pixel": ((1, 1, 5), (1, 1, 5, 16), {}),
    "wide": ((3, 201, 4), (3, 3, 4, 33), {"padding": "same"}),
    "dilated rows": ((9, 6, 3), (3, 2, 3, 31), {"dilation_rate": (2, 1), "strides": (1, 2), "padding": ((1, 0), (2, 3))}),
    "uncovered edge": ((4, 4, 7), (3, 3, 7, 48), {"strides": 3, "padding": 4}),
    "channels first": ((6, 7, 19), (3, 3, 19, 16), {"data_format": "channels_first"}),
}


def generator(*numbers):
    return np.random.default_rng(numbers)


def problem(name, n=2, offset=0.0):
    image, kernel, options = CASES[name]
    rng = generator(*image, n)
    x = normal(rng, (n, *image)) + np.float32(offset)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if "data_format" in options else x
    return (x, normal(rng, kernel)), {"bias": normal(rng, kernel[-1:]), **options}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("low, high", [(0, 2.5), (-2, 1.5), (-3, -1), (1, 1.5)], ids=str)
def test_the_bits_of_the_reference(name, low, high, isa):
    arrays, options = problem(name, offset=low)
    assert_same(conv2d_int8(*arrays, low, high, **options), reference.conv2d_int8(*arrays, low, high, **options))
    del options["bias"]
    assert_same(conv2d_int8(*arrays, low, high, **options), reference.conv2d_int8(*arrays, low, high, **options))


@pytest.mark.parametrize("seed", range(12))
def test_random_convolutions(seed, isa, threads):
    rng = generator(seed)
    groups = int(rng.integers(1, 4))
    window, strides = rng.integers(1, 5, 2), rng.integers(1, 4, 2).tolist()
    size, pads = window + rng.integers(0, 12, 2), rng.integers(0, 4, (2, 2)).tolist()
    c, filters = (int(rng.integers(1, 30)) * groups, int(rng.integers(16, 50)) * groups)
    x, kernel = normal(rng, (int(rng.integers(1, 4)), *size, c)), normal(rng, (*window, c // groups, filters))
    low, high = sorted(normal(rng, 2).tolist())
    options = {"bias": normal(rng, filters), "strides": strides, "padding": pads, "groups": groups}
    assert_same(conv2d_int8(x, kernel, low, high, **options), reference.conv2d_int8(x, kernel, low, high, **options))


def test_sums_of_the_largest_numbers(isa):
    """No sum is rounded or clipped on the way: 255 · 127 as often as fits 32 bits, and pairs beyond 16 bits."""
    for k in (4, 515, 2048, 66311):
        x, kernel = np.full((1, 1, 1, k), 255.0), np.full((1, 1, k, 16), 127.0)
        kernel[..., 1] = -127
        y = conv2d_int8(x, kernel, 0, 255)[0, 0, 0]
        assert y[0] == np.float32(255 * 127 * k) and y[1] == -y[0]
    with pytest.raises(ValueError, match="at most 66,311 weights"):
        conv2d_int8(np.ones((1, 1, 1, 66312)), np.ones((1, 1, 66312, 16)), 0, 1)


def test_what_does_not_fit(isa):
    """Beyond the range, NaN, infinities; filters of zeros, of NaN, of tiny numbers."""
    x = np.array([-9, 9, np.nan, np.inf, -np.inf, 0.3], np.float32).reshape(1, 1, 6, 1)
    kernel = np.ones((1, 1, 1, 20), np.float32)
    kernel[..., :5] = 0, np.nan, np.inf, 1e-39, -1e-20
    y, expected = conv2d_int8(x, kernel, -1, 1), reference.conv2d_int8(x, kernel, -1, 1)
    np.testing.assert_array_equal(y, expected)
    assert np.isnan(y[..., 1:3]).all() and not np.isnan(y[..., 3:]).any() and not y[..., [0, 3]].any()
    assert y[0, 0, :5, 9].tolist() == [y[0, 0, 0, 9], y[0, 0, 1, 9], y[0, 0, 0, 9], y[0, 0, 1, 9], y[0, 0, 0, 9]]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_read_or_written_beyond_the_arrays(name, isa):
    if "data_format" in CASES[name][2]:
        return
    (x, kernel), options = problem(name)
    expected = conv2d_int8(x, kernel, -2, 2, **options)
    options["bias"] = guarded(options["bias"])
    out = poisoned(expected.shape, guarded)
    assert conv2d_int8(guarded(x), guarded(kernel), -2, 2, **options, out=out) is out and np.array_equal(out, expected)


def test_arguments():
    x, kernel = np.zeros((1, 4, 4, 3)), np.zeros((2, 2, 3, 16))
    for change in ({"kernel": kernel[..., :15]}, {"dilation_rate": (1, 2)}, {"groups": 3, "kernel": kernel[:, :, :1, :15]}):
        with pytest.raises(ValueError, match="at least 16 filters in a group"):
            conv2d_int8(**{"x": x, "kernel": kernel, "low": 0, "high": 1, **change})
    for low, high in ((np.nan, 1), (0, np.inf), ("0", 1)):
        with pytest.raises((TypeError, ValueError), match="low|high"):
            conv2d_int8(x, kernel, low, high)
    with pytest.raises(ValueError, match="finite"):
        reference.conv2d_int8(x, kernel, 0, np.inf)
    assert _ops.conv2d((4, 4, 3), 16, (2, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), 1, True).with_int8(0.0, 3) is None
    assert _ops.dense(4, 16, True).with_int8(1, 0) is None


# Models


def chain(seed=0, filters=20):
    layers = [L.Conv2D(filters, 3, activation="relu", padding="same"), L.MaxPooling2D(2), L.Conv2D(32, 3), L.ReLU(),
              L.Flatten(), L.Dense(5, activation="softmax")]
    model = fastcnn.Sequential([fastcnn.Input((12, 12, 3)), *layers], seed=seed)
    model.compile("sgd", SPARSE, metrics=["accuracy"])
    return model


def branched(seed=0):
    """Normalizations that are folded, a residual sum, a concatenation that convolutions write into."""
    x = fastcnn.Input((10, 10, 3))
    a = L.ReLU()(L.BatchNormalization()(L.Conv2D(24, 3, padding="same", use_bias=False, name="first")(x)))
    b = L.BatchNormalization()(L.Conv2D(24, 3, padding="same", name="second")(a))
    a = L.ReLU()(L.Add()([a, b]))
    both = L.Concatenate()([L.Conv2D(16, 1, name="left")(a), L.Conv2D(17, 3, padding="same", name="right")(a)])
    few = L.Conv2D(8, 3, exact=True, name="few")(both)
    model = fastcnn.Model(x, [L.Dense(4, activation="softmax")(L.Flatten()(few)), both], seed=seed)
    model.compile("sgd", [SPARSE, None])
    return model


def images(n=9, shape=(12, 12, 3)):
    return normal(generator(n, *shape), (n, *shape))


def by_hand(model, x):
    """The chain's predictions, layer by layer, by the ranges that it has."""
    for layer in model.layers:
        if layer.name in model.quantized:
            kernel, bias = layer.get_weights()
            y = reference.conv2d_int8(x, kernel, *model.quantized[layer.name], bias, padding=layer.padding)
            x = (np.maximum(y, 0) if layer.get_config()["activation"] == "relu" else y).astype(np.float32)
        else:
            x = layer(x)
    return x


def test_a_chain_computes_what_the_reference_does(isa):
    model, x = chain(), images()
    plain = model.predict(x)
    model.quantize("int8", x[:4])
    assert list(model.quantized) == ["conv2d", "conv2d_1"]
    low, high = model.quantized["conv2d"]
    assert (low, high) == (float(x[:4].min()), float(x[:4].max())) and model.quantized["conv2d_1"][0] == 0
    y = model.predict(x)
    assert not np.array_equal(y, plain) and np.abs(y - plain).max() < 0.05
    np.testing.assert_allclose(y, by_hand(model, x), rtol=1e-5, atol=1e-6)
    assert [op.algorithm("forward") for op in model._plan("predict", 9).ops if op.name == "conv2d"] == ["int8", "int8"]
    model.quantize(None)
    assert model.quantized == {} and np.array_equal(model.predict(x), plain)


@pytest.mark.parametrize("make", [chain, branched])
def test_the_same_bits_in_any_batch_and_at_any_number_of_threads(make, threads, isa):
    model = make()
    x = images(9, model.input_shape[1:])
    with fastcnn.num_threads(1):
        model.quantize("int8", x)
        ranges, expected = model.quantized, model.predict(x)
    model.quantize("int8", x)
    assert model.quantized == ranges
    for batch in (1, 2, 4, 9):
        y = model.predict(x, batch_size=batch)
        assert all(np.array_equal(a, b) for a, b in zip(y, expected)), batch


def test_a_graph_with_all_that_is_fused(isa):
    model = branched()
    x = images(6, (10, 10, 3))
    for _ in range(3):
        model.train_on_batch(x, [np.arange(6) % 4, None])  # moving averages other than 0 and 1
    plain = model.predict(x)
    model.quantize("int8", x)
    assert sorted(model.quantized) == ["first", "left", "right", "second"], "few filters stay in float32"
    found = model.predict(x)
    for a, b in zip(plain, found):
        assert not np.array_equal(a, b) and np.abs(a - b).max() < 0.04 * np.abs(a).max()
    ops_of = [op for op in model._plan("predict", 6).ops if op.name == "conv2d"]
    assert sorted(op.algorithm("forward") for op in ops_of)[-4:] == ["int8"] * 4 and len(ops_of) == 5


def test_training_is_float32_and_changed_weights_are_taken():
    x, y, model, plain = images(20), np.arange(20) % 5, chain(), chain()
    model.quantize("int8", x)
    found = [m.fit(x, y, epochs=2, verbose=0, validation_data=(x, y)).history for m in (model, plain)]
    assert found[0] == found[1]
    ranges = model.quantized
    fresh = fastcnn.Sequential.from_config(model.get_config())
    fresh.set_weights(model.get_weights())
    assert fresh.quantized == ranges and np.array_equal(fresh.predict(x), model.predict(x))
    assert not np.array_equal(model.predict(x), plain.predict(x))
    assert np.array_equal(model.layers[0](x), plain.layers[0](x)), "a layer alone"
    before = model.predict(x)
    model.layers[0].set_weights([2 * w for w in model.layers[0].get_weights()])
    assert not np.array_equal(model.predict(x), before) and model.quantized == ranges
    loss = -np.log(model.predict(x)[np.arange(20), y]).mean()
    assert abs(model.evaluate(x, y, verbose=0)[0] - loss) < 1e-5
    assert model.test_on_batch(x, y)[0] != plain.test_on_batch(x, y)[0]


def test_copies_and_files(tmp_path):
    model, x = chain(), images()
    model.quantize("int8", x)
    model.half_weights("float16")
    expected = model.predict(x)
    model.save(tmp_path / "m.safetensors")
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), fastcnn.load_model(tmp_path / "m.safetensors")):
        assert again.quantized == model.quantized and np.array_equal(again.predict(x), expected)
    assert fastcnn.clone_model(model).quantized == {}, "other weights, other ranges"
    assert "quantized" not in chain().get_config()
    model.pop()
    assert model.quantized == {}, "another network"
    name = chain().layers[0].name
    for wrong in ([], {name: 3}, {name: ["a", 1]}, {name: [0, np.inf]}, {name: [0]}, {name: [1, 0]}, {"nobody": [0, 1]}):
        with pytest.raises((TypeError, ValueError), match="quantized"):
            fastcnn.Sequential.from_config({**chain().get_config(), "quantized": wrong})


def test_images_of_every_kind():
    model, x = chain(), images(40)
    model.quantize("int8", x)
    expected = model.quantized
    source = fastcnn.datasets.ImageArray(np.full((4, 12, 12, 3), 255, np.uint8), [0, 1, 0, 1])
    for given in (x.astype(np.float64), iter([x[:30], x[30:]]), [(x[:9], np.zeros(9)), (x[9:], np.zeros(31))]):
        model.quantize(None)
        model.quantize("int8", given if not isinstance(given, list) else iter(given))
        assert model.quantized == expected
    model.quantize("int8", fastcnn.images.ImageBatches(source, 2, fastcnn.images.Augmentation(12, std=51)))
    assert model.quantized["conv2d"] == (0.0, 5.0)
    built = fastcnn.Sequential([L.Conv2D(16, 3)])
    built.quantize("int8", x)
    assert built.quantized["conv2d"] == expected["conv2d"]
    assert fastcnn.Sequential.from_config(built.get_config()).quantized == built.quantized


def test_models_as_layers_keep_ranges_of_their_own():
    inner = fastcnn.Sequential([L.Conv2D(16, 3, name="conv", input_shape=(12, 12, 3)), L.ReLU()], name="inner")
    model, x = fastcnn.Sequential([inner, L.Conv2D(16, 3, name="conv"), L.Flatten(), L.Dense(2)]), images()
    model.quantize("int8", x)
    assert list(model.quantized) == ["inner/conv", "conv"] and inner.quantized == {}
    assert model.quantized["inner/conv"][0] < 0 and model.quantized["conv"][0] == 0
    again = fastcnn.Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(x), model.predict(x))


def test_mistakes():
    model, x = chain(), images()
    for wrong in ("int4", "INT8", 8, np.int8):
        with pytest.raises(ValueError, match="mode must be one of 'float32', 'int8'"):
            model.quantize(wrong, x)
    for given in (("int8",), ("float32", x), (None, x)):
        with pytest.raises(ValueError, match='images must be given with "int8".*Received: mode='):
            model.quantize(*given)
    for few in (fastcnn.Sequential([L.Dense(3, input_shape=(4,))]), fastcnn.networks.lenet5(variant="1998")):
        with pytest.raises(ValueError, match="no Conv2D layer that could be computed in int8.*Received: layers"):
            few.quantize("int8", np.ones((1, *few.input_shape[1:])))
    with pytest.raises(ValueError, match="images"):
        model.quantize("int8", x[:, :5])
    with pytest.raises(ValueError, match="at least one"):
        model.quantize("int8", x[:0])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="what layer 'conv2d' reads must be finite"):
            model.quantize("int8", np.where(x > 1, bad, x))
    assert model.quantized == {}


def test_summary_and_profile(capsys):
    model, x = chain(), images()
    model.quantize("int8", x)
    model.summary()
    assert "convolutions that predict and evaluate compute in int8: conv2d, conv2d_1" in capsys.readouterr().out
    steps = [step for step in model.profile(x, seconds=0).steps if step["pass"] == "forward"]
    assert [step["algorithm"] for step in steps if step["op"].startswith("conv2d")] == ["int8"] * 2


def test_what_is_seen_of_layers_and_gradients_are_float32():
    model, plain, x = chain(), chain(), images()
    model.quantize("int8", x)
    for a, b in zip(model.gradients(x, np.zeros(9))[1].values(), plain.gradients(x, np.zeros(9))[1].values()):
        assert np.array_equal(a, b)


def test_a_shared_layer_spans_all_that_it_reads():
    x = fastcnn.Input((6, 6, 16))
    conv = L.Conv2D(16, 3, padding="same")
    model = fastcnn.Model(x, conv(conv(x)), seed=1)
    data = images(5, (6, 6, 16))
    once = conv(data)
    model.quantize("int8", data)
    low, high = model.quantized["conv2d"]
    assert low == min(data.min(), once.min()) and high == max(data.max(), once.max())
