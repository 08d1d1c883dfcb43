"""What layers of Caffe become, and what of them is not computed here."""

import math

import numpy as np

from fastcnn.io import layouts
from fastcnn.io.errors import FileFormatError

# A function for each type: (network, layer, its options, values taken, size of the first) → the value given


def _pair(p, name, default=0):
    """(height, width) of an argument that may be said in three ways."""
    several = list(getattr(p, "kernel_size" if name == "kernel" else name))
    own = getattr(p, f"{name}_h", 0), getattr(p, f"{name}_w", 0)
    if any(own):
        return list(own)
    return several * 2 if len(several) == 1 else several or [default] * 2


def _windows(p, dilation=(1, 1)):
    """(window, strides, padding, arguments of `layouts.reached`)."""
    kernel, strides, pad = _pair(p, "kernel"), _pair(p, "stride", 1), _pair(p, "pad")
    return kernel, strides, pad, (kernel, strides, dilation, [[n, n] for n in pad])


def _convolution(net, layer, p, taken, size):
    dilation = _pair(p, "dilation", 1)
    kernel, strides, pad, windows = _windows(p, dilation)
    weights, *bias = net.arrays(layer, (p.num_output, size[2] // p.group, *kernel))
    return net.add("Conv2D", layer, taken, (*layouts.reached(size, *windows), p.num_output), layouts.from_oihw(weights),
                   *bias, filters=p.num_output, kernel_size=kernel, strides=strides, padding=pad, dilation_rate=dilation,
                   groups=p.group)


def _pooling(net, layer, p, taken, size):
    if p.global_pooling:
        return net.add(f"Global{_POOLS[p.pool]}", layer, taken, (1, 1, size[2]), keepdims=True)
    kernel, strides, pad, windows = _windows(p)
    more = {"count_include_pad": True} if p.pool == 1 else {}
    return net.add(_POOLS[p.pool], layer, taken, (*layouts.reached(size, *windows, ceil=True), size[2]), pool_size=kernel,
                   strides=strides, padding=pad, ceil_mode=True, **more)


def _dense(net, layer, p, taken, size):
    shape = p.num_output, math.prod(size)
    weights, *bias = net.arrays(layer, shape[::-1] if p.transpose else shape)
    kernel = weights if p.transpose else weights.T
    if len(size) == 3:
        taken = [_flatten(net, layer, p, taken, size)]
    if taken[0] in net.images:
        kernel = layouts.rows_from_chw(kernel, *net.images[taken[0]])
    return net.add("Dense", layer, taken, shape[:1], kernel, *bias, units=p.num_output)


def _flatten(net, layer, p, taken, size):
    value = net.sketch.add("Flatten", taken, None, f"{layer.name}_flatten")
    net.sizes[value], net.images[value] = (math.prod(size),), size
    return value


def _concat(net, layer, p, taken, size):
    if p.axis != 1 or p.concat_dim != 1 or any(value in net.images for value in taken):
        raise FileFormatError("joins other axes than the channels")
    return net.add("Concatenate", layer, taken, (*size[:-1], sum(net.sizes[value][-1] for value in taken)))


def _eltwise(net, layer, p, taken, size):
    return net.add(("Multiply", "Add", "Maximum")[p.operation], layer, taken, size)


def _plain(kind, arguments=lambda p: {}):
    """A layer of one value that keeps its size."""
    return lambda net, layer, p, taken, size: net.add(kind, layer, taken[:1], size, **arguments(p))


def _lrn(p):
    mode = ("across_channels", "within_channel")[p.norm_region]
    return {"size": p.local_size, "alpha": _short(p.alpha), "beta": _short(p.beta), "alpha_mode": "mean", "mode": mode,
            "k": 1.0 if p.norm_region else _short(p.k)}


def _short(value):
    """A number of 32 bits as people write it: 0.0001, not 9.99999974e-05."""
    return float(str(np.float32(value)))


_POOLS = ("MaxPooling2D", "AveragePooling2D")
KINDS = {
    "Concat": _concat, "Convolution": _convolution, "Eltwise": _eltwise, "Flatten": _flatten, "InnerProduct": _dense,
    "Pooling": _pooling, "LRN": _plain("LocalResponseNormalization", _lrn),
    "Dropout": _plain("Dropout", lambda p: {"rate": _short(p.dropout_ratio)}),
    "ReLU": _plain("ReLU", lambda p: {"negative_slope": _short(p.negative_slope)} if p.negative_slope else {}),
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), _plain("Softmax")),
    "Sigmoid": _plain("Activation", lambda p: {"activation": "sigmoid"}),
    "TanH": _plain("Activation", lambda p: {"activation": "tanh"}), "Split": lambda net, layer, p, taken, size: taken[0],
}
REFUSED = {  # type: a test of its options, what it does that is not computed here
    "Dropout": (lambda p: not p.scale_train, "scales when it is tested"),
    "Eltwise": (lambda p: any(value != 1 for value in p.coeff), "has coefficients"),
    "Pooling": (lambda p: p.pool not in (0, 1), "pools by chance"),
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), (lambda p: p.axis != 1, "is over another axis than the channels")),
}
