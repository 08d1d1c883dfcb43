"""`fastcnn train`: LeNet-5 on digits, the bundled MNIST's or one's own; AlexNet on photographs."""

import os
import warnings

from fastcnn.callbacks import Callback
from fastcnn.cli import options as common
from fastcnn.cli.evaluate import print_result
from fastcnn.cli.messages import Failure

_BOTH = ["lenet5", "alexnet"]
_OPTIONS = [  # option, kind or choices, word, networks, what it is
    ("epochs", common.positive, "N", _BOTH, "passes over the training set"),
    ("batch-size", common.positive, "N", _BOTH, "images per step"),
    ("learning-rate", common.rate, "X", _BOTH, "the largest learning rate"),
    ("seed", common.seed, "N", _BOTH, "of the initial weights, the order of images, and all other chance"),
    ("save", str, "FILE", _BOTH, "write the model to FILE; alexnet: after each epoch, with all that is needed to go on"),
    ("overwrite", True, None, _BOTH, "replace files that exist"),
    ("data", str, "DIR_OR_FILE", _BOTH, "class folders of images, or train and val (or test) with class folders in them, in "
                                        "a folder or an archive, zip or tar (needs Pillow: pip install pillow); "
                                        "lenet5: also IDX files, CSV, .npz (MNIST)"),
    ("val", str, "DIR_OR_FILE", _BOTH, "the same, to validate or test on (those in --data, else a part held out)"),
    ("limit", common.positive, "N", ["lenet5"], "use only the first N images of the training set and of the test set"),
    ("transpose", True, None, ["lenet5"], "exchange rows and columns of --data's images, as EMNIST's files need it"),
    ("folder", str, "NAME", ["alexnet"], "where in --data the class folders, or train and val, lie (they are looked for)"),
    ("classes", common.words, "NAME,NAME…", ["alexnet"], "the classes, in this order; others are left out (all)"),
    ("labels", str, "FILE", ["alexnet"], "classes in the place of class folders: a table, CSV or the like, with a row of "
                                         "image and class for each, or a column of 0 and 1 for each class"),
    ("val-labels", str, "FILE", ["alexnet"], "the same for the images of --val"),
    ("validation-split", common.part, "X", ["alexnet"], "the part of each class that is held out (0.2)"),
    ("variant", {"lenet5": ["tanh", "sigmoid", "relu", "1998"], "alexnet": ["paper", "caffe", "torchvision", "tutorial"]},
     None, _BOTH, "which LeNet-5: with that activation, or as published in 1998, by default trained on single images for 20 "
                  "epochs at 5e-4; which AlexNet"),
    ("loss", ["map", "mse"], None, ["lenet5"], "of the variant of 1998: maximum a posteriori, or mean squared error"),
    ("distort", True, None, ["lenet5"], "variant of 1998: move, scale, squeeze and shear the training images by chance"),
    ("mixup", common.rate, "X", ["alexnet"], "how strongly pairs of images are mixed; 0: not at all"),
    ("lighting", common.rate, "X", ["alexnet"], "how strongly the light changes; 0: not at all"),
    ("initializer", str, "NAME", ["alexnet"], 'of the kernels; "own": the variant\'s own initial values'),
    ("schedule", ["one_cycle", "plateau"], None, ["alexnet"], "of the learning rate: up and down; or constant, divided by "
                                                              "10 when validation stalls, as in the paper"),
    ("size", common.positive, "N", ["alexnet"], "pixels to which the short side of photographs is resized (256)"),
    ("crop", common.positive, "N", ["alexnet"], "pixels of the network's input (the variant's)"),
    ("cache", True, None, ["alexnet"], "keep decoded photographs in memory"),
    ("resume", str, "FILE", ["alexnet"], "go on exactly where FILE, which --save named, left off, with its settings"),
    ("checkpoint-steps", common.positive, "N", ["alexnet"], "also save after every N steps"),
    ("best", str, "FILE", ["alexnet"], "write the model of the best epoch, by validation accuracy, to FILE"),
    ("log", str, "CSV", ["alexnet"], "write a row per epoch to CSV"),
]


def add(commands):
    """The command's place in the parser."""
    train = commands.add_parser(
        "train", help="train a network",
        description="Train LeNet-5 on MNIST or digits of your own, or AlexNet on photographs of your own, and evaluate it. "
                    "Ctrl-C stops early; with --save, what was learnt so far is kept, and alexnet can go on from there.")
    train.add_argument("network", metavar="NETWORK", choices=_BOTH, help="lenet5 or alexnet")
    groups = {2: train, "lenet5": train.add_argument_group("of lenet5 alone"),
              "alexnet": train.add_argument_group("of alexnet alone")}
    defaults = {network: _defaults(network) for network in _BOTH}
    for option, kind, word, networks, what in _OPTIONS:
        found = {n: defaults[n].get(_name(option)) for n in networks}
        shown = ", ".join(f"{n}: {value}" if len(networks) > 1 else str(value) for n, value in found.items()
                          if value is not None and value is not False)
        if isinstance(kind, dict):  # other choices for each network: `run` looks at them
            kind = [choice for n in networks for choice in kind[n]]
        options = {"choices": kind} if isinstance(kind, list) else {"action": "store_const", "const": True} if kind is True \
            else {"type": kind, "metavar": word}
        groups[2 if len(networks) == 2 else networks[0]].add_argument(
            f"--{option}", help=f"{what} ({shown})" if shown else what, **options)
    common.add_threads(train)
    train.set_defaults(run=run, error=train.error)


