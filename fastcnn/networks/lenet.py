"""LeNet-5 as published, and its modern variants."""

from __future__ import annotations

from fastcnn import arguments
from fastcnn.initializers import FanInUniform
from fastcnn.layers import RBF, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, Subsampling2D
from fastcnn.model.sequential import Sequential
from fastcnn.networks import shared, trained

C3_TABLE = (  # LeCun et al. 1998, table I: for each of C3's maps those of S2 that it sees
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


def lenet5(classes: int = 10, variant: str = "tanh", seed: int | None = None, weights: str | None = None,
           width: float = 1.0, dropout: float = 0.0) -> Sequential:
    """LeNet-5: two convolutions 5×5, each followed by a halving, and dense layers of 120, 84 and `classes` units.

    - "tanh": the modern form, as in most Keras tutorials. Input 28 × 28, tanh, plain average pooling, softmax; all of C3's
      maps see all of S2's.
    - "sigmoid": the same with sigmoid, as in most PyTorch tutorials.
    - "relu": the same with ReLU, which trains soonest (docs/lenet5.md).
    - "1998": as published. Input 32 × 32, background −0.1 and ink 1.175 (`recipes.prepare_digits(x, "1998")`). All layers
      up to F6 are squashed by 1.7159·tanh(2x/3). S2 and S4 are `Subsampling2D`: sums of 2 × 2 times a coefficient, plus a
      bias. C3 is connected by table I: 1,516 parameters. C5 is a convolution that covers all of S4. The output is `RBF`:
      squared distances of F6 from fixed drawings of the digits (`rbf_prototypes`; random signs for other numbers of
      classes); the smallest is the answer. Initial values are uniform in ± 2.4 / fan-in. To be trained by
      `optimizers.SDLM` with `losses.RBFMeanSquaredError` or `RBFMaximumAPosteriori` (docs/lenet5.md).

    Args:
        classes: number of outputs.
        variant: "tanh", "sigmoid", "relu" or "1998".
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        weights: "mnist" of variant "tanh": what `fastcnn train lenet5` gave (docs/lenet5.md); None: initial values.
        width: factor of all numbers of filters, and of the units of both inner dense layers; 1 for "1998".
        dropout: the part of these units' values that training drops; 0, as for "1998": there are no such layers.

    Shape:
        (N, 28, 28, 1) → (N, classes); 61,706 parameters with 10 classes
        "1998": (N, 32, 32, 1) → (N, classes); 60,000 parameters that are trained and 840 that are not

    Raises:
        TypeError, ValueError: another variant, no number of classes, weights of another network; width or dropout with
            "1998".

    Source:
        LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".

    Example:
        >>> fastcnn.networks.lenet5().count_params()
        61706
        >>> [layer.count_params() for layer in fastcnn.networks.lenet5(variant="1998").layers]
        [156, 12, 1516, 32, 48120, 0, 10164, 840]
    """
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu", "1998"))
    classes = arguments.integer("classes", classes)
    wide, dropout = shared.widened(width), arguments.part("dropout", dropout)
    if variant == "1998" and (width != 1 or dropout):
        raise ValueError("width must be 1 and dropout 0 in the network of 1998. Received: "
                         f"{arguments.given(width=width, dropout=dropout)}")
    model = _published(classes, seed) if variant == "1998" else _modern(classes, variant, seed, wide, dropout)
    return trained.filled(model, weights, {"mnist": "lenet5-mnist.safetensors"})


def _modern(classes, variant, seed, wide, dropout):
    return Sequential([
        Conv2D(wide(6), 5, padding="same", activation=variant, input_shape=(28, 28, 1), name="c1"),
        AveragePooling2D(name="s2"),
        Conv2D(wide(16), 5, activation=variant, name="c3"),
        AveragePooling2D(name="s4"),
        Flatten(name="flatten"),
        Dense(wide(120), activation=variant, name="c5"),
        *([Dropout(dropout, name="dropout5")] if dropout else []),
        Dense(wide(84), activation=variant, name="f6"),
        *([Dropout(dropout, name="dropout6")] if dropout else []),
        Dense(classes, activation="softmax", name="output"),
    ], name="lenet5", seed=seed)


def _published(classes, seed):
    def start(fan_in, *names):
        return {f"{name}_initializer": FanInUniform(fan_in=fan_in) for name in names}

    inputs = [25 * len(row) for row in C3_TABLE]  # of a unit of each of C3's maps
    each = [n for n, row in zip(inputs, C3_TABLE) for _ in row]
    squash = {"activation": "scaled_tanh"}
    return Sequential([
        Conv2D(6, 5, **squash, **start(25, "kernel", "bias"), input_shape=(32, 32, 1), name="c1"),
        Subsampling2D(**squash, **start(4, "coefficient", "bias"), name="s2"),
        Conv2D(16, 5, **squash, **start(each, "kernel"), **start(inputs, "bias"), connection_table=C3_TABLE, name="c3"),
        Subsampling2D(**squash, **start(4, "coefficient", "bias"), name="s4"),
        Conv2D(120, 5, **squash, **start(400, "kernel", "bias"), name="c5"),
        Flatten(name="flatten"),
        Dense(84, **squash, **start(120, "kernel", "bias"), name="f6"),
        RBF(classes, "digit_prototypes" if classes == 10 else "random_signs", name="output"),
    ], name="lenet5", seed=seed)
