"""AlexNet and its variants."""

from itertools import count

from fastcnn import arguments, initializers
from fastcnn.layers import Conv2D, Dense, Dropout, Flatten, LocalResponseNormalization, MaxPooling2D
from fastcnn.model.sequential import Sequential

_KERNELS = 11, 5, 3, 3, 3
_PAPER = {"filters": (96, 256, 384, 384, 256), "groups": (1, 2, 1, 2, 2), "size": 227, "padding": 0, "last_pool": 3}
_VARIANTS = {
    "paper": _PAPER,
    "caffe": _PAPER,
    "torchvision": {"filters": (64, 192, 384, 256, 256), "groups": (1,) * 5, "size": 224, "padding": 2, "last_pool": 3},
    "tutorial": {"filters": (96, 256, 384, 384, 256), "groups": (1,) * 5, "size": 227, "padding": 0, "last_pool": 2},
}


def alexnet(classes=1000, variant="paper", input_shape=None, seed=None, initializer=None):
    """AlexNet: five convolutions with ReLU, three max poolings, three dense layers, softmax.

    - "paper": input 227 × 227 × 3 (the paper writes 224). conv1 96 filters 11×11, strides 4; conv2 256 5×5 in 2 groups;
      conv3 384 3×3; conv4 384 3×3 in 2 groups; conv5 256 3×3 in 2 groups. Local response normalization (size 5, k 2,
      α 1e-4, β .75) and then 3×3 max pooling with strides 2 follow conv1 and conv2; pooling follows conv5. Dense 4096,
      dropout .5, dense 4096, dropout .5, dense `classes`. Kernels start from N(0, .01), biases of conv2, conv4, conv5,
      fc6 and fc7 from 1, others from 0. As in the authors' own training, biases learn at twice the rate and do not decay.
    - "caffe": Caffe's reference model. The paper's, with pooling before normalization, which is Caffe's: k = 1, and α is
      divided by the size (`alpha_mode="mean"`); fc6 and fc7 start from N(0, .005). fastcnn's pooling rounds sizes down,
      Caffe's up: the same at 227.
    - "torchvision": the one tower of Krizhevsky 2014. 64, 192, 384, 256, 256 filters, input 224 × 224 × 3 with conv1 padded
      by 2, no groups, no normalization, dropout before fc6 and fc7. Kernels and biases start from U(±1/√fan-in),
      torch's default. There is no adaptive pooling: at other input sizes fc6 sees another number of inputs.
    - "tutorial": what most Keras tutorials call AlexNet. The paper's without groups, normalization and multipliers, the last
      pooling 2×2; glorot_uniform kernels, zero biases.

    Args:
        classes: number of outputs.
        variant: "paper", "caffe", "torchvision" or "tutorial".
        input_shape: (height, width, channels); None: the variant's. At least 67 × 67 in "paper" and "caffe", 63 × 63 in
            "torchvision", 51 × 51 in "tutorial".
        seed: of the model; None: from `fastcnn.set_random_seed`'s source.
        initializer: of all kernels, by name or as an object, with zero biases; None: the variant's own initial values.

    Shape:
        (N, 227, 227, 3) → (N, classes). With 1000 classes 60,965,224 parameters and 724 M multiply-adds ("paper", "caffe"),
        61,100,840 and 714 M ("torchvision"), 62,378,344 and 1,135 M ("tutorial")

    Raises:
        TypeError, ValueError: another variant, an input that is too small.

    Source:
        Krizhevsky, Sutskever, Hinton 2012, "ImageNet classification with deep convolutional neural networks"; Krizhevsky
        2014, "One weird trick for parallelizing convolutional neural networks"; Caffe, models/bvlc_reference_caffenet.

    Example:
        >>> fastcnn.networks.alexnet(10, input_shape=(67, 67, 3)).layers[0].output_shape
        (None, 15, 15, 96)
    """
    arguments.choice("variant", variant, tuple(_VARIANTS))
    classes = arguments.integer("classes", classes)
    v = _VARIANTS[variant]
    shape = _input_shape(v, variant, input_shape)
    inputs = [channels // groups for channels, groups in zip((shape[2], *v["filters"]), v["groups"])]
    height, width = (_extent(n, v) for n in shape[:2])
    layers = []
    for i, (filters, kernel, groups) in enumerate(zip(v["filters"], _KERNELS, v["groups"])):
        layers.append(Conv2D(filters, kernel, name=f"conv{i + 1}", strides=1 if i else 4, groups=groups, activation="relu",
                             padding=kernel // 2 if i else v["padding"], input_shape=None if i else shape,
                             **_start(variant, initializer, f"conv{i + 1}", inputs[i] * kernel * kernel)))
        layers += _reduction(variant, i + 1, v["last_pool"])
    layers.append(Flatten(name="flatten"))
    inputs = height * width * v["filters"][-1]
    for name, units in (("fc6", 4096), ("fc7", 4096), ("fc8", classes)):
        dense = Dense(units, name=name, activation="softmax" if name == "fc8" else "relu",
                      **_start(variant, initializer, name, inputs))
        dropout = [] if name == "fc8" else [Dropout(0.5, name=f"dropout{name[-1]}")]
        layers += [*dropout, dense] if variant == "torchvision" else [dense, *dropout]
        inputs = units
    return Sequential(layers, name="alexnet", seed=seed)


def _reduction(variant, number, last_pool):
    """What follows a convolution: normalization and pooling."""
    if number in (3, 4):
        return []
    pool = MaxPooling2D(last_pool if number == 5 else 3, strides=2, name=f"pool{number}")
    if number == 5 or variant in ("torchvision", "tutorial"):
        return [pool]
    if variant == "caffe":
        return [pool, LocalResponseNormalization(k=1.0, alpha_mode="mean", name=f"lrn{number}")]
    return [LocalResponseNormalization(name=f"lrn{number}"), pool]


def _start(variant, initializer, name, fan_in):
    """A layer's initial values, and what multiplies its rate and decay."""
    options = {}
    if variant in ("paper", "caffe"):
        options = {"learning_rate_multiplier": {"bias": 2.0}, "weight_decay_multiplier": {"bias": 0.0}}
    if initializer is not None:
        return {**options, "kernel_initializer": initializer}
    if variant == "tutorial":
        return options
    if variant == "torchvision":
        uniform = initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
        return {"kernel_initializer": uniform, "bias_initializer": uniform}
    stddev = 0.005 if variant == "caffe" and name in ("fc6", "fc7") else 0.01
    bias = 0.0 if name in ("conv1", "conv3", "fc8") else 1.0
    return {**options, "kernel_initializer": initializers.RandomNormal(stddev=stddev),
            "bias_initializer": initializers.Constant(bias)}


def _extent(size, v):
    """Rows (or columns) behind the last pooling; less than 1 if the input is too small."""
    size = (size + 2 * v["padding"] - 11) // 4 + 1
    for pool in (3, 3, v["last_pool"]):
        size = (size - pool) // 2 + 1
    return size


def _input_shape(v, variant, shape):
    if shape is None:
        return v["size"], v["size"], 3
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"input_shape must be (height, width, channels). Received: {arguments.shown(shape)}")
    if len(shape) != 3:
        raise ValueError(f"input_shape must be (height, width, channels). Received: {arguments.shown(shape)}")
    shape = tuple(arguments.integer("input_shape", size) for size in shape)
    least = next(n for n in count(1) if _extent(n, v) > 0)
    if min(shape[:2]) < least:
        raise ValueError(f'input_shape must be at least {least} × {least} for variant "{variant}". Received: {shape}')
    return shape
