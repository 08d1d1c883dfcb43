"""Networks as scikit-learn's estimators."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastcnn import arguments, optimizers
from fastcnn.importing import extra
from fastcnn.model.model import Model
from fastcnn.sklearn.network import small_network
from fastcnn.typing import Array, ArrayLike, Callback, Identifier

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError:
    raise extra("sklearn", "fastcnn.sklearn") from None


class _CNN(BaseEstimator):
    """Base of `CNNClassifier` and `CNNRegressor`, which say what their arguments are."""

    _loss: str
    _last: str  # activation of `small_network`'s last layer

    def __init__(self, network: Callable[..., Model] | None = None, options: Mapping[str, Any] | None = None,
                 image_shape: Sequence[int] | None = None, optimizer: Identifier = "adam",
                 learning_rate: float | None = None, epochs: int = 20, batch_size: int = 32,
                 callbacks: Callback | Sequence[Callback] | None = None, random_state: Any = None,
                 verbose: int | str = 0) -> None:
        self.network = network
        self.options = options
        self.image_shape = image_shape
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _checked(self, X, *y, reset, **options):
        """Samples as the network takes them, and targets, checked."""
        found = validate_data(self, X, *y, reset=reset, allow_nd=True, dtype=np.float32, **options)
        x = found[0] if y else found
        x = x[..., np.newaxis] if x.ndim == 3 else x
        shape = x.shape[1:] if self.image_shape is None else arguments.shape("image_shape", self.image_shape)
        shape = shape if reset else self.model_.input_shape[1:]
        if np.prod(x.shape[1:]) != np.prod(shape) or len(x.shape[1:]) not in (1, len(shape)):
            raise ValueError(f"X must have samples of shape {tuple(shape)}, or the same in one row. Received: {x.shape[1:]}")
        x = np.ascontiguousarray(x.reshape(len(x), *shape))
        return (x, *found[1:]) if y else x

    def _begin(self, shape, outputs):
        """A new network for such samples."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        network = partial(small_network, last=self._last) if self.network is None else self.network
        model = network(shape, outputs, seed=seed, **(self.options or {}))
        if not isinstance(model, Model) or tuple(model.output_shape[1:]) != (outputs,):
            raise ValueError(f"network must return a Model of {outputs} outputs. Received: {arguments.shown(model)}")
        optimizer = copy.deepcopy(optimizers.get(self.optimizer))  # fitting leaves the estimator's own as it is
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        model.compile(optimizer, self._loss)
        self.model_ = model

    def _train(self, x, y, sample_weight, epochs):
        """So many epochs more."""
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x, dtype=np.float32)
        before = self.model_.epochs_seen
        self.history_ = self.model_.fit(x, y, self.batch_size, before + epochs, self.verbose, self.callbacks,
                                        sample_weight=weight, initial_epoch=before)
        return self

    def _predicted(self, X):
        check_is_fitted(self)
        return self.model_.predict(self._checked(X, reset=False), verbose=0).astype(np.float64)


