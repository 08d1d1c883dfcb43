"""What a layer looks for."""

from __future__ import annotations

import math

import numpy as np

from fastcnn import arguments
from fastcnn.layers import Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D
from fastcnn.layers.base import Layer
from fastcnn.typing import Axes, Figure, Model
from fastcnn.vis.mosaic import mosaic
from fastcnn.vis.style import axes_of, drawing, signed


@drawing
def filters(model: Model, layer: str | int | Layer | None = None, limit: int | None = None,
            ax: Axes | None = None) -> Figure:
    """A layer's kernels as pictures.

    Of a layer that sees colours, each filter is a picture in colours, grey where it is zero, at its own contrast. Others
    have one scale. Of a layer that sees more channels, all filters stand along one axis and the channels they read along
    the other; what a connection table leaves out stays blank. A dense layer that sees pictures, directly or through
    `Flatten`, shows one template per unit. Depthwise and separable convolutions show a filter per channel, or several.

    Args:
        model: built.
        layer: name, number or the layer itself; None: the first that can be shown.
        limit: the most filters, and the most channels; None: 96, AlexNet's first, or 24 where channels stand beside filters.
        ax: matplotlib axes to draw on; None: those of a new figure.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: a layer that has no filters.

    Example:
        >>> figure = filters(fastcnn.networks.lenet5())
        >>> figure.axes[0].get_title("left")
        'c1: 6 filters of 5 × 5'
    """
    layer, kernel = _kernel(model, layer)
    height, width, channels, count = kernel.shape
    limit = (96 if channels in (1, 3) else 24) if limit is None else arguments.integer("limit", limit)
    title = f"{layer.name}: {count} {'filter' if count == 1 else 'filters'} of {height} × {width}"
    title += f" × {channels}" if channels > 1 else ""
    some = count > limit, channels not in (1, 3) and channels > limit
    title += {(True, True): f" (first {limit} of both)", (True, False): f" (first {limit})",
              (False, True): f" (first {limit} channels)"}.get(some, "")
    shown = kernel[..., :limit].transpose(3, 0, 1, 2)
    gap = max(1, round(0.08 * width))
    if channels == 3:
        shown = np.nan_to_num(shown)  # a filter that does not see a colour is grey in it
        most = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
        return _in_colours(shown / np.where(most, most, 1), gap, title, ax)
    if channels == 1:
        columns = _columns(len(shown))
        return _signed(mosaic(shown[..., 0], columns, gap), len(shown), columns, (height, width, gap), title, ax)
    return _per_channel(shown[..., :limit], gap, title, ax)


def _kernel(model, wanted):
    """The layer to show, and its kernel as (height, width, channels, filters)."""
    model._need_built()
    layers = model.layers
    found = {}
    for i, layer in enumerate(layers):
        for parameter in layer.parameters:
            if parameter.name not in ("kernel", "depthwise_kernel"):
                continue
            seen = layer.input_size if len(layer.input_size) == 3 else _before(layer)
            if len(parameter.shape) == 4 or isinstance(layer, Conv2D):
                found[i] = _by_filter(layer, parameter.value)
            elif len(parameter.shape) == 2 and len(seen) == 3 and math.prod(seen) == parameter.shape[0]:
                found[i] = parameter.value.reshape(*seen, -1)
    known = ", ".join(layers[i].name for i in found) or "none"
    if wanted is None and found:
        i = min(found)
    elif any(layer is wanted for layer in layers):
        i = next(i for i, layer in enumerate(layers) if layer is wanted)
    elif isinstance(wanted, str):
        i = layers.index(model.get_layer(wanted))
    elif hasattr(wanted, "__index__"):
        i = range(len(layers))[arguments.integer("layer", wanted, -len(layers), len(layers) - 1)]
    else:
        raise TypeError(f"layer must be a name, a number or a layer of the model. Layers with filters: {known}. "
                        f"Received: {arguments.shown(wanted)}")
    if i not in found:
        raise ValueError(f"layer must have filters over pictures. Layers that do: {known}. Received: {layers[i].name}")
    return layers[i], found[i]


