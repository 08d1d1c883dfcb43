"""ConvNetJS' vocabulary: definitions and their shorthand, volumes, JSON both ways, layers, gradients, statistics."""

import json

import numpy as np
import pytest

import fastcnn
from fastcnn import convnetjs, reference
from fastcnn.convnetjs import Net, Trainer, Vol, augment, definitions

INPUT = {"type": "input", "out_sx": 9, "out_sy": 8, "out_depth": 2}
EVERY = [
    INPUT,
    {"type": "conv", "sx": 3, "sy": 5, "filters": 6, "pad": 2, "activation": "relu"},
    {"type": "lrn", "k": 1.5, "n": 5, "alpha": 0.5, "beta": 0.75},
    {"type": "pool", "sx": 3},
    {"type": "conv", "sx": 3, "filters": 8, "stride": 2, "pad": 1, "activation": "maxout", "l2_decay_mul": 0.5},
    {"type": "pool", "sx": 2, "sy": 1, "stride": 1, "pad": 0, "activation": "tanh"},
    {"type": "fc", "num_neurons": 7, "activation": "sigmoid", "drop_prob": 0.25},
    {"type": "fc", "filters": 6, "activation": "maxout", "group_size": 3},
]
ENDS = {
    "softmax": {"type": "softmax", "num_classes": 4},
    "svm": {"type": "svm", "num_classes": 4},
    "regression": {"type": "regression", "num_neurons": 4},
}
TARGET = {"softmax": 2, "svm": 2, "regression": [0.5, -1.0, 2.0, 0.25]}
DEMO = [
    {"type": "input", "out_sx": 24, "out_sy": 24, "out_depth": 1},
    {"type": "conv", "sx": 5, "filters": 8, "stride": 1, "pad": 2, "activation": "relu"},
    {"type": "pool", "sx": 2, "stride": 2},
    {"type": "conv", "sx": 5, "filters": 16, "stride": 1, "pad": 2, "activation": "relu"},
    {"type": "pool", "sx": 3, "stride": 3},
    {"type": "softmax", "num_classes": 10},
]


def images(count=1, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 8, 9, 2))


@pytest.fixture(params=ENDS)
def net(request):
    return Net([*EVERY, ENDS[request.param]], seed=3)


def wide(net):
    """The same with biases and weights that matter everywhere."""
    rng = np.random.default_rng(7)
    net.model.set_weights([w + rng.normal(size=w.shape) * 0.3 for w in net.model.get_weights()])
    return net


# Definitions


def kinds(layer_defs):
    return [definition["type"] for definition in definitions.desugar(layer_defs)]


def test_shorthand():
    assert kinds([*EVERY, ENDS["softmax"]]) == [
        *["input", "conv", "relu", "lrn", "pool", "conv", "maxout", "pool", "tanh", "fc", "sigmoid", "dropout"],
        *["fc", "maxout", "fc", "softmax"]]
    assert kinds([INPUT, ENDS["svm"]]) == ["input", "fc", "svm"]
    assert kinds([INPUT, ENDS["regression"]]) == ["input", "fc", "regression"]
    assert kinds([{**INPUT, "drop_prob": 0.2}, {"type": "relu"}, ENDS["svm"]]) == ["input", "dropout", "relu", "fc", "svm"]
    assert kinds(json.dumps([INPUT, ENDS["svm"]])) == ["input", "fc", "svm"]


def test_lines_of_a_page_are_read_and_not_run():
    lines = ["var layer_defs = [];  // of the demo",
             *(f"layer_defs.push({{{', '.join(f'{k}:{v!r}' for k, v in d.items())}}});" for d in (INPUT, ENDS["svm"])),
             "net = new convnetjs.Net();", "net.makeLayers(layer_defs);"]
    assert kinds("\n".join(lines)) == ["input", "fc", "svm"]
    for bad, words in (("alert(1)", "alert"), ("{type:'pool', sx:2", "never closed"), ("{type:'pool', sx:f()}", "no layer"),
                       ("{type:'pool', sx:Infinity}", "Infinity"), ("}", "closes nothing")):
        with pytest.raises(ValueError, match=words):
            Net("\n".join([*lines[:2], bad, lines[2]]))


