"""Metrics agree with loops over samples, batch by batch, weighted and not, and are found by all names."""

import doctest
import json
import math

import numpy as np
import pytest

import fastcnn
from fastcnn import metrics as M
from fastcnn.metrics import accuracy, base, confusion, names, regression
from fastcnn.model import resuming

BATCHES = (32, 1, 7, 24)
TOTAL = sum(BATCHES)


def data(kind, seed=0, n=TOTAL, classes=10):
    """(y_true, y_pred, weights) of the shapes a kind of metric takes."""
    rng = np.random.default_rng(seed)
    y_pred = rng.random((n, classes), np.float32)
    labels = np.where(rng.random(n) < 0.4, y_pred.argmax(1), rng.integers(0, classes, n))
    weights = rng.random(n).astype(np.float32)
    if kind == "labels":
        return labels, y_pred, weights
    if kind == "one-hot":
        return np.eye(classes, dtype=np.float32)[labels], y_pred, weights
    return rng.integers(0, 2, (n, classes)).astype(np.float32), y_pred, weights


def loop(values, weights):
    """The weighted mean, sample by sample; a sample's own values count alike."""
    weights = [1.0] * len(values) if weights is None else [float(w) for w in weights]
    return math.fsum(w * float(np.mean(v)) for w, v in zip(weights, values)) / math.fsum(weights)


def in_batches(metric, y_true, y_pred, weights):
    start = 0
    for size in BATCHES:
        part = slice(start, start + size)
        metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
        start += size
    return metric.result()


def among_top(k, label, row):
    return label in sorted(range(len(row)), key=lambda i: -row[i])[:k]


CASES = {
    "sparse": (M.SparseCategoricalAccuracy,
    "labels", lambda t, p: max(range(len(p)), key=p.__getitem__) == t),
    "categorical": (M.CategoricalAccuracy, "one-hot", lambda t, p: p.argmax() == t.argmax()),
    "binary": (M.BinaryAccuracy, "binary", lambda t, p: [(b > 0.5) == (a == 1) for a, b in zip(t, p)]),
    "binary.9": (lambda: M.BinaryAccuracy(threshold=0.9), "binary",
                 lambda t, p: [(b > 0.9) == (a == 1) for a, b in zip(t, p)]),
    "sparse-top3": (lambda: M.SparseTopKCategoricalAccuracy(3), "labels", lambda t, p: among_top(3, t, p)),
    "top5": (M.TopKCategoricalAccuracy, "one-hot", lambda t, p: among_top(5, t.argmax(), p)),
    "mse": (M.MeanSquaredError, "binary", lambda t, p: [(float(a) - float(b)) ** 2 for a, b in zip(t, p)]),
    "mae": (M.MeanAbsoluteError, "binary", lambda t, p: [abs(float(a) - float(b)) for a, b in zip(t, p)]),
    "function": (lambda: M.get(lambda t, p: abs(t - p).max(1)), "binary", lambda t, p: abs(t - p).max()),
}


@pytest.mark.parametrize("module", [accuracy, base, confusion, names, regression])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_against_a_loop(case, weighted):
    make, kind, per_sample = CASES[case]
    y_true, y_pred, weights = data(kind)
    weights = weights if weighted else None
    result = in_batches(make(), y_true, y_pred, weights)
    expected = loop([per_sample(t, p) for t, p in zip(y_true, y_pred)], weights)
    assert type(result) is float and abs(result - expected) < 1e-12 * max(1, abs(expected))
    assert 0.05 < expected < 0.95  # the data tell right from wrong


@pytest.mark.parametrize("case", CASES)
def test_reset_and_empty(case):
    make, kind, _ = CASES[case]
    y_true, y_pred, weights = data(kind)
    metric = make()
    assert metric.result() == 0.0
    first = in_batches(metric, y_true, y_pred, weights)
    metric.reset_state()
    assert metric.result() == 0.0
    assert in_batches(metric, y_true, y_pred, weights) == first
    metric.reset_state()
    metric.update_state(y_true, y_pred, np.zeros(len(y_true)))
    assert metric.result() == 0.0  # no weight, no mean; not a division by zero


