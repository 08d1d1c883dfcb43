"""LeNet-5 on the bundled MNIST, or on digits of one's own: `fastcnn train lenet5`."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from fastcnn import arguments
from fastcnn.callbacks.terminal import say
from fastcnn.recipes.digits import digits_distortion, digits_preparation, load_digits, prepare_digits
from fastcnn.recipes.watching import is_first
from fastcnn.typing import MPI, Callback, History, Model, Path


class Trained(NamedTuple):
    """What a recipe returns: the model, `fit`'s History, and loss and accuracy on the test set."""

    model: Model
    history: History
    loss: float
    accuracy: float
    train_seconds: float
    test_seconds: float
    test_images: int


def train_lenet5(epochs: int = 8, batch_size: int = 32, learning_rate: float = 0.05, seed: int = 0, limit: int | None = None,
                 verbose: int | str = "auto", callbacks: Callback | Sequence[Callback] | None = None,
                 model: Model | None = None, variant: str = "tanh", data: Path | None = None, val: Path | None = None,
                 transpose: bool = False, width: float = 1.0, dropout: float = 0.0, distort: bool = False,
                 validation_split: float | None = None, distribute: MPI | None = None) -> Trained:
    """Train LeNet-5 in a modern form on the bundled MNIST, or on digits of one's own, and evaluate it on the test set.

    Stochastic gradient descent with momentum 0.9 and coupled weight decay 5e-4; the learning rate rises to its
    peak and falls to almost nothing (one cycle); cross-entropy. Chosen on the last 5,000 training images
    (docs/lenet5.md).

    Args:
        epochs: how often all training images are seen.
        batch_size: images per step.
        learning_rate: the peak.
        seed: of initial weights and the order of images; the same seed gives the same model, bit for bit.
        limit: use only the first so many images of each set; None: 60,000 and 10,000.
        verbose: as of `fit`: 0, 1, 2 or "auto".
        callbacks, distribute: for `fit`.
        model: a `fastcnn.networks.lenet5()` to train; it is compiled anew. None: a new one.
        variant: of the new one: "tanh", "sigmoid" or "relu". (`train_lenet5_1998` has the published one.)
        data, val, transpose: digits of one's own, as `fastcnn.recipes.load_digits` takes them; None: MNIST.
        width, dropout: of the new model, as of `fastcnn.networks.lenet5`.
        distort: move, scale, squeeze and shear the training images by chance.
        validation_split: which part of each class of the training images is not trained on, but validated on after each
            epoch; None: none. Which images does not depend on the seed.

    Returns:
        Trained. The model's metadata say how digits are prepared and what classes are called.

    Raises:
        TypeError, ValueError: for such arguments.

    Example:
        >>> trained = train_lenet5(epochs=1, limit=320, verbose=0)
        >>> trained.test_images, len(trained.history.epoch)
        (320, 1)
    """
    from fastcnn.images import ArrayBatches
    from fastcnn.optimizers import SGD, schedules

    epochs, batch_size = arguments.integer("epochs", epochs), arguments.integer("batch_size", batch_size)
    distort = arguments.flag("distort", distort)
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu"))
    digits = load_digits(data, val, transpose, limit)
    verbose = verbose if is_first(distribute) else 0
    model = begin(model, variant, seed, digits, data, verbose, width=width, dropout=dropout)
    (x_train, y_train), validation = _parts(digits, validation_split)
    x_test = prepare_digits(digits.x_test)
    steps = epochs * -(-len(x_train) // batch_size)
    rate = schedules.OneCycle(learning_rate, steps)
    optimizer = SGD(rate, momentum=0.9, weight_decay=5e-4, decoupled=False)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    if distort:
        training = (ArrayBatches(x_train, y_train, batch_size, digits_distortion(variant), seed=model.seed),)
    else:
        training = prepare_digits(x_train), y_train, batch_size
    start = perf_counter()
    history = model.fit(*training, epochs=epochs, verbose=verbose, callbacks=callbacks, validation_data=validation,
                        distribute=distribute)
    middle = perf_counter()
    loss, accuracy = model.evaluate(x_test, digits.y_test, verbose=0)
    return Trained(model, history, loss, accuracy, middle - start, perf_counter() - middle, len(x_test))


def _parts(digits, fraction):
    """Images and labels to train on, and those to validate on, if there are any, as the model takes them."""
    from fastcnn.datasets import ImageArray, split
    from fastcnn.recipes.sources import SPLIT_SEED

    x, y = digits.x_train, digits.y_train
    if fraction is None:
        return (x, y), None
    rest, held = (part.indices for part in split(ImageArray(x[..., None], y), fraction, SPLIT_SEED))
    return (x[rest], y[rest]), (prepare_digits(x[held]), y[held])


def begin(model, variant, seed, digits, data, verbose, **size):
    """The model to train, a new one of that size if it is None, told how digits are prepared; says what own data were found.

    Example:
        >>> from fastcnn.images import Preparation
        >>> Preparation.of(begin(None, "tanh", 0, load_digits(limit=1), None, 0)).size
        (28, 28)
    """
    from fastcnn.networks import lenet5

    if data is not None and verbose:
        say(digits.line)
    if model is None:
        model = lenet5(len(digits.class_names), variant, seed, **size)
    if model.output_shape[-1] != len(digits.class_names):
        raise ValueError(f"model must have {len(digits.class_names)} outputs, as there are classes. "
                         f"Received: {model.output_shape[-1]}")
    digits_preparation(variant, digits.class_names).put(model)
    if digits.notes:
        model.metadata["training"] = {"images": digits.notes}
    return model
