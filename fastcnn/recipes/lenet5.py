"""LeNet-5 on the bundled MNIST: `fastcnn train lenet5`."""

from collections import namedtuple
from time import perf_counter

import numpy as np

from fastcnn import arguments, ops

_MEAN, _STDDEV = 0.1307, 0.3081  # of MNIST's training images, divided by 255

Trained = namedtuple("Trained", "model history loss accuracy train_seconds test_seconds test_images")
Trained.__doc__ = "What a recipe returns: the model, `fit`'s History, and loss and accuracy on the test set."


def prepare_digits(x, variant="tanh"):
    """Turn images of digits into what LeNet-5 takes: (x / 255 − 0.1307) / 0.3081; "1998": −0.1 (background) to 1.175 (ink),
    padded with background, or cropped, to 32 × 32.

    Args:
        x: uint8, 0 (background) to 255 (ink).
        variant: of `fastcnn.networks.lenet5`.

    Shape:
        (samples, 28, 28) or (samples, 28, 28, 1) → (samples, 28, 28, 1), float32; other sizes as well
        "1998": → (samples, 32, 32, 1)

    Raises:
        TypeError, ValueError: no uint8 array, or of another shape; an unknown variant.

    Example:
        >>> round(float(prepare_digits(np.full((1, 28, 28), 255, np.uint8))[0, 0, 0, 0]), 4)
        2.8215
        >>> prepare_digits(np.full((1, 28, 28), 255, np.uint8), "1998")[0, 1:3, 9, 0].round(4).tolist()
        [-0.10000000149011612, 1.1749999523162842]
    """
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu", "1998"))
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise TypeError(f"x must be of dtype uint8. Received: {x.dtype}")
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim != 3:
        raise ValueError(f"x must have shape (samples, height, width). Received: {x.shape}")
    if variant == "1998":
        return ops.distort(x[..., np.newaxis], 32, mean=20, scale=1.275 / 255)
    y = np.multiply(x, np.float32(1 / (255 * _STDDEV)), dtype=np.float32)
    y -= np.float32(_MEAN / _STDDEV)
    return y[..., np.newaxis]


def train_lenet5(epochs=8, batch_size=32, learning_rate=0.05, seed=0, limit=None, verbose="auto",
                 callbacks=None, model=None, variant="tanh"):
    """Train LeNet-5 in a modern form on the bundled MNIST, and evaluate it on the test set.

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
        callbacks: for `fit`.
        model: a `fastcnn.networks.lenet5()` to train; it is compiled anew. None: a new one.
        variant: of the new one: "tanh", "sigmoid" or "relu". (`train_lenet5_1998` has the published one.)

    Raises:
        TypeError, ValueError: for such arguments.

    Example:
        >>> trained = train_lenet5(epochs=1, limit=320, verbose=0)
        >>> trained.test_images, len(trained.history.epoch)
        (320, 1)
    """
    from fastcnn.datasets import mnist
    from fastcnn.networks import lenet5
    from fastcnn.optimizers import SGD, schedules

    epochs, batch_size = arguments.integer("epochs", epochs), arguments.integer("batch_size", batch_size)
    limit = None if limit is None else arguments.integer("limit", limit)
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu"))
    if model is None:
        model = lenet5(variant=variant, seed=seed)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = prepare_digits(x_train[:limit]), prepare_digits(x_test[:limit])
    steps = epochs * -(-len(x_train) // batch_size)
    rate = schedules.OneCycle(learning_rate, steps)
    optimizer = SGD(rate, momentum=0.9, weight_decay=5e-4, decoupled=False)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = perf_counter()
    history = model.fit(x_train, y_train[:limit], batch_size, epochs, verbose, callbacks)
    middle = perf_counter()
    loss, accuracy = model.evaluate(x_test, y_test[:limit], verbose=0)
    return Trained(model, history, loss, accuracy, middle - start, perf_counter() - middle, len(x_test))