@pytest.mark.parametrize("labels", [
    lambda y: y.astype(np.uint8), lambda y: y.astype(np.float32), lambda y: y[:, None], lambda y: y.tolist(),
    lambda y: y.astype(">i4"),
])
@pytest.mark.parametrize("cls", [M.SparseCategoricalAccuracy, M.SparseTopKCategoricalAccuracy])
def test_labels_of_all_kinds(cls, labels):
    y_true, y_pred, _ = data("labels")
    assert cls()(labels(y_true), y_pred) == cls()(y_true, y_pred)


def test_pixelwise_labels_and_weights_per_image():
    rng = np.random.default_rng(0)
    y_pred, y_true = rng.random((3, 4, 5, 6)), rng.integers(0, 6, (3, 4, 5))
    y_true[0] = y_pred[0].argmax(-1)
    right = (y_pred.argmax(-1) == y_true).mean(axis=(1, 2))
    assert abs(M.SparseCategoricalAccuracy()(y_true, y_pred) - right.mean()) < 1e-12
    weighted = M.SparseCategoricalAccuracy()(y_true, y_pred, [1.0, 2.0, 5.0])
    assert abs(weighted - (right @ [1, 2, 5]) / 8) < 1e-12


def test_top_k_ties_nan_and_large_k():
    metric = M.SparseTopKCategoricalAccuracy(2)
    assert metric([3], [[0.5, 0.2, 0.2, 0.2]]) == 1.0  # a tie with the second place counts
    metric.reset_state()
    assert metric([1], [[0.5, 0.1, 0.2, 0.2]]) == 0.0
    metric.reset_state()
    assert metric([0, 1], [[math.nan, 0.1, 0.2], [0.1, math.inf, 0.2]]) == 0.0  # as in Keras
    assert M.SparseTopKCategoricalAccuracy(50)([1], [[0.5, 0.1]]) == 1.0
    assert M.SparseTopKCategoricalAccuracy(1)([], np.zeros((0, 3))) == 0.0


def test_many_classes():
    y_pred = -np.arange(70_000, dtype=np.float32)[None]
    assert M.SparseTopKCategoricalAccuracy(1)([65_536], y_pred) == 0.0  # 65,536 are larger, not 0 mod 2**16
    assert M.SparseTopKCategoricalAccuracy(65_537)([65_536], y_pred) == 1.0


