"""Options that several commands have, and the kinds of values they take."""

import os

from fastcnn.cli.messages import Failure


def _number(convert, text, smallest, what, below=2**31):
    from argparse import ArgumentTypeError

    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not smallest <= value < below:
        raise ArgumentTypeError(f"must be {what}. Received: {text!r}")
    return value


def positive(text):
    """An integer from 1."""
    return _number(int, text, 1, "an integer from 1")


def seed(text):
    """An integer from 0."""
    return _number(int, text, 0, "an integer from 0")


def rate(text):
    """A number from 0."""
    return _number(float, text, 0, "a number from 0")


def part(text):
    """A number between 0 and 1."""
    return _number(float, text, 1e-9, "a number between 0 and 1", 1)


def add_threads(command):
    """--threads."""
    command.add_argument("--threads", type=positive, metavar="N",
                         help="threads to use (all that the machine grants); results do not depend on it")


def set_threads(options):
    """Does as --threads says."""
    import fastcnn

    if options.threads:
        fastcnn.set_num_threads(options.threads)


def add_model(command):
    """MODEL, the first word."""
    command.add_argument("model", metavar="MODEL", help="a file that train --save or Model.save wrote")


def add_crops(command):
    """--crops."""
    command.add_argument("--crops", type=int, choices=[1, 10],
                         help="photographs: classify the centre (1, as a rule) or average over ten crops (10), which takes "
                              "ten times as long and is a little more often right")


def add_half_weights(command):
    """--half-weights."""
    command.add_argument("--half-weights", choices=["float32", "float16", "int8"], metavar="FORMAT",
                         help="read the weights of dense layers as float16, int8 or float32 (as the file says): single "
                              "images are classified faster with fewer bits")


def load(options):
    """The model that was named, with dense weights as --half-weights says."""
    import fastcnn

    model = fastcnn.load_model(options.model)
    if options.half_weights:
        model.half_weights(options.half_weights)
    return model


def check_writable(path):
    """Fails before the work, not after it."""
    if os.path.isdir(path) or not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        raise Failure(f"cannot write {path}: it is a folder, or its folder is missing or read-only")


def preparation(model, path):
    """How the model's photographs are prepared; a failure if the file says nothing of photographs."""
    from fastcnn.images import Preparation

    found = Preparation.of(model)
    if found is None:
        raise Failure(f"{path} does not say how photographs are prepared and what its classes are called; train it by "
                      f"`fastcnn train alexnet`. Received: a model of {model.input_shape}")
    return found


def digits_variant(model):
    """As which variant of LeNet-5 the model takes digits, or None if it takes none."""
    if "digits" in model.metadata and tuple(model.input_shape) == (None, 32, 32, 1):
        return "1998"
    return "tanh" if tuple(model.input_shape) == (None, 28, 28, 1) else None
