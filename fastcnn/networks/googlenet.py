"""GoogLeNet: Inception, version 1."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments, initializers, layers
from fastcnn.model.model import Model
from fastcnn.networks import shared
from fastcnn.typing import Identifier

_INCEPTIONS = {  # filters of 1×1; of the 1×1 before the 3×3, and of the 3×3; before the 5×5, and of it; behind the pooling
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
_AUXILIARY = {"4a": "aux1", "4d": "aux2"}  # which head takes its values from where
_VARIANTS = {
    "torchvision": {"normalized": True, "largest": 3, "pools": {"3b": 3, "4e": 2}, "dropout": 0.2},
    "paper": {"normalized": False, "largest": 5, "pools": {"3b": 3, "4e": 3}, "dropout": 0.4},
}


def googlenet(classes: int = 1000, variant: str = "torchvision", auxiliary: bool = True, width: float = 1.0,
              input_shape: Sequence[int] | None = None, seed: int | None = None,
              initializer: Identifier | None = None) -> Model:
    """GoogLeNet: nine blocks of four branches that are concatenated, a mean over the image and one dense layer, softmax.

    A block ("inception") has a 1×1 convolution; a 1×1 and a 3×3; a 1×1 and a 5×5; 3×3 max pooling and a 1×1. ReLU follows
    each convolution. Two further heads, behind blocks 4a and 4d, give gradients to the middle of the network in training,
    each with .3 of the loss. The model has three outputs then, "fc", "aux1.fc2" and "aux2.fc2"; the first is the answer:

        model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[1, 0.3, 0.3])
        model.fit(x, [y, y, y])
        answers = fastcnn.Model(model.input, model.outputs[0])  # the same weights, without the heads

    - "torchvision": batch normalization behind each convolution (epsilon 1e-3, momentum .9) in place of biases and local
      response normalization; 3×3 convolutions in the place of the 5×5; the last of the poolings between blocks is 2×2; 4 × 4
      means over each whole image begin the heads; dropout .2. All kernels start from N(0, .01), biases of dense layers from
      U(±1/√fan-in).
    - "paper": without batch normalization, as in Caffe's file, which the paper's authors do not have a part in. Local
      response normalization stands beside the first two poolings; 5×5 means with strides 3 begin the heads; dropout .4.
      Kernels start from U(±√(3/fan-in)), biases from .2, those of the last layers from 0; biases learn at twice the rate and
      do not decay.

    Names of layers are torchvision's.

    Args:
        classes: number of outputs.
        variant: "torchvision" or "paper".
        auxiliary: with the two further heads.
        width: factor of all numbers of filters and units.
        input_shape: (height, width, channels); None: 224 × 224 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object, with zero biases; None: the variant's own initial values.

    Shape:
        (N, 224, 224, 3) → (N, classes), three times with heads. With 1000 classes and without heads 6,624,904 trainable
        parameters and 1.50 G multiply-adds in convolutions and the dense layer ("torchvision"), 6,998,552 and 1.58 G
        ("paper"); the heads have 6,379,984 and 6,379,728 parameters more

    Raises:
        TypeError, ValueError: another variant, an input that is too small.

    Source:
        Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich 2014, "Going deeper with convolutions";
        Caffe, models/bvlc_googlenet; torchvision.

    Example:
        >>> model = fastcnn.networks.googlenet(10, input_shape=(64, 64, 3))
        >>> model.output_names, fastcnn.Model(model.input, model.outputs[0]).output_shape
        (['fc', 'aux1.fc2', 'aux2.fc2'], (None, 10))
    """
    v = _VARIANTS[arguments.choice("variant", variant, tuple(_VARIANTS))]
    wide, heads, auxiliary = shared.widened(width), [], arguments.flag("auxiliary", auxiliary)
    inputs = layers.Input(shared.image_shape(input_shape, (224, 224, 3)))
    normal = initializers.RandomNormal(stddev=0.01)

    def convolution(x, name, filters, kernel=1, strides=1):
        if v["normalized"]:
            names = f"{name}.conv", f"{name}.bn", f"{name}.relu"
            return shared.normalized(x, wide(filters), kernel, names, strides, 1e-3,
                                     normal if initializer is None else initializer)
        return layers.Conv2D(wide(filters), kernel, strides=strides, padding=kernel // 2, activation="relu",
                             name=f"{name}.conv", **caffe(0.2))(x)

    def dense(x, name, units, activation, bias):
        own = shared.start(initializer, normal, shared.uniform_by(x.shape[1])) if v["normalized"] else caffe(bias)
        return layers.Dense(units, activation=activation, name=name, **own)(x)

    def caffe(bias):
        return {**shared.start(initializer, "lecun_uniform", initializers.Constant(bias)), **shared.BIASES}

    def pool(x, name, size=3, strides=2, **options):
        return layers.MaxPooling2D(size, strides=strides, ceil_mode=True, name=name, **options)(x)

    def norm(x, number):
        return x if v["normalized"] else layers.LocalResponseNormalization(k=1.0, alpha_mode="mean", name=f"norm{number}")(x)

    def inception(x, name, filters):
        one, before_three, three, before_five, five, pooled = filters
        return layers.Concatenate(name=f"{name}.concat")([
            convolution(x, f"{name}.branch1", one),
            convolution(convolution(x, f"{name}.branch2.0", before_three), f"{name}.branch2.1", three, 3),
            convolution(convolution(x, f"{name}.branch3.0", before_five), f"{name}.branch3.1", five, v["largest"]),
            convolution(pool(x, f"{name}.branch4.0", strides=1, padding=1), f"{name}.branch4.1", pooled),
        ])

    def head(x, name):
        x = (layers.AdaptiveAveragePooling2D(4, name=f"{name}.pool") if v["normalized"]
             else layers.AveragePooling2D(5, strides=3, ceil_mode=True, name=f"{name}.pool"))(x)
        x = layers.Flatten(name=f"{name}.flatten")(convolution(x, f"{name}.conv", 128))
        x = layers.Dropout(0.7, name=f"{name}.dropout")(dense(x, f"{name}.fc1", wide(1024), "relu", 0.2))
        return dense(x, f"{name}.fc2", classes, "softmax", 0.0)

    x = norm(pool(convolution(inputs, "conv1", 64, 7, 2), "maxpool1"), 1)
    x = pool(norm(convolution(convolution(x, "conv2", 64), "conv3", 192, 3), 2), "maxpool2")
    for name, filters in _INCEPTIONS.items():
        x = inception(x, f"inception{name}", filters)
        if name in _AUXILIARY and auxiliary:
            heads.append(head(x, _AUXILIARY[name]))
        if name in v["pools"]:
            x = pool(x, f"maxpool{name[0]}", v["pools"][name])
    x = layers.Dropout(v["dropout"], name="dropout")(layers.GlobalAveragePooling2D(name="avgpool")(x))
    return Model(inputs, [dense(x, "fc", classes, "softmax", 0.0), *heads], name="googlenet", seed=seed)
