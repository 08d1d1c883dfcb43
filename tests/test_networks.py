"""VGG, ResNet, SqueezeNet, GoogLeNet, Network in Network, ZFNet, AlexNet's towers: sizes and counts as published, initial
values, values and gradients of narrow ones against the reference, training and files."""

import json
from functools import partial

import numpy as np
import pytest
from graph_twin import GraphTwin

import fastcnn
from fastcnn import layers as L
from fastcnn.networks import alexnet, googlenet, lenet5, nin, resnet, squeezenet, vgg, zfnet

SPARSE = "sparse_categorical_crossentropy"
# name: network, parameters that are trained, multiply-adds of convolutions and dense layers
COUNTS = {
    # torchvision 0.29, each model's weights' meta: num_params, and _ops in thousands of millions
    "vgg11": (partial(vgg, 11), 132_863_336, 7.609),
    "vgg11, normalized": (partial(vgg, 11, True), 132_868_840, 7.609),
    "vgg13": (partial(vgg, 13), 133_047_848, 11.308),
    "vgg13, normalized": (partial(vgg, 13, True), 133_053_736, 11.308),
    "vgg16": (partial(vgg, 16), 138_357_544, 15.47),
    "vgg16, normalized": (partial(vgg, 16, True), 138_365_992, 15.47),
    "vgg19": (partial(vgg, 19), 143_667_240, 19.632),
    "vgg19, normalized": (partial(vgg, 19, True), 143_678_248, 19.632),
    "resnet18": (partial(resnet, 18), 11_689_512, 1.814),
    "resnet34": (partial(resnet, 34), 21_797_672, 3.664),
    "resnet50": (partial(resnet, 50), 25_557_032, 4.089),
    "resnet101": (partial(resnet, 101), 44_549_160, 7.801),
    "resnet152": (partial(resnet, 152), 60_192_808, 11.514),
    "squeezenet1.0": (partial(squeezenet, "1.0"), 1_248_424, 0.819),
    "squeezenet1.1": (partial(squeezenet, "1.1"), 1_235_496, 0.349),
    "googlenet": (partial(googlenet, auxiliary=False), 6_624_904, 1.498),
    # of the heads: 1×1 convolutions of 512 and 528 channels with normalization, 2048 → 1024 → 1000
    "googlenet, heads": (googlenet, 6_624_904 + (512 + 528) * 128 + 2 * (2 * 128 + 2048 * 1024 + 1024 + 1_025_000),
                         1.498376192 + 1e-9 * (16 * 1040 * 128 + 2 * (2048 * 1024 + 1024 * 1000))),
    # Szegedy et al. 2014, table 1, whose rows are summed up in test_googlenets_table
    "googlenet, paper": (partial(googlenet, variant="paper", auxiliary=False), 6_998_552, 1.582671872),
    # He et al. 2015, table 6: .27, .46, .66, .85, 1.7 M; see test_resnets_for_cifar
    "resnet20": (partial(resnet, 20, cifar=True), 272_474, 0.040813184),
    "resnet110": (partial(resnet, 110, cifar=True), 1_730_714, 0.253149824),
    "resnet9": (partial(resnet, 9, cifar=True), 6_573_130, 0.379261952),  # Page: 6,573,120 without biases of the last layer
    "resnet10": (partial(resnet, 10, cifar=True), 4_903_242, 0.253432832),
    # the ResNet-18 that most programs for CIFAR-10 have: 11.17 M and .56 G
    "resnet18, cifar": (partial(resnet, 18, cifar=True), 11_173_962, 0.555422720),
    # window · channels · filters + filters; pixels · window · channels · filters
    "nin": (nin, 75 * 192 + 192 + 192 * 160 + 160 + 160 * 96 + 96 + 25 * 96 * 192 + 192 + 2 * (192 * 192 + 192)
            + 9 * 192 * 192 + 192 + 192 * 192 + 192 + 192 * 10 + 10,
            1e-9 * (1024 * (75 * 192 + 192 * 160 + 160 * 96) + 256 * (25 * 96 * 192 + 2 * 192 * 192)
                    + 64 * (9 * 192 * 192 + 192 * 192 + 192 * 10))),
    "zfnet": (zfnet, 147 * 96 + 96 + 25 * 96 * 256 + 256 + 9 * 256 * 384 + 384 + 9 * 384 * 384 + 384 + 9 * 384 * 256 + 256
              + 9216 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000,
              1e-9 * (110**2 * 147 * 96 + 26**2 * 25 * 96 * 256 + 169 * 9 * (256 * 384 + 384 * 384 + 384 * 256)
                      + 9216 * 4096 + 4096 * 4096 + 4096 * 1000)),
    "alexnet, towers": (partial(alexnet, variant="towers"), 60_965_224, 0.724406816),  # test_alexnet's "paper"
}


