"""ONNX: networks out, into ONNX Runtime and back; files of other programs in; what is refused, and how."""

import importlib.util
import json
import os

import numpy as np
import pytest

import fastcnn
from fastcnn import cli, networks
from fastcnn import layers as L
from fastcnn.io import FileFormatError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

if importlib.util.find_spec("onnxruntime") is None:
    pytest.skip("onnxruntime is not installed, which results are compared with", allow_module_level=True)
import onnx_networks as beside  # noqa: E402

NETWORKS = {
    **{f"lenet5 {kind}": lambda kind=kind: networks.lenet5(variant=kind, seed=1) for kind in ("tanh", "sigmoid", "relu")},
    "resnet18": lambda: networks.resnet(18, classes=7, width=0.125, input_shape=(64, 64, 3), seed=1),
    "squeezenet": lambda: networks.squeezenet(classes=7, width=0.25, input_shape=(64, 64, 3), seed=1),
    "googlenet": lambda: networks.googlenet(7, width=0.125, input_shape=(64, 64, 3), auxiliary=False, seed=1),
    "zfnet": lambda: networks.zfnet(7, width=0.05, input_shape=(96, 96, 3), seed=1),
    "vgg11_bn": lambda: networks.vgg(11, True, 7, width=0.05, input_shape=(32, 32, 3), seed=1),
    "alexnet paper": lambda: narrow(networks.alexnet(7, input_shape=(67, 67, 3), seed=1)),
    "alexnet towers": lambda: narrow(networks.alexnet(7, "towers", input_shape=(67, 67, 3), seed=1)),
    "alexnet caffe": lambda: narrow(networks.alexnet(7, "caffe", input_shape=(67, 67, 3), seed=1)),
    "alexnet torchvision": lambda: narrow(networks.alexnet(7, "torchvision", input_shape=(95, 95, 3), seed=1)),
    "alexnet tutorial": lambda: narrow(networks.alexnet(7, "tutorial", input_shape=(67, 67, 3), seed=1)),
}


