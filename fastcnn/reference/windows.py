"""A window sliding over an image: padding, output size, and which pixels each tap of the window reads."""

import operator
from dataclasses import dataclass

import numpy as np

from fastcnn.arguments import shown


@dataclass(frozen=True)
class Axis:
    """Height or width: output o reads the padded input at o·stride + tap·dilation, 0 <= tap < window."""

    size: int  # of the input
    window: int
    stride: int
    dilation: int
    begin: int  # padding before
    end: int  # padding after
    out: int

    @property
    def extent(self):
        """What a window reaches over."""
        return _extent(self.window, self.dilation)

    @property
    def padded(self):
        """The size with its padding."""
        return self.begin + self.size + self.end

    @property
    def starts(self):
        """Where each window begins, in the padded array."""
        return self.stride * np.arange(self.out)

    @property
    def reach(self):
        """Padded size, enlarged where ceil_mode lets the last window run past it."""
        return max(self.padded, (self.out - 1) * self.stride + self.extent)

    def tap(self, i):
        """The positions that tap i reads, one per output."""
        first = i * self.dilation
        return slice(first, first + (self.out - 1) * self.stride + 1, self.stride)


def sliding_axes(in_size, window, strides, padding, dilation=(1, 1), ceil_mode=False):
    """The two axes (rows, columns) of a window sliding over an input of size `in_size`."""
    extents = [_extent(w, d) for w, d in zip(window, dilation)]
    axes = []
    pads = _pads(padding, in_size, extents, strides)
    for size, w, extent, s, d, (begin, end) in zip(in_size, window, extents, strides, dilation, pads):
        room = begin + size + end - extent
        out = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (out - 1) * s >= begin + size:
            out -= 1
        if out < 1:
            raise ValueError(
                f"The window must fit into the padded input. Received: input {size}, padding {(begin, end)}, "
                f"window extent {extent}"
            )
        axes.append(Axis(size, w, s, d, begin, end, out))
    return tuple(axes)


def pad(x, axes, value=0.0):
    """x (N,H,W,C) framed with `value`, so that every tap of every window reads inside the result."""
    rows, cols = axes
    padded = np.full((x.shape[0], rows.reach, cols.reach, x.shape[3]), value)
    unpad(padded, axes)[...] = x
    return padded


def unpad(padded, axes):
    """The view of `padded` that holds the image itself."""
    rows, cols = axes
    return padded[:, rows.begin : rows.begin + rows.size, cols.begin : cols.begin + cols.size]


def taps(axes):
    """Yields ((i, j), index): tap (i, j) of all windows at once is padded[index], in row-major order."""
    rows, cols = axes
    for i in range(rows.window):
        for j in range(cols.window):
            yield (i, j), (slice(None), rows.tap(i), cols.tap(j))


def pair(value, name, least=1):
    """An integer or a pair of integers, each at least `least`, as a pair."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    try:
        values = tuple(operator.index(v) for v in values)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer or a pair of integers. Received: {shown(value)}") from None
    if len(values) != 2 or min(values) < least:
        raise ValueError(f"`{name}` must be one or two integers >= {least}. Received: {shown(value)}")
    return values


def _extent(window, dilation):
    return (window - 1) * dilation + 1


def _pads(padding, in_size, extents, strides):
    """((top, bottom), (left, right))."""
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding == "same":
            return tuple(_same(i, k, s) for i, k, s in zip(in_size, extents, strides))
        raise ValueError(f"`padding` must be 'valid', 'same' or integers. Received: {shown(padding)}")
    if isinstance(padding, (tuple, list)) and all(isinstance(p, (tuple, list)) for p in padding):
        if len(padding) != 2:
            raise ValueError(f"`padding` must be ((top, bottom), (left, right)). Received: {shown(padding)}")
        return tuple(pair(p, "padding", least=0) for p in padding)
    height, width = pair(padding, "padding", least=0)
    return (height, height), (width, width)


def _same(size, extent, stride):
    """TensorFlow's rule: ceil(size/stride) outputs, the odd element of padding at the end."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2
