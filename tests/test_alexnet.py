"""AlexNet: shapes, counts and initial values of its variants; forward and gradients of a narrow one."""

import json

import inside
import numpy as np
import pytest
from twin import Twin, assert_trained_alike, clear_batch, run_layer

import fastcnn
from fastcnn.networks import alexnet

SPARSE = "sparse_categorical_crossentropy"
# name: output shape, parameters, multiply-adds; worked out by hand as sites · window · channels / groups · filters
PAPER = {
    "conv1": ((55, 55, 96), 34_944, 3025 * 11 * 11 * 3 * 96),
    "lrn1": ((55, 55, 96), 0, 0),
    "pool1": ((27, 27, 96), 0, 0),
    "conv2": ((27, 27, 256), 307_456, 729 * 5 * 5 * 48 * 256),
    "lrn2": ((27, 27, 256), 0, 0),
    "pool2": ((13, 13, 256), 0, 0),
    "conv3": ((13, 13, 384), 885_120, 169 * 3 * 3 * 256 * 384),
    "conv4": ((13, 13, 384), 663_936, 169 * 3 * 3 * 192 * 384),
    "conv5": ((13, 13, 256), 442_624, 169 * 3 * 3 * 192 * 256),
    "pool5": ((6, 6, 256), 0, 0),
    "flatten": ((9216,), 0, 0),
    "fc6": ((4096,), 37_752_832, 9216 * 4096),
    "dropout6": ((4096,), 0, 0),
    "fc7": ((4096,), 16_781_312, 4096 * 4096),
    "dropout7": ((4096,), 0, 0),
    "fc8": ((1000,), 4_097_000, 4096 * 1000),
}
DENSE = {name: PAPER[name] for name in ("fc6", "fc7", "fc8")}
VARIANTS = {  # layers in order, parameters, multiply-adds
    "paper": (PAPER, 60_965_224, 724_406_816),
    "caffe": (
        {
            "conv1": PAPER["conv1"],
            "pool1": PAPER["pool1"],
            "lrn1": ((27, 27, 96), 0, 0),
            "conv2": PAPER["conv2"],
            "pool2": PAPER["pool2"],
            "lrn2": ((13, 13, 256), 0, 0),
            **{name: PAPER[name] for name in ("conv3", "conv4", "conv5", "pool5")},
            **{name: PAPER[name] for name in ("flatten", "fc6", "dropout6", "fc7", "dropout7", "fc8")},
        },
        60_965_224,
        724_406_816,
    ),
    "torchvision": (
        {
            "conv1": ((55, 55, 64), 23_296, 3025 * 121 * 3 * 64),
            "pool1": ((27, 27, 64), 0, 0),
            "conv2": ((27, 27, 192), 307_392, 729 * 25 * 64 * 192),
            "pool2": ((13, 13, 192), 0, 0),
            "conv3": ((13, 13, 384), 663_936, 169 * 9 * 192 * 384),
            "conv4": ((13, 13, 256), 884_992, 169 * 9 * 384 * 256),
            "conv5": ((13, 13, 256), 590_080, 169 * 9 * 256 * 256),
            "pool5": ((6, 6, 256), 0, 0),
            "flatten": ((9216,), 0, 0),
            "dropout6": ((9216,), 0, 0),
            "fc6": DENSE["fc6"],
            "dropout7": ((4096,), 0, 0),
            "fc7": DENSE["fc7"],
            "fc8": DENSE["fc8"],
        },
        61_100_840,
        714_188_480,
    ),
    "tutorial": (
        {
            "conv1": PAPER["conv1"],
            "pool1": PAPER["pool1"],
            "conv2": ((27, 27, 256), 614_656, 729 * 25 * 96 * 256),
            "pool2": PAPER["pool2"],
            "conv3": PAPER["conv3"],
            "conv4": ((13, 13, 384), 1_327_488, 169 * 9 * 384 * 384),
            "conv5": ((13, 13, 256), 884_992, 169 * 9 * 384 * 256),
            **{name: PAPER[name] for name in ("pool5", "flatten", "fc6", "dropout6", "fc7", "dropout7", "fc8")},
        },
        62_378_344,
        1_135_256_096,
    ),
}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    """(name, the whole network)."""
    return request.param, alexnet(variant=request.param, seed=1)


