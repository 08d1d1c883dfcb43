"""How well predictions order samples, whatever the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.metrics.base import Deciding, members, of_samples
from fastcnn.typing import ArrayLike

_MARGIN = 1e-7  # of the outermost thresholds beyond 0 and 1: Keras' epsilon


class AUC(Deciding):
    """The area under the ROC curve, or that of precision over recall, by counts at some thresholds, as in Keras.

    Positive is what has a probability above the threshold. Between thresholds the ROC curve is straight, and precision
    over recall is interpolated by counts. Predictions of NaN make it NaN.

    Args:
        num_thresholds: evenly spread from 0 to 1, the ends among them.
        curve: "ROC": true positives over false positives, as parts; "PR": precision over recall.
        name: the key in `History`.
        thresholds: a list of those between 0 and 1, in place of num_thresholds.
        multi_label: True: the mean of each output's area; False: one for all outputs together.
        from_logits: predictions are logits, of which a sigmoid makes probabilities. In a model the loss knows it, and
            whether it takes a softmax.

    Shape:
        targets (samples, …) of 0 and 1, or labels (samples,); predictions alike, or (samples, classes)

    Source: Davis, Goadrich 2006, "The relationship between precision-recall and ROC curves".

    Example:
        >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        0.75
        >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 0, 0, 1])
        1.0
    """

    config = ("name", "num_thresholds", "curve", "thresholds", "multi_label", "from_logits")
    direction = "max"

    def __init__(self, num_thresholds: int = 200, curve: str = "ROC", name: str | None = None,
                 thresholds: Sequence[float] | None = None, multi_label: bool = False, from_logits: bool = False) -> None:
        self.num_thresholds = arguments.integer("num_thresholds", num_thresholds, 2)
        self.curve = arguments.choice("curve", curve, ("ROC", "PR"))
        self.thresholds = None
        if thresholds is not None:
            if not isinstance(thresholds, (list, tuple, np.ndarray)) or not len(thresholds):
                raise TypeError(f"thresholds must be a list of numbers. Received: {arguments.shown(thresholds)}")
            self.thresholds = sorted(arguments.number("thresholds", value, 0, 1) for value in thresholds)
        self.multi_label = arguments.flag("multi_label", multi_label)
        self.from_logits = arguments.flag("from_logits", from_logits)
        super().__init__(name)

    def _places(self):
        inner = self.thresholds if self.thresholds is not None else np.arange(1, self.num_thresholds - 1) / (
            self.num_thresholds - 1)
        return np.array([-_MARGIN, *inner, 1 + _MARGIN])

    def reset_state(self) -> None:
        # Of each output: weights of what is positive, or is not, by the number of thresholds below the prediction.
        self._positives = np.zeros((0, len(self._places()) + 1))
        self._negatives = self._positives.copy()

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        actual, places = members(y_true, y_pred), self._places()
        p = 0.5 * (1 + np.tanh(0.5 * y_pred.astype(np.float64))) if self.from_logits else self.probabilities(y_pred)
        if p.size and not (np.nanmin(p, initial=0) >= 0 and np.nanmax(p, initial=1) <= 1):
            raise ValueError("AUC needs probabilities, from 0 to 1 (from_logits=True makes them of logits). "
                             f"Received: {np.nanmin(p):g} … {np.nanmax(p):g}")
        outputs = p.shape[-1] if self.multi_label and p.ndim > 1 else 1
        if not len(self._positives):
            self._positives, self._negatives = (np.zeros((outputs, len(places) + 1)) for _ in range(2))
        weights = np.broadcast_to(of_samples(sample_weight, len(p)).reshape(-1, *(1,) * (p.ndim - 1)), p.shape)
        weights = np.where(np.isnan(p), np.nan, weights)
        above = np.searchsorted(places, p, side="left")  # a threshold that equals the prediction is not below it
        for counts, of in ((self._positives, actual), (self._negatives, ~actual)):
            for i, row in enumerate(counts):
                part = of if outputs == 1 else of & (np.arange(outputs) == i)
                row += np.bincount(above[part], weights[part], len(row))

    def result(self) -> Any:
        if not len(self._positives):
            return 0.0
        # Sums over thresholds, from the highest: how much lies above each.
        tp, fp = (np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1] for counts in (self._positives, self._negatives))
        area = _roc if self.curve == "ROC" else _precision_recall
        return float(np.mean([area(*pair, *whole) for *pair, whole in
                              zip(tp, fp, zip(self._positives.sum(axis=1), self._negatives.sum(axis=1)))]))


def _part(a, b):
    """a / b; 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=np.asarray(b) != 0)


def _roc(tp, fp, positives, negatives):
    x, y = _part(fp, negatives), _part(tp, positives)
    return np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2)


def _precision_recall(tp, fp, positives, negatives):
    """Between two thresholds true positives are a + slope·p of all p that are predicted; the integral of (a + slope·p) / p
    over the true positives."""
    p, rise = tp + fp, tp[:-1] - tp[1:]
    slope = _part(rise, p[:-1] - p[1:])
    start = tp[1:] - slope * p[1:]
    growth = np.where((p[:-1] > 0) & (p[1:] > 0), _part(p[:-1], p[1:]), 1.0)
    return np.sum(_part(slope * (rise + start * np.log(growth)), positives))