def test_biases_begin_at_a_tenth_before_relu():
    plain = definitions.desugar([*EVERY, {"type": "fc", "num_neurons": 2, "activation": "relu", "bias_pref": 0.7},
                                 {"type": "fc", "num_neurons": 2}, {"type": "relu"}, ENDS["softmax"]])
    found = [d["bias_pref"] for d in plain if d["type"] in ("conv", "fc")]
    assert found == [0.1, 0.0, 0.0, 0.0, 0.7, 0.0, 0.0]
    net = Net([INPUT, {"type": "conv", "sx": 3, "filters": 4, "activation": "relu"}, ENDS["svm"]])
    assert net.layers[1].biases.w.tolist() == [np.float32(0.1)] * 4 and net.layers[3].biases.w.tolist() == [0] * 4


def test_no_tensor_is_no_layer():
    given = [INPUT, {"type": "fc", "num_neurons": 3, "tensor": False}, ENDS["svm"]]
    assert kinds(given) == ["input", "fc", "fc", "svm"] and given[1]["tensor"] is False


def test_definitions_are_not_changed():
    before = json.dumps([*EVERY, ENDS["softmax"]])
    given = json.loads(before)
    Net(given)
    assert json.dumps(given) == before


def test_sizes_and_defaults():
    fields = definitions.fields(definitions.desugar([*EVERY, ENDS["softmax"]]))
    shapes = [(layer["out_sx"], layer["out_sy"], layer["out_depth"]) for layer in fields]
    assert shapes[:5] == [(9, 8, 2), (11, 8, 6), (11, 8, 6), (11, 8, 6), (5, 3, 6)]
    assert shapes[5:9] == [(3, 2, 8), (3, 2, 4), (2, 2, 4), (2, 2, 4)]
    assert fields[1]["sy"] == 5 and fields[1]["stride"] == 1 and fields[5]["pad"] == 1
    assert fields[4]["stride"] == 2 and fields[4]["sy"] == 3 and fields[4]["pad"] == 0
    assert fields[9]["num_inputs"] == 16 and fields[1]["l1_decay_mul"] == 0 and fields[5]["l2_decay_mul"] == 0.5
    demo = Net(DEMO)
    assert [layer.inner[-1].count_params() for layer in demo.layers if layer.inner and layer.inner[-1].parameters] == [
        208, 3216, 2570]


def test_weights_are_drawn_by_fan_in():
    net = Net([{**INPUT, "out_depth": 16}, {"type": "conv", "sx": 4, "sy": 2, "filters": 64},
               {"type": "fc", "num_neurons": 50}, ENDS["svm"]], seed=1)
    kernel, _, wide, *_ = net.model.get_weights()
    assert abs(kernel.std() * 128**0.5 - 1) < 0.03 and abs(wide.std() * len(wide)**0.5 - 1) < 0.03
    assert abs(kernel.mean()) < 0.01


@pytest.mark.parametrize("layer_defs, message", [
    ([INPUT], "begin with input"),
    ([ENDS["svm"], INPUT], "begin with input"),
    ([INPUT, ENDS["svm"], ENDS["svm"]], "nowhere else"),
    ([INPUT, {"type": "konv"}, ENDS["svm"]], "Received: 'konv'"),
    ([INPUT, {"type": "quadtransform"}, ENDS["svm"]], "no counterpart"),
    ([INPUT, {"type": "fc", "num_neurons": 3, "tensor": True}, ENDS["svm"]], "no counterpart"),
    ([INPUT, {"type": "fc", "neurons": 3}, ENDS["svm"]], "Received: 'neurons'"),
    ([INPUT, {"type": "fc"}, ENDS["svm"]], "must have num_neurons"),
    ([INPUT, {"type": "conv", "sx": 3}, ENDS["svm"]], "must have filters"),
    ([INPUT, {"type": "conv", "sx": 30, "filters": 2}, ENDS["svm"]], "does not fit"),
    ([INPUT, {"type": "pool", "sx": 2, "pad": 2}, ENDS["svm"]], "less than the window"),
    ([INPUT, {"type": "relu", "in_depth": 3}, ENDS["svm"]], "after an output of 9x8x2"),
    ([INPUT, {"type": "maxout", "group_size": 3}, ENDS["svm"]], "must divide the depth 2"),
    ([INPUT, {"type": "fc", "num_neurons": 4, "group_size": 2}, ENDS["svm"]], "goes with activation='maxout'"),
    ([INPUT, {"type": "fc", "num_neurons": 4, "activation": "elu"}, ENDS["svm"]], "Received: 'elu'"),
    ([INPUT, {"type": "dropout", "drop_prob": 1.0}, ENDS["svm"]], "less than 1"),
    ([INPUT, {"type": "lrn", "k": 1, "n": 5, "alpha": 1}, ENDS["svm"]], "must have beta"),
    ([INPUT, {"type": "softmax", "num_classes": 3, "activation": "relu"}], "Received: 'activation'"),
])
def test_wrong_definitions(layer_defs, message):
    with pytest.raises(ValueError, match=message):
        Net(layer_defs)


