"""Residual networks."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import arguments, initializers, layers
from fastcnn.model.model import Model
from fastcnn.networks import shared, trained
from fastcnn.typing import Identifier

# the convolutions of a block: kernel size, has it the block's strides, filters as a multiple of the stage's
_BASIC = (3, True, 1), (3, False, 1)
_BOTTLENECK = (1, False, 1), (3, True, 1), (1, False, 4)
_STAGES = {  # depth: block, blocks of each stage, filters of the first
    False: {18: (_BASIC, (2, 2, 2, 2), 64), 34: (_BASIC, (3, 4, 6, 3), 64), 50: (_BOTTLENECK, (3, 4, 6, 3), 64),
            101: (_BOTTLENECK, (3, 4, 23, 3), 64), 152: (_BOTTLENECK, (3, 8, 36, 3), 64)},
    True: {9: (_BASIC, (1, 0, 1), 64), 10: (_BASIC, (1, 1, 1, 1), 64), 18: (_BASIC, (2, 2, 2, 2), 64),
           **{depth: (_BASIC, (depth // 6,) * 3, 16) for depth in (20, 32, 44, 56, 110)}},
}
_WEIGHTS = {"cifar10": "resnet20-cifar10.safetensors"}
_STEMS = {False: ((224, 224, 3), 7, 2, 1000), True: ((32, 32, 3), 3, 1, 10)}  # input; kernel, strides; classes


def resnet(depth: int, classes: int | None = None, cifar: bool = False, width: float = 1.0,
           input_shape: Sequence[int] | None = None, seed: int | None = None,
           initializer: Identifier | None = None, weights: str | None = None, dropout: float = 0.0) -> Model:
    """ResNet: blocks of convolutions with batch normalization, whose sums with their inputs go on through ReLU.

    - 18, 34: a 7×7 convolution of 64 filters and 3×3 max pooling, both with strides 2; four stages of 64, 128, 256, 512
      filters, blocks of two 3×3 convolutions.
    - 50, 101, 152: blocks of 1×1, 3×3 and 1×1 convolutions, the last of four times as many filters. As in torchvision
      ("v1.5") a stage begins with its strides in the 3×3 convolution; in the paper they are in the 1×1 before it.
    - 20, 32, 44, 56, 110, with `cifar=True`: the paper's section 4.2. A 3×3 convolution of 16 filters, three stages of 16,
      32, 64 filters, for 32 × 32 photographs.
    - 9, with `cifar=True`: Page's. A 3×3 convolution of 64 filters; three stages, each begun by a 3×3 convolution of 128,
      256, 512 filters and 2×2 max pooling, the first and the last with a block of two more; a maximum over the image in the
      place of the mean. It learns fastest.
    - 10, 18, with `cifar=True`: a 3×3 convolution of 64 filters, then the four stages of 18, of one block or two. They
      learn more from the same multiply-adds than the paper's, as most of their filters see small images.

    Where another stage begins, the input takes part through a 1×1 convolution and batch normalization: the paper's option
    B. (Its networks for CIFAR-10 have option A, zeros for new channels and nothing to learn: 2,752 parameters less.) A mean
    over the image and a dense layer end all of them. Layers have torchvision's names. Normalizations have epsilon 1e-5 and
    momentum .9, as torchvision's. Initial values are the paper's, as torchvision has them: kernels of convolutions normal
    of variance 2 / fan-out, the dense layer U(±1/√fan-in).

    Args:
        depth: layers with weights on the longest way.
        classes: number of outputs; None: 1000, or 10 with `cifar`.
        cifar: networks for small photographs.
        width: factor of all numbers of filters.
        input_shape: (height, width, channels); None: 224 × 224 × 3, or 32 × 32 × 3.
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object, with zero biases; None: the values above.
        weights: "cifar10" of depth 20 with `cifar`: what it learnt in docs/tutorials/resnet.md; None: initial values.
        dropout: the part of the means' values that training drops; 0: there is no such layer.

    Shape:
        (N, 224, 224, 3) → (N, classes). With 1000 classes 11,689,512 trainable parameters and 1.81 G multiply-adds in
        convolutions and the dense layer (18), 21,797,672 and 3.66 G (34), 25,557,032 and 4.09 G (50), 44,549,160 and 7.80 G
        (101), 60,192,808 and 11.51 G (152).
        (N, 32, 32, 3) → (N, classes). With 10 classes 272,474 and 41 M (20), 466,906 and 69 M (32), 661,338 and 98 M (44),
        855,770 and 126 M (56), 1,730,714 and 253 M (110), 4,903,242 and 253 M (10), 11,173,962 and 555 M
        (18), 6,573,130 and 379 M (9).

    Raises:
        TypeError, ValueError: another depth; weights of another network.

    Source:
        He, Zhang, Ren, Sun 2015, "Deep residual learning for image recognition"; torchvision; Page 2018, "How to train your
        ResNet", for depth 9.

    Example:
        >>> fastcnn.networks.resnet(20, cifar=True).output_shape
        (None, 10)
    """
    cifar = arguments.flag("cifar", cifar)
    block, counts, filters = shared.entry("depth", depth, _STAGES[cifar])
    size, kernel, strides, found = _STEMS[cifar]
    wide, start = shared.widened(width), initializer or initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    inputs = layers.Input(shared.image_shape(input_shape, size))
    x = shared.normalized(inputs, wide(filters), kernel, ("conv1", "bn1", "relu"), strides, initializer=start)
    x = x if cifar else layers.MaxPooling2D(3, strides=2, padding=1, name="maxpool")(x)
    pooled = cifar and depth == 9  # stages begin with a convolution and pooling of their own
    for stage, count in enumerate(counts, 1):
        filters *= 2 if stage > 1 or pooled else 1
        if pooled:
            names = [f"layer{stage}.{kind}" for kind in ("conv", "bn", "relu")]
            x = shared.normalized(x, wide(filters), 3, names, initializer=start)
            x = layers.MaxPooling2D(2, name=f"layer{stage}.pool")(x)
        for number in range(count):
            strides = 2 if stage > 1 and number == 0 and not pooled else 1
            convolutions = [(k, strides if strided else 1, wide(times * filters)) for k, strided, times in block]
            x = _block(x, f"layer{stage}.{number}", convolutions, strides, start)
    x = (layers.GlobalMaxPooling2D(name="maxpool") if pooled else layers.GlobalAveragePooling2D(name="avgpool"))(x)
    x = layers.Dropout(dropout, name="dropout")(x) if arguments.part("dropout", dropout) else x
    uniform = shared.uniform_by(x.shape[1])
    x = layers.Dense(found if classes is None else classes, activation="softmax", name="fc",
                     **shared.start(initializer, uniform, uniform))(x)
    return trained.filled(Model(inputs, x, name=f"resnet{depth}", seed=seed), weights, _WEIGHTS)


def _block(x, name, convolutions, strides, start):
    """Convolutions (kernel size, strides, filters), and their sum with x."""
    short, y = x, x
    for number, (kernel, own, filters) in enumerate(convolutions, 1):
        names = [f"{name}.{kind}{number}" for kind in ("conv", "bn", "relu")[:2 if number == len(convolutions) else 3]]
        y = shared.normalized(y, filters, kernel, names, own, initializer=start)
    if x.shape != y.shape:
        names = f"{name}.downsample.0", f"{name}.downsample.1"
        short = shared.normalized(x, y.shape[-1], 1, names, strides, initializer=start)
    return layers.ReLU(name=f"{name}.relu")(layers.Add(name=f"{name}.add")([y, short]))