def narrow(model):
    """AlexNet with fewer units."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["config"].get("units", 0) > 100:
            layer["config"]["units"] //= 64
    return type(model).from_config(config)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_out_and_in(name, tmp_path):
    there, back, again = beside.out_and_in(beside.filled(NETWORKS[name]()), str(tmp_path))
    assert there < beside.OUT and back == 0
    assert type(again).__name__ == type(NETWORKS[name]()).__name__


def one(*layers, shape=(7, 6, 4)):
    return beside.filled(fastcnn.Sequential([L.Input(shape), *layers], seed=1))


def several(layer, shapes=((7, 6, 4), (7, 6, 4), (7, 6, 4))):
    inputs = [L.Input(shape, name=f"x{i}") for i, shape in enumerate(shapes)]
    return beside.filled(fastcnn.Model(inputs, layer(inputs), seed=1))


LAYERS = {
    "Conv2D": lambda: one(L.Conv2D(6, (3, 2), (1, 2), ((1, 0), (2, 0)), groups=2, dilation_rate=(2, 1), activation="elu")),
    "same": lambda: one(L.Conv2D(5, 4, 2, "same", use_bias=False)),
    "table": lambda: one(L.Conv2D(3, 3, connection_table=[[0, 1], [2], [0, 3]])),
    "DepthwiseConv2D": lambda: one(L.DepthwiseConv2D((3, 2), 2, "same", 3, activation="relu")),
    "SeparableConv2D": lambda: one(L.SeparableConv2D(5, 3, depth_multiplier=2, activation="tanh")),
    "Conv2DTranspose": lambda: one(L.Conv2DTranspose(5, 3, 2, "same")),
    "transposed": lambda: one(L.Conv2DTranspose(6, (2, 3), (3, 2), groups=2, output_padding=1, activation="relu")),
    "cut": lambda: one(L.Conv2DTranspose(3, 4, 2, ((1, 2), (0, 1)), dilation_rate=(1, 2))),
    "Dense": lambda: one(L.Dense(5, use_bias=False), L.Dense(3, activation="log_softmax"), shape=(6,)),
    "Flatten": lambda: one(L.Flatten(), L.Activation("relu"), L.Dropout(0.3), L.Dense(5)),
    "flattened and not dense": lambda: one(L.Flatten(), L.BatchNormalization(), L.Dense(5)),
    "flat out": lambda: one(L.Conv2D(3, 3), L.Flatten()),
    "MaxPooling2D": lambda: one(L.MaxPooling2D(3, 2, ((1, 0), (0, 2)), ceil_mode=True)),
    "dilated": lambda: one(L.MaxPooling2D((2, 3), 1, dilation_rate=(3, 2), padding=1)),
    "AveragePooling2D": lambda: one(L.AveragePooling2D(3, 2, 1, count_include_pad=True)),
    "not counted": lambda: one(L.AveragePooling2D(3, 2, "same")),
    "LpPooling2D": lambda: one(L.LpPooling2D(3, 2, 2)),
    "GlobalAveragePooling2D": lambda: one(L.GlobalAveragePooling2D(), L.Dense(3)),
    "GlobalMaxPooling2D": lambda: one(L.GlobalMaxPooling2D(keepdims=True), L.Conv2D(3, 1)),
    "LocalResponseNormalization": lambda: one(L.LocalResponseNormalization(3, 0.5, 0.6, 1.5)),
    "even": lambda: one(L.LocalResponseNormalization(2, 0.5, alpha_mode="mean", even="above")),
    "BatchNormalization": lambda: one(L.BatchNormalization(scale=False), L.BatchNormalization(center=False, epsilon=0.1)),
    "rows normalized": lambda: one(L.BatchNormalization(), shape=(6,)),
    "PReLU": lambda: one(L.PReLU(shared_axes=(1, 2)), L.PReLU()),
    "Rescaling": lambda: one(L.Rescaling([1, 2, 3, 4], 0.5), L.MaxPooling2D(), L.Rescaling(2.0, [1, 2, 3, 4])),
    "Normalization": lambda: one(L.Normalization(mean=[1, 2, 3, 4], variance=4.0),
                                 L.Normalization(mean=1.0, variance=2.0, invert=True)),
    "Reshape": lambda: one(L.Reshape((6, 14, 2)), L.Conv2D(3, 2), L.Reshape((-1,)), L.Dense(2), L.Reshape((1, 2))),
    "Permute": lambda: one(L.Permute((2, 1, 3)), L.Conv2D(3, (2, 3)), L.Permute((3, 1, 2))),
    "ZeroPadding2D": lambda: one(L.ZeroPadding2D(((0, 1), (2, 3))), L.MaxPooling2D(), L.Cropping2D(((1, 0), (0, 2)))),
    "UpSampling2D": lambda: one(L.UpSampling2D((2, 3))),
    "bilinear": lambda: one(L.UpSampling2D((2, 3), interpolation="bilinear")),
    "left out": lambda: one(L.GaussianNoise(0.5), L.SpatialDropout2D(0.5), L.Conv2D(3, 1)),
    "classes": lambda: one(L.ReLU(negative_slope=0.1), L.ReLU(max_value=6), L.ReLU6(), L.LeakyReLU(0.2), L.ELU(0.5),
                           L.Softmax()),
    "Add": lambda: several(L.Add()), "Subtract": lambda: several(L.Subtract(), ((5,), (5,))),
    "Multiply": lambda: several(L.Multiply()), "Average": lambda: several(L.Average()),
    "Maximum": lambda: several(L.Maximum()), "Minimum": lambda: several(L.Minimum(), ((5,), (5,))),
    "Concatenate": lambda: several(L.Concatenate(), ((7, 6, 4), (7, 6, 1))),
    "rows joined": lambda: several(L.Concatenate(1), ((7, 6, 4), (2, 6, 4))),
    "channels first": lambda: one(L.Conv2D(3, 3, data_format="channels_first"), L.Flatten(), L.Dense(2), shape=(4, 7, 6)),
    "nested": lambda: one(fastcnn.Sequential([L.Input((7, 6, 4)), L.Conv2D(3, 3)], name="inner"), L.Flatten(), L.Dense(2)),
    **{name: lambda name=name: one(L.Conv2D(3, 3), L.Activation(name)) for name in
       ("sigmoid", "tanh", "scaled_tanh", "softplus", "softsign", "hard_sigmoid", "selu", "exponential", "relu6", "silu",
        "hard_silu", "gelu", "softmax", "log_softmax")},
}


def lrn_of_two(x, alpha):
    """ONNX' formula of LRN for size 2: windows of a channel and the next one."""
    square_sum = x**2
    square_sum[:, :-1] += x[:, 1:] ** 2
    return x / (2 + alpha / 2 * square_sum) ** 0.75


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_out_and_in(name, opset, tmp_path):
    model, path = LAYERS[name](), str(tmp_path / "m.onnx")
    model.export(path, opset=opset)
    first = beside.first if name != "channels first" else np.asarray
    xs = [beside.images(symbol.shape[1:], i) for i, symbol in enumerate(model.inputs)]
    y = model.predict(xs if len(xs) > 1 else xs[0])
    if name == "even":  # which ONNX Runtime has not; onnx' own evaluator goes through samples in the place of channels
        found = lrn_of_two(first(xs[0]), 0.5)
    else:
        found = beside.session(path)(*map(first, xs))[0]
    assert beside.error(found, beside.first(y)) < 1e-5
    again = fastcnn.load_model(path)
    back = [np.transpose(x, (0, 2, 3, 1)) for x in xs] if name == "channels first" else xs
    assert beside.error(again.predict(back if len(xs) > 1 else back[0]), y) < 2e-6