def test_what_is_no_list_of_definitions():
    for wrong in (7, {"type": "input"}, ["input"]):
        with pytest.raises(TypeError, match="layer_defs must be a list"):
            Net().makeLayers(wrong)
    with pytest.raises(ValueError, match="no layers yet"):
        Net().forward([1.0])


# Volumes


def test_a_volume_lies_row_by_row():
    v = Vol(3, 2, 4, 0.0)
    v.set(2, 1, 3, 5.0)
    v.add(2, 1, 3, 1.0)
    v.set_grad(0, 1, 0, 2.0)
    v.add_grad(0, 1, 0, 1.0)
    assert v.w[23] == v.get(2, 1, 3) == v.image[1, 2, 3] == 6 and v.get_grad(0, 1, 0) == v.dw[12] == 3
    assert Vol.from_image(v.image).w.tolist() == v.w.tolist() and v.cloneAndZero().w.tolist() == [0] * 24
    other = v.clone()
    other.addFromScaled(v, 2)
    other.addFrom(v)
    assert other.get(2, 1, 3) == 24 and v.get(2, 1, 3) == 6 and not other.dw.any()
    other.setConst(2)
    assert set(other.w) == {2}
    drawn = Vol(20, 20, 25).w
    assert abs(drawn.std() * 100 - 1) < 0.05
    with pytest.raises(IndexError, match="Received: 3, 0, 0"):
        v.get(3, 0, 0)


def test_numbers_are_put_in_as_they_come():
    """Demos write `x.w = data[i]`."""
    v = Vol(1, 2, 1)
    v.w, v.dw = [3, 4], [0.5, 1]
    v.addFrom(v.clone())
    assert v.w.tolist() == [6, 8] and v.get_grad(0, 1, 0) == 1 and v.toJSON()["w"] == [6, 8]
    shared = np.zeros(2, np.float32)
    v.w = shared
    v.set(0, 1, 0, 2.0)
    assert shared.tolist() == [0, 2]
    for wrong in ([1.0], [[1.0, 2.0]], ["a", "b"], 1.0):
        for name in ("w", "dw"):
            with pytest.raises(ValueError, match=f"{name} must"):
                setattr(v, name, wrong)


def test_an_empty_volume_waits_for_json():
    assert Vol(0, 0, 0, 0).w.size == Vol(0, 0, 0).w.size == 0
    assert Vol(0, 0, 0, 0).fromJSON(Vol([1, 2]).toJSON()).w.tolist() == [1, 2]


@pytest.mark.parametrize("change, message", [
    ({"w": [1.0]}, "sx·sy·depth = 2"), ({"w": {"0": 1, "2": 2}}, "keys 0 to 1"), ({"sx": 0}, "sx must be"),
    ({"w": [1.0, None]}, "list of numbers"), ({"w": [1.0, float("nan")]}, "finite"),
])
def test_wrong_volumes(change, message):
    with pytest.raises(ValueError, match=message):
        Vol([0]).fromJSON({"sx": 2, "sy": 1, "depth": 1, "w": [1, 2], **change})
    with pytest.raises(ValueError, match="one without w"):
        Vol([0]).fromJSON({"sx": 2, "sy": 1, "depth": 1})


def test_augmentation():
    v = Vol.from_image(np.arange(1.0, 13).reshape(3, 4))
    assert augment(v, 2, 1, 1).image[..., 0].tolist() == [[6, 7], [10, 11]]
    assert augment(v, 2, 3, -1).image[..., 0].tolist() == [[0, 0], [4, 0]]
    assert augment(v, 2, 9, 9, True).w.tolist() == [0] * 4
    fastcnn.set_random_seed(1)
    found = {tuple(augment(v, 2).w) for _ in range(30)}
    assert found == {(1, 2, 5, 6), (2, 3, 6, 7)}, "the last place is never drawn, as in ConvNetJS"


