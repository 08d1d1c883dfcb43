"""SqueezeNet."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments, initializers, layers
from fastcnn.model.model import Model
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_VERSIONS = {"1.0": (96, 7, (5, 9)), "1.1": (64, 3, (4, 6))}  # first convolution; fires that a pooling stands before
_FIRES = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}  # squeeze's filters; expand's have four times as many


def squeezenet(version: str = "1.1", classes: int | None = None, cifar: bool = False, width: float = 1.0,
               input_shape: Sequence[int] | None = None, seed: int | None = None,
               initializer: Identifier | None = None) -> Model:
    """SqueezeNet: a convolution, eight "fires", a convolution to classes, a mean over the image, softmax; all with ReLU.

    A fire is a 1×1 convolution to few channels, and a 1×1 and a 3×3 one of these side by side, concatenated. "1.0" begins
    with 96 filters 7×7, "1.1" with 64 filters 3×3, both with strides 2; 3×3 max poolings with strides 2 stand behind it and
    before fires 5 and 9, or 4 and 6; dropout .5 stands before the last convolution. With `cifar=True`, for 32 × 32
    photographs, the first convolution is 3×3 with strides 1 and no pooling follows it. Layers have torchvision's names.
    Kernels start as in the authors' files: U(±√(3/fan-in)), those of the last convolution N(0, .01); biases from 0.
    (torchvision's are √2 times as large: initializer="he_uniform".)

    Args:
        version: "1.0" or "1.1", which takes 2.3 times fewer multiply-adds.
        classes: number of outputs; None: 1000, or 10 with `cifar`.
        cifar: the network for small photographs.
        width: factor of all numbers of filters.
        input_shape: (height, width, channels); None: 224 × 224 × 3 (the authors': 227), or 32 × 32 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object; None: the values above.

    Shape:
        (N, 224, 224, 3) → (N, classes). With 1000 classes 1,248,424 parameters and 819 M multiply-adds ("1.0"), 1,235,496
        and 349 M ("1.1").
        (N, 32, 32, 3) → (N, classes). With 10 classes 729,034 and 202 M ("1.0"), 727,626 and 89 M ("1.1")

    Raises:
        TypeError, ValueError: another version, an input that is too small.

    Source:
        Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters";
        github.com/forresti/SqueezeNet; torchvision.

    Example:
        >>> fastcnn.networks.squeezenet("1.1").count_params()
        1235496
    """
    filters, kernel, pooled = _VERSIONS[arguments.choice("version", version, tuple(_VERSIONS))]
    wide, cifar = shared.widened(width), arguments.flag("cifar", cifar)
    start = shared.start(initializer, "lecun_uniform")
    inputs = layers.Input(shared.image_shape(input_shape, (32, 32, 3) if cifar else (224, 224, 3)))

    def convolution(x, name, filters, kernel, **options):
        return layers.Conv2D(filters, kernel, activation="relu", name=name, **{**start, **options})(x)

    def pool(x, number):
        return layers.MaxPooling2D(3, strides=2, ceil_mode=True, name=f"features.{number}")(x)

    if cifar:
        x = convolution(inputs, "features.0", wide(filters), 3, padding=1)
    else:
        x = pool(convolution(inputs, "features.0", wide(filters), kernel, strides=2), 2)
    number = 3  # of a module of torchvision's, where ReLU counts
    for fire, squeezed in _FIRES.items():
        if fire in pooled:
            x, number = pool(x, number), number + 1
        name = f"features.{number}"
        x = convolution(x, f"{name}.squeeze", wide(squeezed), 1)
        x = layers.Concatenate(name=f"{name}.concat")([
            convolution(x, f"{name}.expand{size}x{size}", wide(4 * squeezed), size, padding=size // 2) for size in (1, 3)])
        number += 1
    x = layers.Dropout(0.5, name="classifier.0")(x)
    x = convolution(x, "classifier.1", classes if classes is not None else 10 if cifar else 1000, 1,
                    **shared.start(initializer, initializers.RandomNormal(stddev=0.01)))
    x = layers.Softmax(name="softmax")(layers.GlobalAveragePooling2D(name="classifier.3")(x))
    return Model(inputs, x, name=f"squeezenet{version}", seed=seed)