def test_every_layer_is_written_or_refused(tmp_path):
    from fastcnn.io.onnx import layers

    missing = set(L.__all__) - layers.LAYERS - {"Layer", "Input"}
    assert missing == {"AdaptiveAveragePooling2D", "GroupNormalization", "LayerNormalization", "Maxout", "RBF",
                       "SoftPooling2D", "Subsampling2D"}
    assert layers.LAYERS <= set(L.__all__)
    model = one(L.SoftPooling2D(name="soft"), L.LayerNormalization(name="norm"), L.Flatten(), L.Dense(2))
    with pytest.raises(ValueError, match=r"no operators for 2 of 5 layers. Received: soft \(SoftPooling2D\), norm \(Layer"):
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


# What export may be asked for


def test_channels_last_and_metadata(tmp_path):
    model, path = one(L.Conv2D(3, 3, name="c")), str(tmp_path / "m.onnx")
    model.metadata["class_names"] = ["\N{SNOWMAN}", "b", "c"]
    assert model.export(path, input_layout="NHWC") == []
    x = beside.images((7, 6, 4))
    assert beside.error(beside.session(path)(x)[0], model.predict(x)) < 1e-5
    again = fastcnn.load_model(path)
    assert again.metadata == model.metadata and again.input_shape == (None, 7, 6, 4)
    assert np.array_equal(again.predict(x), model.predict(x)) and again.layers[0].name == "c"
    found = onnx.load(path)
    assert found.producer_name == "fastcnn" and found.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("end", [lambda: [L.Dense(3, activation="softmax")], lambda: [L.Dense(3), L.Softmax()],
                                 lambda: [L.Dense(1, activation="sigmoid")]])
def test_logits(end, tmp_path):
    model, path = one(L.Flatten(), *end()), str(tmp_path / "m.onnx")
    model.export(path, logits=True)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert kinds <= {"Flatten", "Gemm", "Identity"}
    x = beside.images((7, 6, 4))
    y = fastcnn.load_model(path).predict(x)
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True) if y.shape[1] > 1 else 1 / (1 + np.exp(-y))
    assert np.allclose(p, model.predict(x), atol=1e-6)