def products(model):
    """Multiply-adds of convolutions and dense layers."""
    return sum(layer.multiply_adds() for layer in model.layers if isinstance(layer, (L.Conv2D, L.Dense)))


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    build, parameters, multiply_adds = COUNTS[name]
    model = build(seed=1)
    assert sum(p.size for p in model.parameters if p.trainable) == parameters
    digits = len(str(multiply_adds).split(".")[1])
    assert round(products(model) / 1e9, digits) == pytest.approx(multiply_adds, abs=1e-12)
    assert all(p._value is None and p.flat is None for p in model.parameters), "nothing was drawn"


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_resnets_for_cifar(depth):
    """6n + 2 layers; counted block by block, with two projections of option B."""
    n = depth // 6
    model, c = resnet(depth, cifar=True), (16, 32, 64)
    pair = [9 * f * f + 2 * f for f in c]  # a 3×3 convolution and its normalization
    rest = sum(2 * n * p for p in pair) - sum(9 * c[i + 1] * (c[i + 1] - c[i]) for i in (0, 1))
    rest += sum(c[i] * c[i + 1] + 2 * c[i + 1] for i in (0, 1))
    assert sum(p.size for p in model.parameters if p.trainable) == 27 * 16 + 32 + rest + 650
    published = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}[depth]  # He et al. 2015, table 6: option A
    assert sum(p.size for p in model.parameters if p.trainable) - 2752 == pytest.approx(published * 1e6, rel=0.02)
    assert [layer.name for layer in model.layers if layer.name.endswith("downsample.0")] == [
        "layer2.0.downsample.0", "layer3.0.downsample.0"]


# Sizes, and names, which weights of other libraries are found by


def shapes(model, *names):
    return [model.get_layer(name).output_shape[1:] for name in names]


def test_zfnets_figure():
    """Zeiler and Fergus 2013, figure 3."""
    names = ("conv1", "norm1", "conv2", "norm2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8")
    assert shapes(zfnet(), *names) == [
        (110, 110, 96), (55, 55, 96), (26, 26, 256), (13, 13, 256), (13, 13, 384), (13, 13, 384), (13, 13, 256), (6, 6, 256),
        (4096,), (4096,), (1000,)]


@pytest.mark.parametrize("variant", ["torchvision", "paper"])
def test_googlenets_table(variant):
    """Szegedy et al. 2014, table 1: sizes; products in millions, as far as they are rounded there and 5×5 are 5×5."""
    model = googlenet(variant=variant)
    blocks = {"3a": (28, 256, 128), "3b": (28, 480, 304), "4a": (14, 512, 73), "4b": (14, 512, 88), "4c": (14, 512, 100),
              "4d": (14, 528, 119), "4e": (14, 832, 170), "5a": (7, 832, 54), "5b": (7, 1024, 71)}
    for name, (side, channels, millions) in blocks.items():
        assert shapes(model, f"inception{name}.concat") == [(side, side, channels)]
        found = sum(layer.multiply_adds() for layer in model.layers
                    if layer.name.startswith(f"inception{name}.") and isinstance(layer, L.Conv2D))
        if variant == "paper":
            assert found / 1e6 == pytest.approx(millions, rel=0.06)
    assert shapes(model, "conv1.conv", "maxpool1", "conv3.conv", "maxpool2", "avgpool", "aux1.pool", "aux2.flatten") == [
        (112, 112, 64), (56, 56, 64), (56, 56, 192), (28, 28, 192), (1024,), (4, 4, 512), (2048,)]


