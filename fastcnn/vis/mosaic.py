"""Many small maps as one picture, and such pictures in rows with their names beside them."""

import math

import numpy as np

from fastcnn.vis.style import GREY, RED, bare, cut, figure_of, short, signed, strongest

_LEFT, _RIGHT, _TOP, _BOTTOM = 1.75, 0.2, 0.5, 0.15  # inches around the rows
_WIDTH = 8.32    # of a full row
_SIDE = 0.52     # of a map: 16 in a row
_CELL = 0.065    # of a unit of a dense layer: 128 in a row
_TALL = 3        # its height in cells
_GAP = 0.16      # between rows
_NAMES = 0.2     # below bars
_LETTERS = 19    # of a row's name
_MOST_BARS = 20
_MOST_UNITS = 512


def mosaic(maps, columns, gap=1):
    """Maps side by side, NaN between them.

    Args:
        maps: (N, height, width), or (N, height, width, 3) for colours.
        columns: in a row.
        gap: between maps.

    Example:
        >>> mosaic(np.ones((3, 2, 2)), 2).shape
        (5, 5)
    """
    count, height, width = maps.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *maps.shape[3:]), np.nan)
    for i, one in enumerate(maps):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        picture[top:top + height, left:left + width] = one
    return picture


def visible(image):
    """An image of a network's input as matplotlib shows it: (height, width) or (height, width, 3), from 0 to 1.

    Example:
        >>> visible(np.array([[[-1.0], [1.0]]])).tolist()
        [[0.0, 1.0]]
    """
    image = np.asarray(image, np.float64)
    low, high = image.min(), image.max()
    return ((image - low) / (high - low or 1)).reshape(image.shape[:2] if image.shape[2] == 1 else image.shape)


def is_image(shape):
    """Can samples of this shape be shown as pictures?"""
    return len(shape) == 3 and shape[2] in (1, 3)


def _has_maps(array):
    """Maps are shown as pictures; of one pixel each they are units."""
    return array.ndim == 3 and array.shape[:2] != (1, 1)


class Rows:
    """Arrays of one sample, a row each: the input's picture, a layer's maps or units.

    Args:
        title: of the figure.
        arrays: [(name, array)], of shape (height, width, channels) or (units,).
        limit: the most maps of a row's array.
        image: a sample to show first, or None.
        bars: names of the last array's units, shown as bars if they are few; False: as the others.
        smallest: is the smallest of the bars the answer, not the largest?
    """

    def __init__(self, title, arrays, limit, image=None, bars=False, smallest=False):
        self.title, self.arrays, self.limit, self.image, self.bars = title, arrays, limit, image, bars
        self.smallest = smallest

    def draw(self, figure=None):
        """The figure."""
        heights = [1.25] if self.image is not None else []
        heights += [self._height(array, i == len(self.arrays) - 1) for i, (_, array) in enumerate(self.arrays)]
        bottom = _BOTTOM + (_NAMES if self._as_bars(self.arrays[-1][1], True) else 0)
        width, height = _LEFT + _WIDTH + _RIGHT, _TOP + bottom + sum(heights) + _GAP * (len(heights) - 1)
        figure = figure_of(figure, width, height)
        figure.text(0.18 / width, 1 - 0.26 / height, self.title, weight="bold", fontsize=11, va="center")
        y = height - _TOP
        rows = [("input", self.image)] if self.image is not None else []
        for i, ((name, array), tall) in enumerate(zip(rows + self.arrays, heights)):
            last = i == len(heights) - 1
            axes = figure.add_axes((_LEFT / width, (y - tall) / height, _WIDTH / width, tall / height))
            text = self._image(axes, array) if rows and i == 0 else self._array(axes, array, last)
            shape = " × ".join(map(str, array.shape)) + text
            figure.text(0.18 / width, (y - 0.02) / height, cut(name, _LETTERS), weight="bold", va="top")
            figure.text(0.18 / width, (y - 0.20) / height, shape, color=GREY, fontsize=8, va="top", linespacing=1.4)
            y -= tall + _GAP
        return figure

    def _height(self, array, last):
        if _has_maps(array):
            side = _SIDE * min(1.0, array.shape[0] / array.shape[1])
            return max(math.ceil(min(array.shape[2], self.limit) / self._columns()) * side, 0.55)
        if self._as_bars(array, last):
            return 1.3
        return max(math.ceil(min(array.size, _MOST_UNITS) / self._units()) * _CELL * _TALL, 0.55)

    def _columns(self):
        return round(_WIDTH / _SIDE)

    def _units(self):
        return round(_WIDTH / _CELL)

    def _as_bars(self, array, last):
        return self.bars is not False and last and array.ndim == 1 and array.size <= _MOST_BARS

    def _image(self, axes, image):
        bare(axes)
        axes.imshow(visible(image), cmap="gray")
        axes.set_anchor("NW")
        return ""

    def _array(self, axes, array, last):
        """Draws a row; what to say of it below its shape."""
        said = f"\n{short(array.min())} … {short(array.max())}"
        if self._as_bars(array, last):
            self._bar(axes, array)
            return said
        bare(axes)
        most = strongest(array)
        if _has_maps(array):
            maps = array.transpose(2, 0, 1)[:self.limit]
            picture, kind = mosaic(maps, self._columns(), max(1, round(0.06 * array.shape[1]))), "maps"
            full = self._columns()
        else:
            maps = array.ravel()[:_MOST_UNITS]
            full = self._units()
            picture, kind = mosaic(np.repeat(maps, _TALL).reshape(-1, _TALL, 1), full, 0), "units"
        axes.imshow(picture, cmap=signed(), vmin=-most, vmax=most)
        axes.set_anchor("NW")
        whole = array.shape[-1]
        axes.set_xlim(-0.5, max(picture.shape[1] * full / min(full, len(maps)), picture.shape[1]) - 0.5)
        return said + (f"\nfirst {len(maps)} {kind}" if len(maps) < whole else "")

    def _bar(self, axes, array):
        names = [cut(name, 120 // array.size) for name in self.bars or map(str, range(array.size))]
        best = array.argmin() if self.smallest else array.argmax()
        axes.bar(range(array.size), array, 0.7, color=[RED if i == best else "#b5b5b5" for i in range(array.size)])
        axes.set_xticks(range(array.size), names)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, array.size - 0.4)