def test_preparation_becomes_a_front(tmp_path):
    from fastcnn.images import Augmentation, Preparation

    model, path = one(L.Conv2D(3, 3), L.GlobalAveragePooling2D(), shape=(8, 8, 3)), str(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="preparation=True needs metadata"):
        model.export(path, preparation=True)
    augmentation = Augmentation(8, False, False, [100, 110, 120], [50, 60, 70])
    Preparation(8, augmentation, ["a", "b", "c"]).put(model)
    model.export(path, preparation=True)
    assert [node.op_type for node in onnx.load(path).graph.node][:2] == ["Sub", "Div"]
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    y = model.predict(augmentation(x))
    assert beside.error(beside.session(path)(beside.first(x.astype(np.float32)))[0], y) < 1e-5
    again = fastcnn.load_model(path)
    found = Preparation.of(again)
    assert beside.error(again.predict(found.augmentation(x)), y) < 1e-5 and found.class_names == ["a", "b", "c"]


@pytest.mark.parametrize("options, message", [
    ({"opset": 12}, "opset must be from 13 to 24. Received: 12"), ({"opset": 25}, "opset must be from"),
    ({"opset": "13"}, "opset"), ({"input_layout": "CHWN"}, "input_layout must be .*'CHWN'"), ({"logits": "yes"}, "logits"),
    ({"preparation": 1}, "preparation"), ({"opsets": 13}, "opsets"),
])
def test_wrong_options(options, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        one(L.Conv2D(3, 3)).export(tmp_path / "m.onnx", **options)


# Files of other programs


def write(path, nodes, arrays, shape=("n", 3, 8, 8), outputs=("y",), opset=17, **more):
    """A file of nodes (operator, inputs, outputs, attributes)."""
    made = [helper.make_node(op, taken, given, f"{op}_{i}", **attributes)
            for i, (op, taken, given, attributes) in enumerate(nodes)]
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    graph = helper.make_graph(made, "test", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path), **more)
    return str(path)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def steps_of_lrn(size, k=2.0, alpha=0.7, beta=0.75):
    """As torch writes a `LocalResponseNorm` of x down."""
    return [("Mul", ["x", "x"], ["s"], {}), ("Unsqueeze", ["s", "one"], ["u"], {}), ("Pad", ["u", "pads"], ["p"], {}),
            ("AveragePool", ["p"], ["m"], {"kernel_shape": [size, 1, 1], "strides": [1, 1, 1], "count_include_pad": 1}),
            ("Squeeze", ["m", "one"], ["q"], {}), ("Mul", ["q", "alpha"], ["t"], {}), ("Add", ["t", "k"], ["a"], {}),
            ("Pow", ["a", "beta"], ["d"], {}), ("Div", ["x", "d"], ["y"], {})], {
        "one": np.int64([1]), "pads": np.int64([0, 0, size // 2, 0, 0, 0, 0, (size - 1) // 2, 0, 0]), "k": np.float32(k),
        "alpha": np.float32(alpha), "beta": np.float32(beta)}


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_a_normalization_in_single_steps(size, tmp_path):
    path = write(tmp_path / "m.onnx", *steps_of_lrn(size), shape=("n", 6, 4, 5))
    error, model = beside.read_beside(path)
    assert error < 1e-6 and [type(layer).__name__ for layer in model.layers] == ["LocalResponseNormalization"]


def test_steps_that_are_no_normalization(tmp_path):
    nodes, arrays = steps_of_lrn(3)
    arrays["pads"] = np.int64([0, 0, 2, 0, 0, 0, 0, 0, 0, 0])  # all neighbours below
    with pytest.raises(FileFormatError, match="AveragePool 'AveragePool_3' .*in the middle"):
        fastcnn.load_model(write(tmp_path / "m.onnx", nodes, arrays))
    nodes, arrays = steps_of_lrn(3)
    nodes[-1] = ("Div", ["s", "d"], ["y"], {})  # divides something else
    with pytest.raises(FileFormatError, match="Div_8"):
        fastcnn.load_model(write(tmp_path / "m.onnx", nodes, arrays))


def test_transposes_around_each_convolution_vanish(tmp_path):
    nodes = [("Transpose", ["x"], ["a"], {"perm": [0, 3, 1, 2]}), ("Conv", ["a", "w"], ["b"], {}),
             ("Transpose", ["b"], ["c"], {"perm": [0, 2, 3, 1]}), ("Add", ["c", "bias"], ["d"], {}),
             ("Relu", ["d"], ["e"], {}),
             ("Transpose", ["e"], ["f"], {"perm": [0, 3, 1, 2]}), ("MaxPool", ["f"], ["g"], {"kernel_shape": [2, 2]}),
             ("Transpose", ["g"], ["h"], {"perm": [0, 2, 3, 1]}), ("Reshape", ["h", "shape"], ["i"], {}),
             ("MatMul", ["i", "fc"], ["j"], {}), ("Add", ["j", "fb"], ["y"], {})]
    arrays = {"w": draw(4, 3, 3, 3), "bias": draw(1, 1, 1, 4), "shape": np.int64([-1, 80]), "fc": draw(80, 2),
              "fb": draw(2)}
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays, shape=("n", 8, 7, 3)))
    assert error < 1e-6 and model.input_shape == (None, 8, 7, 3)
    assert [type(layer).__name__ for layer in model.layers] == ["Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    assert model.layers[0].activation[0] == "relu" and model.layers[-1].use_bias


def test_rows_behind_a_flatten_of_channels_first(tmp_path):
    nodes = [("Conv", ["x", "w"], ["a"], {}), ("Flatten", ["a"], ["b"], {}), ("Relu", ["b"], ["c"], {}),
             ("Gemm", ["c", "fc", "fb"], ["y"], {"transB": 1, "alpha": 0.5, "beta": 2.0})]
    arrays = {"w": draw(4, 3, 3, 2), "fc": draw(2, 4 * 6 * 7), "fb": draw(2)}
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays))
    assert error < 1e-6 and len(model.layers) == 3


