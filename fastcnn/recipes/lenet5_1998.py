"""LeNet-5 as published, with its own optimizer and loss: `fastcnn train lenet5 --variant 1998`."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from fastcnn import arguments
from fastcnn.recipes.digits import digits_distortion, load_digits, prepare_digits
from fastcnn.recipes.lenet5 import Trained, begin
from fastcnn.typing import Callback, Model, Path

_MU = {"mu": 0.4, "first_mu": 1.68}  # the paper's 0.02 saturates the network (docs/lenet5.md)


def train_lenet5_1998(epochs: int = 20, batch_size: int = 1, learning_rate: float = 5e-4, seed: int = 0,
                      limit: int | None = None, verbose: int | str = "auto",
                      callbacks: Callback | Sequence[Callback] | None = None, model: Model | None = None, loss: str = "map",
                      distort: bool = False, data: Path | None = None, val: Path | None = None,
                      transpose: bool = False) -> Trained:
    """Train LeNet-5 as published on the bundled MNIST, or on digits of one's own, and evaluate it on the test set.

    Stochastic diagonal Levenberg–Marquardt, one image per step, the Hessian's diagonal estimated on 500 images before each
    epoch, and the paper's learning rates, which fall to a fiftieth over twelve epochs. Chosen on the last 5,000 training
    images (docs/lenet5.md).

    Args:
        epochs: how often all training images are seen.
        batch_size: images per step.
        learning_rate: of the first two epochs.
        seed: of initial weights, the order of images and distortions; the same seed gives the same model, bit for bit.
        limit: use only the first so many images of each set; None: 60,000 and 10,000.
        verbose: as of `fit`: 0, 1, 2 or "auto".
        callbacks: for `fit`.
        model: a `fastcnn.networks.lenet5(variant="1998")` to train; it is compiled anew. None: a new one.
        loss: "map" (maximum a posteriori, equation 9) or "mse" (mean squared error, equation 8).
        distort: move, scale, squeeze and shear the training images by chance.
        data, val, transpose: digits of one's own, as `fastcnn.recipes.load_digits` takes them; None: MNIST.

    Returns:
        Trained. The model's metadata say how digits are prepared and what classes are called.

    Raises:
        TypeError, ValueError: for such arguments.

    Example:
        >>> trained = train_lenet5_1998(epochs=1, limit=50, verbose=0)
        >>> trained.test_images, trained.model.optimizer.iterations
        (50, 50)

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".
    """
    from fastcnn.images import ArrayBatches
    from fastcnn.losses import RBFMaximumAPosteriori, RBFMeanSquaredError
    from fastcnn.optimizers import SDLM

    epochs, batch_size = arguments.integer("epochs", epochs), arguments.integer("batch_size", batch_size)
    rate, distort = arguments.number("learning_rate", learning_rate, 0), arguments.flag("distort", distort)
    arguments.choice("loss", loss, ("map", "mse"))
    digits = load_digits(data, val, transpose, limit)
    model = begin(model, "1998", seed, digits, data, verbose)
    x_train, y_train, x_test, y_test = digits[:4]
    optimizer = SDLM.published(-(-len(x_train) // batch_size), rate / 5e-4, **_MU)
    model.compile(optimizer, RBFMaximumAPosteriori() if loss == "map" else RBFMeanSquaredError(), metrics=["accuracy"])
    start = perf_counter()
    if distort:
        batches = ArrayBatches(x_train, y_train, batch_size, digits_distortion("1998"), seed=model.seed)
        history = model.fit(batches, epochs=epochs, verbose=verbose, callbacks=callbacks)
    else:
        history = model.fit(prepare_digits(x_train, "1998"), y_train, batch_size, epochs, verbose, callbacks)
    middle = perf_counter()
    loss, accuracy = model.evaluate(prepare_digits(x_test, "1998"), y_test, verbose=0)
    return Trained(model, history, loss, accuracy, middle - start, perf_counter() - middle, len(x_test))
