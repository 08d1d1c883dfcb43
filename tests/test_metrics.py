"""Metrics agree with loops over samples, batch by batch, weighted and not, and are found by all names."""

import doctest
import json
import math

import numpy as np
import pytest

import fastcnn
from fastcnn import metrics as M
from fastcnn.metrics import accuracy, base, confusion, names, ranking, regression
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


@pytest.mark.parametrize("module", [accuracy, base, confusion, names, ranking, regression])
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


# F1 and the area under curves


@pytest.mark.parametrize("weights", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["one-hot", "labels", "binary"])
@pytest.mark.parametrize("threshold", [None, 0.8])
def test_f1(threshold, kind, weights):
    """Against precision and recall of each class, counted one by one."""
    y_true, y_pred, w = data(kind)
    w = w.astype(np.float64) if weights else np.ones(TOTAL)
    actual = np.eye(10)[y_true] if kind == "labels" else y_true
    positive = np.eye(10)[y_pred.argmax(1)] if threshold is None else y_pred > threshold
    scores = []
    for c in range(10):
        right, predicted, whole = counted(actual[:, c:c + 1], positive[:, c:c + 1], w, lambda p: p > 0.5)
        precision, recall = right / max(predicted, 1e-9), right / max(whole, 1e-9)
        scores.append(2 * precision * recall / (precision + recall) if right else 0.0)
    support = w @ actual
    right, predicted, whole = counted(actual, positive, w, lambda p: p > 0.5)
    expected = {"macro": np.mean(scores), "weighted": np.average(scores, weights=support),
                "micro": 2 * right / (predicted + whole)}
    given = w if weights else None
    for average, value in expected.items():
        result = in_batches(M.F1Score(average, threshold), y_true, y_pred, given)
        assert type(result) is float and result == pytest.approx(value, rel=1e-12) and 0 < result < 1
    assert in_batches(M.F1Score(None, threshold), y_true, y_pred, given) == pytest.approx(np.array(scores), rel=1e-12)


def area_by_definition(y, p, w, places, curve):
    """Trapezoids under the ROC curve; for precision over recall many steps between thresholds, by counts."""
    tp = np.array([w[(y > 0.5) & (p > t)].sum() for t in places])
    fp = np.array([w[(y < 0.5) & (p > t)].sum() for t in places])
    if curve == "ROC":
        return float(np.sum((fp[:-1] - fp[1:]) / fp[0] * (tp[:-1] + tp[1:]) / 2 / tp[0]))
    area = 0.0
    for i in range(len(places) - 1):
        part = (np.arange(4000) + 0.5) / 4000
        a, b = tp[i + 1] + (tp[i] - tp[i + 1]) * part, fp[i + 1] + (fp[i] - fp[i + 1]) * part
        area += float(np.mean(a / np.maximum(a + b, 1e-300)) * (tp[i] - tp[i + 1])) / tp[0]
    return area