@pytest.mark.parametrize("perm", [[0, 2, 1, 3], [0, 3, 2, 1], [0, 1, 3, 2], [0, 2, 3, 1], [0, 3, 1, 2]])
def test_any_turn_of_axes(perm, tmp_path):
    nodes = [("Conv", ["x", "w"], ["a"], {}), ("Transpose", ["a"], ["b"], {"perm": perm}),
             ("Conv", ["b", "v"], ["c"], {}), ("Reshape", ["c", "shape"], ["d"], {}), ("Softmax", ["d"], ["e"], {"axis": 1}),
             ("Flatten", ["e"], ["f"], {}), ("MatMul", ["f", "fc"], ["y"], {})]
    sizes = [None, 4, 6, 7]
    channels, rows, cols = (sizes[axis] for axis in perm[1:])
    count = 2 * (rows - 1) * (cols - 1)
    arrays = {"w": draw(4, 3, 3, 2), "v": draw(2, channels, 2, 2), "shape": np.int64([0, rows - 1, -1, 2]),
              "fc": draw(count, 3)}
    error, _ = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays))
    assert error < 1e-6


def test_a_shuffle_of_channels(tmp_path):
    nodes = [("Reshape", ["x", "apart"], ["a"], {}), ("Transpose", ["a"], ["b"], {"perm": [0, 2, 1, 3, 4]}),
             ("Reshape", ["b", "back"], ["c"], {}), ("Conv", ["c", "w"], ["y"], {"group": 2})]
    arrays = {"apart": np.int64([0, 2, 3, 5, 4]), "back": np.int64([0, 6, 5, 4]), "w": draw(4, 3, 3, 3)}
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays, shape=("n", 6, 5, 4)))
    assert error < 1e-6 and [type(layer).__name__ for layer in model.layers] == ["Reshape", "Permute", "Reshape", "Conv2D"]


@pytest.mark.parametrize("opset", [9, 12, 13])
def test_both_meanings_of_softmax(opset, tmp_path):
    error, _ = beside.read_beside(write(tmp_path / "m.onnx", [("Softmax", ["x"], ["y"], {"axis": 1})], {}, opset=opset))
    assert error < 1e-6


