"""LeNet-5 and its variants."""

from fastcnn.layers import AveragePooling2D, Conv2D, Dense, Flatten
from fastcnn.model import Sequential


def lenet5(classes=10, seed=None):
    """LeNet-5 in its modern form: tanh, plain average pooling, softmax.

    Args:
        classes: number of outputs.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.

    Shape:
        (N, 28, 28, 1) → (N, classes); 61,706 parameters with 10 classes

    Source:
        LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition".

    Example:
        >>> fastcnn.networks.lenet5().count_params()
        61706
    """
    return Sequential([
        Conv2D(6, 5, padding="same", activation="tanh", input_shape=(28, 28, 1), name="c1"),
        AveragePooling2D(name="s2"),
        Conv2D(16, 5, activation="tanh", name="c3"),
        AveragePooling2D(name="s4"),
        Flatten(name="flatten"),
        Dense(120, activation="tanh", name="c5"),
        Dense(84, activation="tanh", name="f6"),
        Dense(classes, activation="softmax", name="output"),
    ], name="lenet5", seed=seed)