def test_resnets_stages():
    """He et al. 2015, table 1; strides of a bottleneck in its 3×3 convolution, as torchvision's."""
    model = resnet(50)
    assert shapes(model, "conv1", "maxpool", *(f"layer{i}.0.relu" for i in range(1, 5))) == [
        (112, 112, 64), (56, 56, 64), (56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 2048)]
    strided = [layer.name for layer in model.layers if isinstance(layer, L.Conv2D) and layer.strides == (2, 2)]
    assert strided == ["conv1", *(f"layer{i}.0.{part}" for i in (2, 3, 4) for part in ("conv2", "downsample.0"))]
    last = "layer4.2.conv3"
    assert shapes(model, last) == [(7, 7, 2048)] and not model.get_layer(last).use_bias


def test_squeezenets_stages():
    assert shapes(squeezenet("1.0"), "features.2", "features.6", "features.11", "features.12.concat", "classifier.1") == [
        (54, 54, 96), (27, 27, 256), (13, 13, 512), (13, 13, 512), (13, 13, 1000)]
    assert shapes(squeezenet("1.1"), "features.2", "features.5", "features.8", "features.12.concat", "classifier.1") == [
        (55, 55, 64), (27, 27, 128), (13, 13, 256), (13, 13, 512), (13, 13, 1000)]
    assert shapes(squeezenet(cifar=True), "features.0", "features.5", "features.8", "classifier.1") == [
        (32, 32, 64), (16, 16, 128), (8, 8, 256), (8, 8, 10)]


@pytest.mark.parametrize("model, names", [
    (vgg(11), ["features.0", "features.3", "features.6", "features.18", "classifier.0", "classifier.3", "classifier.6"]),
    (vgg(16, True), ["features.0", "features.1", "features.40", "features.41", "classifier.6"]),
    (resnet(18), ["conv1", "bn1", "layer1.0.conv1", "layer1.0.bn2", "layer2.0.downsample.0", "layer4.0.downsample.1", "fc"]),
    (resnet(152), ["layer3.35.conv3", "layer3.35.bn3"]),
    (squeezenet("1.0"), ["features.0", "features.3.squeeze", "features.12.expand3x3", "classifier.1"]),
    (googlenet(), ["conv1.conv", "conv3.bn", "inception3a.branch1.conv", "inception5b.branch3.1.bn",
                   "inception4e.branch4.1.conv", "aux1.conv.bn", "aux2.fc1", "aux1.fc2", "fc"]),
])
def test_layers_with_weights_have_torchvisions_names(model, names):
    assert set(names) <= {layer.name for layer in model.layers if layer.parameters}


def test_normalizations_are_torchvisions():
    """Its momentum .1 is what the batch counts by, Keras' .9 what stays."""
    for model, epsilon in ((vgg(11, True), 1e-5), (resnet(18), 1e-5), (googlenet(), 1e-3)):
        norms = [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]
        assert norms and {(norm.epsilon, norm.momentum) for norm in norms} == {(epsilon, 0.9)}


# Initial values