def test_a_batch_of_one_in_the_file_is_any(tmp_path):
    nodes = [("Conv", ["x", "w"], ["a"], {}), ("Reshape", ["a", "shape"], ["b"], {}), ("MatMul", ["b", "fc"], ["y"], {})]
    arrays = {"w": draw(4, 3, 3, 3), "shape": np.int64([1, 144]), "fc": draw(144, 2)}
    path = write(tmp_path / "m.onnx", nodes, arrays, shape=(1, 3, 8, 8))
    error, model = beside.read_beside(path)
    assert error < 1e-6 and model.predict(beside.images((8, 8, 3))).shape == (3, 2)


def test_batch_normalization_trains_and_takes_scales_behind_it(tmp_path):
    nodes = [("Conv", ["x", "w"], ["a"], {}),
             ("BatchNormalization", ["a", "g", "b", "m", "v"], ["c"], {"momentum": 0.8, "epsilon": 0.01}),
             ("Mul", ["c", "s"], ["d"], {}), ("Add", ["d", "o"], ["e"], {}), ("GlobalAveragePool", ["e"], ["f"], {}),
             ("Flatten", ["f"], ["y"], {})]
    arrays = {name: draw(4, seed=i) for i, name in enumerate("gbm")} | {"v": abs(draw(4)) + 0.5, "w": draw(4, 3, 3, 3)}
    arrays |= {"s": draw(4, 1, 1, seed=7), "o": draw(4, 1, 1, seed=8)}
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert error < 1e-6 and kinds == ["Conv2D", "BatchNormalization", "GlobalAveragePooling2D"]
    norm = model.layers[1]
    assert (norm.momentum, norm.epsilon) == (0.8, 0.01)
    model.compile("adam", "mse")
    before = norm.get_weights()
    x = beside.images((8, 8, 3))
    losses = model.fit(x, np.zeros((3, 4)), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and all(not np.array_equal(a, b) for a, b in zip(before, norm.get_weights()))


# gelu before opset 20: by torch's exporter; half of x first; doubled within, halved behind; halved by division; less than 0
GELUS = [["Div x root", "Erf a", "Add b one", "Mul x c", "Mul d half"],
         ["Mul x half", "Div x root", "Erf b", "Add one c", "Mul a d"],
         ["Div x root", "Erf a", "Mul b half", "Add c half", "Mul d x"],
         ["Div x root", "Erf a", "Add one b", "Div c two", "Mul x d"],
         ["Div x root", "Erf a", "Sub b minus", "Mul c half", "Mul d x"]]


@pytest.mark.parametrize("steps", GELUS, ids=["torch", "half", "inner", "divided", "subtracted"])
def test_gelu_in_single_steps(steps, tmp_path):
    arrays = {"root": np.float32(2**0.5), "one": np.ones(1, np.float32), "half": np.float32(0.5), "two": np.float32(2),
              "minus": np.float32(-1)}
    nodes = [(op, taken, [given], {}) for (op, *taken), given in zip(map(str.split, steps), "abcdy")]
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, arrays))
    assert error < 1e-6 and [layer.activation[0] for layer in model.layers] == ["gelu"]


@pytest.mark.parametrize("number, wrong", [(0, "Div x one"), (2, "Add b half"), (3, "Mul c c"), (4, "Mul d one"),
                                           (4, "Relu d"), (2, "Sum b one one"), (2, "Sub one b"),
                                           (2, "Sub b one"), (2, "Div b half")])
def test_error_functions_that_are_no_part_of_gelu(number, wrong, tmp_path):
    arrays = {"root": np.float32(2**0.5), "one": np.ones(1, np.float32), "half": np.float32(0.5)}
    nodes = [(op, taken, [given], {}) for (op, *taken), given in zip(map(str.split, GELUS[0]), "abcdy")]
    op, *taken = wrong.split()
    nodes[number] = (op, taken, nodes[number][2], {})
    with pytest.raises(FileFormatError, match="part of gelu"):
        fastcnn.load_model(write(tmp_path / "m.onnx", nodes, arrays))