@pytest.mark.parametrize("weights", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("options", [{}, {"num_thresholds": 5}, {"thresholds": [0.9, 0.2, 0.5]}, {"multi_label": True}],
                         ids=str)
@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_auc(curve, options, weights):
    y_true, y_pred, w = data("binary", classes=3)
    y_pred = np.float32(0.7) * y_pred + np.float32(0.3) * y_true * y_pred[:, ::-1]
    w = w.astype(np.float64) if weights else np.ones(TOTAL)
    count = options.get("num_thresholds", 200)
    places = sorted(options.get("thresholds", np.arange(1, count - 1) / (count - 1)))
    places = np.array([-1e-7, *places, 1 + 1e-7])
    if "multi_label" in options:
        expected = np.mean([area_by_definition(y_true[:, i], y_pred[:, i], w, places, curve) for i in range(3)])
    else:
        expected = area_by_definition(y_true.ravel(), y_pred.ravel(), np.repeat(w, 3), places, curve)
    result = in_batches(M.AUC(curve=curve, **options), y_true, y_pred, w if weights else None)
    assert type(result) is float and result == pytest.approx(expected, rel=1e-6 if curve == "ROC" else 2e-4)
    assert 0.4 < result < 0.95


def test_auc_is_the_chance_that_a_positive_is_ranked_above_a_negative():
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, 500), rng.random(500)
    p = np.clip(p + 0.3 * y, 0, 1)
    pairs = np.sign(p[y == 1][:, None] - p[y == 0]).mean() / 2 + 0.5
    assert M.AUC(num_thresholds=5000)(y, p) == pytest.approx(pairs, abs=1e-3)
    assert M.AUC()(y, y.astype(float)) == 1.0 and M.AUC()(y, 1.0 - y) == 0.0 and M.AUC()(y, np.full(500, 0.5)) == 0.5
    assert M.AUC().result() == 0.0 and M.AUC()([0, 0], [0.1, 0.9]) == 0.0  # nothing is positive
    logits = np.log(p.clip(1e-6, 1 - 1e-6) / (1 - p.clip(1e-6, 1 - 1e-6)))
    assert M.AUC(from_logits=True)(y, logits) == pytest.approx(M.AUC()(y, p), abs=1e-3)


def test_sums_of_auc_and_f1_are_float64():
    for metric in (M.AUC(num_thresholds=3), M.F1Score()):
        metric.update_state([1], [[0.9]], [2.0**24])
        for _ in range(3):
            metric.update_state([1], [[0.9]], [1.0])
        sums = [value for value in resuming.metric_state(metric).values() if isinstance(value, np.ndarray)]
        assert {value.dtype for value in sums} == {np.dtype(np.float64)}
        assert max(value.max() for value in sums) == 2**24 + 3


# What predictions mean, and predictions that mean nothing


LOGITS = np.log(np.float64([0.2, 0.4, 0.6, 0.9]) / (1 - np.float64([0.2, 0.4, 0.6, 0.9])))
YES = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("name, expected", [
    ("accuracy", 0.5), ("acc", 0.5), ("binary_accuracy", 0.5), ("precision", 0.5), ("recall", 0.5), ("f1_score", 0.5),
    (M.BinaryAccuracy(), 0.5), (M.AUC(num_thresholds=11), None)])
def test_logits_of_one_output(name, expected):
    """What is known by the loss is not asked of users: yes begins at 0."""
    p = 1 / (1 + np.exp(-LOGITS))
    metric = M.resolve(name, fastcnn.losses.BinaryCrossentropy(from_logits=True), (None, 1))
    on_logits = metric(YES, LOGITS[:, None])
    again = type(metric)(**{**metric.get_config(), "name": "again"})
    assert on_logits == again(YES, p[:, None])
    assert expected is None or on_logits == expected
    metric.reset_state()
    metric.follow(fastcnn.losses.BinaryCrossentropy())  # compiled anew with another loss
    assert metric(YES, p[:, None]) == on_logits


@pytest.mark.parametrize("name", ["precision", "recall", "f1_score", "auc"])
@pytest.mark.parametrize("loss", [fastcnn.losses.SparseCategoricalCrossentropy, fastcnn.losses.CategoricalCrossentropy])
def test_logits_of_classes(loss, name):
    y, p, _ = data("labels")
    p = p ** 6 / (p ** 6).sum(axis=1, keepdims=True)
    metric, plain = M.resolve(name, loss(from_logits=True), (None, 10)), M.resolve(name, loss(), (None, 10))
    assert metric(y, np.log(p) + 3) == pytest.approx(plain(y, p), abs=1e-6) and 0.1 < metric.result() < 0.95


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "mse", "mae", "huber"])
@pytest.mark.parametrize("metric", ["accuracy", "binary_accuracy"])
def test_targets_of_signs(loss, metric):
    """Half of them right was what −1 and 1 once made of it."""
    loss = fastcnn.losses.get(loss)
    found = M.resolve(metric, loss, (None, 1))
    assert found([[-1], [1], [1], [-1]], [[-0.3], [0.2], [2.0], [0.4]]) == 0.75
    found.reset_state()
    in_two = [found.update_state([[1], [1]], [[0.2], [0.3]], [3, 1]), found.update_state([[-1]], [[0.4]], [4])]
    assert in_two and found.result() == 0.5  # a batch of ones alone does not tell that there are others
    if loss.threshold == 0:
        found.reset_state()
        assert found([0, 1, 1], [-0.3, 0.2, -0.1]) == 2 / 3  # 0 stands for −1