def test_pictures():
    grey = np.array([[0, 51], [102, 255], [5, 6]], np.uint8)
    colours = np.stack([grey, grey + 1, grey // 2, grey // 3], axis=2)
    v = convnetjs.img_to_vol(colours)
    assert (v.sx, v.sy, v.depth) == (2, 3, 4) and v.get(1, 0, 2) == 25 / 255 - 0.5
    assert np.array_equal(v.image, colours / 255 - 0.5)
    assert np.array_equal(convnetjs.img_to_vol(colours[..., :3]).image[..., :3], v.image[..., :3])
    assert (convnetjs.img_to_vol(colours[..., :3]).image[..., 3] == 0.5).all(), "opaque"
    for one in (grey, grey[..., None]):
        assert (convnetjs.img_to_vol(one).image == np.stack([*[grey / 255 - 0.5] * 3, grey * 0 + 0.5], axis=2)).all()
    assert np.array_equal(convnetjs.img_to_vol(colours, True).image[..., 0], grey / 255 - 0.5)
    for wrong in (colours / 255, colours[..., :2], colours[0, 0], colours[:0]):
        with pytest.raises(ValueError, match="img must be"):
            convnetjs.img_to_vol(wrong)


def test_pictures_of_pillow():
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    colours = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    v = convnetjs.img_to_vol(Image.fromarray(colours))
    assert np.array_equal(v.image, colours / 255 - 0.5)
    palette = Image.fromarray(colours[..., :3]).convert("P")
    assert np.array_equal(convnetjs.img_to_vol(palette).image[..., :3], np.asarray(palette.convert("RGB")) / 255 - 0.5)


@pytest.mark.parametrize("name", ["MagicNet", "randf", "maxmin", "ConvLayer", "SoftmaxLayer"])
def test_what_is_not_here_is_named(name):
    with pytest.raises(AttributeError, match=f"{name} has no counterpart here; instead: "):
        getattr(convnetjs, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'$"):
        _ = convnetjs.nothing


# Networks


def test_outputs_are_the_references(net):
    """Every layer, in float64, with dropout's factor for what is kept."""
    wide(net)
    x, v = images()[0], None
    for layer in net.layers:
        v = x if v is None else v
        v = expected(layer, v)
    out = net.forward(x)
    assert out.w.size == v.size == 4 and np.abs(out.w - v.reshape(-1)).max() < 1e-6 * max(1, np.abs(v).max())
    assert net.getPrediction() == v.argmax()
    batch = net.predict(np.stack([x, -x]))
    assert batch.shape == (2, 4) and np.abs(batch[0] - out.w).max() < 1e-6


def expected(layer, x):
    kind, inner = layer.layer_type, layer.inner
    weights = [w.astype(np.float64) for w in inner[-1].get_weights()] if inner else []
    if kind == "conv":
        return reference.conv2d(x[None], *weights, strides=layer.stride, padding=layer.pad)[0]
    if kind == "fc":
        return x.reshape(-1) @ weights[0] + weights[1]
    if kind == "pool":
        return reference.max_pool2d(x[None], (layer.sy, layer.sx), layer.stride, layer.pad)[0]
    if kind == "lrn":
        return reference.local_response_norm(x, layer.n, layer.alpha, layer.beta, layer.k, "mean")
    if kind == "maxout":
        return x.reshape(*x.shape[:-1], -1, layer.group_size).max(-1)
    if kind == "dropout":
        return (1 - layer.drop_prob) * x
    return x if kind in ("input", "svm", "regression") else getattr(reference, kind)(x)


def test_an_even_window_has_one_channel_more():
    net = Net([INPUT, {"type": "lrn", "k": 1, "n": 4, "alpha": 2, "beta": 1}, ENDS["svm"]])
    x = images()[0]
    net.forward(x)
    own = x / (1 + 2 / 4 * (x**2).sum(-1, keepdims=True))
    assert np.abs(net.layers[1].out_act.image - own).max() < 1e-6


def test_a_spatial_layer_after_fc():
    net = Net([INPUT, {"type": "fc", "num_neurons": 5}, {"type": "conv", "sx": 1, "filters": 3, "activation": "tanh"},
               {"type": "pool", "sx": 1, "stride": 1}, ENDS["softmax"]], seed=1)
    net.forward(images()[0])
    net.backward(1)
    fc, conv = net.layers[1].out_act, net.layers[2]
    assert np.allclose(conv.out_act.w, [f.w @ fc.w for f in conv.filters], atol=1e-6) and fc.dw.any()


def test_costs(net):
    """Of each loss, by its formula; ConvNetJS' own numbers with faithful=True."""
    kind, x = net.layers[-1].layer_type, images()[0]
    y = TARGET[kind]
    out = net.forward(x).w
    right = {"softmax": lambda out: -np.log(out[2]), "svm": lambda out: np.maximum(0, out - out[2] + 1).sum() - 1,
             "regression": lambda out: 0.5 * np.sum((out - np.array(y)) ** 2)}[kind](out)
    assert net.getCostLoss(x, y) == pytest.approx(right, rel=1e-5)
    mistaken = Net(faithful=True).fromJSON(net.toJSON())
    mistaken.forward(x)
    out = mistaken.forward(x).w
    told = {"softmax": lambda: -np.log(out[2]), "svm": lambda: np.maximum(0, out - out[2] + 1).sum(),
            "regression": lambda: 2 * np.sum((out - np.array(y))**2)}[kind]()
    assert mistaken.getCostLoss(x, y) == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize("y, target", [({"dim": 2, "val": 3.0}, [None, None, 3.0, None]), ([1, 2, 3, 4], [1, 2, 3, 4])])
def test_regression_of_some_outputs(y, target):
    net = Net([INPUT, ENDS["regression"]], seed=1)
    out = net.forward(images()[0]).w
    away = np.array([0 if t is None else o - t for o, t in zip(out, target)])
    assert net.backward(y) == pytest.approx(0.5 * np.sum(away**2), rel=1e-5)
    assert np.allclose(net.layers[1].out_act.dw, away, atol=1e-6)
    one = Net([INPUT, {"type": "regression", "num_neurons": 1}], seed=1)
    assert one.getCostLoss(images()[0], 2.0) == pytest.approx(0.5 * (one.forward(images()[0]).w[0] - 2) ** 2, rel=1e-5)


@pytest.mark.parametrize("kind, y", [
    ("softmax", 4), ("softmax", -1), ("softmax", 0.5), ("svm", [1, 2]),
    ("regression", [1.0]), ("regression", {"dim": 4, "val": 0}), ("regression", {"dim": 1}),
])
def test_wrong_targets(kind, y):
    net = Net([INPUT, ENDS[kind]])
    net.forward(images()[0])
    with pytest.raises((TypeError, ValueError), match="Received"):
        net.backward(y)


def test_wrong_inputs():
    net = Net([INPUT, ENDS["svm"]])
    for wrong in (Vol(8, 9, 2, 0.0), np.zeros((9, 8, 2)), [1.0], ["a"] * 144):
        with pytest.raises(ValueError, match="V must be"):
            net.forward(wrong)
    for call in (lambda: net.backward(1), net.getPrediction, lambda: net.layers[0].out_act):
        with pytest.raises(ValueError, match=r"call forward\(V\)"):
            call()
    assert net.forward(np.zeros(144)).w.tolist() == net.forward(Vol(9, 8, 2, 0.0)).w.tolist()


# Gradients


def test_gradients_by_central_differences(net):
    """A few weights of every layer and some pixels, where no maximum changes its place."""
    wide(net)
    y, x = TARGET[net.layers[-1].layer_type], images()[0]
    net.forward(x)
    net.backward(y)
    rng, checked, h = np.random.default_rng(1), 0, 2e-3
    entries = [(e["params"], e["grads"].copy()) for e in net.getParamsAndGrads()]
    most = max(np.abs(g).max() for _, g in entries)
    for w, g in entries:
        for i in rng.choice(w.size, 2):
            slopes = []
            for size in (h, h / 2):
                kept, costs = w[i], []
                for at in (kept + size, kept - size):
                    w[i] = at
                    costs.append(net.getCostLoss(x, y))
                w[i] = kept
                slopes.append((costs[0] - costs[1]) / (2 * size))
            if abs(slopes[0] - slopes[1]) < 0.01 * most:  # smooth here
                assert abs(slopes[0] - g[i]) < 0.02 * most
                checked += 1
    assert checked > len(entries)


def test_both_passes_have_one_gradient(net):
    """A step of the model, whose passes are fused, moves weights by the gradients of the layers for themselves."""
    net = Net([d for d in EVERY[:-2]] + [{"type": "fc", "num_neurons": 6, "activation": "sigmoid"}, EVERY[-1],
                                         ENDS[net.layers[-1].layer_type]], seed=3)
    wide(net)
    x, y = images(4), TARGET[net.layers[-1].layer_type]
    before = net.model.get_weights()
    for image in x:
        net.forward(image)
        net.backward(y)
    sums = [s.copy() for layer in net.layers if layer.layer_type in ("conv", "fc") for s in layer._summed()]
    Trainer(net, batch_size=4, learning_rate=0.25, momentum=0.0).train_batch(x, [y] * 4)
    for w, old, total in zip(net.model.get_weights(), before, sums):
        assert np.abs(4 * 4 * (old - w) - total).max() < 2e-5 * max(1, np.abs(total).max())


def test_the_mistaken_gradient_of_normalization():
    """As ConvNetJS' loops read: x_j² in the place of x_i·x_j, wherever x_j has a part in y_i."""
    rng = np.random.default_rng(0)
    n, alpha, beta, k, depth = 4, 0.5, 0.75, 1.5, 7
    net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": depth},
               {"type": "lrn", "k": k, "n": n, "alpha": alpha, "beta": beta}, ENDS["regression"]], faithful=True, seed=1)
    x = rng.standard_normal(depth).astype(np.float32)
    net.forward(x)
    net.backward([0.0] * net.layers[-1].out_depth)
    dy, dx = net.layers[1].out_act.dw, np.zeros(depth)
    for i in range(depth):
        near = range(max(0, i - n // 2), min(depth - 1, i + n // 2) + 1)
        s = k + alpha / n * sum(float(x[j]) ** 2 for j in near)
        for j in near:
            g = -x[j] * beta * s ** (beta - 1) * alpha / n * 2 * x[j] + (s**beta if i == j else 0)
            dx[j] += g / s ** (2 * beta) * dy[i]
    np.testing.assert_allclose(net.layers[0].out_act.dw, dx, rtol=1e-4, atol=1e-6)
    right = reference.local_response_norm_backward(dy[None], x[None], 5, alpha / n, beta, k)[0]
    assert np.abs(right - dx).max() > 1e-2, "it is a mistake"


def test_gradients_add_up_until_they_are_taken_away():
    net = Net([INPUT, {"type": "conv", "sx": 3, "filters": 2}, ENDS["softmax"]], seed=1)
    net.forward(images()[0])
    net.backward(1)
    once = net.layers[1].filters[1].dw.copy()
    net.backward(1)
    assert np.allclose(net.layers[1].filters[1].dw, 2 * once) and once.any()
    for entry in net.getParamsAndGrads():
        entry["params"] -= 0.1 * entry["grads"]
        entry["grads"][:] = 0
    assert not net.layers[1].filters[1].dw.any()
    unmoved = Net([INPUT, {"type": "conv", "sx": 3, "filters": 2}, ENDS["softmax"]], seed=1)
    assert net.getCostLoss(images()[0], 1) < unmoved.getCostLoss(images()[0], 1)


def test_a_volume_has_the_gradients_of_its_numbers(net):
    v, y = Vol.from_image(images()[0]), TARGET[net.layers[-1].layer_type]
    net.forward(v)
    assert not v.dw.any()
    net.backward(y)
    assert v.dw.any() and np.array_equal(v.dw, net.layers[0].out_act.dw)
    assert np.array_equal(v.w.astype(np.float32), net.layers[0].in_act.w)
    assert all(np.array_equal(a.out_act.w, b.in_act.w) for a, b in zip(net.layers, net.layers[1:]))
    kept = v.dw.copy()
    net.forward(2 * v.w)
    net.backward(y)
    assert np.array_equal(v.dw, kept) and not np.array_equal(net.layers[0].out_act.dw, kept)


def test_weights_can_be_written():
    net = Net([INPUT, {"type": "conv", "sx": 3, "sy": 2, "filters": 2}, ENDS["svm"]], seed=1)
    x = images()[0]
    before = net.forward(x).w
    filters = net.layers[1].filters
    filters[1].set(2, 1, 0, 9.0)
    assert net.layers[1].inner[0].get_weights()[0][1, 2, 0, 1] == 9
    assert np.abs(net.forward(x).w - before).max() > 0.1
    filters[1].set(2, 1, 0, 8.0)
    changed = net.forward(x).w
    assert np.abs(net.predict(x[None])[0] - changed).max() < 1e-6
    with pytest.raises(AttributeError, match="svm has no filters"):
        _ = net.layers[-1].filters
    assert [entry["l2_decay_mul"] for entry in net.getParamsAndGrads()] == [1, 1, 0, 1, 1, 1, 1, 0]


# Dropout


def test_dropout_drops_while_training():
    net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2000}, {"type": "dropout", "drop_prob": 0.3},
               {"type": "regression", "num_neurons": 1}], seed=1)
    x = np.ones(2000)
    net.forward(x, True)
    kept = net.layers[1].out_act.w
    assert set(kept) == {0, 1} and 0.65 < kept.mean() < 0.75
    net.backward(3.0)
    assert not net.layers[0].out_act.dw[kept == 0].any() and net.layers[0].out_act.dw[kept == 1].all()
    net.forward(x)
    assert np.allclose(net.layers[1].out_act.w, 0.7)
    mistaken = Net(faithful=True).fromJSON(net.toJSON())
    mistaken.forward(x)
    assert np.allclose(mistaken.layers[1].out_act.w, 0.3)
    with pytest.raises(ValueError, match="drop_prob must be more than 0 with faithful=True"):
        Net([INPUT, {"type": "dropout", "drop_prob": 0.0}, ENDS["svm"]], faithful=True)