def _before(layer):
    """The shape of what the layer before a dense one flattened."""
    taken = layer.input.call
    return taken.inputs[0].size if type(taken.layer).__name__ == "Flatten" else layer.input_size


def _by_filter(layer, kernel):
    """The kernel of a convolution as (height, width, channels, filters), NaN where there is no connection."""
    if isinstance(layer, (DepthwiseConv2D, SeparableConv2D)):
        return kernel.reshape(*kernel.shape[:2], 1, -1)
    if isinstance(layer, Conv2D) and layer.table is not None:
        whole = np.full((*kernel.shape[:2], layer.input_size[2], layer.filters), np.nan, np.float32)
        whole[:, :, layer.table[:, 0], layer.table[:, 1]] = kernel
        return whole
    return kernel.swapaxes(2, 3) if isinstance(layer, Conv2DTranspose) else kernel


def _columns(count):
    """Columns of a mosaic, somewhat wider than high, its last row as full as can be."""
    rows = math.ceil(count / max(8, math.ceil(math.sqrt(1.6 * count))))
    return math.ceil(count / rows)


def _size(picture, most=8.0):
    """Inches of a picture whose tiles are well visible."""
    height, width = picture.shape[:2]
    scale = min(most / width, 7.0 / height, 0.09)
    return max(width * scale, 3.2), max(height * scale, 0.6)


def _room(title):
    """Inches that a title takes."""
    return 0.1 * len(title) + 0.8


def _in_colours(kernels, gap, title, ax):
    picture = mosaic(kernels / 2 + 0.5, _columns(len(kernels)), gap)
    width, height = _size(picture)
    axes = axes_of(ax, max(width + 0.5, _room(title)), height + 0.6)
    axes.imshow(np.where(np.isnan(picture), 1, picture))
    _numbers(axes, len(kernels), _columns(len(kernels)), (*kernels.shape[1:3], gap))
    axes.set_title(title)
    return axes.figure


def _signed(picture, count, columns, tile, title, ax):
    width, height = _size(picture)
    axes = axes_of(ax, max(width + 1.3, _room(title)), height + 0.6)
    _scaled(axes, picture)
    _numbers(axes, count, columns, tile)
    axes.set_title(title)
    return axes.figure


def _per_channel(kernels, gap, title, ax):
    """The longer of filters and channels runs to the right."""
    count, height, width, channels = kernels.shape
    grid, names = kernels.transpose(0, 3, 1, 2), ["channel", "filter"]
    if count > channels:
        grid, names = grid.transpose(1, 0, 2, 3), names[::-1]
    picture = mosaic(grid.reshape(-1, height, width), grid.shape[1], gap)
    axes = axes_of(ax, max(_size(picture)[0] + 1.5, _room(title)), _size(picture)[1] + 1.0)
    _scaled(axes, picture)
    for axis, number, size in ((axes.xaxis, grid.shape[1], width), (axes.yaxis, grid.shape[0], height)):
        step = max(1, math.ceil(number / 16))
        axis.set_ticks([i * (size + gap) + (size - 1) / 2 for i in range(0, number, step)], range(0, number, step))
    _no_frame(axes)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_title(title)
    return axes.figure


def _scaled(axes, picture):
    """Shows a picture in the colours of signs, and the scale beside it."""
    most = np.nanmax(np.abs(picture), initial=0) or 1
    image = axes.imshow(picture, cmap=signed(), vmin=-most, vmax=most)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.04, pad=0.03, aspect=18)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8)
    bar.locator.set_params(nbins=5)
    bar.update_ticks()


def _numbers(axes, count, columns, tile):
    """Numbers each row by its first filter."""
    height, _, gap = tile
    rows = range(0, count, columns)
    if len(rows) > 1:
        axes.set_yticks([i * (height + gap) + (height - 1) / 2 for i in range(len(rows))], rows)
    else:
        axes.set_yticks([])
    axes.set_xticks([])
    _no_frame(axes)


def _no_frame(axes):
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
