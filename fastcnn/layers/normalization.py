"""Normalization layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastcnn import _ops, arguments, constraints, initializers, regularizers
from fastcnn.engine.nodes import Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Identifier, Pair, Unpack


class LocalResponseNormalization(Layer):
    """Local response normalization: y_c = x_c / (k + s·Σ x_i²)^β, the sum over neighbouring channels or pixels.

    Args:
        size: channels per window; within channels its rows and columns.
        alpha, beta, k: constants of the formula; the defaults are AlexNet's.
        alpha_mode: "sum": s = alpha; "mean": s = alpha / size (Caffe, torch, ONNX), within channels alpha / size².
        mode: "across_channels" or "within_channel"; Caffe's WITHIN_CHANNEL has k=1 and alpha_mode="mean".
        groups: the channels are cut into this many equal groups, at whose ends the windows end, as in AlexNet's two towers.
        even: of which neighbours an even size has one more: "below", as torch has it, or "above", as ONNX.

    Shape:
        (N, …, C), within channels (N, H, W, C) → the same

    Source:
        Krizhevsky, Sutskever, Hinton 2012, section 3.3.

    Example:
        >>> fastcnn.layers.LocalResponseNormalization()(np.ones((1, 2, 2, 8))).shape
        (1, 2, 2, 8)
    """

    config = ("size", "alpha", "beta", "k", "alpha_mode", "mode", "groups", "even")

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, alpha_mode: str = "sum",
                 mode: str = "across_channels", groups: int = 1, even: str = "below", **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.size = arguments.integer("size", size)
        self.alpha, self.beta, self.k = (arguments.number(n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
        self.alpha_mode = arguments.choice("alpha_mode", alpha_mode, ("sum", "mean"))
        self.mode = arguments.choice("mode", mode, ("across_channels", "within_channel"))
        self.groups = arguments.integer("groups", groups)
        self.even = arguments.choice("even", even, ("below", "above"))
        if self.mode == "within_channel" and (self.groups > 1 or self.even == "above"):
            raise ValueError(f"within channels, where none sees another, groups must be 1, and even 'below'. Received: "
                             f"groups={self.groups}, even={arguments.shown(self.even)}")

    def build(self, shape: Any) -> None:
        if self.mode == "within_channel":
            if len(shape) != 3:
                raise ValueError(f"normalization within channels works on samples of shape (height, width, channels). "
                                 f"Received: {shape}")
            self.op = _ops.local_response_norm_within(shape, self.size, self.alpha, self.beta, self.k,
                                                      self.alpha_mode == "mean")
            return
        self.op = _ops.local_response_norm(math.prod(shape[:-1]), shape[-1], self.size, self.alpha, self.beta, self.k,
                                           self.alpha_mode == "mean", self.groups, self.even == "above")

    def nodes(self) -> list[Node] | None:
        return [Node(self.op)]


class _Normalization(Layer):
    """What normalizations by mean and variance have in common: gamma and beta."""

    def __init__(self, epsilon: float, center: bool, scale: bool, beta_initializer: Identifier,
                 gamma_initializer: Identifier, beta_regularizer: Identifier | None, gamma_regularizer: Identifier | None,
                 beta_constraint: Identifier | None, gamma_constraint: Identifier | None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.epsilon = arguments.number("epsilon", epsilon, 0)
        self.center, self.scale = arguments.flag("center", center), arguments.flag("scale", scale)
        self.beta_initializer: Any = initializers.get(beta_initializer)
        self.gamma_initializer: Any = initializers.get(gamma_initializer)
        self.beta_regularizer: Any = regularizers.get(beta_regularizer)
        self.gamma_regularizer: Any = regularizers.get(gamma_regularizer)
        self.beta_constraint: Any = constraints.get(beta_constraint)
        self.gamma_constraint: Any = constraints.get(gamma_constraint)

    def add_scale_and_center(self, shape: Sequence[int]) -> None:
        self.gamma: Any = None
        self.beta: Any = None
        if self.scale:
            self.gamma = self.add_weight("gamma", shape, self.gamma_initializer, self.gamma_regularizer,
                                         constraint=self.gamma_constraint)
        if self.center:
            self.beta = self.add_weight("beta", shape, self.beta_initializer, self.beta_regularizer,
                                        constraint=self.beta_constraint)

    def check_channels_last(self, shape: Sequence[int]) -> None:
        if self.axis not in (-1, len(shape)):
            raise ValueError(f"axis must be the last, -1 or {len(shape)} for samples of shape {shape}, whatever the "
                             f"data_format. Received: {self.axis}")

    def multiply_adds(self) -> int:
        return self.scale * math.prod(self.input_size)

    def connections(self) -> int:
        return (self.scale + self.center) * math.prod(self.input_size)


class BatchNormalization(_Normalization):
    """Normalizes each channel: y = gamma · (x − mean) / √(variance + epsilon) + beta.

    While training, mean and variance are those of the batch (over its samples and pixels; the variance is divided by their
    number), and moving averages follow them: moving ← momentum · moving + (1 − momentum) · batch. Otherwise, or with
    trainable=False, the moving averages take their place, and nothing changes. They are saved with the model. Predicting,
    the layer costs nothing right after a convolution or a dense layer without activation: it is folded into their weights.

    Args:
        axis: of the channels: the last, −1; also of channels_first images, which are converted at the model's edge.
        momentum: in [0, 1]: how much of the moving averages stays per step.
        epsilon: ≥ 0, added to the variance.
        center, scale: learn beta; learn gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: initial values.
        beta_regularizer, gamma_regularizer: penalties, "l2" or a `fastcnn.regularizers.Regularizer`; None: none.
        beta_constraint, gamma_constraint: bounds kept after each step, "non_neg" or a `fastcnn.constraints.Constraint`;
            None: none.

    Shape:
        (N, …, C) → the same; gamma, beta, moving mean and variance (C,)

    Source:
        Ioffe, Szegedy 2015, "Batch normalization".

    Example:
        >>> layer = fastcnn.layers.BatchNormalization(epsilon=0.0, moving_variance_initializer={"class_name": "constant",
        ...                                            "config": {"value": 4.0}})
        >>> layer(np.array([[1.0, -2.0]])).tolist(), layer.count_params()
        ([[0.5, -1.0]], 8)
    """

    config = ("axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
              "moving_mean_initializer", "moving_variance_initializer", "beta_regularizer", "gamma_regularizer",
              "beta_constraint", "gamma_constraint")

    def __init__(self, axis: Pair = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
                 scale: bool = True, beta_initializer: Identifier = "zeros", gamma_initializer: Identifier = "ones",
                 moving_mean_initializer: Identifier = "zeros", moving_variance_initializer: Identifier = "ones",
                 beta_regularizer: Identifier | None = None, gamma_regularizer: Identifier | None = None,
                 beta_constraint: Identifier | None = None, gamma_constraint: Identifier | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **base)
        self.axis = arguments.integer("axis", axis, -1)
        self.momentum = arguments.number("momentum", momentum, 0, 1)
        self.moving_mean_initializer: Any = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer: Any = initializers.get(moving_variance_initializer)

    def build(self, shape: Any) -> None:
        self.check_channels_last(shape)
        self.pixels, c = math.prod(shape[:-1]), shape[-1]
        self.add_scale_and_center((c,))
        self.moving_mean = self.add_weight("moving_mean", (c,), self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight("moving_variance", (c,), self.moving_variance_initializer, trainable=False)

    def _node(self, fixed):
        op = _ops.batch_norm(self.pixels, self.input_size[-1], self.epsilon, self.scale, self.center, self.momentum, fixed)
        return Node(op, self.gamma, self.beta, moving=(self.moving_mean, self.moving_variance))

    def nodes(self) -> list[Node] | None:
        return [self._node(fixed=True)]

    def training_nodes(self) -> list[Node] | None:
        return [self._node(fixed=not self.trainable)]


class LayerNormalization(_Normalization):
    """Normalizes each pixel's channels, or each whole sample: y = gamma · (x − mean) / √(variance + epsilon) + beta.

    Mean and variance are those of the values normalized together, while training and predicting alike.

    Args:
        axis: what is normalized together: −1, the channels; or the last axes, as [1, 2, 3] or [−3, −2, −1] for all of an
            image.
        epsilon: ≥ 0, added to the variance.
        center, scale: learn beta; learn gamma.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as
            `BatchNormalization`.

    Shape:
        (N, …, C) → the same; gamma and beta have the shape of the axes

    Source:
        Ba, Kiros, Hinton 2016, "Layer normalization".

    Example:
        >>> fastcnn.layers.LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [8.0, 4.0]])).tolist()
        [[-1.0, 1.0], [1.0, -1.0]]
    """

    config = ("axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer", "beta_regularizer",
              "gamma_regularizer", "beta_constraint", "gamma_constraint")

    def __init__(self, axis: Pair = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
                 beta_initializer: Identifier = "zeros", gamma_initializer: Identifier = "ones",
                 beta_regularizer: Identifier | None = None, gamma_regularizer: Identifier | None = None,
                 beta_constraint: Identifier | None = None, gamma_constraint: Identifier | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **base)
        several = isinstance(axis, (tuple, list))
        self.axis = [arguments.integer("axis", a, -32) for a in axis] if several else arguments.integer("axis", axis, -32)

    def build(self, shape: Any) -> None:
        own = shape[len(shape) - arguments.last_axes("axis", self.axis, len(shape) + 1, 1):]
        self.add_scale_and_center(own)
        width = math.prod(own)
        self.op = _ops.group_norm(math.prod(shape) // width, 1, 1, width, self.epsilon, self.scale, self.center)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op, self.gamma, self.beta)]


class GroupNormalization(_Normalization):
    """Normalizes groups of channels of each sample: y = gamma · (x − mean) / √(variance + epsilon) + beta.

    Mean and variance are the group's, over all pixels, while training and predicting alike.

    Args:
        groups: a divisor of the channels; −1: as many as channels (instance normalization).
        axis: of the channels: the last, −1; also of channels_first images, which are converted at the model's edge.
        epsilon: ≥ 0, added to the variance.
        center, scale: learn beta; learn gamma.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as
            `BatchNormalization`.

    Shape:
        (N, …, C) → the same; gamma, beta (C,)

    Source:
        Wu, He 2018, "Group normalization".

    Example:
        >>> fastcnn.layers.GroupNormalization(2, epsilon=0.0)(np.array([[1.0, 3.0, 8.0, 4.0]])).tolist()
        [[-1.0, 1.0, 1.0, -1.0]]
    """

    config = ("groups", *LayerNormalization.config)

    def __init__(self, groups: int = 32, axis: Pair = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
                 beta_initializer: Identifier = "zeros", gamma_initializer: Identifier = "ones",
                 beta_regularizer: Identifier | None = None, gamma_regularizer: Identifier | None = None,
                 beta_constraint: Identifier | None = None, gamma_constraint: Identifier | None = None,
                 **base: Unpack[LayerOptions]) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **base)
        self.groups = arguments.integer("groups", groups, -1)
        self.axis = arguments.integer("axis", axis, -1)

    def build(self, shape: Any) -> None:
        self.check_channels_last(shape)
        c, groups = shape[-1], arguments.groups(self.groups, shape[-1])
        self.add_scale_and_center((c,))
        self.op = _ops.group_norm(1, math.prod(shape[:-1]), groups, c // groups, self.epsilon, self.scale, self.center)

    def nodes(self) -> list[Node] | None:
        return [Node(self.op, self.gamma, self.beta)]
