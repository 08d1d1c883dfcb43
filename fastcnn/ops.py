"""The functional API: one function per operation and one for its gradients, on NumPy arrays, float32, NHWC.

`fastcnn.reference` has the same names and signatures in plain NumPy float64, to compare with. Every
`<op>_backward(dy, …the forward call's arguments…)` returns the gradients of its array arguments in their order.
`out=` takes an array to reuse: float32, contiguous, of the result's shape.
"""

import numpy as np

from fastcnn import _ops, arguments, settings
from fastcnn.threads import get_num_threads


def _run(op, batch, phases, rows=(), arrays=(), scale=None, random=None, chunk=1):
    """Runs a program of one op. rows: (field, array) with one row per image; arrays: (field, array)."""
    steps = [(0, name) for phase in phases for name in phase]
    ends = np.cumsum([len(phase) for phase in phases]).tolist()
    program = _ops.Program([op], steps, [(end - len(p), len(p), chunk, True) for end, p in zip(ends, phases)])
    for field, value in rows:
        program.bind_rows(0, field, value, value.size // max(batch, 1))
    for field, value in arrays:
        program.bind(0, field, value)
    if scale is not None:
        program.set_scale(0, scale)
    if random is not None:
        program.set_random(0, *random)
    program.run(batch, get_num_threads())


def _result(out, shape, *inputs, in_place=False):
    """The array to compute into: `out`, or a new one where there is no out or it overlaps an input. in_place: it may be
    one of the inputs itself."""
    if out is None:
        return np.empty(shape, np.float32)
    flags = getattr(out, "flags", None)
    if not isinstance(out, np.ndarray) or out.dtype != np.float32 or not (flags.c_contiguous and flags.aligned
                                                                         and flags.writeable):
        raise TypeError(f"out must be a writable, aligned, C-contiguous float32 array. Received: {_describe(out)}")
    if out.shape != tuple(shape):
        raise ValueError(f"out must have shape {tuple(shape)}. Received: shape {out.shape}")
    for x in inputs:
        same = x.ctypes.data == out.ctypes.data and x.shape == out.shape
        if np.may_share_memory(x, out) and not (in_place and same):
            return np.empty(shape, np.float32)
    return out


def _deliver(y, out):
    """y where the caller wants it."""
    if out is None or y is out:
        return y
    out[...] = y
    return out


def _describe(value):
    if isinstance(value, np.ndarray):
        kind = "" if value.flags.c_contiguous else ", not contiguous"
        return f"ndarray of {value.dtype}, shape {value.shape}{kind}{'' if value.flags.writeable else ', read-only'}"
    what = f"of length {len(value)}" if isinstance(value, (tuple, list)) else repr(value)
    return f"{type(value).__name__} {what}"


def _gradient(dy, shape):
    dy = arguments.array("dy", dy)
    if dy.shape != tuple(shape):
        raise ValueError(f"dy must have the output's shape {tuple(shape)}. Received: shape {dy.shape}")
    return dy


def _last(x, first, name="x"):
    """An image batch as a contiguous NHWC array."""
    x = arguments.array(name, x, 4, contiguous=not first)
    return arguments.dense(x.transpose(0, 2, 3, 1)) if first else x


def _finish(y, first, out):
    """y in the caller's layout; with `out` and channels_first the transpose is written there."""
    if not first:
        return _deliver(y, out)
    y = arguments.dense(y.transpose(0, 3, 1, 2))
    _result(out, y.shape)
    return _deliver(y, out)


_FORWARD = object()  # in place of dy: no gradient is wanted


# Convolution


def _conv2d(x, kernel, bias, strides, padding, dilation_rate, groups, data_format):
    first = arguments.data_format(data_format)
    x, kernel = _last(x, first), arguments.array("kernel", kernel, 4)
    strides, dilation = arguments.pair("strides", strides), arguments.pair("dilation_rate", dilation_rate)
    groups = arguments.integer("groups", groups)
    n, h, w, c = x.shape
    kh, kw, in_c, out_c = kernel.shape
    if c % groups or out_c % groups:
        raise ValueError(f"groups must divide the input's {c} channels and the kernel's {out_c} filters. Received: {groups}")
    if in_c * groups != c:
        raise ValueError(f"kernel must be (height, width, {c // groups} input channels per group, filters) for an input of "
                         f"{c} channels in {groups} groups. Received: shape {kernel.shape}")
    pads = arguments.pads(padding, (h, w), (kh, kw), strides, dilation)
    if bias is not None:
        bias = arguments.array("bias", bias, 1)
        if bias.shape != (out_c,):
            raise ValueError(f"bias must have shape ({out_c},). Received: shape {bias.shape}")
    op = _ops.conv2d((h, w, c), out_c, (kh, kw), strides, dilation, pads, groups, bias is not None,
                     settings.exact)
    return op, first, x, kernel, bias, (n, *op.out_shape)


def conv2d(x, kernel, bias=None, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last",
           *, out=None):
    """Two-dimensional convolution (cross-correlation, as in every deep learning library).

    Args:
        x: images.
        kernel: filters.
        bias: one number per filter, or None.
        strides, dilation_rate: integer or pair (height, width).
        padding: "valid", "same" (TensorFlow's rule), integer, pair, or ((top, bottom), (left, right)).
        groups: input channels and filters are split into this many independent groups.
        data_format: "channels_last" or "channels_first" (x and the result; the kernel's layout does not change).
        out: array to write the result to.

    Shape:
        x (N, H, W, C), kernel (KH, KW, C / groups, F), bias (F,) → (N, OH, OW, F)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x, kernel = np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 2), "float32")
        >>> fastcnn.ops.conv2d(x, kernel).shape
        (1, 3, 3, 2)
    """
    op, first, x, kernel, bias, shape = _conv2d(x, kernel, bias, strides, padding, dilation_rate, groups, data_format)
    y = _result(None if first else out, shape, x, kernel, *([] if bias is None else [bias]))
    _run(op, shape[0], [["pack"], ["forward"]], [("x", x), ("y", y)],
         [("w", kernel), ("b", bias), ("packed", _ops.aligned(op.packed_size))])
    return _finish(y, first, out)


def conv2d_backward(dy, x, kernel, bias=None, strides=1, padding="valid", dilation_rate=1, groups=1,
                    data_format="channels_last"):
    """Gradients of `conv2d`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (N, OH, OW, F) → dx as x, dkernel as kernel, dbias (F,)

    Example:
        >>> x, kernel = np.ones((1, 5, 5, 1), "float32"), np.ones((3, 3, 1, 2), "float32")
        >>> dx, dkernel = fastcnn.ops.conv2d_backward(np.ones((1, 3, 3, 2)), x, kernel)
        >>> dkernel[0, 0, 0].tolist()
        [9.0, 9.0]
    """
    op, first, x, kernel, bias, shape = _conv2d(x, kernel, bias, strides, padding, dilation_rate, groups, data_format)
    dy = _gradient(_last(dy, first, "dy"), shape)
    n, size = shape[0], op.w_size + op.b_size
    chunk = max(1, -(-n // 16))  # at most 16 partial sums, whatever the batch
    dx, dw = np.empty_like(x), np.zeros_like(kernel)
    db = None if bias is None else np.zeros_like(bias)
    _run(op, n, [["pack"], ["data", "weights"], ["reduce"]] if op.partial else [["pack"], ["data", "weights"]],
         [("x", x), ("dy", dy), ("dx", dx)],
         [("w", kernel), ("dw", dw), ("db", db), ("packed_t", _ops.aligned(op.packed_t_size)),
          ("partial", _ops.aligned(-(-n // chunk) * size) if op.partial else None)], chunk=chunk)
    dx = _finish(dx, first, None)
    return (dx, dw) if bias is None else (dx, dw, db)


# Pooling


def _pool2d(kind, x, pool_size, strides, padding, ceil_mode, data_format, count_include_pad=False):
    first = arguments.data_format(data_format)
    x = _last(x, first)
    pool_size = arguments.pair("pool_size", pool_size)
    strides = pool_size if strides is None else arguments.pair("strides", strides)
    pads = arguments.pads(padding, x.shape[1:3], pool_size, strides)
    if any(p >= size for side, size in zip(pads, pool_size) for p in side):
        raise ValueError(f"padding must be less than the pool size {pool_size} on every side. Received: {padding!r}")
    ceil_mode = arguments.flag("ceil_mode", ceil_mode) and padding != "same"
    op = _ops.pool2d(kind, x.shape[1:], pool_size, strides, pads, ceil_mode,
                     arguments.flag("count_include_pad", count_include_pad))
    return op, first, x, (x.shape[0], *op.out_shape)


def _pool2d_forward(arguments_, out):
    op, first, x, shape = arguments_
    y = _result(None if first else out, shape, x)
    _run(op, shape[0], [["forward"]], [("x", x), ("y", y)])
    return _finish(y, first, out)


def _pool2d_backward(dy, arguments_):
    op, first, x, shape = arguments_
    dy, dx = _gradient(_last(dy, first, "dy"), shape), np.empty_like(x)
    _run(op, shape[0], [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return _finish(dx, first, None)


def max_pool2d(x, pool_size, strides=None, padding="valid", ceil_mode=False, data_format="channels_last", *, out=None):
    """The maximum of each window; padding never wins, NaN always does.

    Args:
        x: images.
        pool_size: integer or pair (height, width).
        strides: the same; None: the pool size.
        padding: "valid", "same", integer, pair, or ((top, bottom), (left, right)), less than the pool size.
        ceil_mode: round the output's size up (torch's rule: no window starts beyond the input and its leading padding).
        data_format: "channels_last" or "channels_first".
        out: array to write the result to.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.ops.max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2).ravel().tolist()
        [5.0, 7.0, 13.0, 15.0]
    """
    return _pool2d_forward(_pool2d("max", x, pool_size, strides, padding, ceil_mode, data_format), out)


def max_pool2d_backward(dy, x, pool_size, strides=None, padding="valid", ceil_mode=False, data_format="channels_last"):
    """Gradient of `max_pool2d`: dy goes to the first maximum of its window, row by row.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel().tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    return _pool2d_backward(dy, _pool2d("max", x, pool_size, strides, padding, ceil_mode, data_format))


def avg_pool2d(x, pool_size, strides=None, padding="valid", ceil_mode=False, count_include_pad=False,
               data_format="channels_last", *, out=None):
    """The mean of each window.

    Args:
        x, pool_size, strides, padding, ceil_mode, data_format, out: as `max_pool2d`.
        count_include_pad: divide by the window's size within the padded image, not by its real elements alone.

    Shape:
        (N, H, W, C) → (N, OH, OW, C)

    Example:
        >>> fastcnn.ops.avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2).ravel().tolist()
        [2.5, 4.5, 10.5, 12.5]
    """
    return _pool2d_forward(_pool2d("avg", x, pool_size, strides, padding, ceil_mode, data_format, count_include_pad), out)


def avg_pool2d_backward(dy, x, pool_size, strides=None, padding="valid", ceil_mode=False, count_include_pad=False,
                        data_format="channels_last"):
    """Gradient of `avg_pool2d`.

    Shape:
        dy (N, OH, OW, C) → dx as x

    Example:
        >>> fastcnn.ops.avg_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 2, 2, 1)), 2).ravel().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return _pool2d_backward(dy, _pool2d("avg", x, pool_size, strides, padding, ceil_mode, data_format, count_include_pad))


def _global_pool2d(kind, x, data_format):
    first = arguments.data_format(data_format)
    shape = np.shape(x)
    if len(shape) != 4:
        raise ValueError(f"x must have 4 dimensions. Received: shape {shape}")
    size = shape[2:] if first else shape[1:3]
    return _pool2d(kind, x, tuple(size), None, "valid", False, data_format)


def _global_pool2d_backward(dy, arguments_):
    op, first, x, shape = arguments_
    dy = _gradient(dy, (shape[0], shape[3])).reshape(shape)
    dx = np.empty_like(x)
    _run(op, shape[0], [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return _finish(dx, first, None)


def _global_pool2d_forward(arguments_, out):
    op, _, x, shape = arguments_
    y = _result(out, (shape[0], shape[3]), x)
    _run(op, shape[0], [["forward"]], [("x", x), ("y", y)])
    return _deliver(y, out)


def global_avg_pool2d(x, data_format="channels_last", *, out=None):
    """The mean of each channel over the image.

    Shape:
        (N, H, W, C) → (N, C)

    Example:
        >>> fastcnn.ops.global_avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[1.5]]
    """
    return _global_pool2d_forward(_global_pool2d("avg", x, data_format), out)


def global_avg_pool2d_backward(dy, x, data_format="channels_last"):
    """Gradient of `global_avg_pool2d`.

    Shape:
        dy (N, C) → dx as x
    """
    return _global_pool2d_backward(dy, _global_pool2d("avg", x, data_format))


def global_max_pool2d(x, data_format="channels_last", *, out=None):
    """The maximum of each channel over the image.

    Shape:
        (N, H, W, C) → (N, C)

    Example:
        >>> fastcnn.ops.global_max_pool2d(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[3.0]]
    """
    return _global_pool2d_forward(_global_pool2d("max", x, data_format), out)


def global_max_pool2d_backward(dy, x, data_format="channels_last"):
    """Gradient of `global_max_pool2d`: to the first maximum.

    Shape:
        dy (N, C) → dx as x
    """
    return _global_pool2d_backward(dy, _global_pool2d("max", x, data_format))


# Normalization


def _lrn(x, size, alpha, beta, k, alpha_mode):
    x = arguments.array("x", x)
    if x.ndim < 1:
        raise ValueError(f"x must have at least one dimension, the channels. Received: shape {x.shape}")
    size = arguments.integer("size", size)
    alpha, beta, k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    mean = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean")) == "mean"
    if x.size == 0:
        return None, x, 0
    n = x.shape[0] if x.ndim > 1 else 1
    op = _ops.local_response_norm(x.size // n // x.shape[-1], x.shape[-1], size, alpha, beta, k, mean)
    return op, x, n


def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum", *, out=None):
    """Local response normalization across channels: y_c = x_c / (k + s·Σ x_i²)^β over a window of `size` channels.

    Args:
        x: last axis is channels.
        size: channels per window, c − ⌊size/2⌋ … c + ⌊(size−1)/2⌋, clipped at the ends.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum": s = alpha (AlexNet's paper, TensorFlow); "mean": s = alpha / size (Caffe, torch, ONNX).
        out: array to write the result to.

    Shape:
        (…, C) → the same

    Source:
        Krizhevsky, Sutskever, Hinton 2012, section 3.3.

    Example:
        >>> y = fastcnn.ops.local_response_norm(np.arange(1.0, 9.0), size=5, alpha=1, beta=1, k=0)
        >>> [round(float(v), 4) for v in y[:3]]
        [0.0714, 0.0667, 0.0545]
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode)
    y = _result(out, x.shape, x)
    if n:
        _run(op, n, [["forward"]], [("x", x), ("y", y)])
    return _deliver(y, out)


def local_response_norm_backward(dy, x, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum"):
    """Gradient of `local_response_norm`: dx_c = dy_c·S_c^−β − 2sβ·x_c·Σ_{j: c∈W(j)} dy_j·x_j·S_j^−β−1.

    Shape:
        dy, x (…, C) → the same
    """
    op, x, n = _lrn(x, size, alpha, beta, k, alpha_mode)
    dy, dx = _gradient(dy, x.shape), np.empty_like(x)
    if n:
        _run(op, n, [["data"]], [("x", x), ("dy", dy), ("dx", dx)])
    return dx


# Dense


def _dense(x, kernel, bias):
    x, kernel = arguments.array("x", x), arguments.array("kernel", kernel, 2)
    if x.ndim < 1 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"x must end in the kernel's {kernel.shape[0]} inputs. Received: x of shape {x.shape}, kernel of "
                         f"shape {kernel.shape}")
    if bias is not None:
        bias = arguments.array("bias", bias, 1)
        if bias.shape != kernel.shape[1:]:
            raise ValueError(f"bias must have shape {kernel.shape[1:]}. Received: shape {bias.shape}")
    op = _ops.dense(*kernel.shape, bias is not None)
    return op, x, kernel, bias, (*x.shape[:-1], kernel.shape[1])


def dense(x, kernel, bias=None, *, out=None):
    """A fully connected layer: x · kernel + bias.

    Shape:
        x (…, I), kernel (I, O), bias (O,) → (…, O)

    Example:
        >>> fastcnn.ops.dense(np.ones((1, 3)), np.ones((3, 2)), np.ones(2)).tolist()
        [[4.0, 4.0]]
    """
    op, x, kernel, bias, shape = _dense(x, kernel, bias)
    y = _result(out, shape, x, kernel, *([] if bias is None else [bias]))
    _run(op, x.size // op.in_size, [["pack"], ["forward"]], [("x", x), ("y", y)],
         [("w", kernel), ("b", bias), ("packed", _ops.aligned(op.packed_size))])
    return _deliver(y, out)


def dense_backward(dy, x, kernel, bias=None):
    """Gradients of `dense`: (dx, dkernel), and dbias where a bias was given.

    Shape:
        dy (…, O) → dx as x, dkernel as kernel, dbias (O,)
    """
    op, x, kernel, bias, shape = _dense(x, kernel, bias)
    dy, dx, dw = _gradient(dy, shape), np.empty_like(x), np.zeros_like(kernel)
    db = None if bias is None else np.zeros_like(bias)
    _run(op, x.size // op.in_size, [["pack"], ["data", "weights"]], [("x", x), ("dy", dy), ("dx", dx)],
         [("w", kernel), ("dw", dw), ("db", db), ("packed_t", _ops.aligned(op.packed_t_size))])
    return (dx, dw) if bias is None else (dx, dw, db)


# Activations


def _plain(kind, x, out, activation="linear", alpha=0.0, dy=_FORWARD):
    """An op without parameters, forward, or backward where dy is given (the gradient is taken from y)."""
    x = arguments.array("x", x)
    rows = kind in ("softmax", "log_softmax")
    if rows and x.ndim < 1:
        raise ValueError(f"x must have at least one dimension. Received: shape {x.shape}")
    y = _result(out, x.shape, x, in_place=kind == "activation")
    backward = dy is not _FORWARD
    dy, dx = (_gradient(dy, x.shape), np.empty_like(x)) if backward else (None, None)
    if x.size:
        n = x.shape[0] if x.ndim > 1 else 1
        c = x.shape[-1] if rows else x.size // n
        op = _ops.plain(kind, x.size // n // c, c, activation, alpha)
        if backward:
            _run(op, n, [["forward"], ["data"]], [("x", x), ("y", y), ("dy", dy), ("dx", dx)])
        else:
            _run(op, n, [["forward"]], [("x", x), ("y", y)])
    return dx if backward else _deliver(y, out)


def _slope(name, value):
    return arguments.number(name, value, minimum=0)


def relu(x, *, out=None):
    """max(x, 0). Shape: any → the same."""
    return _plain("activation", x, out, "relu")


def relu_backward(dy, x):
    """dy where x > 0, else 0."""
    return _plain("activation", x, None, "relu", dy=dy)


def leaky_relu(x, negative_slope=0.2, *, out=None):
    """x where x > 0, else negative_slope · x; the slope is at least 0."""
    return _plain("activation", x, out, "leaky_relu", _slope("negative_slope", negative_slope))


def leaky_relu_backward(dy, x, negative_slope=0.2):
    """dy where x > 0, else negative_slope · dy."""
    return _plain("activation", x, None, "leaky_relu", _slope("negative_slope", negative_slope), dy=dy)


def elu(x, alpha=1.0, *, out=None):
    """x where x > 0, else alpha · (eˣ − 1); alpha is at least 0. Source: Clevert, Unterthiner, Hochreiter 2016."""
    return _plain("activation", x, out, "elu", _slope("alpha", alpha))


def elu_backward(dy, x, alpha=1.0):
    """dy where x > 0, else dy · alpha · eˣ."""
    return _plain("activation", x, None, "elu", _slope("alpha", alpha), dy=dy)


def sigmoid(x, *, out=None):
    """1 / (1 + e⁻ˣ)."""
    return _plain("activation", x, out, "sigmoid")


def sigmoid_backward(dy, x):
    """dy · y · (1 − y)."""
    return _plain("activation", x, None, "sigmoid", dy=dy)


def tanh(x, *, out=None):
    """Hyperbolic tangent."""
    return _plain("activation", x, out, "tanh")


def tanh_backward(dy, x):
    """dy · (1 − y²)."""
    return _plain("activation", x, None, "tanh", dy=dy)


def scaled_tanh(x, *, out=None):
    """1.7159 · tanh(2x/3), LeNet-5's squashing function. Source: LeCun, Bottou, Bengio, Haffner 1998, appendix A."""
    return _plain("activation", x, out, "scaled_tanh")


def scaled_tanh_backward(dy, x):
    """dy · (2/3) · (1.7159 − y² / 1.7159)."""
    return _plain("activation", x, None, "scaled_tanh", dy=dy)


def softplus(x, *, out=None):
    """log(1 + eˣ), without overflow."""
    return _plain("activation", x, out, "softplus")


def softplus_backward(dy, x):
    """dy · sigmoid(x)."""
    return _plain("activation", x, None, "softplus", dy=dy)


def softmax(x, *, out=None):
    """eˣ / Σ eˣ over the last axis, without overflow.

    Example:
        >>> fastcnn.ops.softmax(np.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return _plain("softmax", x, out)


def softmax_backward(dy, x):
    """y · (dy − Σ dy·y) over the last axis."""
    return _plain("softmax", x, None, dy=dy)


def log_softmax(x, *, out=None):
    """x − log Σ eˣ over the last axis, without overflow."""
    return _plain("log_softmax", x, out)


def log_softmax_backward(dy, x):
    """dy − softmax(x) · Σ dy over the last axis."""
    return _plain("log_softmax", x, None, dy=dy)


# Dropout


def _dropout(x, rate, seed, step, field, out):
    x = arguments.array("x" if field == "x" else "dy", x)
    rate = arguments.number("rate", rate, minimum=0, below=1)
    key = [arguments.integer(name, value, 0, 2**64 - 1) for name, value in (("seed", seed), ("step", step))]
    y = _result(out, x.shape, x, in_place=True)
    if x.size:
        op = _ops.dropout(x.size, rate)
        _run(op, 1, [["forward"]], [("x", x), ("y", y)], random=key)
    return _deliver(y, out)


def dropout(x, rate, seed=0, step=0, *, out=None):
    """Inverted dropout: each value is 0 with probability `rate`, else divided by 1 − rate.

    Args:
        x: any array.
        rate: in [0, 1).
        seed, step: key and counter of the random numbers (Philox 4×32-10); the same pair drops the same places.
        out: array to write the result to.

    Shape:
        any → the same

    Example:
        >>> y = fastcnn.ops.dropout(np.ones(1000), 0.25, seed=1)
        >>> bool(700 < np.count_nonzero(y) < 800)
        True
    """
    return _dropout(x, rate, seed, step, "x", out)


def dropout_backward(dy, x, rate, seed=0, step=0):
    """Gradient of `dropout`: the same places, the same factor."""
    dy = _gradient(dy, arguments.array("x", x).shape)
    return _dropout(dy, rate, seed, step, "dy", None)


# Losses: one number per sample


def _loss(kind, x, target, from_logits=False, dy=_FORWARD):
    x = arguments.array("x", x)
    if x.ndim < 1 or x.size == 0 and x.shape[0] != 0:
        raise ValueError(f"x must be (samples, values…). Received: shape {x.shape}")
    n = x.shape[0]
    labels = np.asarray(target)
    sparse = kind.endswith("categorical_cross_entropy") or kind == "softmax_cross_entropy"
    sparse = sparse and labels.dtype.kind in "iu" and labels.shape == (n,) and x.ndim > 1
    if sparse:
        c = x.size // max(n, 1)
        if n and not (0 <= labels.min() and labels.max() < c):
            raise ValueError(f"target must hold labels from 0 to {c - 1}. Received: {labels.min()} … {labels.max()}")
        target = np.ascontiguousarray(labels, np.int32)
    else:
        target = arguments.array("target", target)
        if target.shape != x.shape:
            raise ValueError(f"target must have x's shape {x.shape}. Received: shape {target.shape}")
    loss, y, dx = np.empty(n, np.float32), np.empty_like(x), np.empty_like(x)
    backward = dy is not _FORWARD
    dy = _gradient(dy, (n,)) if backward else None
    if n:
        op = _ops.plain(kind, 1, x.size // n, from_logits=from_logits, sparse=sparse)
        _run(op, n, [["forward"], ["data"]] if backward else [["forward"]], [("x", x), ("y", y), ("dx", dx)],
             [("target", target), ("loss", loss), ("sample_weight", dy)], scale=1.0)
    return dx if backward else loss


def softmax_cross_entropy(x, target):
    """Cross-entropy of softmax(x) with the target, fused.

    Args:
        x: logits.
        target: labels (integers) or probabilities.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)

    Example:
        >>> float(fastcnn.ops.softmax_cross_entropy(np.zeros((1, 2)), [1])[0]) == float(np.float32(np.log(2)))
        True
    """
    return _loss("softmax_cross_entropy", x, target)


def softmax_cross_entropy_backward(dy, x, target):
    """Gradient of `softmax_cross_entropy` with respect to x: (softmax(x)·Σt − t) · dy.

    Shape:
        dy (N,) → dx (N, C)
    """
    return _loss("softmax_cross_entropy", x, target, dy=dy)


def categorical_cross_entropy(x, target):
    """Cross-entropy of probabilities x with the target; x is scaled to sum 1 and clipped to [1e-7, 1 − 1e-7] as in Keras.

    Shape:
        x (N, C), target (N,) or (N, C) → (N,)
    """
    return _loss("categorical_cross_entropy", x, target)


def categorical_cross_entropy_backward(dy, x, target):
    """Gradient of `categorical_cross_entropy` with respect to x. Shape: dy (N,) → dx (N, C)."""
    return _loss("categorical_cross_entropy", x, target, dy=dy)


def mean_squared_error(x, target):
    """The mean of (x − target)² over each sample. Shape: x, target (N, …) → (N,)."""
    return _loss("mean_squared_error", x, target)


def mean_squared_error_backward(dy, x, target):
    """2 · (x − target) / values per sample · dy. Shape: dy (N,) → dx as x."""
    return _loss("mean_squared_error", x, target, dy=dy)


def binary_cross_entropy(x, target, from_logits=False):
    """The mean of −t·log q − (1−t)·log(1−q) over each sample; q = x clipped to [1e-7, 1 − 1e-7], or sigmoid(x) from logits.

    Shape:
        x, target (N, …) → (N,)
    """
    return _loss("binary_cross_entropy", x, target, arguments.flag("from_logits", from_logits))


def binary_cross_entropy_backward(dy, x, target, from_logits=False):
    """Gradient of `binary_cross_entropy` with respect to x. Shape: dy (N,) → dx as x."""
    return _loss("binary_cross_entropy", x, target, arguments.flag("from_logits", from_logits), dy=dy)


# Photographs


def _channels(name, value, c):
    """One number per channel, from one number or a list of them."""
    value = np.asarray(value, np.float64) if np.ndim(value) else np.full(c, arguments.number(name, value))
    if value.shape != (c,) or not np.isfinite(value).all():
        raise ValueError(f"{name} must be a finite number, or one for each of the {c} channels. Received: {value.tolist()}")
    return value


def _light(c, lighting, eigenvectors, eigenvalues):
    """What the three normal numbers are multiplied by; None: nothing."""
    lighting = arguments.number("lighting", lighting, 0)
    if not lighting:
        return None
    if c != 3 or eigenvectors is None or eigenvalues is None:
        what = f"{c} channels" if c != 3 else "no eigenvectors" if eigenvectors is None else "no eigenvalues"
        raise ValueError(f"lighting needs images of 3 channels, eigenvectors and eigenvalues. Received: {what}")
    vectors, values = arguments.array("eigenvectors", eigenvectors, 2), arguments.array("eigenvalues", eigenvalues, 1)
    if vectors.shape != (3, 3) or values.shape != (3,) or not (np.isfinite(vectors).all() and np.isfinite(values).all()):
        raise ValueError("eigenvectors must be (3, 3), one in each column, and eigenvalues (3,), all finite. Received: "
                         f"shapes {vectors.shape} and {values.shape}")
    return (vectors.astype(np.float64) * values * lighting).tolist()


def _numbers(name, value, n, below):
    """n integers from 0 as int32, or None."""
    if value is None:
        return None
    value = np.asarray(value)
    if value.dtype.kind not in "iu" or value.shape != (n,):
        raise ValueError(f"{name} must be {n} integers, one per image. Received: {_describe(value)}")
    if n and not (0 <= value.min() and value.max() < below):
        raise ValueError(f"{name} must lie in 0 … {below - 1}. Received: {value.min()} … {value.max()}")
    return np.ascontiguousarray(value, np.int32)


def augment(x, crop=None, position="centre", flip="never", mean=0.0, scale=1.0, lighting=0.0, eigenvectors=None,
            eigenvalues=None, index=None, partner=None, weight=1.0, seed=0, epoch=0, *, out=None):
    """Bytes to the floats a network takes: crop, mirror, subtract the mean, scale, change the light, mix in pairs.

        image = (x − mean + eigenvectors · (α · eigenvalues)) · scale,   αᵢ ~ N(0, lighting)
        y_i = image_i,   or with partners  weight · image_i + (1 − weight) · image_partner(i)

    Args:
        x: images, uint8.
        crop: height and width of the result in pixels, integer or pair; None: the whole image.
        position: of the crop: "centre", "random", "top_left", "top_right", "bottom_left", "bottom_right".
        flip: mirror left and right: "never", "random" (one image in two), "always".
        mean: a number, one per channel, or an image (H, W, C), which is cropped and mirrored alike; in units of x.
        scale: a number, or one per channel: 1 / standard deviation.
        lighting: standard deviation of α; 0: none.
        eigenvectors, eigenvalues: of the colours' covariance: (3, 3), one vector in each column, and (3,).
        index: numbers of the images in their data set, which the random numbers depend on; None: 0, 1, 2 …
        partner: for each image the place in the batch of the one that is mixed into it; None: no mixing.
        weight: of the first image where two are mixed, in [0, 1].
        seed, epoch: key and counter of the random numbers (Philox 4×32-10): each image has one draw per epoch.
        out: array to write the result to.

    Shape:
        x (N, H, W, C), C = 1 … 4 → (N, crop height, crop width, C)

    Raises:
        TypeError, ValueError: naming the argument, what was received and what is accepted.

    Example:
        >>> x = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
        >>> fastcnn.ops.augment(x, crop=2, position="top_left", flip="always", mean=1).ravel().tolist()
        [0.0, -1.0, 3.0, 2.0]

    Source: Krizhevsky, Sutskever, Hinton 2012, §4.1; mixing: Zhang, Cissé, Dauphin, Lopez-Paz 2018, "mixup".
    """
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 4 or not 1 <= x.shape[3] <= 4 or 0 in x.shape[1:]:
        raise TypeError("x must be a uint8 array of images (N, height, width, 1 to 4 channels). "
                        f"Received: {_describe(x)}")
    x = arguments.dense(x)
    n, h, w, c = x.shape
    crop = (h, w) if crop is None else arguments.pair("crop", crop)
    if crop[0] > h or crop[1] > w:
        raise ValueError(f"crop must fit into the images of {h} × {w} pixels. Received: {crop}")
    position, flip = arguments.choice("position", position, _ops.POSITIONS), arguments.choice("flip", flip, _ops.FLIPS)
    image = None
    if np.ndim(mean) > 1:
        image = arguments.array("mean", mean)
        if image.shape != (h, w, c):
            raise ValueError(f"mean must be a number, {c} of them, or an image of shape {(h, w, c)}. "
                             f"Received: shape {image.shape}")
    op = _ops.augment((h, w, c), crop, position, flip, _channels("mean", mean, c) if image is None else None,
                      _channels("scale", scale, c), _light(c, lighting, eigenvectors, eigenvalues))
    index, partner = _numbers("index", index, n, 2**31), _numbers("partner", partner, n, n)
    weight = arguments.number("weight", weight, 0, 1)
    key = arguments.integer("seed", seed, 0, 2**64 - 1), arguments.integer("epoch", epoch, 0, 2**63 - 1)
    y = _result(out, (n, *crop, c), x, *([] if image is None else [image]))
    _run(op, n, [["forward"]], [("y", y)], [("pixels", x), ("index", index), ("partner", partner), ("mean", image)],
         scale=weight, random=key)
    return _deliver(y, out)


# Optimizers


def sgd(w, dw, v=None, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0, *, out=None):
    """One step of stochastic gradient descent, Keras' form, with coupled weight decay.

        g = dw + weight_decay·w      v ← momentum·v − learning_rate·g      w ← w + v
        (Nesterov: w ← w + momentum·v − learning_rate·g)

    Args:
        w, dw: parameters and their gradient.
        v: velocity; None: 0.
        out: pair of arrays (w, v) to write to; may be the arguments themselves.

    Shape:
        w, dw, v any, alike → (w, v); v is None without momentum

    Example:
        >>> w, v = fastcnn.ops.sgd(np.ones(2), np.ones(2), learning_rate=0.5)
        >>> w.tolist(), v
        ([0.5, 0.5], None)
    """
    w, dw = arguments.array("w", w), arguments.array("dw", dw)
    rate, momentum = arguments.number("learning_rate", learning_rate, 0), arguments.number("momentum", momentum, 0)
    decay, nesterov = arguments.number("weight_decay", weight_decay, 0), arguments.flag("nesterov", nesterov)
    v = np.zeros_like(w) if v is None else arguments.array("v", v)
    for name, value in (("dw", dw), ("v", v)):
        if value.shape != w.shape:
            raise ValueError(f"{name} must have w's shape {w.shape}. Received: shape {value.shape}")
    if out is None:
        new_w, new_v = np.empty_like(w), np.empty_like(v)
    else:
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise TypeError(f"out must be a pair of arrays (w, v). Received: {_describe(out)}")
        new_w, new_v = (_result(a, w.shape) for a in out)
        if np.may_share_memory(new_w, new_v) or np.may_share_memory(new_w, dw) or np.may_share_memory(new_v, dw):
            raise ValueError("out must be two arrays that overlap neither each other nor dw")
        w, v = w.copy(), v.copy()
    new_w[...], new_v[...] = w, v
    if w.size:
        _run(_ops.sgd(w.size, momentum, nesterov, decay, False), 1, [["update"]],
             arrays=[("w", new_w), ("dw", dw), ("state", new_v)], scale=rate)
    return new_w, new_v if momentum else None
