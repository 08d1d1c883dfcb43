"""A description of a network of Caffe, layer by layer."""

import math

import numpy as np

from fastcnn.io import layouts
from fastcnn.io.caffe import layers
from fastcnn.io.caffe.schema import layer_type
from fastcnn.io.description import Sketch
from fastcnn.io.errors import FileFormatError

_OLD = {"CONVOLUTION": "Convolution", "CONCAT": "Concat", "DROPOUT": "Dropout", "ELTWISE": "Eltwise", "FLATTEN": "Flatten",
        "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "POOLING": "Pooling", "RELU": "ReLU", "SIGMOID": "Sigmoid",
        "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split", "TANH": "TanH", "DATA": "Data",
        "IMAGE_DATA": "ImageData", "MEMORY_DATA": "MemoryData", "HDF5_DATA": "HDF5Data", "WINDOW_DATA": "WindowData",
        "ACCURACY": "Accuracy", "SILENCE": "Silence"}
_OPTIONS = {"InnerProduct": "inner_product", "SoftmaxWithLoss": "softmax", "MemoryData": "memory_data"}
_DATA = ("Data", "ImageData", "MemoryData", "HDF5Data", "WindowData", "Input", "DummyData")
_SKIPPED = ("Accuracy", "Silence")


class Network:
    """Two messages becoming a description.

    Args:
        text: has the architecture.
        binary: has the arrays, in layers of the same names.
    """

    def __init__(self, text, binary):
        self.layers, self.name = _layers(text), text.name
        self.blobs = {layer.name: layer.blobs for layer in _layers(binary)}
        self.sketch, self.values, self.notes, self.problems = Sketch(text.name), {}, [], []
        self.sizes = {}  # value: shape without the batch, (height, width, channels) or a number in a tuple
        self.images = {}  # value: shape of the image that it was flattened from, by channels first
        self.input, self.transform = _input(text, self.layers, self.blobs)

    def description(self):
        """The whole."""
        names, shape = self.input
        channels, *size = shape
        size = (*size, channels) if size else (channels,)
        start = self.sketch.add("InputLayer", name=names[0], shape=list(size))
        self.values.update(dict.fromkeys(names, start))
        self.sizes[start] = size
        wanted, used = [layer for layer in self.layers if layer.kind not in (*_DATA, *_SKIPPED)], set()
        if unknown := [layer for layer in wanted if layer.kind not in layers.KINDS]:
            raise FileFormatError("fastcnn cannot compute all of this network. Received: "
                                  + "; ".join(f"{layer.name} ({layer.kind})" for layer in unknown)[:4000])
        for layer in wanted:
            taken = [self.values[name] for name in layer.bottom if name in self.values]
            used.update(taken)
            try:
                test, why = layers.REFUSED.get(layer.kind, (lambda p: False, ""))
                if test(layer.options):
                    raise FileFormatError(why)
                given = layers.KINDS[layer.kind](self, layer, layer.options, taken, self.sizes[taken[0]])
            except FileFormatError as error:
                self.problems.append(f"{layer.name} ({layer.kind}): {error}")
                given = taken[0]
            self.values.update(dict.fromkeys(layer.top, given))
        if self.problems:
            raise FileFormatError(f"fastcnn cannot compute all of this network. Received: {'; '.join(self.problems)}"[:4000])
        ends = [value for value in dict.fromkeys(self.values.values()) if value not in used and value != start]
        return self.sketch.description([start], ends, self._metadata(start, ends), self.notes)

    def add(self, kind, layer, taken, shape, *blobs, **config):
        """The value of a layer, with its kernel and bias if it has some."""
        if blobs:
            config.update(layer.multipliers, use_bias=len(blobs) > 1)
        value = self.sketch.add(kind, taken, dict(zip(("kernel", "bias"), blobs)), layer.name, **config)
        self.sizes[value] = tuple(shape)
        image = self.images.get(taken[0])
        if image is not None and kind != "Dense":
            self.images[value] = image
        return value

    def arrays(self, layer, shape):
        """The layer's weights, of some sizes at the end of their shape (old ones have four axes), and its bias."""
        shapes = [shape, (layer.options.num_output,)][:1 + layer.options.bias_term]
        blobs, found = self.blobs.get(layer.name, ()), []
        if len(blobs) != len(shapes):
            raise FileFormatError(f"must have {len(shapes)} arrays. Received: {len(blobs)}")
        for blob, shape in zip(blobs, shapes):
            own = list(blob.shape.dim) if blob.HasField("shape") else [blob.num, blob.channels, blob.height, blob.width]
            values = np.array(blob.double_data or blob.data, np.float32)
            rest = own[:len(own) - len(shape)]
            if any(n != 1 for n in rest) or own[len(rest):] != list(shape) or values.size != math.prod(shape):
                raise FileFormatError(f"must have an array of shape {shape}. Received: {own}, {values.size} values")
            found.append(values.reshape(shape))
        return found

    def _metadata(self, start, ends):
        """What the data layers say of images, with the order of colours turned."""
        size, transform = self.sizes[start], self.transform
        if len(size) != 3:
            return {}
        if size[2] == 3 and not self._turn(start):
            self.notes.append("images are to have the order blue, green, red")
        if transform is None:
            self.notes.append("images: bytes less the training set's mean, which the files do not have")
            return {}
        mean, scale = list(transform.mean_value)[::-1], transform.scale
        if transform.mean_file:
            self.notes.append(f"images: bytes less the mean in {transform.mean_file}, which is not read")
        if not mean and transform.mean_file:
            return {}
        classes = math.prod(self.sizes[ends[0]]) if len(ends) == 1 else 0
        augmentation = {"crop": list(size[:2]), "random_crop": False, "flip": False, "mean": mean or None,
                        "std": None if scale == 1 else 1 / scale}
        return {"class_names": [str(i) for i in range(classes)], "images": {
            "size": 256 if size[2] == 3 and min(size[:2]) <= 256 else list(size[:2]), "channels": size[2], "ground": "white",
            "augmentation": augmentation}} if size[2] in (1, 3) and classes else {}

    def _turn(self, start):
        """Turns the kernels that see the image to red, green, blue; False: something else sees it, too."""
        first = [value for value, taken in enumerate(self.sketch.calls) if start in taken]
        if any(self.sketch.layers[value]["class_name"] != "Conv2D" or self.sketch.layers[value]["config"]["groups"] != 1
               for value in first):
            return False
        for value in first:
            arrays = self.sketch.arrays[value]
            arrays["kernel"] = layouts.turned_colours(arrays["kernel"])
        return True