def test_targets_that_answer_no_question():
    """Of prices and other numbers no prediction is right, as in Keras; soft targets have a side."""
    assert M.BinaryAccuracy()([3.7, 150.0], [3.6, 149.0]) == 0.0
    assert M.BinaryAccuracy()([0.9, 0.1, 0.6], [0.8, 0.2, 0.3]) == 2 / 3
    assert M.BinaryAccuracy(threshold=0)([1, 0], [0.1, -0.1]) == 1.0


NAN = math.nan


@pytest.mark.parametrize("metric, y, p", [
    ("sparse_categorical_accuracy", [0, 1], [[NAN, NAN], [0.5, NAN]]), ("categorical_accuracy", [[1, 0]], [[NAN, 0.2]]),
    ("sparse_top_k_categorical_accuracy", [0, 1, 2], [[NAN] * 9, [0.1, NAN, *[0.2] * 7], [NAN, *[0.1] * 8]]),
    ("top_k_categorical_accuracy", [[1, *[0] * 8]], [[NAN, *[0.1] * 8]]), ("binary_accuracy", [0, 1], [NAN, NAN]),
    ("precision", [0, 1], [[NAN, NAN], [0.1, NAN]]), ("recall", [0, 1], [[NAN, 0.2], [0.1, NAN]]),
    (M.Precision(top_k=2), [0], [[NAN, 0.2]]), ("f1_score", [0, 1], [[NAN, 0.2], [NAN, 0.9]]),
])
def test_predictions_of_nan_are_wrong(metric, y, p):
    """They were class 0, and so right as often as there was one."""
    assert M.get(metric)(y, p) == 0.0
    worst = M.SparseCategoricalAccuracy(best="smallest")
    assert worst([0], [[NAN, 1.0]]) == 0.0


def test_predictions_of_nan_show_where_they_can():
    assert math.isnan(M.AUC()([0, 1], [NAN, 0.5])) and math.isnan(M.MeanSquaredError()([[0.0]], [[NAN]]))
    for y, p in (([0, 1], [[NAN, 1], [0, 1]]), ([0, 1], [NAN, 1.0]), ([NAN, 1], [0, 1])):
        with pytest.raises(ValueError, match="NaN is of no class. Received: NaN for 1 of 2 samples"):
            M.confusion_matrix(y, p)


def test_accuracy_with_a_loss_of_one_s_own():
    class Own(fastcnn.losses.Loss):
        pass

    metric = M.resolve("accuracy", Own(), (None, 3))
    p = [[0.1, 0.7, 0.2], [0.9, 0.1, 0.0]]
    assert metric([1, 2], p) == 0.5 and metric.name == "accuracy"
    metric.reset_state()
    assert metric([[0, 1, 0], [1, 0, 0]], p) == 1.0


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