def _name(option):
    return option.replace("-", "_")


def _defaults(network):
    from inspect import signature

    from fastcnn import recipes

    recipe = recipes.train_lenet5 if network == "lenet5" else recipes.train_alexnet
    return {name: parameter.default for name, parameter in signature(recipe).parameters.items()
            if parameter.default is not parameter.empty}


def run(options):
    """Trains, and prints how it went."""
    given = {}
    for option, kind, _, networks, _ in _OPTIONS:
        value = getattr(options, _name(option))
        if value is not None and options.network not in networks:
            options.error(f"--{option} does not apply to {options.network}, only to {networks[0]}")
        if value is not None and isinstance(kind, dict) and value not in kind[options.network]:
            options.error(f"--{option} {value} does not apply to {options.network}, which has "
                          f"{', '.join(kind[options.network])}")
        if value is not None:
            given[_name(option)] = value
    if options.network == "alexnet" and options.data is None:
        options.error("alexnet needs --data: a folder or an archive of photographs")
    if options.network == "lenet5" and options.data is None and (options.val or options.transpose):
        options.error("--val and --transpose are for digits of --data")
    if options.network == "lenet5" and options.variant != "1998" and (options.loss or options.distort):
        options.error("--loss and --distort are for --variant 1998")
    if given.get("data") == "mnist" and options.network == "lenet5":
        del given["data"]
    common.set_threads(options)
    if not _check_files(given):
        given["callbacks"] = [_Gone()]
    return (_train_lenet5 if options.network == "lenet5" else _train_alexnet)(given)


def _check_files(given):
    """What is to be written can be, and replaces nothing unasked; returns whether the network is."""
    from fastcnn.io import formats

    overwrite, resumed = given.pop("overwrite", False), given.get("resume")
    files = {name: given[name] for name in ("save", "best", "log") if name in given}
    for name, path in files.items():
        goes_on = resumed is not None and (name != "save" or os.path.abspath(path) == os.path.abspath(resumed))
        if name != "log":
            formats.writer(path)
        common.check_writable(path, overwrite or goes_on)
        same = [other for other, place in files.items() if os.path.abspath(place) == os.path.abspath(path)]
        if len(same) > 1:
            raise Failure(f"--{' and --'.join(same)} must be different files. Received: {path}")
    return bool({"save", "best", "resume"} & set(given))


class _Gone(Callback):
    """Says at the beginning what nobody wants to learn at the end."""

    def on_train_begin(self, logs=None):
        warnings.warn("the network will be gone when training ends: --save FILE keeps it", stacklevel=2)


def _train_lenet5(given):
    from fastcnn import recipes
    from fastcnn.callbacks import LambdaCallback

    save, variant = given.pop("save", None), given.get("variant", "tanh")
    begun = []
    watcher = LambdaCallback(on_train_begin=begun.append)
    given["callbacks"] = [watcher, *given.get("callbacks", [])]
    if variant == "1998":
        del given["variant"]
    train = recipes.train_lenet5_1998 if variant == "1998" else recipes.train_lenet5
    try:
        result = train(**given)
    except KeyboardInterrupt:
        if not save or not begun:
            raise
        watcher.model.save(save)
        raise KeyboardInterrupt(f"Interrupted; the model as trained so far is in {save}") from None
    if save:
        result.model.save(save)
    print(f"Trained in {result.train_seconds:.1f} s")
    print_result("Test", ["loss", "accuracy"], [result.loss, result.accuracy], result.test_images, result.test_seconds)
    if save:
        print(f"Saved to {save}")
    return 0


def _train_alexnet(given):
    import fastcnn
    from fastcnn.recipes import recorded_settings, train_alexnet

    if given.get("initializer") == "own":
        given["initializer"] = None
    resume, first = given.get("resume"), 0
    if resume is not None:
        model = fastcnn.load_model(resume)
        try:
            recorded = recorded_settings(model)
        except ValueError as error:
            raise Failure(f"{resume}: {error}") from None
        if "val" in given:
            del recorded["validation_split"]
        given = {"save": resume, **recorded, **given, "resume": model}
        first = model.epochs_seen
        print(f"Resuming {resume} after {first} of {given['epochs']} epochs and {model._standing.step} steps")
    result = train_alexnet(**given)
    epochs = result.model.epochs_seen
    print(f"Trained epochs {first + 1} to {epochs}" if epochs > first else f"All {epochs} epochs were trained before",
          f"in {result.train_seconds / 60:.1f} minutes: {result.images_per_second:.1f} images/s, "
          f"{100 * result.data_wait:.1f} % of the time waiting for data" + _peak_memory())
    print(f"Validation loss {result.loss:.4f}, accuracy {100 * result.accuracy:.2f} % (centre crop), "
          f"{100 * result.ten_crop_accuracy:.2f} % (ten crops) "
          f"({result.test_images:,} images in {result.test_seconds:.1f} s)")
    for name in "save", "best":
        if given.get(name):
            print(f"{'Saved' if name == 'save' else 'Best epoch saved'} to {given[name]}")
    return 0


def _peak_memory():
    """As a text to append; nothing where the system does not tell."""
    import sys

    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return ""
    peak = getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f", peak memory {peak / 1e6:,.0f} MB"
