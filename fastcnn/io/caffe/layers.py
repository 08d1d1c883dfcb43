"""A description of a network of Caffe, layer by layer."""

import math

import numpy as np

from fastcnn.io import layouts
from fastcnn.io.description import Sketch
from fastcnn.io.errors import FileFormatError

_OLD = {"CONVOLUTION": "Convolution", "CONCAT": "Concat", "DROPOUT": "Dropout", "ELTWISE": "Eltwise", "FLATTEN": "Flatten",
        "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "POOLING": "Pooling", "RELU": "ReLU", "SIGMOID": "Sigmoid",
        "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split", "TANH": "TanH", "DATA": "Data",
        "IMAGE_DATA": "ImageData", "MEMORY_DATA": "MemoryData", "HDF5_DATA": "HDF5Data", "WINDOW_DATA": "WindowData",
        "ACCURACY": "Accuracy", "SILENCE": "Silence"}
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
        if unknown := [layer for layer in wanted if layer.kind not in _KINDS]:
            raise FileFormatError("fastcnn cannot compute all of this network. Received: "
                                  + "; ".join(f"{layer.name} ({layer.kind})" for layer in unknown)[:4000])
        for layer in wanted:
            taken = [self.values[name] for name in layer.bottom if name in self.values]
            used.update(taken)
            try:
                given = _KINDS[layer.kind](self, layer, taken)
            except FileFormatError as error:
                self.problems.append(f"{layer.name} ({layer.kind}): {error}")
                given = taken[0]
            self.values.update(dict.fromkeys(layer.top, given))
        if self.problems:
            raise FileFormatError(f"fastcnn cannot compute all of this network. Received: {'; '.join(self.problems)}"[:4000])
        ends = [value for value in dict.fromkeys(self.values.values()) if value not in used and value != start]
        return self.sketch.description([start], ends, self._metadata(start, ends), self.notes)

    def add(self, kind, layer, taken, shape, arrays=None, **config):
        """The value of a layer."""
        value = self.sketch.add(kind, taken, arrays, layer.name, **config)
        self.sizes[value] = tuple(shape)
        image = self.images.get(taken[0])
        if image is not None and kind != "Dense":
            self.images[value] = image
        return value

    def arrays(self, layer, *shapes):
        """The layer's arrays, of some sizes at the end of their shapes (old ones have four axes)."""
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
    """A layer of either generation."""

    def __init__(self, layer, kind, rates, decays):
        self.layer, self.kind, self.name = layer, kind, layer.name
        self.bottom, self.top, self.blobs = layer.bottom, layer.top, layer.blobs
        self.options = {}
        for name, values in (("learning_rate_multiplier", rates), ("weight_decay_multiplier", decays)):
            own = {key: value for key, value in zip(("kernel", "bias"), values) if value != 1}
            if own:
                self.options[name] = own


def _layers(net):
    """The layers that a network has when it is tested."""
    from fastcnn.io.caffe.schema import layer_type

    found = []
    for layer in net.layer:
        found.append(_Layer(layer, layer.type, [p.lr_mult for p in layer.param], [p.decay_mult for p in layer.param]))
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
    if own.HasField("memory_data_param"):
        p = own.memory_data_param
        return (names, [p.channels, p.height, p.width]), transform
    first = next((layer for layer in layers if layer.kind == "Convolution"), None)
    if transform is None or not transform.crop_size or first is None or not blobs.get(first.name):
        raise FileFormatError("must say how large images are: deploy.prototxt beside it does. Received: a data layer alone")
    blob = blobs[first.name][0]
    channels = (blob.shape.dim[1] if blob.HasField("shape") else blob.channels) * first.layer.convolution_param.group
    return (names, [channels, transform.crop_size, transform.crop_size]), transform


# A function for each type: (network, layer, values taken) → the value given


def _pair(p, name, default=0):
    """(height, width) of an argument that may be said in three ways."""
    several = list(getattr(p, "kernel_size" if name == "kernel" else name))
    own = getattr(p, f"{name}_h", 0), getattr(p, f"{name}_w", 0)
    if any(own):
        return list(own)
    return several * 2 if len(several) == 1 else several or [default] * 2


