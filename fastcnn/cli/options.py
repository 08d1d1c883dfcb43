"""Options that several commands have, and the kinds of values they take."""

import os

import numpy as np

from fastcnn import arguments
from fastcnn.cli.messages import Failure
from fastcnn.hints import nearest


def _number(convert, text, smallest, what, below=2**31):
    from argparse import ArgumentTypeError

    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not smallest <= value < below:
        raise ArgumentTypeError(f"must be {what}. Received: {arguments.shown(text)}")
    return value


def positive(text):
    """An integer from 1."""
    return _number(int, text, 1, "an integer from 1")


def seed(text):
    """An integer from 0."""
    return _number(int, text, 0, "an integer from 0")


def port(text):
    """The number of a port; 0: any."""
    return _number(int, text, 0, "a number from 0 to 65535", 65536)


def rate(text):
    """A number from 0."""
    return _number(float, text, 0, "a number from 0")


def fraction(text):
    """A number greater than 0, or a quotient of two such as 1/255."""
    above, _, below = text.partition("/")
    return _number(float, above, 1e-30, "a number greater than 0, or a quotient such as 1/255") / (
        _number(float, below, 1e-30, "a number greater than 0, or a quotient such as 1/255") if below else 1)


def numbers(text):
    """A number, or one per channel with commas between them."""
    found = [_number(float, word, -2**31, "a number, or one per channel as 0.485,0.456,0.406") for word in text.split(",")]
    return found if len(found) > 1 else found[0]


def words(text):
    """Names with commas between them."""
    return [word.strip() for word in text.split(",") if word.strip()]


def share(text):
    """A number from 0, below 1."""
    return _number(float, text, 0, "a number from 0, below 1", 1)


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


MODEL = "a file that train --save or Model.save wrote, or another program: ONNX, Keras, Caffe"
_NETWORKS = {"lenet5": "mnist", "lenet": "mnist", "resnet20": "cifar10", "resnet": "cifar10"}
SHIPPED = "one of those that come with fastcnn: mnist, a LeNet-5, or cifar10, a ResNet-20"


def add_model(command, more=""):
    """MODEL, the first word."""
    command.add_argument("model", metavar="MODEL", help=f"{MODEL}; or {SHIPPED}{more}")


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


def named(name, compile=True):
    """A model by the path of its file, or one of those that come with fastcnn."""
    import fastcnn

    if name not in ("mnist", "cifar10") or os.path.exists(name):
        near = None if os.path.exists(name) else nearest(os.path.basename(name), ["mnist", "cifar10"], _NETWORKS)
        if near:
            raise Failure(f"{name}: No such file or directory; did you mean {near}, which comes with fastcnn?")
        return fastcnn.load_model(name, compile=compile)
    if name == "mnist":
        return fastcnn.networks.lenet5(weights="mnist")
    return fastcnn.networks.resnet(20, cifar=True, weights="cifar10")


def load(options):
    """The model that was named, of one input and one output, with dense weights as --half-weights says."""
    model = named(options.model)
    if not isinstance(model.input_shape, tuple) or not isinstance(model.output_shape, tuple):
        raise Failure(f"{options.model} must have one input and one output. Received: a model of {model.input_shape} → "
                      f"{model.output_shape}")
    if options.half_weights:
        model.half_weights(options.half_weights)
    return model


def add_overwrite(command):
    """--overwrite."""
    command.add_argument("--overwrite", action="store_true", help="replace files that exist")


def add_photographs(command):
    """--folder and --labels: where in data the images are, and where their classes."""
    command.add_argument("--folder", metavar="NAME", help="where in the data the class folders (or train and val) lie")
    command.add_argument("--labels", metavar="FILE",
                         help="classes of the images, in the place of class folders: a table, CSV or the like, with a row "
                              "of image and class for each, or a column of 0 and 1 for each class")


def add_preparation(command):
    """--scale, --mean, --std, --classes: for models that do not say how their images are prepared."""
    group = command.add_argument_group(
        "for models whose file does not say how images are prepared: pixels become (x · scale − mean) / std, as they were "
        "in training")
    group.add_argument("--scale", type=fraction, metavar="X", help="of bytes from 0 to 255: 1/255, or 1 (1)")
    group.add_argument("--mean", type=numbers, metavar="X[,X,X]", help="subtracted, of scaled pixels (0)")
    group.add_argument("--std", type=numbers, metavar="X[,X,X]", help="divided by (1)")
    group.add_argument("--classes", type=words, metavar="NAME,NAME…",
                       help="what the model's outputs mean, in their order (for models without names)")


def check_writable(path, overwrite=False):
    """Fails before the work, not after it."""
    folder = os.path.dirname(os.path.abspath(path))
    why = "it is a folder" if os.path.isdir(path) else f"there is no folder {folder}" if not os.path.isdir(folder) else \
        None if os.access(folder, os.W_OK) else f"the folder {folder} is read-only"
    if why is not None:
        raise Failure(f"cannot write {path}: {why}")
    if not overwrite and os.path.exists(path):
        raise Failure(f"{path} is there already: --overwrite replaces it")


def preparation(model, options):
    """How the model's images are prepared: as its file says, or the command line; or not at all, if it begins by rescaling
    bytes itself. A failure if none of them is the case."""
    from fastcnn.images import Preparation

    asked = {name: getattr(options, name) for name in ("scale", "mean", "std") if getattr(options, name) is not None}
    found = Preparation.of(model)
    if found is not None:
        more = [*asked, *(["classes"] if options.classes else [])]
        if more:
            raise Failure(f"{options.model} says itself how its images are prepared: no --{' and no --'.join(more)} with it")
        return found
    if asked or _takes_bytes(model):
        return Preparation.asked(model, class_names=options.classes, **asked)
    hint = "--scale 1/255 --mean 0.1307 --std 0.3081 does as `fastcnn train lenet5`" if 28 in model.input_shape \
        else "--scale 1/255 makes numbers from 0 to 1"
    raise Failure(f"{options.model} does not say how its images are prepared (fastcnn.images.Preparation and `fastcnn "
                  f"train` make it): give --scale, --mean, --std as in training; {hint}. Received: a model of "
                  f"{model.input_shape}")


def _takes_bytes(model):
    """Whether all that computes with the model's input at first is Rescaling, which makes small numbers of bytes."""
    calls, front, *_ = model.graph.leaves()
    rescaled = False
    while front:
        takers, front = [(layer, key) for layer, taken, key in calls if set(front) & set(taken)], []
        for layer, key in takers:
            kind = type(layer).__name__
            if kind in ("Flatten", "Permute", "Reshape"):
                front.append(key)
            elif kind != "Rescaling" or not all(0 < 255 * abs(scale) <= 16 for scale in np.atleast_1d(layer.scale)):
                return False
            rescaled |= kind == "Rescaling"
    return rescaled


def probabilities(model, y):
    """A model's outputs as it is asked for them: of logits probabilities, of one output those of both classes."""
    if getattr(model.loss, "from_logits", False):
        both = np.concatenate([np.zeros_like(y), y], axis=1) if y.shape[1] == 1 else y
        powers = np.exp(both.astype(np.float64) - both.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.concatenate([1 - y, y], axis=1) if y.shape[1] == 1 else y
