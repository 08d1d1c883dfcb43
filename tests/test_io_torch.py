"""PyTorch's state dicts, ours read by torch and its own read here; and modules written as source."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from foreign import (
    ALEXNETS,
    NETWORKS,
    VISION,
    chain,
    computed,
    error,
    filled,
    from_torchvision,
    images,
    linear,
    module,
    same_weights,
    vision,
)

import fastcnn
from fastcnn import layers as L
from fastcnn.io import FileFormatError
from fastcnn.io import torch as ours


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


def round_trip(torch, model, folder):
    """The error of torch's module with our arrays; and are the arrays that it then writes ours?"""
    x = images(model)
    ours.save(model, folder / "m.pt")
    net = module(model, torch.load(folder / "m.pt", weights_only=True))
    torch.save(net.state_dict(), folder / "t.pt")
    back = type(model).from_config(model.get_config())
    ours.load(back, folder / "t.pt")
    assert same_weights(back, model)
    return error(computed(net, x), model.predict(x))


@pytest.mark.parametrize("name", [*NETWORKS, "alexnet-paper", "alexnet-caffe", "alexnet-torchvision"])
def test_networks(name, torch, tmp_path):
    assert round_trip(torch, linear(filled({**NETWORKS, **ALEXNETS}[name]())), tmp_path) < 1e-5