def _convolution(net, layer, taken):
    p, (height, width, channels) = layer.layer.convolution_param, net.sizes[taken[0]]
    kernel, strides, pad, dilation = (_pair(p, name, default) for name, default in (
        ("kernel", 0), ("stride", 1), ("pad", 0), ("dilation", 1)))
    shapes = [(p.num_output, channels // p.group, *kernel), (p.num_output,)][:1 + p.bias_term]
    weights, *bias = net.arrays(layer, *shapes)
    size = [(n + 2 * q - d * (k - 1) - 1) // s + 1 for n, q, d, k, s in zip((height, width), pad, dilation, kernel, strides)]
    arrays = {"kernel": layouts.from_oihw(weights), **({"bias": bias[0]} if bias else {})}
    return net.add("Conv2D", layer, taken, (*size, p.num_output), arrays, filters=p.num_output, kernel_size=kernel,
                   strides=strides, padding=pad, dilation_rate=dilation, groups=p.group, use_bias=p.bias_term,
                   **layer.options)


def _pooling(net, layer, taken):
    p, (height, width, channels) = layer.layer.pooling_param, net.sizes[taken[0]]
    if p.pool not in (0, 1):
        raise FileFormatError("pools by chance")
    if p.global_pooling:
        kind = ("GlobalMaxPooling2D", "GlobalAveragePooling2D")[p.pool]
        return net.add(kind, layer, taken, (1, 1, channels), keepdims=True)
    kernel, strides, pad = _pair(p, "kernel"), _pair(p, "stride", 1), _pair(p, "pad")
    size = []
    for n, k, s, q in zip((height, width), kernel, strides, pad):
        out = -(-(n + 2 * q - k) // s) + 1
        size.append(out - (q > 0 and (out - 1) * s >= n + q))
    config = {"pool_size": kernel, "strides": strides, "padding": pad, "ceil_mode": True}
    if p.pool == 1:
        return net.add("AveragePooling2D", layer, taken, (*size, channels), **config, count_include_pad=True)
    return net.add("MaxPooling2D", layer, taken, (*size, channels), **config)


def _dense(net, layer, taken):
    p, size = layer.layer.inner_product_param, net.sizes[taken[0]]
    count = math.prod(size)
    weights, *bias = net.arrays(layer, *[(count, p.num_output) if p.transpose else (p.num_output, count), (p.num_output,)][
        :1 + p.bias_term])
    kernel = weights if p.transpose else weights.T
    if len(size) == 3:
        taken = [_flatten(net, layer, taken)]
    if taken[0] in net.images:
        kernel = layouts.rows_from_chw(kernel, *net.images[taken[0]])
    return net.add("Dense", layer, taken, (p.num_output,), {"kernel": kernel, **({"bias": bias[0]} if bias else {})},
                   units=p.num_output, use_bias=p.bias_term, **layer.options)


def _flatten(net, layer, taken):
    size = net.sizes[taken[0]]
    value = net.sketch.add("Flatten", taken, None, f"{layer.name}_flatten")
    net.sizes[value], net.images[value] = (math.prod(size),), size
    return value


def _lrn(net, layer, taken):
    p = layer.layer.lrn_param
    mode = ("across_channels", "within_channel")[p.norm_region]
    return net.add("LocalResponseNormalization", layer, taken, net.sizes[taken[0]], size=p.local_size, alpha=_short(p.alpha),
                   beta=_short(p.beta), k=_short(p.k) if mode == "across_channels" else 1.0, alpha_mode="mean", mode=mode)


def _short(value):
    """A number of 32 bits as people write it: 0.0001, not 9.99999974e-05."""
    return float(str(np.float32(value)))


def _plain(kind, **config):
    return lambda net, layer, taken: net.add(kind, layer, taken, net.sizes[taken[0]], **config)


def _relu(net, layer, taken):
    slope = _short(layer.layer.relu_param.negative_slope)
    return net.add("ReLU", layer, taken, net.sizes[taken[0]], **({"negative_slope": slope} if slope else {}))


def _dropout(net, layer, taken):
    p = layer.layer.dropout_param
    if not p.scale_train:
        raise FileFormatError("scales when it is tested")
    return net.add("Dropout", layer, taken, net.sizes[taken[0]], rate=_short(p.dropout_ratio))


def _concat(net, layer, taken):
    sizes, p = [net.sizes[value] for value in taken], layer.layer.concat_param
    if p.axis != 1 or p.concat_dim != 1 or any(value in net.images for value in taken):
        raise FileFormatError("joins other axes than the channels")
    return net.add("Concatenate", layer, taken, (*sizes[0][:-1], sum(size[-1] for size in sizes)))


def _eltwise(net, layer, taken):
    p = layer.layer.eltwise_param
    if any(value != 1 for value in p.coeff):
        raise FileFormatError("has coefficients")
    return net.add(("Multiply", "Add", "Maximum")[p.operation], layer, taken, net.sizes[taken[0]])


def _softmax(net, layer, taken):
    if layer.layer.softmax_param.axis != 1:
        raise FileFormatError("is over another axis than the channels")
    return net.add("Softmax", layer, taken[:1], net.sizes[taken[0]])


_KINDS = {
    "Concat": _concat, "Convolution": _convolution, "Dropout": _dropout, "Eltwise": _eltwise, "Flatten": _flatten,
    "InnerProduct": _dense, "LRN": _lrn, "Pooling": _pooling, "ReLU": _relu,
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), _softmax),
    "Sigmoid": _plain("Activation", activation="sigmoid"), "TanH": _plain("Activation", activation="tanh"),
    "Split": lambda net, layer, taken: taken[0],
}