@pytest.mark.parametrize("model, name, kernel, bias", [
    (vgg(11, width=0.25), "features.3", (2 / (9 * 32), False), (0, 0)),
    (vgg(11, width=0.25), "classifier.0", (1e-4, False), (0, 0)),
    (resnet(18), "layer1.0.conv1", (2 / (9 * 64), False), None),
    (resnet(18), "layer2.0.downsample.0", (2 / 128, False), None),
    (resnet(18), "fc", (1 / (3 * 512), True), (-(512**-0.5), 512**-0.5)),
    (squeezenet(), "features.4.expand3x3", (1 / (9 * 16), True), (0, 0)),
    (squeezenet(), "classifier.1", (1e-4, False), (0, 0)),
    (googlenet(), "inception3a.branch2.1.conv", (1e-4, False), None),
    (googlenet(), "fc", (1e-4, False), (-(1024**-0.5), 1024**-0.5)),
    (googlenet(variant="paper"), "inception3a.branch2.1.conv", (1 / (9 * 96), True), (0.2, 0.2)),
    (googlenet(variant="paper"), "fc", (1 / 1024, True), (0, 0)),
    (nin(), "cccp3", (0.05**2, False), (0, 0)),
    (zfnet(width=0.25), "fc7", (1e-4, False), (0, 0)),
    (alexnet(variant="towers"), "conv2b", (1e-4, False), (1, 1)),
    (alexnet(variant="towers"), "conv3a", (1e-4, False), (0, 0)),
])
def test_initial_values(model, name, kernel, bias):
    """(variance, is it uniform) of a kernel, bounds of its bias."""
    values, *biases = [p.value for p in model.get_layer(name).parameters]
    variance, uniform = kernel
    assert values.var() == pytest.approx(variance, rel=12 / values.size**0.5) and abs(values.mean()) < 5e-2 * variance**0.5
    assert (np.abs(values).max() <= 1.001 * (3 * variance) ** 0.5) == uniform
    assert bool(biases) == (bias is not None)
    if biases:
        low, high = biases[0].min(), biases[0].max()
        assert bias[0] <= low + 1e-7 and high - 1e-7 <= bias[1] and (low < high) == (bias[0] < bias[1])


def test_width_and_dropout():
    """At width 1 networks are the published ones, whatever their dropout."""
    tight = partial(alexnet, 2, input_shape=(67, 67, 3))
    assert [layer.filters for layer in tight(width=0.3).layers if isinstance(layer, L.Conv2D)] == [28, 76, 116, 116, 76]
    assert tight(width=0.3).count_params() == tight(variant="towers", width=0.3).count_params()
    towers, small = partial(tight, variant="towers"), partial(resnet, 20, cifar=True)
    for build, rates in ((tight, 2), (towers, 4), (small, 1), (lenet5, 2)):
        model = build(dropout=0.25)
        assert [layer.rate for layer in model.layers if isinstance(layer, L.Dropout)] == [0.25] * rates
        assert model.count_params() == build().count_params()
        with pytest.raises(ValueError, match="width must lie in"):
            build(width=-1)
        with pytest.raises(ValueError, match="(dropout|rate) must be less than 1"):
            build(dropout=1.0)
    shapes = [p.shape for p in lenet5(width=2).parameters]
    assert shapes[::2] == [(5, 5, 1, 12), (5, 5, 12, 32), (800, 240), (240, 168), (168, 10)]
    with pytest.raises(ValueError, match="width must be 1 and dropout 0 in the network of 1998"):
        lenet5(variant="1998", width=2)


def test_seed_and_initializer():
    first, same, other = (resnet(20, cifar=True, width=0.5, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same)) and not np.array_equal(first[0], other[0])
    for build in (partial(resnet, 18), partial(squeezenet, "1.1"), googlenet, partial(googlenet, variant="paper"), nin,
                  zfnet, partial(vgg, 11), partial(alexnet, variant="towers")):
        model = build(initializer="ones")
        for layer in model.layers:
            if isinstance(layer, (L.Conv2D, L.Dense)):
                config = layer.get_config()
                assert (config["kernel_initializer"]["class_name"], config["bias_initializer"]["class_name"]) == (
                    "Ones", "Zeros")