def test_shapes_and_counts(variant):
    name, model = variant
    rows, parameters, multiply_adds = VARIANTS[name]
    found = [(layer.name, layer.output_shape[1:], layer.count_params(), layer.multiply_adds()) for layer in model.layers]
    assert found == [(key, *row) for key, row in rows.items()]
    assert model.count_params() == parameters and sum(row[3] for row in found) == multiply_adds
    side = 224 if name == "torchvision" else 227
    assert model.input_shape == (None, side, side, 3) and model.output_shape == (None, 1000)
    lines = []
    model.summary(lines.append)
    total = next(line for line in lines if line.startswith("total")).split()
    assert total[1:3] == [f"{parameters:,}", f"{multiply_adds:,}"]
    for key, (shape, count, _) in rows.items():
        line = next(line for line in lines if line.startswith(f"{key} ("))
        assert str((None, *shape)) in line and f" {count:,} " in line


def test_initial_values(variant):
    name, model = variant
    for layer in model.layers:
        if not layer.parameters:
            continue
        kernel, bias = layer.get_weights()
        if name in ("paper", "caffe"):
            sigma = 0.005 if name == "caffe" and layer.name in ("fc6", "fc7") else 0.01
            assert abs(kernel.std() / sigma - 1) < 4 / kernel.size**0.5
            assert np.mean(np.abs(kernel) > 2 * sigma) == pytest.approx(0.0455, abs=0.006), "normal"
            assert np.all(bias == (0 if layer.name in ("conv1", "conv3", "fc8") else 1))
        else:
            fan_in = kernel[..., 0].size
            limit = fan_in**-0.5 if name == "torchvision" else (6 / (fan_in + kernel.size // kernel.shape[-2])) ** 0.5
            assert limit * 0.999 < np.abs(kernel).max() <= limit * 1.000001
            assert kernel.std() == pytest.approx(limit / 3**0.5, rel=0.02), "uniform"
            if name == "tutorial":
                assert not bias.any()
            else:
                assert 0.9 * limit < np.abs(bias).max() <= limit * 1.000001 and bias.min() < 0 < bias.max()
        assert abs(kernel.mean()) < 5 * kernel.std() / kernel.size**0.5


def test_multipliers(variant):
    """In practice: biases at twice the rate, without decay. One run of updates per array, or one in all."""
    name, model = variant
    alone = name in ("torchvision", "tutorial")
    for layer in model.layers:
        for parameter in layer.parameters:
            bias = parameter.name == "bias" and not alone
            factors = parameter.learning_rate_multiplier, parameter.weight_decay_multiplier
            assert factors == ((2.0, 0.0) if bias else (1.0, 1.0))
    assert len(inside.ranges(model)) == (1 if alone else 16)


def test_what_the_variants_normalize():
    paper, caffe = (alexnet(2, variant, (67, 67, 3)) for variant in ("paper", "caffe"))
    for number in (1, 2):
        options = [{k: m.get_layer(f"lrn{number}").get_config()[k] for k in ("size", "alpha", "beta", "k", "alpha_mode")}
                   for m in (paper, caffe)]
        common = {"size": 5, "alpha": 1e-4, "beta": 0.75}
        assert options == [{**common, "k": 2.0, "alpha_mode": "sum"}, {**common, "k": 1.0, "alpha_mode": "mean"}]


def test_initializer():
    model = alexnet(3, "caffe", (67, 67, 1), seed=2, initializer="he_normal")
    for layer in model.layers:
        if layer.parameters:
            kernel, bias = layer.get_weights()
            assert kernel.var() == pytest.approx(2 / kernel[..., 0].size, rel=0.1) and not bias.any()
            assert layer.parameters[1].learning_rate_multiplier == 2.0


@pytest.mark.parametrize("name, least", [("paper", 67), ("caffe", 67), ("torchvision", 63), ("tutorial", 51)])
def test_the_smallest_input(name, least):
    model = alexnet(2, name, (least, least + 40, 1))
    shapes = {layer.name: layer.output_shape for layer in model.layers}
    assert shapes["conv1"][1] == (least + (4 if name == "torchvision" else 0) - 11) // 4 + 1
    assert shapes["pool5"][1] == 1 and shapes["pool5"][2] > 1 and shapes["fc8"] == (None, 2)
    assert model.predict(np.zeros((1, least, least + 40, 1))).sum() == pytest.approx(1)
    for shape in ((least - 1, 300, 3), (300, least - 1, 3)):
        with pytest.raises(ValueError, match=rf"at least {least} × {least} for variant \"{name}\".*Received: \({shape[0]}"):
            alexnet(2, name, shape)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"variant": "zf"}, ValueError, "variant .*'torchvision'.*Received: 'zf'"),
        ({"classes": 0}, ValueError, "classes .*Received: 0"),
        ({"classes": 2.5}, TypeError, "classes .*Received: 2.5"),
        ({"input_shape": 227}, TypeError, "input_shape .*Received: 227"),
        ({"input_shape": (227, 227)}, ValueError, "input_shape .*Received: \\(227, 227\\)"),
        ({"input_shape": (227, 227.0, 3)}, TypeError, "input_shape .*Received: 227.0"),
        ({"initializer": "hey_normal"}, ValueError, "he_normal.*Received: 'hey_normal'"),
        ({"seed": -1}, ValueError, "seed .*Received: -1"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        alexnet(**options)


def test_seed():
    first, same, other = (alexnet(2, input_shape=(67, 67, 1), seed=seed).get_weights()[0] for seed in (1, 1, 2))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def narrow(name, width=8, **options):
    """A variant with an eighth of the filters and units, on 67 × 71 pixels: the same structure, from its configuration."""
    config = alexnet(7, name, (67, 71, 3), seed=1, **options).get_config()
    for number, entry in enumerate(config["layers"]):
        settings = entry["config"]
        if "filters" in settings:
            settings["filters"] //= width
        if "units" in settings and settings["name"] != "fc8":
            settings["units"] //= 4 * width
        if entry["class_name"] == "Dropout":
            settings["seed"] = number
    return fastcnn.Sequential.from_config(json.loads(json.dumps(config)))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_forward_and_gradients_of_a_narrow_one(name, threads):
    """Two steps of the published SGD, multipliers included, against the float64 reference, which clips probabilities below
    1e-7: he_normal would make dropout's logits that large."""
    model = narrow(name, initializer="lecun_normal")
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4, decoupled=False), SPARSE)
    twin, before, rng = Twin(model), [layer.get_weights() for layer in model.layers], np.random.default_rng(threads)
    with fastcnn.num_threads(threads):
        for _ in range(2):
            x, y = clear_batch(twin, rng, 3, (67, 71, 3)), rng.integers(0, 7, 3)
            np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=2e-5, atol=1e-6)
            assert model.train_on_batch(x, y) == pytest.approx(twin.step(x, y), rel=2e-5)
            assert assert_trained_alike(model, twin, before, tolerance=1e-4, steps=2) == 16


