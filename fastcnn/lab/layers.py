"""What there is to say, and to show, of each layer: type, shape, parameters, filters."""

import numpy as np

_WIDE = 8   # input channels of a filter that are shown
_MOST = 128 # filters that are shown
_SHAPING = "Flatten", "Reshape"
_NOTES = "Leaves values out by chance while it learns. Here it lets all through.", "The same numbers, in another shape."
_LARGE = 1 << 18  # values of a kernel: of a larger one a part is copied


def facts(model):
    """What a page says of each layer, in JSON's types.

    Example:
        >>> facts(fastcnn.networks.lenet5())[0]["parameters"]
        '6x5x5x1+6 = 156'
    """
    return [_fact(model, layer) for layer in model.layers if any(model.graph.sources(layer))]


def _fact(model, layer):
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    strides = getattr(layer, "strides", None)
    activation = getattr(layer, "activation", None)
    return {"name": layer.name, "type": type(layer).__name__, "shape": list(layer.output_size),
            "parameters": parameters_text(layer), "takes": model.graph.sources(layer)[0],
            "window": window and f"{window[0]}×{window[1]}" + (f", stride {strides[0]}" if strides else ""),
            "activation": activation[0] if activation and activation[0] != "linear" else None,
            "note": _NOTES[0] if layer.training_only else _NOTES[1] if type(layer).__name__ in _SHAPING else ""}


def parameters_text(layer):
    """As ConvNetJS' demos write it: filters × window × channels + biases = sum; "": there are none.

    Example:
        >>> layer = fastcnn.layers.Conv2D(8, 5, input_shape=(24, 24, 1))
        >>> parameters_text(fastcnn.Sequential([layer]).layers[0])
        '8x5x5x1+8 = 208'
    """
    parts = ["x".join(map(str, (p.shape[-1], *p.shape[:-1]))) for p in layer.parameters]
    return f"{'+'.join(parts)} = {layer.count_params()}" if parts else ""


def shown(model):
    """Names of the layers that make other values of what they take when the network predicts."""
    return [layer.name for layer in model.layers if any(model.graph.sources(layer)) and model.graph.given_by(layer)
            and not layer.training_only and type(layer).__name__ not in _SHAPING]


def filters(layer, values=None):
    """A layer's filters as maps (count, height, width), or in colours (count, height, width, 3); None: it has none.

    Args:
        layer: built.
        values: an array of the kernel's shape, as its gradient; None: the kernel.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> filters(model.layers[0]).shape
        (6, 5, 5)
    """
    kernel = next((p for p in layer.parameters if p.name in ("kernel", "depthwise_kernel", "prototypes")), None)
    if kernel is None:
        return None
    values = kernel.value if values is None else values
    if kernel.name == "prototypes":  # LeNet-5's are drawings
        return values.reshape(-1, 12, 7).copy() if kernel.shape[1] == 84 else values[None].copy()
    seen = layer.input.layer.input_size if type(layer.input.layer).__name__ == "Flatten" else layer.input_size
    if values.ndim == 3:  # of a table of connections
        values = values[:, :, None]
    elif values.ndim == 2 and len(seen) == 3 and seen[2] in (1, 3):  # a template for each unit
        values = values.reshape(*seen, -1)
    if values.ndim == 2:  # a row for each unit
        return np.ascontiguousarray(values[:max(1, _LARGE // values.shape[1])].T[None])
    if values.shape[2] == 3:
        return values[..., :_MOST].transpose(3, 0, 1, 2).copy()
    part = values[:, :, :_WIDE, :max(1, _MOST // min(values.shape[2], _WIDE))]
    return part.transpose(3, 2, 0, 1).reshape(-1, *values.shape[:2]).copy()