def test_multipliers():
    for model in (nin(), googlenet(variant="paper"), alexnet(variant="towers")):
        factors = {(p.name, p.learning_rate_multiplier, p.weight_decay_multiplier) for p in model.parameters}
        assert factors == {("kernel", 1.0, 1.0), ("bias", 2.0, 0.0)}


# Narrow ones against the reference


def narrow_towers(**options):
    """Towers with an eighth of the filters, made from the configuration."""
    config = alexnet(7, "towers", (67, 71, 3), **options).get_config()
    for entry in config["layers"]:
        for key in ("filters", "units"):
            if key in entry["config"] and entry["config"]["name"] != "fc8":
                entry["config"][key] //= 8 if key == "filters" else 64
    return fastcnn.Model.from_config(config)


NARROW = {  # as few filters and pixels as leave every kind of layer something to do
    "vgg": partial(vgg, 11, width=1 / 16, classes=7, input_shape=(32, 35, 3)),
    "vgg, normalized": partial(vgg, 11, True, width=1 / 16, classes=7, input_shape=(64, 64, 3)),
    "resnet18": partial(resnet, 18, width=1 / 16, classes=7, input_shape=(64, 60, 3)),
    "resnet50": partial(resnet, 50, width=1 / 16, classes=7, input_shape=(64, 64, 3)),
    "resnet20": partial(resnet, 20, width=1 / 4, classes=7, cifar=True, input_shape=(16, 17, 3)),
    "resnet9": partial(resnet, 9, width=1 / 16, classes=7, cifar=True, input_shape=(16, 17, 3)),
    "resnet10": partial(resnet, 10, width=1 / 16, classes=7, cifar=True, input_shape=(16, 17, 3)),
    "squeezenet1.0": partial(squeezenet, "1.0", width=1 / 4, classes=7, input_shape=(48, 45, 3)),
    "squeezenet1.1": partial(squeezenet, "1.1", width=1 / 4, classes=7, input_shape=(48, 48, 3)),
    "squeezenet, cifar": partial(squeezenet, "1.1", width=1 / 4, classes=7, cifar=True, input_shape=(16, 16, 3)),
    "googlenet": partial(googlenet, 7, width=1 / 8, input_shape=(80, 80, 3)),
    "googlenet, paper": partial(googlenet, 7, "paper", width=1 / 8, input_shape=(80, 80, 3)),
    "nin": partial(nin, 7, width=1 / 16, input_shape=(16, 18, 3)),
    "zfnet": partial(zfnet, 7, width=1 / 16, input_shape=(67, 71, 3)),
    "alexnet, towers": narrow_towers,
}


def prepared(name, seed=1):
    """A narrow network with random values everywhere, dropout that its twin can draw, and moving averages of one batch."""
    config = NARROW[name](seed=seed).get_config()
    for number, entry in enumerate(config["layers"]):
        changed = {"Dropout": {"seed": number}, "BatchNormalization": {"momentum": 0.0}}
        entry["config"].update(changed.get(entry["class_name"], {}))
    model = (fastcnn.Model if "calls" in config else fastcnn.Sequential).from_config(json.loads(json.dumps(config)))
    rng = np.random.default_rng(seed)
    draw = {"kernel": lambda shape: rng.standard_normal(shape) * (2 / np.prod(shape[:-1])) ** 0.5,
            "gamma": partial(rng.uniform, 0.7, 1.3), "moving_variance": partial(rng.uniform, 0.5, 1.5),
            "beta": lambda shape: rng.uniform(1, 2, shape) * rng.choice([-1, 1], shape)}  # few values near ReLU's kink
    model.set_weights([draw.get(p.name, partial(rng.uniform, -0.3, 0.3))(p.shape) for p in model.parameters])
    heads = len(model.outputs)
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9), SPARSE, loss_weights=[1, 0.3, 0.3] if heads > 1 else None)
    return model


