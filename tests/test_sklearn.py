"""fastcnn.sklearn: scikit-learn's own checks, and what users do with its tools. Needs scikit-learn."""

import doctest
import pickle

import numpy as np
import pytest

import fastcnn

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from scipy.stats import loguniform  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from fastcnn.sklearn import CNNClassifier, CNNRegressor, _estimators  # noqa: E402

CANNOT = {"check_sample_weight_equivalence_on_dense_data":
          "a sample twice is two rows of other batches, in another order; a sample of weight 2 is one: other steps"}


@parametrize_with_checks([CNNClassifier(random_state=0), CNNRegressor(random_state=0)],
                         expected_failed_checks=lambda estimator: CANNOT)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_examples():
    assert doctest.testmod(_estimators, extraglobs={"np": np, "fastcnn": fastcnn}).failed == 0


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x[:600], np.array([f"digit {label}" for label in y[:600]])


def classifier(**options):
    return CNNClassifier(**{"image_shape": (8, 8, 1), "epochs": 8, "learning_rate": 3e-3, "random_state": 0, **options})


def test_a_grid_in_two_processes(digits):
    """Each of them has its share of the threads, and the best network is trained again on everything."""
    pipeline = make_pipeline(MinMaxScaler(), classifier(epochs=20, callbacks=[_Threads()]))
    grid = {"cnnclassifier__options": [{"filters": (2,), "units": ()}, {"filters": (16, 32)}]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(*digits)
    best = search.best_estimator_[-1]
    assert search.best_params_["cnnclassifier__options"] == {"filters": (16, 32)} and search.best_score_ > 0.85
    assert search.score(*digits) > 0.95 and best.model_.layers[0].filters == 16
    assert search.cv_results_["mean_test_score"][0] < search.best_score_


class _Threads(fastcnn.callbacks.Callback):
    def on_train_begin(self, logs=None):
        import multiprocessing
        import os

        if multiprocessing.current_process().name != "MainProcess":
            assert fastcnn.get_num_threads() <= max(1, (os.cpu_count() or 1) // 2)


def test_a_random_search_and_scores(digits):
    x, y = digits[0] / 16, digits[1]
    ranges = {"learning_rate": loguniform(1e-3, 1e-2), "batch_size": [16, 32]}
    search = RandomizedSearchCV(classifier(epochs=12), ranges, n_iter=3, cv=2, random_state=0, error_score="raise").fit(x, y)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"]) > 0.7
    scores = cross_val_score(classifier(epochs=20), x, y, cv=StratifiedKFold(3, shuffle=True, random_state=0))
    assert len(scores) == 3 and scores.min() > 0.85


def test_copies(digits):
    x, y = digits[0] / 16, digits[1]
    first = classifier(epochs=2, optimizer=fastcnn.optimizers.SGD(0.1, momentum=0.9), learning_rate=None).fit(x, y)
    blank = clone(first)
    assert not hasattr(blank, "model_") and blank.get_params()["epochs"] == 2
    assert (blank.fit(x, y).predict_proba(x) == first.predict_proba(x)).all(), "the same seed"
    assert first.optimizer.iterations == 0, "each network has an optimizer of its own"
    again = pickle.loads(pickle.dumps(first))
    assert (again.predict_proba(x) == first.predict_proba(x)).all() and (again.classes_ == np.unique(y)).all()
    assert (again.partial_fit(x, y).predict_proba(x) == first.partial_fit(x, y).predict_proba(x)).all()


def test_samples_in_several_forms(digits):
    x, y = digits[0] / 16, digits[1]
    images = x.reshape(-1, 8, 8)
    flat = classifier(epochs=1).fit(x, y)
    shaped = classifier(epochs=1, image_shape=None).fit(images[..., None], y)
    plain = classifier(epochs=1, image_shape=None).fit(images, y)
    assert (flat.predict_proba(x) == shaped.predict_proba(images)).all()
    assert (plain.predict_proba(images) == shaped.predict_proba(images[..., None])).all()
    for ours, wrong, message in ((flat, x[:, :60], "has 60 features"), (plain, images[:, :6], "has 6 features"),
                                 (plain, images[:, :, :6], r"samples of shape \(8, 8, 1\), or .* Received: \(8, 6, 1\)")):
        with pytest.raises(ValueError, match=message):
            ours.predict(wrong)
    with pytest.raises(ValueError, match=r"samples of shape \(9, 9, 1\).*Received: \(64,\)"):
        classifier(image_shape=(9, 9, 1)).fit(x, y)


def test_partial_fit(digits):
    x, y = digits[0] / 16, digits[1]
    with pytest.raises(ValueError, match="classes must be given on the first call"):
        classifier().partial_fit(x, y)
    ours = classifier().partial_fit(x[:300], y[:300], classes=np.unique(y))
    for _ in range(7):
        ours.partial_fit(x[300:], y[300:])
    assert ours.model_.epochs_seen == 8 and ours.score(x, y) > 0.85
    with pytest.raises(ValueError, match="(?s)labels among .* Received: .*other"):
        ours.partial_fit(x[:2], ["digit 1", "other"])
    with pytest.raises(ValueError, match="those of the first call"):
        ours.partial_fit(x, y, classes=["a", "b"])


def test_weights_of_samples(digits):
    """What weighs nothing teaches nothing."""
    x, y = digits[0] / 16, digits[1]
    lies = np.where(np.arange(len(y)) % 2, y, "digit 0")
    weight = (np.arange(len(y)) % 2).astype(float)
    assert classifier().fit(x, lies, sample_weight=weight).score(x, y) > 0.85 > classifier().fit(x, lies).score(x, y)


def test_numbers(digits):
    x = digits[0].reshape(-1, 8, 8) / 16
    left, right = x[:, :, :4].mean(axis=(1, 2)), x[:, :, 4:].mean(axis=(1, 2))
    both = CNNRegressor(random_state=0, learning_rate=3e-3).fit(x, np.stack([left, right], axis=1))
    assert both.predict(x).shape == (600, 2) and both.score(x, np.stack([left, right], axis=1)) > 0.8
    one = CNNRegressor(random_state=0, learning_rate=3e-3).fit(x, left)
    assert one.predict(x).shape == (600,) and one.score(x, left) > 0.8
    assert one.partial_fit(x, left).model_.epochs_seen == 21


def test_a_network_of_ones_own(digits):
    def network(input_shape, outputs, seed, units=8):
        from fastcnn import layers

        return fastcnn.Sequential([layers.Flatten(input_shape=input_shape), layers.Dense(units, activation="relu"),
                                   layers.Dense(outputs, activation="softmax")], seed=seed)

    x, y = digits[0] / 16, digits[1]
    ours = classifier(network=network, options={"units": 5}, epochs=1).fit(x, y)
    assert ours.model_.layers[1].units == 5
    with pytest.raises(ValueError, match="network must return a Model of 10 outputs. Received: "):
        classifier(network=lambda shape, outputs, seed: network(shape, 3, seed)).fit(x, y)
    with pytest.raises(ValueError, match="two classes or more. Received: 1 class"):
        classifier().fit(x[:3], ["a"] * 3)