LAYERS = {
    "convolutions": lambda: chain((9, 8, 3), L.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                                  L.DepthwiseConv2D(3, padding=((1, 2), (0, 1)), depth_multiplier=2),
                                  L.SeparableConv2D(6, 3, padding=1, activation="elu"),
                                  L.Conv2D(4, 3, groups=2, dilation_rate=2, padding=2, use_bias=False)),
    "transposed": lambda: chain((5, 5, 4), L.Conv2DTranspose(4, 3, strides=2, padding="same", groups=2),
                                L.Conv2DTranspose(3, 4, 2), L.Conv2DTranspose(3, 2, strides=3),
                                L.Conv2DTranspose(3, 3, strides=2, padding=1, output_padding=1)),
    "pooling": lambda: chain((9, 10, 3), L.Conv2D(3, 1), L.MaxPooling2D(3, 2, padding=1), L.AveragePooling2D(2, 1, "same"),
                             L.MaxPooling2D(2, 2, "same"), L.AveragePooling2D(2, 2, ceil_mode=True)),
    "means": lambda: chain((9, 10, 3), L.AveragePooling2D(3, 2, padding=1, count_include_pad=True),
                           L.AveragePooling2D(3, 1, padding=1), L.AdaptiveAveragePooling2D(3), L.GlobalAveragePooling2D()),
    "largest": lambda: chain((6, 6, 4), L.MaxPooling2D(2, 1, padding=((1, 0), (0, 1))), L.GlobalMaxPooling2D(keepdims=True)),
    "normalizations": lambda: chain((6, 6, 8), L.LayerNormalization(), L.GroupNormalization(4), L.BatchNormalization(),
                                    L.LocalResponseNormalization(4, 0.1, groups=2), L.PReLU(shared_axes=(1, 2)), L.Maxout(2),
                                    L.Rescaling([1, 2, 3, 4], 0.5), L.Normalization(mean=0.5, variance=2.0)),
    "activations": lambda: chain((6,), *[L.Dense(6, a) for a in (
        "scaled_tanh", "leaky_relu", {"name": "elu", "alpha": 0.5}, {"name": "hard_sigmoid", "slope": 0.25}, "silu", "gelu",
        "selu", "sigmoid", "tanh", "softsign", "hard_silu", "relu6", "exponential", "softplus")], L.ReLU(negative_slope=0.1),
        L.ReLU6(), L.LeakyReLU(0.1), L.ELU(0.7), L.Activation("log_softmax"), L.Softmax()),
    "moving": lambda: chain((6, 4, 2), L.Permute((2, 1, 3)), L.ZeroPadding2D(((0, 1), (2, 0))), L.Cropping2D(1),
                            L.UpSampling2D(2, interpolation="bilinear"), L.UpSampling2D((1, 2)), L.Reshape((-1, 4, 2)),
                            L.Dropout(0.5), L.SpatialDropout2D(0.5), L.GaussianNoise(0.5), L.Flatten(), L.Dense(3)),
    "rows": lambda: chain((3, 4, 5), L.Flatten(), L.Activation("tanh"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(6),
                          L.BatchNormalization(), L.Dense(2)),
    "flat output": lambda: chain((3, 4, 5), L.Conv2D(2, 2), L.Flatten()),
    "flat normalization": lambda: chain((3, 4, 5), L.Flatten(), L.LayerNormalization(), L.Dense(2)),
    "names": lambda: chain((4,), L.Dense(3, name="to"), L.Dense(3, name="0"), L.Dense(3, name="a"), L.Dense(3, name="a.b"),
                           L.Dense(3, name="class"), L.Dense(3, name="it's \"odd\"\n"), L.Dense(2, name="keys.x")),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, torch, tmp_path):
    assert round_trip(torch, LAYERS[name](), tmp_path) < 1e-5


def test_branches(torch, tmp_path):
    a, b = fastcnn.Input((4, 4, 3), name="a"), fastcnn.Input((4, 4, 3), name="b")
    c = L.Conv2D(3, 3, padding=1, name="twice")
    y = L.Subtract()([L.Add()([c(a), c(c(b))]), a])
    z = L.Average()([y, L.Maximum()([a, L.Minimum()([b, L.Multiply()([y, a])])])])
    flat = L.Flatten()(L.Concatenate()([y, z]))
    model = filled(fastcnn.Model([a, b], [L.Dense(2)(flat), L.Dense(3)(L.Activation("relu")(flat)), y], seed=0))
    assert round_trip(torch, model, tmp_path) < 1e-5


def test_safetensors_and_a_mapping(torch, tmp_path):
    model = filled(ALEXNETS["alexnet-torchvision"]())
    ours.save(model, tmp_path / "m.safetensors", ours.ALEXNET)
    state = ours.load_state(tmp_path / "m.safetensors")
    assert state["classifier.1.weight"].shape[1] == state["features.10.bias"].size * 1  # one pixel is left of 67
    back = ALEXNETS["alexnet-torchvision"]()
    ours.load(back, tmp_path / "m.safetensors", ours.ALEXNET)
    assert same_weights(back, model)
    model.export(tmp_path / "m.pth")
    assert list(torch.load(tmp_path / "m.pth"))[0] == "conv1.weight"


def test_by_order(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
                        nn.Linear(64, 5, bias=False)).eval()
    model = fastcnn.Sequential([fastcnn.Input((4, 4, 3)), L.Conv2D(4, 3, padding=1), L.BatchNormalization(epsilon=1e-5),
                                L.ReLU(), L.Flatten(), L.Dense(5, use_bias=False)])
    with torch.no_grad():
        for p in (*net.parameters(), net[1].running_mean, net[1].running_var):
            p.uniform_(0.1, 0.9)
    ours.load(model, {name: value.detach().numpy() for name, value in net.state_dict().items()})
    x = images(model)
    assert error(model.predict(x), computed(net, x)) < 1e-5


def test_dtypes_parts_and_checkpoints(torch, tmp_path):
    """Half and bfloat16, transposed and shared storages, other things beside the state dict."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {"t": base.T, "part": base[1:3, 2:], "half": base.half(), "bfloat": base.bfloat16(), "double": base.double(),
             "scalar": torch.tensor(3.0), "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(base)}
    torch.save({"epoch": 7, "state": state, "args": Settings(), "loss": [1.0, (2, None)]}, tmp_path / "c.pt")
    for found in (ours.load_state(tmp_path / "c.pt"), ours.load_state(tmp_path / "c.pt", key="state")):
        assert set(found) == set(state)
        for name, value in state.items():
            assert np.array_equal(found[name].astype(np.float64), value.detach().double().numpy())
    torch.save({"a": state, "b": state}, tmp_path / "c.pt")
    with pytest.raises(FileFormatError, match="key= says which.*Received: 2 among"):
        ours.load_state(tmp_path / "c.pt")
    assert len(ours.load_state(tmp_path / "c.pt", key="b")) == len(state)


class Settings:
    """An object in a checkpoint; what it would run is not run."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def test_what_is_no_state_dict(torch, tmp_path):
    path, net = tmp_path / "n.pt", torch.nn.Linear(2, 2)
    torch.save(net, path)
    with pytest.raises(FileFormatError, match=r"torch.save\(model.state_dict\(\), path\).*an object of torch.nn.mod"):
        ours.load_state(path)
    torch.jit.save(torch.jit.script(net), str(path))
    with pytest.raises(FileFormatError, match="a script"):
        ours.load_state(path)
    torch.save(net.state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(FileFormatError, match="a file of torch.save"):
        ours.load_state(path)
    torch.save(net.state_dict(), path)
    with pytest.raises(FileFormatError, match=r"fastcnn.io.torch.load\(model, path\)"):
        fastcnn.load_model(path)


def test_nothing_is_run(tmp_path):
    """The pickle of a checkpoint may name any function."""
    path = tmp_path / "c.pt"
    ours.save(chain((2,), L.Dense(2, name="d")), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["archive/data.pkl"] = pickle.dumps(Settings())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(FileFormatError, match="an object of .*_Fail"):
        ours.load_state(path)


def rewritten(path, change):
    """Changes the tensors that a file's pickle tells of."""
    from fastcnn.io.torch.pickled import pickled, unpickled

    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    tensors = unpickled(entries["archive/data.pkl"])
    entries["archive/data.pkl"] = pickled({name: change(tensor) for name, tensor in tensors.items()})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("change", [
    lambda t: t._replace(offset=1), lambda t: t._replace(shape=(1 << 40, 1 << 20)), lambda t: t._replace(strides=(10, 10)),
    lambda t: t._replace(shape=(3, 3), strides=(0, 0)), lambda t: t._replace(storage=t.storage._replace(count=5)),
    lambda t: t._replace(storage=t.storage._replace(dtype="<f8")),
    lambda t: t._replace(storage=t.storage._replace(key="../x")),
])
def test_tensors_beyond_their_storage(change, tmp_path):
    path = tmp_path / "m.pt"
    ours.save(chain((2,), L.Dense(2, use_bias=False, name="d")), path)
    rewritten(path, lambda t: t)
    ours.load_state(path)
    rewritten(path, change)
    with pytest.raises(FileFormatError):
        ours.load_state(path)


def test_a_memo_takes_no_memory():
    from fastcnn.io.torch.pickled import unpickled

    assert unpickled(b"\x80\x02Nr\xff\xff\xff\x7f.") is None  # its number is 2³¹ − 1
    with pytest.raises(ValueError):
        unpickled(b"\x80\x02" + b")" + b"\x85" * 100_000 + b"}\x94h\x00" + b"N\x87s.")
    with pytest.raises(ValueError, match="keys must be texts or numbers"):
        unpickled(b"\x80\x02})" + b"\x85" * 100_000 + b"Ns.")


def test_arrays_that_do_not_fit_are_all_named(tmp_path):
    model = chain((2,), L.Dense(3, name="d"), L.Dense(2, name="e"))
    state = {"d.weight": np.zeros((3, 3)), "d.bias": np.zeros(3), "e.weight": np.zeros((2, 3)), "x": np.zeros(1)}
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"d.weight of shape \(3, 2\) for d/kernel, not \(3, 3\); e.bias of shape \(2,\) "
                                         r"for e/bias, not None; left over: x"):
        ours.load(model, state)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def test_layers_that_torch_has_not_are_all_named(tmp_path):
    model = fastcnn.networks.lenet5(variant="1998")
    with pytest.raises(ValueError, match=r"s2 \(Subsampling2D\); c3 \(Conv2D\); s4 \(Subsampling2D\); output \(RBF\)"):
        ours.save(model, tmp_path / "m.pt")
    with pytest.raises(ValueError, match=r"p \(SoftPooling2D\)"):
        ours.code(chain((4, 4, 2), L.SoftPooling2D(name="p")))


@pytest.mark.parametrize("name", VISION)
def test_torchvision(name, torch, tmp_path):
    """Its networks with its own random weights: logits, and the loss before and after a step of gradient descent."""
    try:
        vision()
    except ImportError:
        pytest.skip("torchvision is not installed")
    rows = from_torchvision(name, tmp_path, None if name in ("alexnet", "vgg11") else 96)
    assert max(rows.values()) < 1e-5


def test_code_is_text_for_editors(torch):
    text = ours.code(fastcnn.networks.lenet5(), "LeNet5")
    assert text.isascii() and "class LeNet5(nn.Module):" in text
    compile(text, "lenet5.py", "exec")
    assert max(map(len, text.splitlines())) < 120
    buffer = io.StringIO(text)
    assert buffer.readline().startswith('"""lenet5, written by fastcnn.')
