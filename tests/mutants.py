"""Damaged files of models, each loaded in a child of its own that may take 1 GiB and 5 seconds.

    python tests/mutants.py FORMAT [--count 10000] [--first 0]

FORMATS gives sound small files of each format; a mutant is one of them with bytes changed, lost, doubled or taken from
another, and depends on its number alone. A mutant must load, or be refused by an error that names it. Ends with code 1 if
one crashes, hangs, takes more memory, raises anything else, or touches what lies outside its folder.
"""

import argparse
import collections
import faulthandler
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import zipfile

import numpy as np

import fastcnn

SECONDS, MEMORY = 5, 1 << 30
LOADED, REFUSED, UNCLEAN, OUTSIDE, MEMORY_ERROR = range(10, 15)  # codes of children
NAMES = {LOADED: "loaded", REFUSED: "refused", UNCLEAN: "unclean error", OUTSIDE: "touched other files or ran something",
         MEMORY_ERROR: "more than 1 GiB"}
GOOD = {"loaded", "refused"}
_NUMBERS = [0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_WORDS = [b"../", b"/etc/passwd", b"\0", b"..\\", b"-1", b"1e999", b"[" * 60, b"{" * 60, "\N{SNOWMAN}".encode(), b"\xff\xfe",
          b"__import__", b"float64"]
_VALUES = [None, -1, 0, 1, 2**31, 2**63, 1e308, "", "a", [], {}, True, [None], "x" * 1000, {"class_name": "Dense"}]
_RUN = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect"}
_CHANGED = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"}


def small(activation="relu"):
    """A network with a layer of most kinds."""
    layers = fastcnn.layers
    x = layers.Input((8, 8, 2), name="in")
    y = layers.Conv2D(4, 3, padding="same", activation=activation, name="conv")(x)
    z = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 1, name="point", use_bias=False)(y))
    y = layers.ReLU(name="relu")(layers.Add(name="sum")([y, z]))
    y = layers.MaxPooling2D(3, 2, padding=1, name="pool")(layers.LocalResponseNormalization(3, name="lrn")(y))
    y = layers.Concatenate(name="both")([y, layers.DepthwiseConv2D(3, padding=1, name="each")(y)])
    y = layers.Dropout(0.5, name="drop")(layers.Flatten(name="flat")(y))
    return fastcnn.Model(x, layers.Dense(3, activation="softmax", name="out")(y), seed=1)


def onnx_files(folder):
    """[path] of ONNX files: ours, one of single steps with arrays beside it, and one with shapes computed and a branch."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    paths = [os.path.join(folder, name) for name in ("a.onnx", "b.onnx", "c.onnx")]
    small().export(paths[0])
    draw = np.random.default_rng(0).standard_normal
    arrays = {"w": draw((3, 2, 3, 3)), "b": draw(3), "fc": draw((48, 5)), "two": np.float32(2),
              "slope": draw((3, 1, 1))}
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    tensors += [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in
                {"zero": 0, "axes": [0], "rest": [-1], "pads": [0, 0, 1, 1, 0, 0, 1, 1], "one": 1}.items()]
    node = helper.make_node
    taken = helper.make_graph([node("Relu", ["pooled"], ["yes"])], "then", [],
                              [helper.make_tensor_value_info("yes", TensorProto.FLOAT, None)])
    other = helper.make_graph([node("Tanh", ["pooled"], ["no"])], "else", [],
                              [helper.make_tensor_value_info("no", TensorProto.FLOAT, None)])
    nodes = [
        node("Pad", ["x", "pads"], ["padded"]), node("Conv", ["padded", "w", "b"], ["conv"], strides=[2, 2]),
        node("PRelu", ["conv", "slope"], ["prelu"]), node("Mul", ["prelu", "two"], ["twice"]),
        node("AveragePool", ["twice"], ["pooled"], kernel_shape=[2, 2], pads=[0, 0, 1, 1], ceil_mode=1),
        node("Shape", ["pooled"], ["shape"]), node("Gather", ["shape", "zero"], ["n"]),
        node("Equal", ["n", "one"], ["alone"]),
        node("If", ["alone"], ["branch"], then_branch=taken, else_branch=other), node("Unsqueeze", ["n", "axes"], ["row"]),
        node("Concat", ["row", "rest"], ["target"], axis=0), node("Transpose", ["branch"], ["last"], perm=[0, 2, 3, 1]),
        node("Reshape", ["last", "target"], ["flat"]), node("MatMul", ["flat", "fc"], ["y"]), node("Softmax", ["y"], ["p"]),
    ]
    graph = helper.make_graph(nodes, "steps", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 8, 8])],
                              [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 5])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, paths[1])
    onnx.save(model, paths[2], save_as_external_data=True, location="c.data", size_threshold=64)
    return paths


def keras_files(folder, ending=".keras"):
    """[path] of Keras' archives, or of its HDF5 files."""
    paths = [os.path.join(folder, f"{name}{ending}") for name in "ab"]
    small().export(paths[0])
    small("scaled_tanh").export(paths[1])
    return paths