def test_totals_are_kept_in_float64():
    metric = M.MeanAbsoluteError()
    metric.update_state(np.zeros((1, 1), np.float32), np.full((1, 1), 2.0**24, np.float32))
    for _ in range(3):
        metric.update_state(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    assert metric.result() * 4 == 2**24 + 3
    error = M.MeanSquaredError()(np.float32([[1.0]]), np.float32([[1.0 + 2.0**-20]]))
    assert error == 2.0**-40


def test_a_prediction_at_the_threshold_counts_as_0():
    assert M.BinaryAccuracy()([0, 1], [0.5, 0.5]) == 0.5
    assert M.BinaryAccuracy(threshold=0.25)([0], [0.25]) == 1.0


def test_column_and_row_are_the_same():
    for cls in M.BinaryAccuracy, M.MeanSquaredError, M.MeanAbsoluteError:
        for t, p in (([1, 0, 1], [[0.9], [0.8], [0.7]]), ([[1], [0], [1]], [0.9, 0.8, 0.7])):
            assert cls()(t, p) == cls()([[1], [0], [1]], [[0.9], [0.8], [0.7]]) > 0


# Precision and recall


def counted(y_true, y_pred, weights, positive):
    """(true positives, predicted positives, positives), weighted, one by one."""
    right = predicted = actual = 0.0
    for t, p, w in zip(y_true, y_pred, weights):
        for a, b in zip(t, positive(p), strict=True):
            w, a, b = float(w), bool(a), bool(b)
            right, predicted, actual = right + w * (a and b), predicted + w * b, actual + w * a
    return right, predicted, actual


def largest(k):
    return lambda p: [among_top(k, i, p) for i in range(len(p))]


PARTS = {
    "plain": ({}, lambda p: p > 0.5),
    "threshold": ({"thresholds": 0.9}, lambda p: p > 0.9),
    "top 2": ({"top_k": 2}, largest(2)),
    "top 3 above": ({"top_k": 3, "thresholds": 0.95}, lambda p: np.array(largest(3)(p)) & (p > 0.95)),
    "class": ({"class_id": 4}, lambda p: (p > 0.5) & (np.arange(len(p)) == 4)),
    "class, top 2": ({"class_id": 4, "top_k": 2}, lambda p: np.array(largest(2)(p)) & (np.arange(len(p)) == 4)),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["one-hot", "labels", "binary"])
@pytest.mark.parametrize("part", PARTS)
def test_precision_and_recall(part, kind, weighted):
    options, positive = PARTS[part]
    y_true, y_pred, weights = data(kind)
    rows = np.eye(10)[y_true] if kind == "labels" else y_true
    rows = rows * (np.arange(10) == 4) if "class_id" in options else rows
    right, predicted, actual = counted(rows, y_pred, weights if weighted else np.ones(TOTAL), positive)
    for cls, whole in ((M.Precision, predicted), (M.Recall, actual)):
        result = in_batches(cls(**options), y_true, y_pred, weights if weighted else None)
        assert type(result) is float and result == pytest.approx(right / whole, rel=1e-12) and 0 < result < 1


def test_precision_and_recall_of_nothing():
    for cls in (M.Precision, M.Recall):
        metric = cls()
        assert metric.result() == 0.0 and metric([0, 0], [0.1, 0.2]) == 0.0
        assert metric([1], [0.9]) == 1.0
        metric.reset_state()
        assert metric.result() == 0.0 and metric.direction == "max"
    assert M.Precision()([[1], [0]], [0.9, 0.9]) == M.Precision()([1, 0], [[0.9], [0.9]]) == 0.5


def test_in_a_model():
    """By name and as objects; labels as targets too; within a resumed epoch their state is kept as any metric's."""
    model = fastcnn.Sequential([fastcnn.layers.Dense(3, "softmax", input_shape=(4,))], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["precision", M.Recall(class_id=1, name="found")])
    x, y = np.random.default_rng(0).standard_normal((30, 4)), np.arange(30) % 3
    p = model.predict(x)
    _, precision, found = model.evaluate(x, y, verbose=0)
    assert precision == pytest.approx((p[np.arange(30), y] > 0.5).sum() / (p > 0.5).sum())
    assert found == pytest.approx((p[y == 1, 1] > 0.5).mean())
    assert set(resuming.metric_state(model.metrics[0])) == {"_right", "_all"}


# The confusion matrix


def test_confusion_matrix():
    y_true, y_pred, weights = data("labels")
    expected, weighted = np.zeros((10, 10), int), np.zeros((10, 10))
    for t, p, w in zip(y_true, y_pred, weights):
        expected[t, p.argmax()] += 1
        weighted[t, p.argmax()] += w
    for t in (y_true, y_true[:, None], np.eye(10)[y_true], y_true.astype(np.float32)):
        for p in (y_pred, y_pred.argmax(1)):
            matrix = M.confusion_matrix(t, p)
            assert matrix.dtype == np.int64 and np.array_equal(matrix, expected)
    np.testing.assert_allclose(M.confusion_matrix(y_true, y_pred, sample_weight=weights), weighted, rtol=1e-12)
    assert M.confusion_matrix([0, 1], [1, 1], 4).shape == (4, 4) and M.confusion_matrix([], [], 2).tolist() == [[0, 0]] * 2
    accuracy = M.SparseCategoricalAccuracy()(y_true, y_pred)
    assert expected.trace() / TOTAL == pytest.approx(accuracy)


NAMES = {
    "precision": M.Precision, "Recall": M.Recall,
    "sparse_categorical_accuracy": M.SparseCategoricalAccuracy, "categorical_accuracy": M.CategoricalAccuracy,
    "binary_accuracy": M.BinaryAccuracy, "BinaryAccuracy": M.BinaryAccuracy,
    "top_k_categorical_accuracy": M.TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": M.SparseTopKCategoricalAccuracy,
    "mean_squared_error": M.MeanSquaredError, "mse": M.MeanSquaredError, "MSE": M.MeanSquaredError,
    "MeanSquaredError": M.MeanSquaredError, "mean_absolute_error": M.MeanAbsoluteError,
    "mae": M.MeanAbsoluteError, "MAE": M.MeanAbsoluteError,
}


@pytest.mark.parametrize("name", NAMES)
def test_get_keeps_the_spelling(name):
    metric = M.get(name)
    assert type(metric) is NAMES[name] and metric.name == name
    assert M.get(name) is not metric


def test_default_names():
    assert M.SparseCategoricalAccuracy().name == "sparse_categorical_accuracy"
    assert M.TopKCategoricalAccuracy().name == "top_k_categorical_accuracy"
    assert M.BinaryAccuracy(name="right").name == "right"


def test_get_takes_objects_classes_and_functions():
    metric = M.BinaryAccuracy()
    assert M.get(metric) is metric and type(M.get(M.BinaryAccuracy)) is M.BinaryAccuracy

    def bias(y_true, y_pred):
        return np.mean(y_pred - y_true)

    metric = M.get(bias)
    assert metric.name == "bias"
    metric.update_state([[0.0], [0.0]], [[1.0], [2.0]])  # one number for a batch of two
    metric.update_state([[0.0]], [[6.0]])
    assert metric.result() == 3.0
    with pytest.raises(ValueError, match=r"must return 2 values. Received: shape \(3,\)"):
        M.get(lambda t, p: np.zeros(3)).update_state([[0], [0]], [[0], [0]])


@pytest.mark.parametrize("loss, shape, cls", [
    ("sparse_categorical_crossentropy", (None, 10), M.SparseCategoricalAccuracy),
    ("SparseCategoricalCrossentropy", (None, 10), M.SparseCategoricalAccuracy),
    ("categorical_crossentropy", (None, 10), M.CategoricalAccuracy),
    ("mean_squared_error", (None, 10), M.CategoricalAccuracy), (None, (None, 10), M.CategoricalAccuracy),
    ("multiclass_hinge", (None, 3), M.SparseCategoricalAccuracy),
    ("categorical_hinge", (None, 3), M.CategoricalAccuracy),
    ("binary_crossentropy", (None, 1), M.BinaryAccuracy), ("mean_squared_error", (None, 1), M.BinaryAccuracy),
])
def test_resolve_accuracy(loss, shape, cls):
    metric = M.resolve_accuracy(loss, shape, "acc")
    assert type(metric) is cls and metric.name == "acc"
    assert M.resolve_accuracy(loss, shape).name == "accuracy"


@pytest.mark.parametrize("metric", [
    M.SparseCategoricalAccuracy("a"), M.CategoricalAccuracy(), M.BinaryAccuracy("b", 0.25),
    M.TopKCategoricalAccuracy(3),
    M.Precision(0.3, name="p"), M.Recall(top_k=2, class_id=1),
    M.SparseTopKCategoricalAccuracy(2, "c"), M.MeanSquaredError("d"), M.MeanAbsoluteError(),
], ids=repr)
def test_serialize_there_and_back(metric):
    again = M.get(json.loads(json.dumps(M.serialize(metric))))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()


def test_custom_objects():
    class Largest(M.Metric):
        def reset_state(self):
            self.value = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value = max(self.value, float(np.max(y_pred)))

        def result(self):
            return self.value

    def gap(y_true, y_pred):
        return np.abs(y_true - y_pred)

    with pytest.raises(ValueError, match="Received: 'Largest'"):
        M.get(M.serialize(Largest("big")))
    again = M.get(M.serialize(Largest("big")), {"Largest": Largest})
    assert again.name == "big" and again([[0]], [[4]]) == 4.0
    assert M.get(M.serialize(gap), {"gap": gap})([[1.0]], [[3.0]]) == 2.0


@pytest.mark.parametrize("call, error, message", [
    (lambda: M.get("accuracy"), ValueError, "resolve_accuracy. Received: 'accuracy'"),
    (lambda: M.get("binary_acuracy"), ValueError, "mean 'binary_accuracy'.*Received: 'binary_acuracy'"),
    (lambda: M.get(None), TypeError, "Received: None"), (lambda: M.get(5), TypeError, "Received: 5"),
    (lambda: M.BinaryAccuracy(threshold=1), ValueError, "Received: 1"),
    (lambda: M.BinaryAccuracy(threshold="x"), TypeError, "Received: 'x'"),
    (lambda: M.TopKCategoricalAccuracy(0), ValueError, "Received: 0"),
    (lambda: M.TopKCategoricalAccuracy(2.0), TypeError, "Received: 2.0"),
    (lambda: M.MeanSquaredError(3), TypeError, "Received: 3"),
    (lambda: M.MeanSquaredError(threshold=3), TypeError, "threshold"),
    (lambda: M.SparseCategoricalAccuracy()([[1, 0]], [[1, 0]]), ValueError, r"Received: shape \(1, 2\)"),
    (lambda: M.SparseCategoricalAccuracy()([1, 2], [[1, 0]]), ValueError, r"Received: shape \(2,\)"),
    (lambda: M.CategoricalAccuracy()([1], [[1, 0]]), ValueError, r"use sparse_.*Received: shape \(1,\)"),
    (lambda: M.TopKCategoricalAccuracy()([1], [[1, 0]]), ValueError, r"sparse_top_k.*Received: shape \(1,\)"),
    (lambda: M.SparseTopKCategoricalAccuracy()([2], [[1, 0]]), ValueError, "below 2. Received: 2 to 2"),
    (lambda: M.SparseTopKCategoricalAccuracy()([-1], [[1, 0]]), ValueError, "Received: -1 to -1"),
    (lambda: M.Precision(thresholds=2), ValueError, "thresholds .*Received: 2"),
    (lambda: M.Precision(thresholds=[0.1, 0.5]), TypeError, r"thresholds .*Received: \[0.1, 0.5\]"),
    (lambda: M.Recall(top_k=0), ValueError, "top_k .*Received: 0"),
    (lambda: M.Recall(class_id=-1), ValueError, "class_id .*Received: -1"),
    (lambda: M.Recall(class_id=2)([1], [[0, 1]]), ValueError, "class_id must be below 2.*Received: 2"),
    (lambda: M.Recall(top_k=3)([1], [[0, 1]]), ValueError, "top_k must be at most 2.*Received: 3"),
    (lambda: M.Recall()([1, 0], [[0, 1]]), ValueError, r"Received: shape \(2,\)"),
    (lambda: M.Precision()([1], [[0, 1]], [1, 2]), ValueError, r"Received: \(2,\)"),
    (lambda: M.confusion_matrix([0, 1], [1]), ValueError, "one length. Received: 2, 1"),
    (lambda: M.confusion_matrix([0, 5], [1, 1], 3), ValueError, "from 0 to 2. Received: 0 to 5"),
    (lambda: M.confusion_matrix([0, -1], [1, 1]), ValueError, "Received: -1 to 1"),
    (lambda: M.confusion_matrix([0.5], [1]), TypeError, "y_true .*Received: dtype float64"),
    (lambda: M.confusion_matrix([[[0]]], [1]), ValueError, r"y_true .*Received: shape \(1, 1, 1\)"),
    (lambda: M.confusion_matrix([0], [1], sample_weight=[1, 2]), ValueError, r"Received: \(2,\)"),
    (lambda: M.MeanSquaredError()([[1, 2, 3]], [[1, 2]]), ValueError, r"Received: shape \(1, 3\)"),
    (lambda: M.MeanSquaredError()([[1], [2]], [[1, 2]]), ValueError, r"Received: shape \(2, 1\)"),
    (lambda: M.MeanSquaredError()([[1], [2]], [[1], [2]], [1]), ValueError, r"Received: \(1,\)"),
])
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_abstract():
    class Half(M.Metric):
        """No update_state, no result."""

    for call in (lambda: Half().update_state([0], [0]), lambda: Half().result()):
        with pytest.raises(NotImplementedError, match="Half must define"):
            call()


def test_directions():
    up = (M.SparseCategoricalAccuracy, M.CategoricalAccuracy, M.BinaryAccuracy, M.TopKCategoricalAccuracy)
    assert {cls.direction for cls in up} == {"max"}
    assert M.MeanSquaredError.direction == M.MeanAbsoluteError.direction == "min"
    assert M.Metric.direction is None
