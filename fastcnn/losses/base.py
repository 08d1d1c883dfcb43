"""What a loss is: one number per sample, and the gradient of the predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments, foreign, registry
from fastcnn.attributes import overrides
from fastcnn.typing import Array, ArrayLike

_LARGEST = float(np.finfo(np.float32).max)
_ROUNDING = 1e-5  # of targets that are computed, as mixtures of others


class Loss(registry.Configurable):
    """Base class of losses; subclass it to write a loss of your own in NumPy.

    A subclass overrides `forward(y_true, y_pred)`, which returns one number per sample, and `backward(y_true, y_pred)`,
    which returns the gradient of each sample's number with respect to its predictions.

    Example:
        >>> class Absolute(fastcnn.losses.Loss):
        ...     def forward(self, y_true, y_pred):
        ...         return np.abs(y_pred - y_true).mean(axis=1)
        ...     def backward(self, y_true, y_pred):
        ...         return np.sign(y_pred - y_true) / y_pred.shape[1]
        >>> Absolute()(np.zeros((1, 2)), np.ones((1, 2)))
        1.0
    """

    name: str = "loss"
    kind: str | None = None  # the op; None: computed in Python
    constants: dict[str, Any] = {}  # the op's numbers
    from_logits: bool = False
    smallest_wins: bool = False  # is the smallest prediction the answer, not the largest?
    threshold: float = 0.5  # of a single output: above it the answer is yes
    link: str | None = None  # what makes probabilities of predictions, "sigmoid" or "softmax"; None: nothing has to
    labelled: bool | None = None  # are targets numbers of classes? None: their shape tells
    ignore_class = None   # the label of samples that do not count
    needs_classes = False  # does it compare one output with others? Then: what goes with a single one

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if overrides(cls, Loss, "kind", "forward", "backward"):  # a user's class is computed in Python
            cls.kind = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        """One number per sample."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(y_true, y_pred)")

    def backward(self, y_true: Array, y_pred: Array) -> Array:
        """The gradient of each sample's number with respect to y_pred."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(y_true, y_pred)")

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The mean over the samples that count, each times its weight, as a float.

        Args:
            y_true, y_pred: targets and predictions.
            sample_weight: one number per sample; None: 1.
        """
        y_true, y_pred = arguments.real("y_true", y_true), arguments.real("y_pred", y_pred)
        values = checked_forward(self, y_true, y_pred)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            if weights.shape != values.shape:
                raise ValueError(f"sample_weight must have one number per sample, shape {values.shape}. "
                                 f"Received: shape {weights.shape}")
            values = values * weights
        if self.ignore_class is not None:
            values = values[y_true.reshape(values.shape) != self.ignore_class]
        return float(np.mean(values)) if len(values) else 0.0

    def counts(self, target: Array) -> Array | None:
        """Which samples count, of prepared targets: booleans; None: all do. (Those of `ignore_class` do not.)"""
        return None

    def of_classes(self, numbers: Array, output_size: Sequence[int]) -> Array:
        """Targets that say of which class each sample is, by its number: the numbers themselves."""
        return numbers

    def check_output(self, output_size: Sequence[int]) -> None:
        """Refuses a model with one output where classes are compared."""
        if self.needs_classes and tuple(output_size) == (1,):
            raise ValueError(f"{self.name} needs an output for each class; a single output goes with {self.needs_classes}. "
                             f"Received: output {(None, *output_size)}")

    def prepare(self, y: Any, output_size: Sequence[int]) -> tuple[Array, bool]:
        """Targets as the op reads them, and whether they are labels; checks shapes and values."""
        y = arguments.array("y", foreign.real("y", y))
        shape = (y.shape[0], *output_size) if y.ndim else ()
        if y.ndim == 1 and math.prod(output_size) == 1 or y.shape == shape:
            return y.reshape(shape), False
        hint = ""
        if y.ndim == 1 and len(output_size) == 1:
            hint = "; labels go with sparse_categorical_crossentropy"
        elif y.ndim == 2 and tuple(output_size) == (1,):
            hint = "; one-hot rows go with as many outputs, 'softmax' and categorical_crossentropy"
        raise ValueError(f"y must have the model's output shape {(None, *output_size)}{hint}. Received: shape {y.shape}")