def h5_files(folder):
    return keras_files(folder, ".h5")


def torch_files(folder):
    """[path] of a state dict, and of a checkpoint with an object, numbers and a list beside it."""
    from fastcnn.io import torch

    paths = [os.path.join(folder, name) for name in ("a.pt", "b.pt")]
    torch.save(small(), paths[0])
    with open(paths[0], "rb") as file:
        entries = _entries(file.read())
    state = entries["archive/data.pkl"][2:-1]
    entries["archive/data.pkl"] = (
        b"\x80\x02}(X\x05\x00\x00\x00modelq\x05" + state + b"X\x04\x00\x00\x00argscargparse\nNamespace\n)\x81}b"
        b"X\x05\x00\x00\x00epochK\x07X\x04\x00\x00\x00list](K\x01K\x02eu.")
    with open(paths[1], "wb") as file:
        file.write(_zipped(entries))
    return paths


def caffe_files(folder):
    """[path] of a .caffemodel with a .prototxt beside it, and of one alone."""
    from google.protobuf import text_format

    from fastcnn.io.caffe import schema

    net = schema.message()
    net.name = "net"
    data = net.layer.add(name="data", type="Data", top=["data", "label"])
    data.transform_param.crop_size = 8
    data.transform_param.mean_value.extend([1.0, 2.0, 3.0])
    conv = net.layer.add(name="c", type="Convolution", bottom=["data"], top=["c"])
    conv.convolution_param.num_output = 4
    conv.convolution_param.kernel_size.append(3)
    net.layer.add(name="n", type="LRN", bottom=["c"], top=["n"]).lrn_param.local_size = 3
    pool = net.layer.add(name="p", type="Pooling", bottom=["n"], top=["p"]).pooling_param
    pool.kernel_size.append(2), pool.stride.append(2)
    dense = net.layer.add(name="d", type="InnerProduct", bottom=["p"], top=["d"])
    dense.inner_product_param.num_output = 3
    net.layer.add(name="loss", type="SoftmaxWithLoss", bottom=["d", "label"], top=["loss"])
    text = text_format.MessageToString(net)
    for layer, shapes in ((conv, [(4, 3, 3, 3), (4,)]), (dense, [(3, 36), (3,)])):
        for shape in shapes:
            layer.blobs.add(data=[0.1] * int(np.prod(shape))).shape.dim.extend(shape)
    paths = [os.path.join(folder, name) for name in ("a.caffemodel", "b.caffemodel", "a.prototxt")]
    for path, content in zip(paths, (net.SerializeToString(), net.SerializeToString(), text.encode())):
        with open(path, "wb") as file:
            file.write(content)
    return [paths[1], paths[2]]


FORMATS = {  # format: a function of a folder that writes sound files into it, and gives their paths
    "onnx": onnx_files, "keras": keras_files, "h5": h5_files, "torch": torch_files, "caffe": caffe_files,
}


def _entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def mutant(number, sound):
    """(index of the file, its damaged bytes): of the files' contents. Of zip archives mostly an entry is damaged, and its
    checksum made right again."""
    rng = np.random.default_rng([20, number])
    index = int(rng.integers(len(sound)))
    if sound[index][:2] != b"PK" or rng.random() < 0.2:
        return index, _damaged(rng, sound[index], sound)
    entries = _entries(sound[index])
    texts = [name for name in entries if name.endswith((".json", ".pkl"))]
    name = str(rng.choice([*entries, *texts * 4]))
    change = _rearranged if name.endswith(".json") and rng.random() < 0.7 else _damaged
    entries[name] = change(rng, entries[name], list(entries.values()))
    return index, _zipped(entries)


def _rearranged(rng, text, _):
    """A JSON text with a value exchanged for another, or left out."""
    config, holders = json.loads(text), []
    stack = [config]
    while stack:
        one = stack.pop()
        if isinstance(one, (dict, list)) and one:
            holders.append(one)
            stack += one.values() if isinstance(one, dict) else one
    holder, other = (holders[int(rng.integers(len(holders)))] for _ in range(2))
    keys, others = (list(one) if isinstance(one, dict) else range(len(one)) for one in (holder, other))
    key, from_there = keys[int(rng.integers(len(keys)))], others[int(rng.integers(len(others)))]
    kind = int(rng.integers(3))
    if kind == 0:
        del holder[key]
    else:
        taken = json.loads(json.dumps(other[from_there]))
        holder[key] = taken if kind == 1 else _VALUES[int(rng.integers(len(_VALUES)))]
    return json.dumps(config).encode()