def test_a_branch_of_known_shape(tmp_path):
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("yes", "no")]
    branches = {"then_branch": helper.make_graph([helper.make_node("Relu", ["x"], ["yes"])], "then", [], info[:1]),
                "else_branch": helper.make_graph([helper.make_node("Erf", ["x"], ["no"])], "else", [], info[1:])}
    nodes = [("Shape", ["x"], ["s"], {}), ("Gather", ["s", "one"], ["c"], {}), ("Equal", ["c", "three"], ["is"], {}),
             ("If", ["is"], ["y"], branches)]
    error, model = beside.read_beside(write(tmp_path / "m.onnx", nodes, {"one": np.int64(1), "three": np.int64(3)}))
    assert error == 0 and len(model.layers) == 1


# What is refused


def test_all_unknown_nodes_are_named_before_anything_is_built(tmp_path, monkeypatch):
    nodes = [("Foo", ["x"], ["a"], {}), ("Conv", ["a", "w"], ["b"], {}), ("Acos", ["b"], ["c"], {}),
             ("Relu", ["c"], ["d"], {}), ("Cos", ["d"], ["y"], {}), ("Bar", ["x"], ["unused"], {})]
    path = write(tmp_path / "m.onnx", nodes, {"w": draw(4, 3, 3, 3)})
    monkeypatch.setattr(fastcnn.Model, "from_config", None)
    with pytest.raises(FileFormatError) as error:
        fastcnn.load_model(path)
    words = str(error.value)
    assert words.startswith(f"{path}: there are no layers for 3 of 6 nodes. Received: ")
    assert all(name in words for name in ("Foo 'Foo_0'", "Acos 'Acos_2'", "Cos 'Cos_4'")) and "Bar" not in words


@pytest.mark.parametrize("nodes, arrays, message", [
    ([("Conv", ["x", "w"], ["y"], {})], {"w": draw(4, 2, 3, 3)}, "does not fit 3 channels"),
    ([("Conv", ["x", "x"], ["y"], {})], {}, "must be a constant"),
    ([("Softmax", ["x"], ["y"], {"axis": 0})], {}, "over the samples of a batch"),
    ([("Reshape", ["x", "s"], ["y"], {})], {"s": np.int64([6, -1])}, "for a batch of any size"),
    ([("Concat", ["x", "x"], ["y"], {"axis": 0})], {}, "joins samples"),
    ([("MaxPool", ["x"], ["y", "i"], {"kernel_shape": [2, 2]}), ("Cast", ["i"], ["z"], {"to": 1})], {}, "'i' is needed"),
    ([("Pad", ["x", "p"], ["y"], {"mode": "reflect"})], {"p": np.int64([0, 0, 1, 1, 0, 0, 1, 1])}, "pads by reflect"),
    ([("Relu", ["nothing"], ["y"], {})], {}, "given before them. Received: 'nothing'"),
    ([("LRN", ["x"], ["y"], {})], {}, "'size' must be given"),
    ([("Add", ["x", "c"], ["y"], {})], {"c": draw(3, 8, 8)}, "pixel to pixel"),
    ([("BatchNormalization", ["x", *"ccccc"[:4]], ["y"], {"training_mode": 1})], {"c": draw(3)}, "normalizes by the batch"),
])
def test_nodes_that_are_refused(nodes, arrays, message, tmp_path):
    outputs = ["y", "z"] if any("z" in node[2] for node in nodes) else ["y"]
    with pytest.raises(FileFormatError, match=message) as error:
        fastcnn.load_model(write(tmp_path / "m.onnx", nodes, arrays, outputs=outputs))
    assert "m.onnx: " in str(error.value)