def test_backward_drops_what_forward_dropped():
    layers = [*EVERY[:3], {"type": "dropout", "drop_prob": 0.5}, *EVERY[3:], ENDS["softmax"]]
    net, x, outputs = wide(Net(layers, seed=1)), images()[0], []
    for _ in range(2):
        out = net.forward(x, True).w
        before = [layer.out_act.w for layer in net.layers]
        net.backward(2)
        acts = [layer.out_act for layer in net.layers]
        assert all(np.array_equal(act.w, w) for act, w in zip(acts, before)) and np.array_equal(out, acts[-1].w)
        dropped = (acts[4].w == 0) & (acts[3].w != 0)
        assert dropped.any() and not acts[3].dw[dropped].any() and acts[3].dw[~dropped].any()
        outputs.append(acts[4].w)
    assert not np.array_equal(*outputs), "it drops others the next time"


@pytest.mark.parametrize("faithful", [False, True])
def test_a_step_keeps_what_is_not_dropped_as_it_is(faithful):
    """ConvNetJS does not divide by what is kept, and so neither do steps here."""
    net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 512}, {"type": "dropout", "drop_prob": 0.75},
               {"type": "regression", "num_neurons": 1}], faithful, seed=1)
    kernel, bias = net.model.get_weights()
    net.model.set_weights([0 * kernel, bias])
    Trainer(net, learning_rate=1.0, momentum=0.0).train_batch(np.ones((1, 1, 1, 512)), [2.0])
    moved = net.model.get_weights()[0]
    assert np.allclose(moved[moved != 0], 2, rtol=1e-6) and 0.15 < (moved != 0).mean() < 0.35


