"""Targets and weights that are numbers, but none that mean something: refused, or told; and what is odd in form alone."""

import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn import metrics

X, Y = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32), np.arange(9) % 3


def model(loss="sparse_categorical_crossentropy"):
    found = fastcnn.Sequential([L.Dense(3, "softmax", input_shape=(4,))], seed=0)
    found.compile("sgd", loss, metrics=["accuracy"])
    return found


def refused(error, words, call):
    """It says so in its own words: none of NumPy's besides."""
    with warnings.catch_warnings(), pytest.raises(error, match=words):
        warnings.simplefilter("error")
        call()


@pytest.mark.parametrize("weight, words", [
    (-1, r"class_weight\[1\] must lie in \[0, ∞\]. Received: -1"), (np.nan, "finite"), (np.inf, "finite"),
    (1e300, "finite in float32. Received: 1e\\+300"), ("1", "real number"), (True, "real number"),
])
def test_weights_of_classes(weight, words):
    m = model()
    before = m.get_weights()
    refused((TypeError, ValueError), words, lambda: m.fit(X, Y, verbose=0, class_weight={0: 1.0, 1: weight, 2: 1.0}))
    assert all(map(np.array_equal, m.get_weights(), before))


@pytest.mark.parametrize("weights, words", [
    (np.full(9, np.nan), "nan for sample 0"), (np.full(9, 1e300), "inf for sample 0"),
    (np.ones((9, 2)), r"Received: shape \(9, 2\)"),
])
def test_weights_of_samples(weights, words):
    refused(ValueError, words, lambda: model().fit(X, Y, verbose=0, sample_weight=weights))


def test_weights_below_zero_are_told():
    """Who makes a reward of the loss wants them; who does not, has made a mistake."""
    with pytest.warns(UserWarning, match="below 0.*Received: -2 for sample 4"):
        loss = model().fit(X, Y, verbose=0, sample_weight=np.where(np.arange(9) == 4, -2.0, 1.0)).history["loss"]
    assert np.isfinite(loss).all()


def test_a_column_of_weights():
    weights = np.arange(9) / 4
    a, b = (model().fit(X, Y, verbose=0, sample_weight=w).history for w in (weights, weights[:, None]))
    assert a == b


@pytest.mark.parametrize("y", [np.full(9, 2**32), np.full(9, 2**63, np.uint64), np.full(9, 1e20), np.full(9, np.inf),
                               np.full(9, 255, np.uint8), np.full(9, -1)], ids=str)
def test_labels_beyond_the_classes(y):
    refused(ValueError, "labels from 0 to 2", lambda: model().fit(X, y, verbose=0))


@pytest.mark.parametrize("rows, summed", [(np.ones((9, 3)), 3), (np.zeros((9, 3)), 0), (np.eye(3)[Y] / 2, 0.5)])
def test_rows_that_are_no_probabilities(rows, summed):
    with pytest.warns(UserWarning, match=f"rows of sum 1 .*binary_crossentropy. Received: a row of sum {summed}"):
        model("categorical_crossentropy").fit(X, rows, verbose=0)


def test_rows_that_are_probabilities():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (np.eye(3)[Y], np.full((9, 3), 1 / 3, np.float32), 0.9 * np.eye(3)[Y] + 0.1 / 3):
            model("categorical_crossentropy").fit(X, rows, verbose=0)


def test_no_samples_are_of_no_class():
    for m in (model(), fastcnn.Sequential([L.Dense(1, "sigmoid", input_shape=(4,))])):
        assert m.predict_classes(X[:0]).shape == (0,)


@pytest.mark.parametrize("labels", [[0, 2**40], [0, 10**9], [-2**40, 1], [0.0, 1e20]])
def test_no_matrix_of_labels_without_end(labels):
    refused(ValueError, "labels below 32,768.*Received", lambda: metrics.confusion_matrix([0, 1], labels))


def test_names_from_an_array():
    m = model()
    m.class_names = np.array(["ape", "bee", "cat"])
    assert m.class_names == ["ape", "bee", "cat"] and type(m.class_names[0]) is str
