"""The four-layer network for 32 × 32 photographs."""

from __future__ import annotations

from fastcnn.initializers import RandomNormal
from fastcnn.layers import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D
from fastcnn.model.sequential import Sequential
from fastcnn.networks.shared import BIASES
from fastcnn.typing import ActivationName, Identifier


def cifar10(classes: int = 10, activation: ActivationName = "relu", seed: int | None = None,
            initializer: Identifier | None = None) -> Sequential:
    """Krizhevsky's four layers for CIFAR-10: three 5×5 convolutions, each pooled 3×3 with strides 2, and a dense one.

    32 filters and max pooling, 32 and average pooling, 64 and average pooling, softmax; poolings round sizes up. It takes
    bytes less their mean image, not divided by anything: kernels start from N(0, .0001) in conv1 and N(0, .01) elsewhere,
    biases from 0. As in the authors' own training, biases learn at twice the rate and do not decay. The paper's first
    figure trains "a four-layer convolutional neural network" with ReLU and with tanh and does not describe it further.

    Args:
        classes: number of outputs.
        activation: of the convolutions, by name: "relu", "tanh" …
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object; None: the values above.

    Shape:
        (N, 32, 32, 3) → (N, classes); 89,578 parameters and 12.3 M multiply-adds with 10 classes

    Raises:
        TypeError, ValueError: unknown activations or initializers, as from the layers.

    Source:
        Krizhevsky 2011, cuda-convnet, `layers-19pct.cfg`; Krizhevsky, Sutskever, Hinton 2012, figure 1.

    Example:
        >>> fastcnn.networks.cifar10(activation="tanh").count_params()
        89578
    """
    def options(stddev):
        return {"kernel_initializer": RandomNormal(stddev=stddev) if initializer is None else initializer, **BIASES}

    convolution = {"padding": 2, "activation": activation}
    pooling = {"strides": 2, "ceil_mode": True}
    return Sequential([
        Conv2D(32, 5, name="conv1", input_shape=(32, 32, 3), **convolution, **options(1e-4)),
        MaxPooling2D(3, name="pool1", **pooling),
        Conv2D(32, 5, name="conv2", **convolution, **options(0.01)),
        AveragePooling2D(3, name="pool2", **pooling),
        Conv2D(64, 5, name="conv3", **convolution, **options(0.01)),
        AveragePooling2D(3, name="pool3", **pooling),
        Flatten(name="flatten"),
        Dense(classes, activation="softmax", name="fc10", **options(0.01)),
    ], name="cifar10", seed=seed)
