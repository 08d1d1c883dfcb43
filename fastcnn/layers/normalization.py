"""Normalization layers."""

from fastcnn import _ops, arguments
from fastcnn.layers.base import Layer, Node


class LocalResponseNormalization(Layer):
    """Local response normalization: y_c = x_c / (k + s·Σ x_i²)^β, the sum over neighbouring channels or pixels.

    Args:
        size: channels per window; within channels its rows and columns.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum": s = alpha; "mean": s = alpha / size (Caffe, torch, ONNX), within channels alpha / size².
        mode: "across_channels" or "within_channel"; Caffe's WITHIN_CHANNEL has k=1 and alpha_mode="mean".

    Shape:
        (N, …, C), within channels (N, H, W, C) → the same

    Source:
        Krizhevsky, Sutskever, Hinton 2012, section 3.3.

    Example:
        >>> fastcnn.layers.LocalResponseNormalization()(np.ones((1, 2, 2, 8))).shape
        (1, 2, 2, 8)
    """

    config = ("size", "alpha", "beta", "k", "alpha_mode", "mode")

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_mode="sum", mode="across_channels", **base):
        super().__init__(**base)
        self.size = arguments.integer("size", size)
        self.alpha, self.beta, self.k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
        self.alpha_mode = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean"))

        self.mode = arguments.choice("mode", mode, ("across_channels", "within_channel"))

    def build(self, shape):
        if self.mode == "within_channel":
            if len(shape) != 3:
                raise ValueError(f"normalization within channels works on samples of shape (height, width, channels). "
                                 f"Received: {shape}")
            self.op = _ops.local_response_norm_within(shape, self.size, self.alpha, self.beta, self.k,
                                                      self.alpha_mode == "mean")
            return
        channels = shape[-1]
        pixels = 1
        for size in shape[:-1]:
            pixels *= size
        self.op = _ops.local_response_norm(pixels, channels, self.size, self.alpha, self.beta, self.k,
                                           self.alpha_mode == "mean")

    def nodes(self):
        return [Node(self.op)]
