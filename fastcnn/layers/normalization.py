"""Normalization layers."""

from fastcnn import _ops, arguments
from fastcnn.layers.base import Layer, Node


class LocalResponseNormalization(Layer):
    """Local response normalization across channels: y_c = x_c / (k + s·Σ x_i²)^β.

    Args:
        size: channels per window.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum": s = alpha; "mean": s = alpha / size (Caffe, torch, ONNX).

    Shape:
        (N, …, C) → the same

    Source:
        Krizhevsky, Sutskever, Hinton 2012, section 3.3.

    Example:
        >>> fastcnn.layers.LocalResponseNormalization()(np.ones((1, 2, 2, 8))).shape
        (1, 2, 2, 8)
    """

    config = ("size", "alpha", "beta", "k", "alpha_mode")

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum", **base):
        super().__init__(**base)
        self.size = arguments.integer("size", size)
        self.alpha, self.beta, self.k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
        self.alpha_mode = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean"))

    def build(self, shape):
        channels = shape[-1]
        pixels = 1
        for size in shape[:-1]:
            pixels *= size
        self.op = _ops.local_response_norm(pixels, channels, self.size, self.alpha, self.beta, self.k,
                                           self.alpha_mode == "mean")

    def nodes(self):
        return [Node(self.op)]
