"""What each layer makes of a sample."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments
from fastcnn.typing import ArrayLike, Figure, FigureBase, Model
from fastcnn.vis.mosaic import Rows, is_image
from fastcnn.vis.probing import chosen, one_sample, outputs
from fastcnn.vis.style import drawing


@drawing
def activations(model: Model, x: ArrayLike, layers: Sequence[str] | None = None, limit: int = 32,
                class_names: Sequence[str] | None = None, figure: FigureBase | None = None) -> Figure:
    """The outputs of the layers for one sample, a row each: maps of convolutions and poolings, units of dense layers.

    Each row has its own scale: white is zero, blue is below, red above, and deepest what 0.5 % of its numbers exceed.
    Smallest and largest number stand beside it. A last layer of few units is shown as bars, that
    of the answer in red.

    Args:
        model: built.
        x: one sample, or a batch of one.
        layers: names of the layers to show; None: all that compute something.
        limit: the most maps of a layer.
        class_names: of the last layer's units.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: more than one sample, unknown layers, another number of class names.

    Example:
        >>> figure = activations(fastcnn.networks.lenet5(), np.zeros((28, 28)))
        >>> [text.get_text() for text in figure.texts if text.get_weight() == "bold"]
        ['lenet5: activations', 'input', 'c1', 's2', 'c3', 's4', 'c5', 'f6', 'output']
    """
    limit = arguments.integer("limit", limit)
    sample = one_sample(model, x)
    found = outputs(model, sample)
    names = chosen(model, layers)
    rows = [(layer.name, y[0]) for layer, y in found if layer.name in names]
    last = model.layers[-1].name in names
    if class_names is not None:
        class_names = [str(name) for name in class_names]
        if model.outputs[0].size != (len(class_names),) or not last:
            raise ValueError(f"class_names must name the units of the last layer, which is shown. Received: "
                             f"{len(class_names)} names, {model.layers[-1].name} with output {model.layers[-1].output_size}")
    image = sample[0] if is_image(sample.shape[1:]) else None
    return Rows(f"{model.name}: activations", rows, limit, image, class_names if last else False,
                model.smallest_wins).draw(figure)
