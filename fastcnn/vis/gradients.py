"""How gradients flow through a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import arguments
from fastcnn.typing import ArrayLike, Figure, FigureBase, Model
from fastcnn.vis.mosaic import Rows, is_image
from fastcnn.vis.probing import Gradients, as_given, chosen, one_sample, samples
from fastcnn.vis.style import BLUE, GREY, INK, PALE, RED, drawing, figure_of, inches, short

_BINS = 80


@drawing
def gradients(model: Model, x: ArrayLike, y: ArrayLike, kind: str = "histograms", layers: Sequence[str] | None = None,
              limit: int = 32, figure: FigureBase | None = None) -> Figure:
    """The gradients of the loss in every layer: of its parameters as histograms, or of its output as maps.

    "histograms" shows sizes, |gradient|, on a logarithmic axis, one ridge per layer from first to last: whether gradients
    vanish or explode on their way down is seen at a glance. Kernels are filled, with a line at the median; biases are
    marks. Beside it stand the largest and, if there are any, the part that is zero. "maps" shows the gradient with respect
    to each layer's output for one sample, in rows as `activations` has them: where more of an output would make the loss
    larger (red) or smaller (blue).

    The model stays as it is. Its copy that is derived leaves out dropout and whatever else acts in training only, and
    penalties on weights.

    Args:
        model: built and compiled; its loss is derived.
        x, y: samples and targets, as `fit` takes them; for "maps" one sample, or a batch of one.
        kind: "histograms" or "maps".
        layers: names of the layers to show; None: all that learn, or all that compute something and have a layer above.
        limit: the most maps of a layer.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: no loss; samples that do not fit; unknown layers, or layers without such gradients.

    Example:
        >>> model = fastcnn.networks.lenet5(seed=0)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> x, y = np.random.default_rng(0).random((8, 28, 28, 1)), np.arange(8)
        >>> [label.get_text() for label in gradients(model, x, y).axes[0].get_yticklabels()]
        ['c1', 'c3', 'c5', 'f6', 'output']
        >>> len(gradients(model, x[0], y[0], kind="maps").axes)
        8
    """
    arguments.choice("kind", kind, ("histograms", "maps"))
    model._need_built()
    model._need_loss()
    if kind == "maps":
        return _maps(model, x, y, layers, arguments.integer("limit", limit), figure)
    x = samples(model, x)
    found = Gradients(model, as_given(model, x), y, model.loss)
    known = list(found.parameters)
    names = known if layers is None else [name for name in known if name in chosen(model, layers)]
    if not names or layers is not None and len(names) != len(chosen(model, layers)):
        raise ValueError(f"layers must be some that learn: {', '.join(known) or 'none'}. "
                         f"Received: {arguments.shown(layers)}")
    return _ridges(model, {name: found.parameters[name] for name in names}, found.loss, len(x), figure)


# Maps


def _maps(model, x, y, layers, limit, figure):
    x, y = one_sample(model, x), np.asarray(y)
    y = y[None] if y.ndim == 0 or y.shape == model.output_shape[1:] else y
    found = Gradients(model, as_given(model, x), y, model.loss)
    names = [name for name in chosen(model, layers) if name in found.outputs]
    if not names or layers is not None and len(names) != len(chosen(model, layers)):
        raise ValueError(f"layers must be some below the last: {', '.join(found.outputs)}. "
                         f"Received: {arguments.shown(layers)}")
    rows = [(name, found.outputs[name][0]) for name in names]
    if layers is None:
        rows = [("∂loss / ∂input", found.input[0]), *rows]
    title = f"{model.name}: gradients of the loss, {short(found.loss)}, with respect to each output"
    return Rows(title, rows, limit, x[0] if is_image(x.shape[1:]) else None).draw(figure)


# Histograms


def _ridges(model, parameters, loss, count, figure):
    sizes = {name: [np.abs(g.ravel().astype(np.float64)) for g in _by_size(arrays)] for name, arrays in parameters.items()}
    low, high = _range([part for parts in sizes.values() for part in parts])
    figure = figure_of(figure, 8.4, 1.35 + 0.62 * len(sizes))
    left, right = 0.02 + 0.0085 * max(map(len, sizes)) + 0.02, 0.83
    height = inches(figure)[1]
    bottom, top = 0.55 / height, 1 - 0.75 / height
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    edges = np.linspace(low, high, _BINS + 1)
    for i, parts in enumerate(sizes.values()):
        base = len(sizes) - 1 - i
        axes.axhline(base, color=PALE, linewidth=0.8, zorder=1)
        _ridge(axes, edges, parts[0], base)
        for part in parts[1:]:
            logs = np.log10(part[part > 0])
            alpha = min(0.8, max(0.1, 80 / max(len(logs), 1)))
            axes.vlines(logs, base, base + 0.16, color=RED, linewidth=0.8, alpha=alpha, zorder=3)
        whole = np.concatenate(parts)
        zeros = float((whole == 0).mean())
        text = f"max {short(whole.max())}" + (f"\n{100 * zeros:.3g} % zero" if zeros else "")
        axes.annotate(text, (1.015, base + 0.32), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=GREY)
    axes.set_yticks([len(sizes) - 1 - i for i in range(len(sizes))], list(sizes))
    axes.tick_params(axis="y", length=0)
    for label in axes.get_yticklabels():
        label.set(weight="bold", va="bottom")
    axes.set_ylim(-0.08, len(sizes) - 0.02)
    axes.set_xlim(low, high)
    ticks = np.arange(np.ceil(low), np.floor(high) + 1, max(1, round((high - low) / 7)))
    axes.set_xticks(ticks, [f"$10^{{{tick:.0f}}}$" for tick in ticks])
    axes.set_xlabel("|∂loss / ∂parameter|")
    axes.spines["left"].set_visible(False)
    figure.text(0.02, 1 - 0.26 / height, f"{model.name}: gradients of the loss", weight="bold", fontsize=11, va="center")
    figure.text(0.02, 1 - 0.50 / height, f"{count:,} {'sample' if count == 1 else 'samples'}, loss {short(loss)}; kernels "
                "filled, with their median, biases as marks", color=GREY, fontsize=8.5, va="center")
    return figure


def _by_size(arrays):
    """A layer's gradients, the largest array, its kernel, first; the others as one."""
    first, *others = sorted(arrays.values(), key=lambda g: -g.size)
    return [first] + ([np.concatenate([g.ravel() for g in others])] if others else [])


def _range(parts):
    """Powers of ten between which nearly all gradients lie."""
    found = [np.log10(part[part > 0]) for part in parts if (part > 0).any()]
    if not found:
        return -8.0, 0.0
    low, high = min(np.quantile(part, 0.005) for part in found), max(part.max() for part in found)
    return max(low, high - 14) - 0.3, high + 0.3


def _ridge(axes, edges, part, base):
    """A histogram of log10, its peak .85 high, and the median."""
    logs = np.log10(part[part > 0])
    density, _ = np.histogram(logs, edges)
    if not density.max():
        return
    smooth = np.convolve(density, [0.25, 0.5, 0.25], "same")
    axes.fill_between((edges[1:] + edges[:-1]) / 2, base, base + 0.85 * smooth / smooth.max(), color=BLUE, alpha=0.75,
                      linewidth=0, zorder=2)
    axes.plot([np.median(logs)] * 2, [base, base + 0.85], color=INK, linewidth=1, zorder=4)
