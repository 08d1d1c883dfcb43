"""What the networks have in common: arguments, initial values, convolutions with batch normalization behind them."""

from fastcnn import arguments, initializers, layers

# as Krizhevsky, and Caffe's files after him, train: biases learn at twice the rate and do not decay
BIASES = {"learning_rate_multiplier": {"bias": 2.0}, "weight_decay_multiplier": {"bias": 0.0}}


def entry(name, value, table):
    """The table's entry for an argument.

    Raises:
        TypeError, ValueError: there is none.
    """
    if arguments.integer(name, value) not in table:
        raise ValueError(f"{name} must be one of {', '.join(map(str, table))}. Received: {value}")
    return table[value]


def image_shape(value, default):
    """(height, width, channels) of an `input_shape`; None: the default."""
    if value is None:
        return default
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"input_shape must be (height, width, channels). Received: {arguments.shown(value)}")
    if len(value) != 3:
        raise ValueError(f"input_shape must be (height, width, channels). Received: {arguments.shown(value)}")
    return tuple(arguments.integer("input_shape", size) for size in value)


def widened(width):
    """The function that multiplies numbers of filters and units by a factor."""
    width = arguments.number("width", width, 0)
    return lambda count: max(1, round(count * width))


def start(initializer, kernel, bias="zeros"):
    """A layer's initial values: the user's for kernels, with zero biases; None: these."""
    if initializer is not None:
        return {"kernel_initializer": initializer}
    return {"kernel_initializer": kernel, "bias_initializer": bias}


def uniform_by(fan_in):
    """Initial values of kernels and biases alike, torch's default: U(±1/√fan-in)."""
    return initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)


def normalized(x, filters, kernel, names, strides=1, epsilon=1e-5, initializer="glorot_uniform"):
    """A convolution without bias, padded to keep its input's size; batch normalization, with torch's momentum; ReLU.

    Args:
        x: a symbol.
        filters, kernel, strides, initializer: of the convolution.
        names: of the three; of two, if there is no ReLU.
        epsilon: of the normalization.
    """
    x = layers.Conv2D(filters, kernel, strides=strides, padding=kernel // 2, use_bias=False, kernel_initializer=initializer,
                      name=names[0])(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=names[1])(x)
    return layers.ReLU(name=names[2])(x) if len(names) > 2 else x