# JSON


def test_json_round_trip(net):
    wide(net)
    text = json.dumps(net.toJSON())
    other = Net().fromJSON(text)
    assert json.dumps(other.toJSON()) == text
    x = images()[0]
    assert other.forward(x).w.tolist() == net.forward(x).w.tolist()
    assert [w.tobytes() for w in other.model.get_weights()] == [w.tobytes() for w in net.model.get_weights()]


def test_json_has_convnetjs_fields():
    layers = Net([*EVERY, ENDS["softmax"]]).toJSON()["layers"]
    shape = {"out_sx", "out_sy", "out_depth", "layer_type"}
    learned = {"filters", "biases", "l1_decay_mul", "l2_decay_mul"}
    window = {"sx", "sy", "stride", "in_depth", "pad"}
    keys = {"input": set(), "conv": window | learned, "pool": window, "fc": learned | {"num_inputs"}, "relu": set(),
            "sigmoid": set(), "tanh": set(), "maxout": {"group_size"}, "dropout": {"drop_prob"},
            "lrn": {"k", "n", "alpha", "beta"}, "softmax": {"num_inputs"}}
    assert {layer["layer_type"] for layer in layers} == set(keys)
    for layer in layers:
        assert set(layer) == shape | keys[layer["layer_type"]]
    conv = layers[1]
    assert len(conv["filters"]) == 6 and conv["filters"][0].keys() == {"sx", "sy", "depth", "w"}
    assert (conv["filters"][0]["sx"], conv["filters"][0]["sy"], len(conv["filters"][0]["w"])) == (3, 5, 30)