def test_confusion_matrix_of_a_single_output():
    """What `predict` returns of a sigmoid: (N, 1)."""
    y, p = np.array([0, 0, 1, 1, 1]), np.array([0.2, 0.6, 0.9, 0.4, 0.51])
    for given in (p, p[:, None], p.astype(np.float32)[:, None]):
        for labels in (y, y[:, None], np.eye(2)[y]):
            assert M.confusion_matrix(labels, given).tolist() == [[1, 1], [1, 2]]
    assert M.confusion_matrix(y, np.log(p / (1 - p)), threshold=0).tolist() == [[1, 1], [1, 2]]
    assert M.confusion_matrix(y, p, threshold=0.3).tolist() == [[1, 1], [0, 3]]
    assert M.confusion_matrix([0, 0], [[0.1], [0.2]]).tolist() == [[2, 0], [0, 0]]  # there are two classes


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
    "precision": M.Precision, "Recall": M.Recall, "auc": M.AUC, "AUC": M.AUC, "f1_score": M.F1Score, "F1Score": M.F1Score,
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
    M.Precision(0.3, name="p"), M.Recall(top_k=2, class_id=1), M.BinaryAccuracy(), M.F1Score("micro", 0.3, "f"),
    M.AUC(50, "PR", "a", [0.2, 0.5], True, True), M.AUC(),
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
    assert M.get("gap", {"gap": gap}).name == "gap" and M.get("gap", {"gap": gap})([[1.0]], [[3.0]]) == 2.0


@pytest.mark.parametrize("call, error, message", [
    (lambda: M.get("accuracy"), ValueError, "resolve_accuracy. Received: 'accuracy'"),
    (lambda: M.get("binary_acuracy"), ValueError, "mean 'binary_accuracy'.*Received: 'binary_acuracy'"),
    (lambda: M.get(None), TypeError, "Received: None"), (lambda: M.get(5), TypeError, "Received: 5"),
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
    (lambda: M.AUC(1), ValueError, "num_thresholds .*Received: 1"),
    (lambda: M.AUC(curve="roc"), ValueError, "did you mean 'ROC'.? Received: 'roc'"),
    (lambda: M.AUC(thresholds=0.5), TypeError, "thresholds must be a list .*Received: 0.5"),
    (lambda: M.AUC()([0, 1], [0.2, 3.0]), ValueError, "needs probabilities.*Received: 0.2 … 3"),
    (lambda: M.AUC()([0, 1], [0.2, 0.3], [1]), ValueError, r"Received: \(1,\)"),
    (lambda: M.F1Score("mean"), ValueError, "average must be one of 'macro'.*Received: 'mean'"),
    (lambda: M.resolve(M.F1Score(None), None), ValueError, "must average over the classes"),
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


# In a model whose loss leaves samples out


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("ignored", [-1, 255, 0])
def test_ignored_samples_are_no_metric_s_business(logits, ignored):
    """With weights, smoothing and logits: what is told is what it is without these samples; the loss is divided by all."""
    rng = np.random.default_rng(0)
    x, y, weight = rng.standard_normal((40, 5)), rng.integers(0, 3, 40), rng.random(40)
    y = np.where(np.arange(40) % 4, y, ignored)
    counted = y != ignored
    loss = fastcnn.losses.SparseCategoricalCrossentropy(logits, ignored, 0.1)
    model = fastcnn.Sequential([fastcnn.layers.Dense(3, None if logits else "softmax", input_shape=(5,))], seed=0)
    model.compile("sgd", loss, metrics=[
        "accuracy", M.F1Score(average="macro"), M.AUC(), M.Precision(), M.Recall(top_k=2),
        M.SparseTopKCategoricalAccuracy(2), M.AUC(curve="PR", name="pr", multi_label=True), lambda t, p: p[:, 0] * (t >= 0)])
    for weights in (None, weight):
        part = None if weights is None else weights[counted]
        found = model.evaluate(x, y, 16, verbose=0, sample_weight=weights)
        alone = model.evaluate(x[counted], y[counted], verbose=0, sample_weight=part)
        np.testing.assert_allclose(found[1:], alone[1:], rtol=1e-6)
        assert found[0] * 40 == pytest.approx(alone[0] * counted.sum(), rel=1e-6)
        assert model.test_on_batch(x, y, weights) == pytest.approx(found, rel=1e-6)
    nothing = model.evaluate(x, np.full(40, ignored), verbose=0)
    assert nothing == [0.0] * 9
    history = model.fit(x, y, verbose=0, sample_weight=weight, class_weight={0: 1, 1: 2, 2: 3},
                        validation_split=0.25).history
    assert np.isfinite(list(history.values())).all() and len(history) == 18