class OpLoss(Loss):
    """A loss that C computes: `function` is the name of the op and of its function in `fastcnn.ops`."""

    function = None
    labelled = False
    least, most = -_LARGEST, _LARGEST  # targets
    elsewhere = ""  # where other targets go

    def prepare(self, y: Any, output_size: Sequence[int]) -> tuple[Array, bool]:
        self.check_output(output_size)
        y, sparse = super().prepare(y, output_size)
        if y.size and not (self.least - _ROUNDING <= y.min() and y.max() <= self.most + _ROUNDING):  # nor may it be NaN
            accepted = "finite numbers" if self.most == _LARGEST else f"numbers from {self.least} to {self.most}"
            raise ValueError(f"y must hold {accepted} for {self.name}{self.elsewhere}. Received: {y.min():g} … {y.max():g}")
        return y, sparse

    def of_classes(self, numbers: Array, output_size: Sequence[int]) -> Array:
        """0 or 1 for a single output, else one-hot rows."""
        return numbers if tuple(output_size) == (1,) else np.eye(output_size[-1], dtype=np.float32)[numbers]

    @property
    def options(self) -> dict[str, Any]:
        """What its functions in `fastcnn.ops` take."""
        return self.constants

    @property
    def kind(self) -> str | None:
        """The op that a plan takes."""
        return self.function

    def forward(self, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return _op(self.function)(y_pred, y_true, **self.options)

    def backward(self, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
        y_true, _ = self.prepare(y_true, np.shape(y_pred)[1:])
        return _op(f"{self.function}_backward")(np.ones(len(y_pred), np.float32), y_pred, y_true, **self.options)


class LabelLoss(OpLoss):
    """One whose targets are labels."""

    labelled = True

    def prepare(self, y: Any, output_size: Sequence[int]) -> tuple[Array, bool]:
        self.check_output(output_size)
        return labels(self.name, y, output_size, self.ignore_class), True

    def of_classes(self, numbers: Array, output_size: Sequence[int]) -> Array:
        return numbers

    def counts(self, target: Array) -> Array | None:
        return None if self.ignore_class is None else target >= 0


def checked_forward(loss, y_true, y_pred):
    """What a loss' `forward` returns, in float64.

    Raises:
        TypeError, ValueError: anything but a real number per sample.
    """
    found = arguments.returned(f"{type(loss).__name__}.forward", loss.forward(y_true, y_pred), y_pred.shape[:1])
    return np.asarray(found, np.float64)


def checked_backward(loss, y_true, y_pred):
    """What a loss' `backward` returns, in float64.

    Raises:
        TypeError, ValueError: anything but real numbers of y_pred's shape.
    """
    found = arguments.returned(f"{type(loss).__name__}.backward", loss.backward(y_true, y_pred), y_pred.shape)
    return np.asarray(found, np.float64)


def _op(function):
    from fastcnn import ops  # plans, which train, need no function of it

    return getattr(ops, function)


def labels(name, y, output_size, ignored=None):
    """y as int32 labels (samples,), checked; `ignored` becomes −1."""
    y = foreign.real("y", y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(output_size) != 1:
        raise ValueError(f"y must be labels (samples,) for {name}, and the model end in one dimension, as it does behind "
                         f"Flatten(); one-hot rows go with categorical_crossentropy. Received: shape {y.shape}, output "
                         f"{output_size}")
    if y.dtype.kind == "f" and not np.all(y == np.floor(y)):
        odd = np.flatnonzero(y != np.floor(y))[0]
        raise TypeError(f"y must hold integer labels. Received: {y[odd]:g} at y[{odd}]")
    if y.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # of such as 1e20 become labels that are refused, too
            numbers = y.astype(np.int64)
    else:
        numbers = y.astype(np.int64, copy=False)
    counted = numbers if ignored is None else numbers[numbers != ignored]
    if counted.size and counted.view(np.uint64).max() >= output_size[0]:  # negative ones are large there
        hint = "; did you mean y − 1?" if (y.min(), y.max()) == (1, output_size[0]) else "."
        raise ValueError(f"y must hold labels from 0 to {output_size[0] - 1}{hint} Received: {y.min()} … {y.max()}")
    return np.ascontiguousarray(numbers if ignored is None else np.where(numbers == ignored, -1, numbers), np.int32)