def _damaged(rng, data, sound):
    data = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 8]))):
        kind, at = int(rng.integers(9)), int(rng.integers(max(1, len(data))))
        length = int(min(len(data) - at, rng.choice([1, 2, 4, 8, 64, 1000])))
        if not data:
            break
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            number_ = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
            width = int(rng.choice([1, 2, 4, 8]))
            data[at:at + width] = (number_ & (1 << 8 * width) - 1).to_bytes(width, "little")
        elif kind == 3:
            data[at:at] = _varint(_NUMBERS[int(rng.integers(len(_NUMBERS)))])
        elif kind == 4:
            del data[at:at + length]
        elif kind == 5:
            data[at:at] = data[at:at + length]
        elif kind == 6:
            other = sound[int(rng.integers(len(sound)))]
            start = int(rng.integers(len(other)))
            data[at:at + length] = other[start:start + length]
        elif kind == 7:
            data[at:at] = _WORDS[int(rng.integers(len(_WORDS)))]
        else:
            del data[at:]
    return bytes(data)


def _varint(n):
    found = bytearray()
    while n > 0x7F:
        found.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(found) + bytes([n])


def load(path):
    """What a child does: loads the file, and predicts where that is little work. Its exit code."""
    try:
        if path.endswith(".pt"):
            fastcnn.io.torch.load_state(path)
            return LOADED
        model = fastcnn.load_model(path)
        sizes = [np.prod(layer.output_size, dtype=float) for layer in model._leaves()]
        if max(sizes, default=0) < 1e5 and sum(sizes) < 1e6 and model.count_params() < 1e6:
            shapes = [symbol.shape[1:] for symbol in model.inputs]
            model.predict([np.zeros((1, *shape), np.float32) for shape in shapes] if len(shapes) > 1 else
                          np.zeros((1, *shapes[0]), np.float32))
        return LOADED
    except (fastcnn.io.FileFormatError, OSError) as error:
        return REFUSED if os.path.basename(path) in str(error) else UNCLEAN
    except MemoryError:
        return MEMORY_ERROR
    except Exception as error:  # noqa: BLE001  that is what is looked for
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return UNCLEAN


def _watch(folder):
    """From here on whoever opens a file outside the folder and Python's own, or runs something, ends the process."""
    allowed = tuple(map(os.path.realpath, {folder, sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)}))

    def hook(event, arguments):
        if event in _RUN or event in _CHANGED:
            os._exit(OUTSIDE)
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith((*allowed, "/proc/", "/sys/", "/dev/null")):
                os._exit(OUTSIDE)

    sys.addaudithook(hook)


def child(path):
    """What became of loading a file: a word of NAMES, "crash" or "hang"."""
    pid = os.fork()
    if not pid:
        code = UNCLEAN
        faulthandler.disable()  # a crash is counted, not told
        try:
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            _watch(os.path.dirname(path))
            code = load(path)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGALRM else f"crash by signal {os.WTERMSIG(status)}"
    return NAMES.get(os.WEXITSTATUS(status), "crash")


def results(kind, count, first=0):
    """[(number, what became of the mutant)] of a format's, in children of this process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = FORMATS[kind](folder)
        sound = []
        for path in paths:
            if load(path) != LOADED:  # imports what it needs
                raise ValueError(f"{path} must be sound")
            with open(path, "rb") as file:
                sound.append(file.read())
        beside = [name for name in os.listdir(folder) if os.path.join(folder, name) not in paths]
        with fastcnn.num_threads(1):
            for number in range(first, first + count):
                index, data = mutant(number, sound)
                with tempfile.TemporaryDirectory() as place:
                    for name in beside:
                        shutil.copy(os.path.join(folder, name), place)
                    path = os.path.join(place, os.path.basename(paths[index]))
                    with open(path, "wb") as file:
                        file.write(data)
                    rows.append((number, child(path)))
    return rows


def main(argv=None):
    parser = argparse.ArgumentParser(description="Damaged files, each loaded in a limited child")
    parser.add_argument("format", choices=list(FORMATS))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(argv)
    rows = results(options.format, options.count, options.first)
    print(f"{options.format}: {len(rows)} mutants: "
          + ", ".join(f"{n} {what}" for what, n in collections.Counter(what for _, what in rows).most_common()))
    bad = [row for row in rows if row[1] not in GOOD]
    for number, what in bad[:50]:
        print(f"  mutant {number}: {what}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
