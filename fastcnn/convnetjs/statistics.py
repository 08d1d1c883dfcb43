"""What ConvNetJS' demos tell of each layer: extremes of activations and gradients, and how many parameters it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastcnn import arguments, calling
from fastcnn.convnetjs.net import Net


@calling.hinting
@dataclass(frozen=True)
class LayerStatistics:
    """One layer's. `str` of it is what the demos print.

    Attributes:
        layer_type, out_sx, out_sy, out_depth: of the layer.
        window: such as "filter size 5x5x1, stride 1"; None: it has none.
        min_activation, max_activation: of its output at the last `forward`.
        min_gradient, max_gradient: of the cost's gradient of this output at the last `backward`; None: there was none since.
        parameters: such as "8x5x5x1+8 = 208", weights and biases; None: it learns nothing.
    """

    layer_type: str
    out_sx: int
    out_sy: int
    out_depth: int
    window: str | None
    min_activation: float
    max_activation: float
    min_gradient: float | Any
    max_gradient: float | Any
    parameters: str | None

    def __str__(self):
        lines = [f"{self.layer_type} ({self.out_sx}x{self.out_sy}x{self.out_depth})"]
        if self.window is not None:
            lines.append(self.window)
        lines.append(f"max activation: {self.max_activation:.5g}, min: {self.min_activation:.5g}")
        if self.max_gradient is not None:
            lines.append(f"max gradient: {self.max_gradient:.5g}, min: {self.min_gradient:.5g}")
        if self.parameters is not None:
            lines.append(f"parameters: {self.parameters}")
        return "\n".join(lines)


def statistics(net: Net) -> list[LayerStatistics]:
    """Statistics of each layer of a network, for what passed through it last.

    Args:
        net: a `Net` after `forward`; after `backward` gradients are among them.

    Returns:
        list of LayerStatistics.

    Raises:
        ValueError: nothing has passed through the network yet.

    Example:
        >>> net = fastcnn.convnetjs.Net([{"type": "input", "out_sx": 24, "out_sy": 24, "out_depth": 1},
        ...     {"type": "conv", "sx": 5, "filters": 8, "pad": 2}, {"type": "softmax", "num_classes": 10}])
        >>> out = net.forward(np.zeros((24, 24, 1)))
        >>> print(statistics(net)[1])
        conv (24x24x8)
        filter size 5x5x1, stride 1
        max activation: 0, min: 0
        parameters: 8x5x5x1+8 = 208
    """
    if not hasattr(net, "passed"):
        raise TypeError(f"net must be a Net. Received: {arguments.shown(net)}")
    values, gradients = net.passed()
    found = []
    for i, layer in enumerate(net.layers):
        extremes = [None, None] if gradients is None else [float(gradients[i].min()), float(gradients[i].max())]
        found.append(LayerStatistics(layer.layer_type, layer.out_sx, layer.out_sy, layer.out_depth, _window(layer),
                                     float(values[i].min()), float(values[i].max()), *extremes, _parameters(layer)))
    return found


def _window(layer):
    if layer.layer_type == "conv":
        return f"filter size {layer.sx}x{layer.sy}x{layer.in_depth}, stride {layer.stride}"
    return f"pooling size {layer.sx}x{layer.sy}, stride {layer.stride}" if layer.layer_type == "pool" else None


def _parameters(layer):
    if layer.layer_type not in ("conv", "fc"):
        return None
    inputs = f"{layer.sx}x{layer.sy}x{layer.in_depth}" if layer.layer_type == "conv" else f"{layer.num_inputs}"
    return f"{layer.out_depth}x{inputs}+{layer.out_depth} = {layer.inner[-1].count_params()}"
