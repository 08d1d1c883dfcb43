"""LeNet-5 and its variants."""

from fastcnn import arguments
from fastcnn.layers import AveragePooling2D, Conv2D, Dense, Flatten
from fastcnn.model import Sequential


def lenet5(classes=10, variant="tanh", seed=None):
    """LeNet-5: two convolutions 5×5, each followed by average pooling, and dense layers of 120, 84 and `classes` units.

    - "tanh": the modern form, as in most Keras tutorials.
    - "sigmoid": the same with sigmoid, as in most PyTorch tutorials.
    - "relu": the same with ReLU, which trains soonest (docs/lenet5.md).

    Args:
        classes: number of outputs.
        variant: the activation: "tanh", "sigmoid" or "relu".
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.

    Shape:
        (N, 28, 28, 1) → (N, classes); 61,706 parameters with 10 classes

    Raises:
        TypeError, ValueError: another variant, no number of classes.

    Source:
        LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".

    Example:
        >>> fastcnn.networks.lenet5().count_params()
        61706
    """
    arguments.choice("variant", variant, ("tanh", "sigmoid", "relu"))
    return Sequential([
        Conv2D(6, 5, padding="same", activation=variant, input_shape=(28, 28, 1), name="c1"),
        AveragePooling2D(name="s2"),
        Conv2D(16, 5, activation=variant, name="c3"),
        AveragePooling2D(name="s4"),
        Flatten(name="flatten"),
        Dense(120, activation=variant, name="c5"),
        Dense(84, activation=variant, name="f6"),
        Dense(arguments.integer("classes", classes), activation="softmax", name="output"),
    ], name="lenet5", seed=seed)