def batch_of(model, n, seed=0):
    """(x, targets: as many as there are heads)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 7, n)
    return rng.standard_normal((n, *model.input_shape[1:])).astype(np.float32), [y] * len(model.outputs)


def close(actual, expected, bound, least=0.0):
    error = np.abs(actual - expected).max() / max(np.abs(expected).max(), least)
    assert error <= bound, error


@pytest.mark.parametrize("name", NARROW)
def test_values_and_gradients(name):
    """Gradients of all weights and the input in training; then predictions, with the moving averages of that batch."""
    model = prepared(name)
    twin = GraphTwin(model)
    x, ys = next(given for given in (batch_of(model, 4, seed) for seed in range(200)) if twin.margin([given[0]]) > 1e-5)
    loss, gradients = model.gradients(x, ys if len(ys) > 1 else ys[0], wrt=["weights", "inputs"])
    total, expected, (dx,) = twin.gradients_of([x], ys)
    assert loss == pytest.approx(total, rel=1e-5)
    names = {p: f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters if p.trainable}
    assert set(gradients) == {*names.values(), model.input_names[0]}
    least = 1e-2 * max(np.abs(gradient).max() for gradient in expected.values())  # biases before normalizations have none
    for p, key in names.items():
        close(gradients[key], expected[p].reshape(p.shape), 1e-4, least)
    close(gradients[model.input_names[0]], dx, 1e-4)
    found = model.predict(x)
    for y, right in zip(found if len(ys) > 1 else [found], GraphTwin(model, training=False).predict([x])):
        assert np.ptp(right, axis=0).max() > 1e-3, "images differ"
        close(y, right, 2e-5)


@pytest.mark.parametrize("name", NARROW)
def test_training_and_files(name, tmp_path):
    model = prepared(name)
    x, ys = batch_of(model, 4)
    y = ys if len(ys) > 1 else ys[0]
    before = model.get_weights()
    model.train_on_batch(x, y)
    still = {p.name for p, a, b in zip(model.parameters, before, model.get_weights()) if np.array_equal(a, b)}
    assert still <= {"bias"}, "those before normalizations, and of units that are all off"
    model.save(tmp_path / "m.safetensors")
    again = fastcnn.load_model(tmp_path / "m.safetensors")
    assert again.get_config() == model.get_config() and [layer.name for layer in again.layers] == [
        layer.name for layer in model.layers]
    assert np.array_equal(model.predict(x), again.predict(x))
    assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights()))


def test_towers_are_the_chain_in_groups():
    """With windows of normalization that end at a tower's edge; weights side by side. Each layer rounds in its own way:
    products of a group's channels lie in shorter runs than those of a tower's, and chains of sums end with runs."""
    towers = narrow_towers(seed=1, initializer="lecun_normal")
    config = alexnet(7, "paper", (67, 71, 3)).get_config()
    for entry in config["layers"]:
        options = entry["config"]
        if entry["class_name"] == "LocalResponseNormalization":
            options["groups"] = 2
        if "filters" in options:
            options["filters"] //= 8
        if "units" in options and options["name"] != "fc8":
            options["units"] //= 64
    chain = fastcnn.Sequential.from_config(config)
    for layer in chain.layers:
        if layer.parameters and layer.name != "fc8":
            halves = [towers.get_layer(f"{layer.name}{tower}").get_weights() for tower in "ab"]
            layer.set_weights([np.concatenate(pair, -1) for pair in zip(*halves)])
    chain.get_layer("fc8").set_weights(towers.get_layer("fc8").get_weights())
    x = 60 * np.random.default_rng(0).standard_normal((5, 67, 71, 3)).astype(np.float32)
    close(towers.predict(x), chain.predict(x), 5e-6)
    for name in ("lrn1", "lrn2", "conv3", "pool5", "fc7"):
        whole = fastcnn.Model(chain.input, chain.get_layer(name).output).predict(x)
        parts = [fastcnn.Model(towers.input, towers.get_layer(f"{name}{tower}").output).predict(x) for tower in "ab"]
        assert whole.std() > 0
        close(np.concatenate(parts, -1), whole, 5e-6)


# GoogLeNet's heads


def test_predicting_without_the_heads():
    model = googlenet(7, width=1 / 8, input_shape=(64, 64, 3), seed=1)
    x, ys = batch_of(model, 4)
    model.compile("sgd", SPARSE, metrics=["accuracy"], loss_weights={"aux1.fc2": 0.3, "aux2.fc2": 0.3})
    answers = fastcnn.Model(model.input, model.outputs[0])
    before = answers.predict(x)
    model.fit(x, ys, epochs=2, verbose=0)
    values = dict(zip(model.metrics_names, model.evaluate(x, ys, verbose=0)))
    assert values["loss"] == pytest.approx(values["fc_loss"] + 0.3 * (values["aux1.fc2_loss"] + values["aux2.fc2_loss"]))
    assert np.array_equal(answers.predict(x), model.predict(x)[0]) and not np.array_equal(answers.predict(x), before)
    assert not any(layer.name.startswith("aux") for layer in answers.layers)
    assert answers.predict_classes(x).shape == (4,)
    plain = googlenet(7, auxiliary=False, width=1 / 8, input_shape=(64, 64, 3))
    assert [layer.name for layer in plain.layers] == [layer.name for layer in answers.layers]


def test_the_heads_give_gradients_to_the_middle():
    model = prepared("googlenet")
    x, ys = batch_of(model, 3)
    whole = model.gradients(x, ys)[1]
    model.compile("sgd", [SPARSE, None, None])
    alone = model.gradients(x, [ys[0], None, None])[1]
    same = {name for name in alone if np.array_equal(whole[name], alone[name])}
    assert "fc/kernel" in same and "inception4a.branch1.conv/kernel" not in same and "conv1.conv/kernel" not in same


# Errors


@pytest.mark.parametrize("build, error, message", [
    (lambda: vgg(17), ValueError, "depth must be one of 11, 13, 16, 19. Received: 17"),
    (lambda: vgg("16"), TypeError, "depth must be an integer.*Received: '16'"),
    (lambda: vgg(16, batch_norm=1), TypeError, "batch_norm must be True or False. Received: 1"),
    (lambda: vgg(11, input_shape=(31, 32, 3)), ValueError, "."),
    (lambda: resnet(20), ValueError, "depth must be one of 18, 34, 50, 101, 152. Received: 20"),
    (lambda: resnet(34, cifar=True), ValueError, "depth must be one of 9, 10, 18, 20, 32, 44, 56, 110. Received: 34"),
    (lambda: resnet(18, input_shape=(64, 64)), ValueError, r"input_shape must be \(height, width, channels\)"),
    (lambda: squeezenet("1.2"), ValueError, "version must be one of '1.0', '1.1'. Received: '1.2'"),
    (lambda: squeezenet(1.1), ValueError, "version must be one of .*Received: 1.1"),
    (lambda: googlenet(variant="caffe"), ValueError, "variant must be one of 'torchvision', 'paper'. Received: 'caffe'"),
    (lambda: googlenet(auxiliary=3), TypeError, "auxiliary must be True or False. Received: 3"),
    (lambda: nin(width=-1), ValueError, "width must lie in .*Received: -1"),
    (lambda: zfnet(classes=0), ValueError, "Received: 0"),
    (lambda: resnet(18, seed=-1), ValueError, "seed .*Received: -1"),
    (lambda: squeezenet(initializer="hey_normal"), ValueError, "he_normal.*Received: 'hey_normal'"),
    (lambda: alexnet(variant="towers", input_shape=(60, 67, 3)), ValueError, 'at least 67 × 67 for variant "towers"'),
])
def test_errors(build, error, message):
    with pytest.raises(error, match=message):
        build()