class _Layer:
    """A layer of either generation; options: those of its type."""

    def __init__(self, layer, kind, rates, decays):
        self.layer, self.kind, self.name = layer, kind, layer.name
        self.bottom, self.top, self.blobs = layer.bottom, layer.top, layer.blobs
        self.options = getattr(layer, f"{_OPTIONS.get(kind, kind.lower())}_param", None)
        self.multipliers = {}
        for name, values in (("learning_rate_multiplier", rates), ("weight_decay_multiplier", decays)):
            own = {key: value for key, value in zip(("kernel", "bias"), values) if value != 1}
            if own:
                self.multipliers[name] = own


def _layers(net):
    """The layers that a network has when it is tested."""
    found = [_Layer(layer, layer.type, [p.lr_mult for p in layer.param], [p.decay_mult for p in layer.param])
             for layer in net.layer]
    for layer in net.layers:
        if layer.HasField("layer"):
            raise FileFormatError("must be of the format of 2014 or later; Caffe's upgrade_net_proto_binary makes it so. "
                                  "Received: one of 2013")
        name = layer_type(layer.type)
        found.append(_Layer(layer, _OLD.get(name, name), layer.blobs_lr, layer.weight_decay))
    return [layer for layer in found if _tested(layer.layer)]


def _tested(layer):
    """Is the layer there when the network is tested? (TRAIN is 0, TEST 1.)"""
    include = [rule.phase for rule in layer.include if rule.HasField("phase")]
    return (not include or 1 in include) and not any(rule.HasField("phase") and rule.phase == 1 for rule in layer.exclude)


def _input(net, layers, blobs):
    """(([names], [channels, height, width]), the transformation of images or None)."""
    if net.input:
        shape = list(net.input_shape[0].dim) if net.input_shape else list(net.input_dim[:4])
        return (list(net.input[:1]), shape[1:]), None
    data = next((layer for layer in layers if layer.kind in _DATA), None)
    if data is None:
        raise FileFormatError("must say what its input is. Received: no input and no data layer")
    names, own = list(data.top[:1]), data.layer
    transform = own.transform_param if own.HasField("transform_param") else None
    if data.kind == "Input":
        return (names, list(own.input_param.shape[0].dim)[1:]), transform
    if data.kind == "MemoryData":
        return (names, [data.options.channels, data.options.height, data.options.width]), transform
    first = next((layer for layer in layers if layer.kind == "Convolution"), None)
    if transform is None or not transform.crop_size or first is None or not blobs.get(first.name):
        raise FileFormatError("must say how large images are: deploy.prototxt beside it does. Received: a data layer alone")
    blob = blobs[first.name][0]
    channels = (blob.shape.dim[1] if blob.HasField("shape") else blob.channels) * first.layer.convolution_param.group
    return (names, [channels, transform.crop_size, transform.crop_size]), transform