class CNNClassifier(ClassifierMixin, _CNN):
    """A network that scikit-learn trains, searches, pipes and pickles as any of its classifiers.

    Args:
        network: function of (input_shape, outputs, seed=…, **options) that makes a `Model` which ends in softmax; None:
            `small_network`.
        options: keyword arguments for it, such as {"filters": (8, 16)}; None: none.
        image_shape: (height, width, channels) of the images that are the rows of X, as scikit-learn's transformers give
            them; None: samples have X's own shape.
        optimizer: name or `fastcnn.optimizers.Optimizer`, of which each network gets a copy.
        learning_rate: in place of the optimizer's; None: that.
        epochs: how often `fit` goes through the samples; `partial_fit` does once.
        batch_size: samples per step.
        callbacks: of `fastcnn.callbacks`, for each training.
        random_state: of initial values, the order of samples and dropout: an integer, a RandomState, or None.
        verbose: as of `Model.fit`.

    Attributes: `classes_`, the labels in the order of `predict_proba`'s columns; `model_`, the `fastcnn.Model`; `history_`,
    of the last training; `n_features_in_`, the length of X's second axis.

    Shape:
        X: (N, height, width, channels), (N, height, width) of one channel, or (N, features)

    Raises:
        TypeError, ValueError: for such arguments, when training begins; ImportError: scikit-learn is missing.

    Example:
        >>> x, y = np.random.default_rng(0).random((20, 8, 8)), np.array(["dark", "light"] * 10)
        >>> x[1::2] += 1
        >>> classifier = CNNClassifier(epochs=20, random_state=0).fit(x, y)
        >>> classifier.predict(x[:2]).tolist(), classifier.score(x, y)
        (['dark', 'light'], 1.0)

    Source: scikit-learn's developer guide, "Developing scikit-learn estimators".
    """

    _loss, _last = "sparse_categorical_crossentropy", "softmax"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> CNNClassifier:
        """Trains a new network.

        Args:
            X: samples.
            y: labels of any kind, one for each.
            sample_weight: one number for each, with which its loss is multiplied; None: 1.
        """
        x, y = self._checked(X, y, reset=True)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        self._begin(x.shape[1:], classes)
        return self._train(x, labels, sample_weight, self.epochs)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None,
                    sample_weight: ArrayLike | None = None) -> CNNClassifier:
        """One epoch more on these samples; of a new network if there is none.

        Args:
            X, y, sample_weight: as of `fit`.
            classes: all labels that will ever come; the first call needs them.

        Raises:
            ValueError: no classes at first, others later, labels that are not among them.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes must be given on the first call to partial_fit. Received: None")
        known = unique_labels(classes) if classes is not None else self.classes_
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_}. Received: {classes}")
        x, y = self._checked(X, y, reset=first)
        unknown = np.setdiff1d(y, known)
        if len(unknown):
            raise ValueError(f"y must have labels among {known}. Received: {unknown}")
        if first:
            self._begin(x.shape[1:], known)
        return self._train(x, np.searchsorted(known, y), sample_weight, 1)

    def _begin(self, shape, classes):
        if len(classes) < 2:
            raise ValueError(f"y must have labels of two classes or more. Received: {len(classes)} class")
        super()._begin(shape, len(classes))
        self.classes_ = classes

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class.

        Shape:
            (N, …) → (N, classes), float64
        """
        y = self._predicted(X)
        return y / y.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> Array:
        """The likeliest label of each sample."""
        best = self._predicted(X).argmax(axis=1)  # says if there is no network yet
        return self.classes_[best]


class CNNRegressor(RegressorMixin, _CNN):
    """A network that predicts numbers, one or several for each sample; it minimizes the mean squared error.

    Targets should be of the size of 1: `sklearn.compose.TransformedTargetRegressor` scales them.

    Args:
        network: as of `CNNClassifier`, but it ends without activation.
        options, image_shape, optimizer, learning_rate, epochs, batch_size, callbacks, random_state, verbose: as there.

    Attributes: `model_`, `history_`, `n_features_in_`, as there.

    Raises:
        TypeError, ValueError, ImportError: as there.

    Example:
        >>> x = np.random.default_rng(0).random((64, 8, 8))
        >>> regressor = CNNRegressor(epochs=40, random_state=0).fit(x, x[:, :4].mean(axis=(1, 2)))
        >>> regressor.predict(x[:2]).shape
        (2,)
    """

    _loss, _last = "mse", "linear"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> CNNRegressor:
        """Trains a new network.

        Args:
            X: samples.
            y: numbers, (N,) or (N, outputs).
            sample_weight: one number for each sample, with which its loss is multiplied; None: 1.
        """
        return self._fit(X, y, sample_weight, True, self.epochs)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> CNNRegressor:
        """One epoch more on these samples; of a new network if there is none.

        Args:
            X, y, sample_weight: as of `fit`.
        """
        return self._fit(X, y, sample_weight, not hasattr(self, "model_"), 1)

    def _fit(self, X, y, sample_weight, first, epochs):
        x, y = self._checked(X, y, reset=first, multi_output=True, y_numeric=True)
        rows = y.reshape(len(y), -1)
        if first:
            self._begin(x.shape[1:], rows.shape[1])
            self._flat = y.ndim == 1
        return self._train(x, rows, sample_weight, epochs)

    def predict(self, X: ArrayLike) -> Array:
        """The numbers of each sample, in the shape that y had; float64."""
        y = self._predicted(X)
        return y[:, 0] if self._flat else y
