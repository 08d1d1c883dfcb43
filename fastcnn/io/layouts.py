"""How arrays lie elsewhere and here: the turns that all formats share.

fastcnn has kernels (height, width, inputs, filters), dense kernels (inputs, units) and flattens rows, columns, channels.
"""

import numpy as np


def from_oihw(kernel):
    """A convolution's kernel (filters, inputs, height, width) as (height, width, inputs, filters); of a transposed one
    (inputs, filters, height, width) as (height, width, filters, inputs). Groups lie alike.

    Example:
        >>> from_oihw(np.zeros((8, 3, 5, 4))).shape
        (5, 4, 3, 8)
    """
    return np.transpose(kernel, (2, 3, 1, 0))


def to_oihw(kernel):
    """The reverse of `from_oihw`."""
    return np.transpose(kernel, (3, 2, 0, 1))


def depthwise_from_oihw(kernel, channels):
    """A depthwise kernel (channels · multiplier, 1, height, width) as (height, width, channels, multiplier).

    Example:
        >>> depthwise_from_oihw(np.zeros((6, 1, 5, 4)), 3).shape
        (5, 4, 3, 2)
    """
    filters, _, *window = kernel.shape
    return np.transpose(np.reshape(kernel, (channels, filters // channels, *window)), (2, 3, 0, 1))


def depthwise_to_oihw(kernel):
    """The reverse of `depthwise_from_oihw`."""
    height, width, channels, multiplier = kernel.shape
    return np.transpose(kernel, (2, 3, 0, 1)).reshape(channels * multiplier, 1, height, width)


def rows_from(kernel, sizes, order):
    """A dense kernel whose rows count axes of some sizes, as one whose rows count these axes in fastcnn's order.

    Args:
        kernel: (inputs, units).
        sizes: of the axes, in the order elsewhere, as (channels, height, width).
        order: where in `sizes` each axis of fastcnn's stands: (1, 2, 0) for these.

    Example:
        >>> rows_from(np.arange(8.0)[:, None], (2, 2, 2), (1, 2, 0)).ravel().tolist()
        [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]
    """
    return np.transpose(np.reshape(kernel, (*sizes, -1)), (*order, len(sizes))).reshape(np.shape(kernel))


def rows_from_chw(kernel, height, width, channels):
    """Rows in the order channels, height, width as height, width, channels."""
    return rows_from(kernel, (channels, height, width), (1, 2, 0))


def rows_to_chw(kernel, height, width, channels):
    """The reverse of `rows_from_chw`."""
    return rows_from(kernel, (height, width, channels), (2, 0, 1))


def reached(size, window, strides, dilation, pads, ceil=False):
    """Rows and columns of what windows are looked at in.

    Args:
        size: (height, width, …) of images.
        pads: ((top, bottom), (left, right)).
        ceil: round up; windows that would begin behind the image are left out.

    Example:
        >>> reached((6, 7), (3, 2), (2, 2), (1, 1), ((0, 0), (1, 1)), ceil=True)
        [3, 4]
    """
    found = []
    for n, k, s, d, (before, after) in zip(size, window, strides, dilation, pads):
        out = (n + before + after - (k - 1) * d - 1 + (s - 1) * ceil) // s + 1
        found.append(out - (ceil and (out - 1) * s >= n + before))
    return found


def turned_colours(kernel):
    """The kernel (height, width, inputs, filters) of a first convolution of blue, green, red, as one of red, green, blue."""
    return np.asarray(kernel)[:, :, ::-1]