def test_json_as_javascript_writes_it():
    """Typed arrays as objects, and old files without what was added later."""
    net = Net([*EVERY, ENDS["svm"]], seed=1)
    written = net.toJSON()
    for layer in written["layers"]:
        for vol in [*layer.get("filters", []), *([layer["biases"]] if "biases" in layer else [])]:
            vol["w"] = {str(i): w for i, w in enumerate(vol["w"])}
        if layer["layer_type"] == "pool" and layer["pad"] == 0:
            del layer["pad"]
        if layer["layer_type"] == "fc":
            del layer["l1_decay_mul"], layer["l2_decay_mul"]
    other, x = Net().fromJSON(written), images()[0]
    assert other.forward(x).w.tolist() == net.forward(x).w.tolist()
    assert [layer.l1_decay_mul for layer in other.layers if layer.layer_type == "fc"] == [1, 1, 1]


def broken(change):
    written = Net([*EVERY, ENDS["softmax"]]).toJSON()
    change(written["layers"])
    return written


@pytest.mark.parametrize("change, message", [
    (lambda layers: layers.pop(0), "begin with input"),
    (lambda layers: layers.pop(), "end in softmax"),
    (lambda layers: layers[1].update(out_sx=10), "out_sx of layer 1, conv, follows"),
    (lambda layers: layers[1].update(layer_type="local"), "Received: 'local'"),
    (lambda layers: layers[1].pop("filters"), "layer 1, conv must have 6 filters"),
    (lambda layers: layers[1]["filters"].pop(), "Received: 5 filters"),
    (lambda layers: layers[1].pop("biases"), "no biases"),
    (lambda layers: layers[1]["filters"][2].update(sx=5, sy=3), "3x5x2. Received: 5x3x2"),
    (lambda layers: layers[1]["filters"][2]["w"].pop(), "sx·sy·depth"),
    (lambda layers: layers[9].update(num_inputs=7), "num_inputs of layer 9"),
    (lambda layers: layers.insert(3, 5), "Received: int as layer 3"),
])
def test_broken_json(change, message):
    net = Net(DEMO, seed=1)
    kept = net.toJSON()
    with pytest.raises(ValueError, match=message):
        net.fromJSON(broken(change))
    assert net.toJSON() == kept, "a failure changes nothing"
    with pytest.raises(TypeError, match="list of layers"):
        net.fromJSON([1])


