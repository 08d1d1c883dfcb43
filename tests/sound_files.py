"""Sound small files of each format that fastcnn reads, and who reads them: what mutants (`mutants.py`) are made of."""

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile

import few_data
import numpy as np

import fastcnn
from fastcnn.datasets import ImageFiles, python_batch
from fastcnn.datasets.digits_csv import read_digits_csv
from fastcnn.datasets.idx import read_idx
from fastcnn.datasets.labels import read_labels
from fastcnn.images import decode_image


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
        found = entries(file.read())
    state = found["archive/data.pkl"][2:-1]
    found["archive/data.pkl"] = (
        b"\x80\x02}(X\x05\x00\x00\x00modelq\x05" + state + b"X\x04\x00\x00\x00argscargparse\nNamespace\n)\x81}b"
        b"X\x05\x00\x00\x00epochK\x07X\x04\x00\x00\x00list](K\x01K\x02eu.")
    with open(paths[1], "wb") as file:
        file.write(zipped(found))
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

def own_files(folder):
    """[path] of a model in training, with all that its file then holds, of one with branches, and of weights."""
    paths = [os.path.join(folder, f"{name}.safetensors") for name in "abc"]
    model = fastcnn.Sequential([fastcnn.layers.Conv2D(2, 3, input_shape=(6, 6, 1)), fastcnn.layers.Flatten(),
                                fastcnn.layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((8, 6, 6, 1)), np.arange(8) % 3, verbose=0, callbacks=[fastcnn.callbacks.EarlyStopping("loss")])
    model.save(paths[0]), small().save(paths[1]), model.save_weights(paths[2])
    return paths


def convnetjs_files(folder):
    """[path] of a network in ConvNetJS' JSON."""
    net = fastcnn.convnetjs.Net([{"type": "input", "out_sx": 6, "out_sy": 6, "out_depth": 1},
                                 {"type": "conv", "sx": 3, "filters": 2, "activation": "relu"}, {"type": "pool", "sx": 2},
                                 {"type": "softmax", "num_classes": 3}])
    path = os.path.join(folder, "a.json")
    with open(path, "w") as file:
        json.dump(net.toJSON(), file)
    return [path]


def _written(folder, contents):
    for name, content in contents.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return [os.path.join(folder, name) for name in contents]


def cifar_files(folder):
    """[path] of python batches, as Pythons wrote them and write them."""
    x, labels = few_data.blobs(5, 32, 10, 0)
    batch = {"data": x.transpose(0, 3, 1, 2).reshape(5, -1), "labels": labels.tolist(), "batch_label": "one"}
    return _written(folder, {f"batch_{n}": pickle.dumps(batch, n) for n in (2, 4, 5)})


def idx_files(folder):
    """[path] of images and labels, compressed and as they are."""
    images, labels = np.arange(5 * 49, dtype=np.uint8).reshape(5, 7, 7), np.arange(5, dtype=np.uint8)
    return _written(folder, {"a.gz": few_data.idx(images), "b": gzip.decompress(few_data.idx(images)),
                             "c.gz": few_data.idx(labels)})


def picture_files(folder):
    """[path] of a picture in formats that Pillow reads."""
    from PIL import Image

    picture, contents = Image.fromarray(few_data.blobs(1, 24, 2, 1)[0][0]), {}
    turned = {"JPEG": {"exif": b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"}}
    for kind in "PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP":
        out = io.BytesIO()
        picture.save(out, kind, **turned.get(kind, {}))
        contents[f"a.{kind.lower()}"] = out.getvalue()
    return _written(folder, contents)


def archive_files(folder):
    """[path] of archives of pictures, with links, hidden files and a text."""
    picture = open(picture_files(folder)[0], "rb").read()
    members = {"cat/1.png": picture, "dog/2.png": picture, "dog/.hidden": b"", "readme.txt": b"text"}
    deflated, plain = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("dog/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "2.png"
        archive.addfile(link)
    return _written(folder, {"a.zip": deflated.getvalue(), "b.tar": plain.getvalue(),
                             "c.tar.gz": gzip.compress(plain.getvalue())})


def table_files(folder):
    """[path] of tables of digits, and of labels."""
    digits = "label," + ",".join(f"pixel{i}" for i in range(784)) + "\n" + "\n".join(
        ",".join(map(str, [i, *[i] * 784])) for i in range(4))
    return _written(folder, {"digits.csv": digits.encode(), "names.csv": b"file,class\na.png,cat\nb.png,dog\n",
                             "columns.csv": b"image,cat,dog\na,1,0\nb,0,1\n"})


def read_model(path):
    """A model, and what it makes of zeros where that is little work."""
    model = fastcnn.load_model(path)
    sizes = [np.prod(layer.output_size, dtype=float) for layer in model._leaves()]
    if max(sizes, default=0) < 1e5 and sum(sizes) < 1e6 and model.count_params() < 1e6:
        shapes = [symbol.shape[1:] for symbol in model.inputs]
        model.predict([np.zeros((1, *shape), np.float32) for shape in shapes] if len(shapes) > 1 else
                      np.zeros((1, *shapes[0]), np.float32))


def read_own(path):
    """A model, or weights alone."""
    if path.endswith("c.safetensors"):
        fastcnn.io.load_file(path)
    else:
        read_model(path)


def naming(read):
    """A reader of bytes or texts, whose errors are to name the file."""
    def named(path):
        try:
            read(path)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    return named


def read_net(path):
    with open(path, encoding="utf-8") as file:
        net = fastcnn.convnetjs.Net().fromJSON(json.load(file))
    if net.model.count_params() < 1e6:
        net.forward(np.zeros(net.model.input_shape[1:]))


def read_archive(path):
    """All pictures of an archive."""
    files = ImageFiles(path, size=8)
    files.read(range(len(files)), np.empty((len(files), *files.shape), np.uint8))


def read_batch(path):
    with open(path, "rb") as file:
        python_batch.read_batch(file.read())


def read_table(path):
    read_digits_csv(path) if path.endswith("digits.csv") else read_labels(path)


def read_state(path):
    fastcnn.io.torch.load_state(path)


FORMATS = {  # format: (a function of a folder that writes sound files into it, and gives their paths; who reads them)
    "fastcnn": (own_files, read_own), "onnx": (onnx_files, read_model), "keras": (keras_files, read_model),
    "h5": (h5_files, read_model), "torch": (torch_files, read_state), "caffe": (caffe_files, read_model),
    "convnetjs": (convnetjs_files, naming(read_net)), "cifar": (cifar_files, naming(read_batch)),
    "idx": (idx_files, read_idx), "pictures": (picture_files, lambda path: decode_image(path, 16)),
    "archives": (archive_files, read_archive), "tables": (table_files, read_table),
}
NEEDED = {"onnx": "onnx", "caffe": "onnx", "keras": "h5py", "h5": "h5py", "pictures": "PIL", "archives": "PIL"}  # packages


def entries(data):
    """{name: bytes} of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(contents, compressed=False):
    """A zip archive of such."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA if compressed else zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, archive.compression)
    return out.getvalue()
