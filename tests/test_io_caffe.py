"""Caffe's files, written here by the schema of the reader, against torch: LeNet, CaffeNet, AlexNet, of both generations."""

import numpy as np
import pytest

import fastcnn
from fastcnn.io import FileFormatError
from fastcnn.io.caffe import schema

pytest.importorskip("google.protobuf", reason="protobuf is not installed")
from google.protobuf import text_format  # noqa: E402

RNG = np.random.default_rng(0)


def conv(name, filters, kernel, **more):
    return "Convolution", name, {"num_output": filters, "kernel_size": [kernel],
                                 **{k: [v] if k in ("pad", "stride") else v for k, v in more.items()}}


def pool(name, kernel, stride, **more):
    return "Pooling", name, {"kernel_size": [kernel], "stride": [stride], **more}


def lrn(name):
    return "LRN", name, {"local_size": 5, "alpha": 1e-2, "beta": 0.75}


def dense(name, units):
    return "InnerProduct", name, {"num_output": units}


def relu(name):
    return "ReLU", name, {}


SOFTMAX = ("Softmax", "prob", {})
LENET = (1, 28, 28), [conv("conv1", 20, 5), pool("pool1", 2, 2), conv("conv2", 50, 5), pool("pool2", 2, 2), dense("ip1", 50),
                      relu("relu1"), dense("ip2", 10), SOFTMAX]
TAIL = [conv("conv3", 12, 3, pad=1), relu("relu3"), conv("conv4", 12, 3, pad=1, group=2), relu("relu4"),
        conv("conv5", 8, 3, pad=1, group=2), relu("relu5"), pool("pool5", 3, 2), dense("fc6", 30), relu("relu6"),
        ("Dropout", "drop6", {"dropout_ratio": 0.5}), dense("fc7", 30), relu("relu7"), dense("fc8", 10), SOFTMAX]
CAFFENET = (3, 68, 67), [conv("conv1", 6, 11, stride=4), relu("relu1"), pool("pool1", 3, 2), lrn("norm1"),
                         conv("conv2", 8, 5, pad=2, group=2), relu("relu2"), pool("pool2", 3, 2), lrn("norm2"), *TAIL]
ALEXNET = (3, 68, 67), [conv("conv1", 6, 11, stride=4), relu("relu1"), lrn("norm1"), pool("pool1", 3, 2),
                        conv("conv2", 8, 5, pad=2, group=2), relu("relu2"), lrn("norm2"), pool("pool2", 3, 2), *TAIL]
NETWORKS = {"lenet": LENET, "caffenet": CAFFENET, "alexnet": ALEXNET}
OLD = {"Convolution": "CONVOLUTION", "Pooling": "POOLING", "LRN": "LRN", "InnerProduct": "INNER_PRODUCT", "ReLU": "RELU",
       "Dropout": "DROPOUT", "Softmax": "SOFTMAX"}
PARAMETERS = {"Convolution": "convolution_param", "Pooling": "pooling_param", "LRN": "lrn_param",
              "InnerProduct": "inner_product_param", "Dropout": "dropout_param"}