# Statistics


def test_statistics():
    net = Net(DEMO, seed=1)
    net.forward(np.random.default_rng(0).random((24, 24, 1)))
    before = convnetjs.statistics(net)
    assert [s.parameters for s in before] == [
        None, "8x5x5x1+8 = 208", None, None, "16x5x5x8+16 = 3216", None, None, "10x256+10 = 2570", None]
    assert all(s.max_gradient is s.min_gradient is None for s in before) and "gradient" not in str(before[1])
    net.backward(3)
    found = convnetjs.statistics(net)
    for own, layer in zip(found, net.layers):
        act = layer.out_act
        assert (own.min_activation, own.max_activation) == (act.w.min(), act.w.max())
        assert (own.min_gradient, own.max_gradient) == (act.dw.min(), act.dw.max())
    lines = str(found[1]).splitlines()
    assert lines[0] == "conv (24x24x8)" and lines[1] == "filter size 5x5x1, stride 1"
    assert lines[2] == f"max activation: {found[1].max_activation:.5g}, min: {found[1].min_activation:.5g}"
    assert lines[3].startswith("max gradient: ") and lines[4] == "parameters: 8x5x5x1+8 = 208"
    assert str(found[3]).splitlines()[1] == "pooling size 2x2, stride 2"
    assert found[7].max_gradient > 0 > found[7].min_gradient
