"""Which pixels an answer depends on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn.typing import ArrayLike, Figure, FigureBase, Model
from fastcnn.vis.mosaic import is_image, visible
from fastcnn.vis.probing import Gradients, Score, as_given, one_sample, samples
from fastcnn.vis.style import GREY, RED, bare, cut, drawing, figure_of, inches, strongest

_COLUMNS = 8
_SIDE = 1.15   # inches of a picture
_ABOVE = 0.45  # of its title
_LETTERS = 16  # that a picture is wide


@drawing
def saliency(model: Model, x: ArrayLike, y: ArrayLike | None = None, class_names: Sequence[str] | None = None,
             figure: FigureBase | None = None) -> Figure:
    """Images, and below each how strongly each pixel changes the score of a class: the largest |∂score / ∂pixel| over the
    channels.

    The score is the class' output before the softmax, or its distance in a model that ends in `RBF`. Each map has its own
    scale. The model stays as it is.

    Args:
        model: built; takes images of 1 or 3 channels and ends in one dimension.
        x: a sample, or up to 32.
        y: labels of the classes to ask for; None: the predicted ones.
        class_names: of the outputs.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: another kind of model, too many samples, labels or names that do not fit.

    Source: Simonyan, Vedaldi, Zisserman 2013, "Deep inside convolutional networks".

    Example:
        >>> figure = saliency(fastcnn.networks.lenet5(seed=0), np.random.default_rng(0).random((3, 28, 28)), [0, 1, 2])
        >>> [axes.get_title("left").split()[0] for axes in figure.axes[::2]]
        ['0', '1', '2']
    """
    model._need_built()
    first, last = model.inputs[0].size, model.outputs[0].size
    if not is_image(first) or len(last) != 1:
        raise ValueError(f"model must take images of 1 or 3 channels and end in one dimension. Received: {first} → {last}")
    x = np.asarray(x)
    x = samples(model, x) if x.ndim == 4 or x.ndim == 3 and x.shape != model.input_shape[1:] else one_sample(model, x)
    if len(x) > 4 * _COLUMNS:
        raise ValueError(f"x must hold at most {4 * _COLUMNS} samples. Received: {len(x)}")
    given = as_given(model, x)
    outputs = model.predict(given)
    predicted = outputs.argmin(axis=1) if model.smallest_wins else outputs.argmax(axis=1)
    labels = predicted if y is None else _labels(y, len(x), last[0])
    names = [str(name) for name in (range(last[0]) if class_names is None else class_names)]
    if len(names) != last[0]:
        raise ValueError(f"class_names must name {last[0]} outputs. Received: {len(names)} names")
    maps = np.abs(Gradients(model, given, labels, Score(), scores=True).input).max(axis=-1)
    return _draw(model, x, maps, labels, predicted, names, figure)


def _labels(y, count, classes):
    y = np.asarray(y)
    y = y.reshape(-1) if y.ndim == 0 or y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise ValueError(f"y must be {count} labels, integers. Received: {y.dtype}, shape {y.shape}")
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"y must hold labels from 0 to {classes - 1}. Received: {y.min()} … {y.max()}")
    return y


def _draw(model, x, maps, labels, predicted, names, figure):
    columns = min(len(x), _COLUMNS)
    bands = -(-len(x) // columns)
    figure = figure_of(figure, max(columns * _SIDE + 0.3, 3.6), bands * (2 * _SIDE + _ABOVE) + 0.5)
    width, height = inches(figure)
    figure.text(0.15 / width, 1 - 0.24 / height, f"{model.name}: |∂score / ∂pixel|", weight="bold", fontsize=11, va="center")
    for i in range(len(x)):
        band, column = divmod(i, columns)
        top = height - 0.5 - band * (2 * _SIDE + _ABOVE) - _ABOVE + 0.1
        for j, (picture, colours) in enumerate([(visible(x[i]), "gray"), (maps[i], "magma")]):
            place = (0.15 + column * _SIDE) / width, (top - (j + 1) * _SIDE + 0.06) / height
            axes = figure.add_axes((*place, (_SIDE - 0.06) / width, (_SIDE - 0.06) / height))
            bare(axes)
            axes.imshow(picture, cmap=colours, vmin=0, vmax=1 if j == 0 else strongest(picture))
            if j == 0:
                right = labels[i] == predicted[i]
                title = [names[labels[i]]] + ([] if right else [f"sees {names[predicted[i]]}"])
                axes.set_title("\n".join(cut(line, _LETTERS) for line in title), fontsize=8, weight="normal", pad=3,
                               color=GREY if right else RED)
    return figure