def test_logits_of_the_whole_one():
    """At full width, convolutions by Winograd's algorithm: within 1e-5 of the largest logit of the float64 reference.

    Weights are drawn so that photographs, of deviation 60 about their mean, give logits of order 1 and normalization
    divides by much."""
    model = alexnet(seed=1, initializer="zeros")
    config = model.get_config()
    config["layers"][-1]["config"]["activation"] = "linear"
    model, rng = fastcnn.Sequential.from_config(config), np.random.default_rng(0)
    y = x = rng.standard_normal((1, 227, 227, 3), np.float32) * np.float32(60)
    for layer in model.layers:
        shapes = [w.shape for w in layer.get_weights()]
        if shapes:
            deviation = np.float32((2 / np.prod(shapes[0][:-1])) ** 0.5 * (0.02 if layer.name == "fc8" else 1))
            layer.set_weights([rng.standard_normal(shapes[0], np.float32) * deviation, np.zeros(shapes[1], np.float32)])
        y = run_layer(layer, np.asarray(y, np.float64), layer.get_weights())[0]
    algorithms = {layer.name: layer.op.algorithm("forward") for layer in model.layers if layer.name.startswith("conv")}
    assert len(algorithms) == 5 and "direct" not in algorithms.values()
    error = np.abs(model.predict(x) - y).max() / np.abs(y).max()
    assert np.ptp(y) > 0.1 and error < 1e-5