def test_arrays_beside_the_file(tmp_path):
    nodes, arrays = [("Conv", ["x", "w"], ["y"], {})], {"w": draw(4, 3, 3, 3)}
    more = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0}
    inside = tmp_path / "inside"
    inside.mkdir()
    path = write(inside / "m.onnx", nodes, arrays, **more)
    assert beside.read_beside(path)[0] < 1e-6
    raw = (inside / "w.data").read_bytes()
    (tmp_path / "w.data").write_bytes(raw)

    def refused(message, **entries):
        model = onnx.load(path, load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            entry.value = str(entries.get(entry.key, entry.value))
        onnx.save(model, str(inside / "n.onnx"))
        with pytest.raises(FileFormatError, match=message):
            fastcnn.load_model(inside / "n.onnx")

    for location in ("../w.data", str(tmp_path / "w.data"), "", "."):
        refused("beside the model's|must take", location=location)
    refused("must take 432 bytes from 8 on", offset=8)
    refused("must take", offset=-4)
    refused("must take", length=400)
    refused("must take .* no such file", location="other.data")
    os.symlink(tmp_path / "w.data", inside / "link.data")
    refused("beside the model's", location="link.data")
    (inside / "w.data").write_bytes(raw[:-1])
    refused("must take 432 bytes from 0 on of 'w.data'. Received: 431")


def test_sizes_are_looked_at_before_memory_is_taken(tmp_path):
    big = np.int64([2**20, 2**20])
    nodes = [("ConstantOfShape", ["s"], ["w"], {}), ("Flatten", ["x"], ["f"], {}), ("MatMul", ["f", "w"], ["y"], {})]
    with pytest.raises(FileFormatError, match="at most"):
        fastcnn.load_model(write(tmp_path / "m.onnx", nodes, {"s": big}))
    model = onnx.load(write(tmp_path / "n.onnx", [("Conv", ["x", "w"], ["y"], {})], {"w": draw(4, 3, 3, 3)}))
    model.graph.initializer[0].dims[0] = 2**40
    onnx.save(model, str(tmp_path / "n.onnx"))
    with pytest.raises(FileFormatError, match="n.onnx"):
        fastcnn.load_model(tmp_path / "n.onnx")


# The command line


def test_convert_and_summary(tmp_path, capsys):
    model = beside.filled(networks.lenet5(seed=1))
    model.save(tmp_path / "m.safetensors")
    out, again = str(tmp_path / "m.onnx"), str(tmp_path / "again.safetensors")
    assert cli.main(["convert", str(tmp_path / "m.safetensors"), out, "--opset", "15", "--logits"]) == 0
    assert onnx.load(out).opset_import[0].version == 15
    assert cli.main(["convert", out, again]) == 0
    assert "Gemm 'output' → Dense 'output'" in capsys.readouterr().out
    assert cli.main(["summary", out]) == 0 and "c1 (Conv2D)" in capsys.readouterr().out
    x = beside.images((28, 28, 1))
    assert np.array_equal(fastcnn.load_model(again).predict(x), fastcnn.load_model(out).predict(x))
    assert cli.main(["convert", out, again]) == 1 and "--overwrite" in capsys.readouterr().err
    assert cli.main(["convert", out, str(tmp_path / "m.xyz")]) == 1 and ".safetensors, .onnx" in capsys.readouterr().err
    assert cli.main(["convert", out, again, "--overwrite", "--opset", "13"]) == 1


def test_commands_take_files_by_content(tmp_path, capsys):
    model = beside.filled(networks.lenet5(seed=1))
    model.export(tmp_path / "m.onnx")
    os.rename(tmp_path / "m.onnx", tmp_path / "odd.name")
    np.save(tmp_path / "x.npy", beside.images((28, 28, 1))[:1])
    assert cli.main(["predict", str(tmp_path / "odd.name"), str(tmp_path / "x.npy")]) == 0
    label = capsys.readouterr().out.split("\t")[1]
    assert int(label) == model.predict(np.load(tmp_path / "x.npy")).argmax()
    assert cli.main(["evaluate", str(tmp_path / "odd.name"), "--limit", "50", "--scale", "1/255"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_metadata_of_other_programs_are_kept(tmp_path):
    path = write(tmp_path / "m.onnx", [("Relu", ["x"], ["y"], {})], {})
    model = onnx.load(path)
    helper.set_model_props(model, {"author": "me"})
    onnx.save(model, path)
    assert fastcnn.load_model(path).metadata == {"onnx": {"author": "me"}}
    helper.set_model_props(model, {"fastcnn": json.dumps([1])})
    onnx.save(model, path)
    with pytest.raises(FileFormatError, match="must be a JSON object"):
        fastcnn.load_model(path)