def reference(network, arrays, x):
    """What Caffe computes of x (N, C, H, W), by torch."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.nn import functional as F

    x = torch.from_numpy(x)
    for kind, name, p in network:
        own = [torch.from_numpy(array) for array in arrays.get(name, ())]
        first = {key: value[0] if isinstance(value, list) else value for key, value in p.items()}
        if kind == "Convolution":
            x = F.conv2d(x, *own, first.get("stride", 1), first.get("pad", 0), groups=first.get("group", 1))
        elif kind == "Pooling" and first.get("pool") == 1:
            x = F.avg_pool2d(x, first["kernel_size"], first["stride"], first.get("pad", 0), ceil_mode=True)
        elif kind == "Pooling":
            x = F.max_pool2d(x, first["kernel_size"], first["stride"], first.get("pad", 0), ceil_mode=True)
        elif kind == "LRN":
            x = F.local_response_norm(x, p["local_size"], p["alpha"], p["beta"], 1.0)
        elif kind == "InnerProduct":
            x = F.linear(x.flatten(1), *own)
        elif kind == "ReLU":
            x = F.relu(x)
        elif kind == "Softmax":
            x = F.softmax(x, 1)
    return x.numpy()


def arrays_of(shape, network):
    """Random arrays {layer: [weights, bias]}, by walking through the shapes."""
    import torch

    found, x = {}, torch.zeros(1, *shape)
    for kind, name, p in network:
        if kind == "Convolution":
            size = (p["num_output"], x.shape[1] // p.get("group", 1), p["kernel_size"][0], p["kernel_size"][0])
        elif kind == "InnerProduct":
            size = (p["num_output"], int(np.prod(x.shape[1:])))
        else:
            x = torch.from_numpy(reference([(kind, name, p)], {}, x.numpy()))
            continue
        found[name] = [(RNG.standard_normal(size) * (2 / np.prod(size[1:])) ** 0.5).astype(np.float32),
                       RNG.uniform(-0.1, 0.1, size[0]).astype(np.float32)]
        x = torch.from_numpy(reference([(kind, name, p)], found, x.numpy()))
    return found


def written(folder, shape, network, arrays, old=False, data=None):
    """Writes deploy.prototxt (unless data says what a data layer is) and net.caffemodel; the path of the latter."""
    net = schema.message()
    net.name = "net"
    add = net.layers.add if old else net.layer.add
    if data is not None:
        layer = add(name="data", type=5 if old else "Data", top=["data", "label"])
        for key, value in data.items():
            if isinstance(value, list):
                getattr(layer.transform_param, key).extend(value)
            else:
                setattr(layer.transform_param, key, value)
    elif old:
        net.input.append("data")
        net.input_dim.extend([10, *shape])
    else:
        add(name="data", type="Input", top=["data"]).input_param.shape.add(dim=[10, *shape])
    below = "data"
    for kind, name, p in network:
        own = below if kind in ("ReLU", "Dropout") else name
        layer = add(name=name, bottom=[below], top=[own])
        layer.type = schema._WORDS["LayerType"].index(OLD[kind]) if old else kind
        for key, value in p.items():
            target = getattr(layer, PARAMETERS[kind])
            getattr(target, key).extend(value) if isinstance(value, list) else setattr(target, key, value)
        below = own
    if data is None:
        (folder / "deploy.prototxt").write_text(text_format.MessageToString(net))
    for layer in net.layers if old else net.layer:
        for array in arrays.get(layer.name, ()):
            blob = layer.blobs.add(data=array.ravel().tolist())
            four = [1] * (4 - array.ndim) + list(array.shape)
            if old:
                blob.num, blob.channels, blob.height, blob.width = four
            else:
                blob.shape.dim.extend(array.shape)
    path = folder / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    return path


@pytest.mark.parametrize("old", [False, True], ids=["layer", "layers"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, old, tmp_path):
    shape, network = NETWORKS[name]
    pytest.importorskip("torch", reason="torch is not installed")
    arrays = arrays_of(shape, network)
    path = written(tmp_path, shape, network, arrays, old)
    x = RNG.uniform(-120, 130, (3, *shape)).astype(np.float32)
    right = reference(network[:-1], arrays, x)
    model = fastcnn.load_model(path)
    assert model.input_shape == (None, *shape[1:], shape[0])
    colours = [2, 1, 0] if shape[0] == 3 else [0]  # the model takes red, green, blue
    images = np.ascontiguousarray(x[:, colours].transpose(0, 2, 3, 1))
    logits = fastcnn.Model(model.input, model.layers[-1].input).predict(images)
    assert np.abs(logits - right).max() <= 1e-5 * np.abs(right).max()
    assert np.allclose(model.predict(images).sum(1), 1, atol=1e-5)
    order = [layer.name for layer in model.layers]
    if name != "lenet":
        assert (order.index("norm1") < order.index("pool1")) == (name == "alexnet")
        assert model.get_layer("conv2").groups == 2 and model.get_layer("norm1").alpha_mode == "mean"
    again = fastcnn.load_model(tmp_path / "net.caffemodel")
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights()))


def test_a_data_layer_says_how_images_are_prepared(tmp_path):
    from fastcnn.images import Preparation

    pytest.importorskip("torch", reason="torch is not installed")
    shape, network = (3, 67, 67), CAFFENET[1]
    arrays = arrays_of(shape, network)
    path = written(tmp_path, shape, network, arrays, data={"crop_size": 67, "mean_value": [104.0, 117.0, 123.0]})
    model = fastcnn.load_model(path)
    p = Preparation.of(model)
    assert p.augmentation.mean.tolist() == [123.0, 117.0, 104.0] and p.augmentation.crop == (67, 67) and p.size == 256
    images = RNG.integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    blob = images[:, 94:161, 94:161, ::-1].astype(np.float32) - np.float32([104, 117, 123])  # as Caffe is given it
    right = reference(network, arrays, np.ascontiguousarray(blob.transpose(0, 3, 1, 2)))
    assert np.abs(model.predict(p.augmentation(images)) - right).max() < 1e-5


def test_average_pooling_counts_the_padding(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    network = [pool("pool1", 3, 2, pad=[1], pool=1), pool("pool2", 2, 2, pool=1), dense("ip", 4), SOFTMAX]
    arrays = arrays_of((2, 11, 12), network)
    model = fastcnn.load_model(written(tmp_path, (2, 11, 12), network, arrays))
    x = RNG.standard_normal((2, 2, 11, 12)).astype(np.float32)
    assert np.abs(model.predict(x.transpose(0, 2, 3, 1)) - reference(network, arrays, x)).max() < 1e-6


def test_phases_multipliers_and_losses(tmp_path):
    text = """name: "n" input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }
    layer { name: "flip" type: "Flip" bottom: "data" top: "data" include { phase: TRAIN } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
            inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
    layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" include { phase: TEST } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }"""
    (tmp_path / "deploy.prototxt").write_text(text)
    net = schema.message()
    layer = net.layer.add(name="ip", type="InnerProduct")
    weights = RNG.standard_normal((2, 48)).astype(np.float32)
    layer.blobs.add(data=weights.ravel().tolist()).shape.dim.extend([2, 48])
    layer.blobs.add(data=[0.5, -0.5]).shape.dim.extend([2])
    path = tmp_path / "n.caffemodel"
    path.write_bytes(net.SerializeToString())
    model = fastcnn.load_model(path)
    assert model.get_layer("ip").learning_rate_multiplier == {"bias": 2.0}
    assert model.get_layer("ip").weight_decay_multiplier == {"bias": 0.0}
    x = RNG.standard_normal((2, 3, 4, 4)).astype(np.float32)
    logits = x.reshape(2, -1) @ weights.T + np.float32([0.5, -0.5])
    right = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.abs(model.predict(x.transpose(0, 2, 3, 1)) - right).max() < 1e-5
    assert any("blue, green, red" in note for note in fastcnn.io.read(path).notes)  # a dense layer sees the image


@pytest.mark.parametrize("text, message", [
    ("layer { name: 'a' type: 'Scale' bottom: 'data' top: 'a' } layer { name: 'b' type: 'PReLU' bottom: 'a' top: 'b' }",
     r"a \(Scale\); b \(PReLU\)"),
    ("layer { name: 'a' type: 'Pooling' bottom: 'data' top: 'a' pooling_param { pool: STOCHASTIC kernel_size: 2 } }",
     r"a \(Pooling\): pools by chance"),
    ("layer { name: 'a' type: 'InnerProduct' bottom: 'data' top: 'a' inner_product_param { num_output: 2 } }",
     "must have 2 arrays"),
    ("layer { name: 'a' type", "must be a network of Caffe"),
])
def test_what_is_refused(text, message, tmp_path):
    (tmp_path / "n.prototxt").write_text('name: "n" input: "data" input_dim: [1, 3, 4, 4] ' + text)
    (tmp_path / "n.caffemodel").write_bytes(b"")
    with pytest.raises(FileFormatError, match=message):
        fastcnn.load_model(tmp_path / "n.prototxt")


def test_a_text_needs_its_arrays(tmp_path):
    (tmp_path / "n.prototxt").write_text('name: "n" input: "data"')
    with pytest.raises(FileFormatError, match="must have its arrays beside it"):
        fastcnn.load_model(tmp_path / "n.prototxt")
