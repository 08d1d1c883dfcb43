"""`fastcnn train`: LeNet-5 on digits, the bundled MNIST's or one's own; other networks on photographs."""

import os
import warnings

from fastcnn.callbacks import Callback
from fastcnn.cli import mistakes
from fastcnn.cli import options as common
from fastcnn.cli.evaluate import print_result
from fastcnn.cli.messages import Failure

_NETWORKS = {"lenet5": "LeNet-5 on digits", "photos": "a small residual network on photographs of your own",
             "alexnet": "AlexNet on photographs of your own, of which there should be thousands",
             "cifar10": "a residual network on CIFAR-10"}
_ALL, _OWN, _PHOTOGRAPHS = [*_NETWORKS], ["photos", "alexnet"], ["photos", "alexnet", "cifar10"]
_SIZED = ["lenet5", "alexnet", "cifar10"]
_MODERN = "width", "dropout", "validation_split"  # options of LeNet-5 that the variant of 1998 has not
_OPTIONS = [  # option, kind or choices, word, networks, what it is
    ("epochs", common.positive, "N", _ALL, "passes over the training set; photos: 50, fewer of thousands"),
    ("batch-size", common.positive, "N", _ALL, "images per step"),
    ("learning-rate", common.rate, "X", _ALL, "the largest learning rate"),
    ("seed", common.seed, "N", _ALL, "of the initial weights, the order of images, and all other chance"),
    ("save", str, "FILE", _ALL, "write the model to FILE; of photographs: after each epoch, with all that is needed to go "
                                "on"),
    ("overwrite", True, None, _ALL, "replace files that exist"),
    ("data", str, "DIR_OR_FILE", _ALL, "class folders of images, or train and val (or test) with class folders in them, in "
                                        "a folder or an archive, zip or tar (needs Pillow: pip install pillow); "
                                       "lenet5: also IDX files, CSV, .npz (MNIST); cifar10: also its own archives"),
    ("val", str, "DIR_OR_FILE", ["lenet5", *_OWN], "the same, to validate or test on (those in --data, else a part held "
                                                   "out)"),
    ("limit", common.positive, "N", ["lenet5"], "use only the first N images of the training set and of the test set"),
    ("transpose", True, None, ["lenet5"], "exchange rows and columns of --data's images, as EMNIST's files need it"),
    ("folder", str, "NAME", _OWN, "where in --data the class folders, or train and val, lie (they are looked for)"),
    ("classes", common.words, "NAME,NAME…", _OWN, "the classes, in this order; others are left out (all)"),
    ("labels", str, "FILE", _OWN, "classes in the place of class folders: a table, CSV or the like, with a row of "
                                   "image and class for each, or a column of 0 and 1 for each class"),
    ("val-labels", str, "FILE", _OWN, "the same for the images of --val"),
    ("validation-split", common.part, "X", _ALL, "the part of each class that is held out of the training images (photos, "
                                                 "alexnet: 0.2, if there are no others to validate on)"),
    ("variant", {"lenet5": ["tanh", "sigmoid", "relu", "1998"], "alexnet": ["paper", "caffe", "torchvision", "tutorial"]},
     None, ["lenet5", "alexnet"], "which LeNet-5: with that activation, or as published in 1998, by default trained on "
                                  "single images for 20 epochs at 5e-4; which AlexNet"),
    ("loss", ["map", "mse"], None, ["lenet5"], "of the variant of 1998: maximum a posteriori, or mean squared error"),
    ("distort", True, None, ["lenet5"], "move, scale, squeeze and shear the training images by chance"),
    ("mixup", common.rate, "X", _PHOTOGRAPHS, "how strongly pairs of images are mixed; 0: not at all"),
    ("lighting", common.rate, "X", ["alexnet"], "how strongly the light changes; 0: not at all"),
    ("initializer", str, "NAME", ["alexnet"], 'of the kernels; "own": the variant\'s own initial values'),
    ("schedule", ["one_cycle", "plateau"], None, ["alexnet"], "of the learning rate: up and down; or constant, divided by "
                                                              "10 when validation stalls, as in the paper"),
    ("size", common.positive, "N", _OWN, "photos: pixels of the network's input; alexnet: those to which the short side of "
                                         "photographs is resized, 256"),
    ("weights", ["cifar10", "none"], None, ["photos"], "what the network starts from: what it learnt from CIFAR-10, or "
                                                       "nothing"),
    ("depth", common.positive, "N", ["cifar10"], "layers of the network: 9, 10, 18, 20, 32, 44, 56 or 110"),
    ("width", common.rate, "X", _SIZED, "factor of all the network's numbers of filters and inner units"),
    ("dropout", common.share, "X", _SIZED, "the part of inner units' values that training drops"),
    ("crop", common.positive, "N", ["alexnet"], "pixels of the network's input (the variant's)"),
    ("cache", True, None, ["alexnet"], "keep decoded photographs in memory"),
    ("resume", str, "FILE", _PHOTOGRAPHS, "go on exactly where FILE, which --save named, left off, with its settings"),
    ("checkpoint-steps", common.positive, "N", _PHOTOGRAPHS, "also save after every N steps"),
    ("best", str, "FILE", ["alexnet"], "write the model of the best epoch, by validation accuracy, to FILE"),
    ("log", str, "CSV", _PHOTOGRAPHS, "write a row per epoch to CSV"),
]


def add(commands):
    """The command's place in the parser."""
    train = commands.add_parser(
        "train", help="train a network",
        description=f"Train a network and evaluate it: {'; '.join(f'{n}, {what}' for n, what in _NETWORKS.items())}. Ctrl-C "
                    "stops early; with --save, what was learnt so far is kept, and on photographs training can go on from "
                    "there.")
    add_recipes(train, _ALL)
    train.add_argument("--ranks", choices=["exact", "fast"],
                       help="under mpiexec: the bits of one process, or gradients added in any order while the backward "
                            "pass goes on (exact)")
    common.add_threads(train)
    train.set_defaults(run=run, error=train.error)


def add_recipes(command, all_networks, left_out=()):
    """NETWORK, and the options of their recipes but those left out."""
    command.add_argument("network", metavar="NETWORK", choices=all_networks, help=", ".join(all_networks))
    defaults, groups = {network: _defaults(network) for network in all_networks}, {tuple(all_networks): command}
    for option, kind, word, networks, what in _OPTIONS:
        networks = [network for network in networks if network in all_networks]
        if option in left_out or not networks:
            continue
        found = {n: defaults[n].get(_name(option)) for n in networks}
        known = {value for value in found.values() if value is not None and value is not False}
        shown = str(*known) if len(known) == 1 and None not in found.values() else ", ".join(
            f"{n}: {value}" for n, value in found.items() if value in known)
        if isinstance(kind, dict):  # other choices for each network: `run` looks at them
            kind = [choice for n in networks for choice in kind[n]]
        options = {"choices": kind} if isinstance(kind, list) else {"action": "store_const", "const": True} if kind is True \
            else {"type": kind, "metavar": word}
        if tuple(networks) not in groups:
            groups[tuple(networks)] = command.add_argument_group(f"of {', '.join(networks)}")
        groups[tuple(networks)].add_argument(f"--{option}", help=f"{what} ({shown})" if shown else what, **options)


def _name(option):
    return option.replace("-", "_")


def _recipe(network):
    from fastcnn import recipes

    return getattr(recipes, f"train_{network}")


def _defaults(network):
    from inspect import signature

    return {name: parameter.default for name, parameter in signature(_recipe(network)).parameters.items()
            if parameter.default is not parameter.empty}


def given_to_recipe(options, left_out=()):
    """{argument: value} of what the command line says to the recipe, in options that are not left out."""
    given, network = {}, options.network
    for option, kind, _, networks, _ in _OPTIONS:
        value = None if option in left_out else getattr(options, _name(option), None)
        if value is not None and network not in networks:
            options.error(f"--{option} does not apply to {network}, only to {' and '.join(networks)}")
        if value is not None and isinstance(kind, dict) and value not in kind[network]:
            options.error(f"--{option} {value} does not apply to {network}, which has {', '.join(kind[network])}")
        if value is not None:
            given[_name(option)] = value
    if network in _OWN and options.data is None:
        options.error(f"{network} needs --data: a folder or an archive of photographs")
    if network == "lenet5" and options.data is None and (options.val or options.transpose):
        options.error("--val and --transpose are for digits of --data")
    if network == "lenet5" and options.variant != "1998" and "loss" in given:
        options.error("--loss is for --variant 1998")
    if network == "lenet5" and options.variant == "1998" and set(_MODERN) & set(given):
        options.error(f"--{', --'.join(_MODERN).replace('_', '-')} are not for --variant 1998")
    if given.get("data") == "mnist" and network == "lenet5":
        del given["data"]
    return given


def run(options):
    """Trains, and prints how it went."""
    given, network = given_to_recipe(options), options.network
    ranks = _ranks(options)
    common.set_threads(options)
    if ranks is not None:
        given["distribute"] = ranks
    if ranks is not None and ranks.rank > 0:
        given["overwrite"] = True  # rank 0 looks after files
    try:
        if not _check_files(given, network != "lenet5"):
            given["callbacks"] = [_Gone()]
        return _train_lenet5(given) if network == "lenet5" else _train_on_photographs(network, given)
    except BaseException as error:
        if ranks is not None:
            ranks.fail(error)
        raise


def _ranks(options):
    """The processes that mpiexec has started; None: this is the only one. Rank 0 says who they are, the others nothing."""
    import sys

    from fastcnn import distributed

    if not distributed.launched():
        if options.ranks is not None:
            options.error("--ranks is for several processes, as mpiexec -n 4 starts them")
        return None
    if options.network == "lenet5" and options.variant == "1998":
        options.error("--variant 1998 trains on single images, which processes cannot share")
    ranks = distributed.MPI(options.ranks or "exact")
    if ranks.rank > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  for as long as the process lives
        warnings.simplefilter("ignore")
    print(f"{ranks.size} ranks, {'exact' if ranks.exact else 'fast'}:",
          "; ".join(f"rank {rank} on {name}" for rank, name in enumerate(ranks.names)), flush=True)
    return ranks


def _check_files(given, pictures):
    """What is to be written can be, and replaces nothing unasked; returns whether the network is."""
    from fastcnn.io import formats

    overwrite, resumed = given.pop("overwrite", False), given.get("resume")
    files = {name: given[name] for name in ("save", "best", "log") if name in given}
    for name, path in files.items():
        goes_on = resumed is not None and (name != "save" or os.path.abspath(path) == os.path.abspath(resumed))
        if name != "log":
            formats.check(path)
        common.check_writable(path, overwrite or goes_on)
        same = [other for other, place in files.items() if os.path.abspath(place) == os.path.abspath(path)]
        if len(same) > 1:
            raise Failure(f"--{' and --'.join(same)} must be different files. Received: {path}")
    if pictures and "save" in given:
        for path in mistakes.files(given["save"]):
            common.check_writable(path, overwrite or resumed is not None)
    return bool({"save", "best", "resume"} & set(given))


class _Gone(Callback):
    """Says at the beginning what nobody wants to learn at the end."""

    def on_train_begin(self, logs=None):
        warnings.warn("the network will be gone when training ends: --save FILE keeps it", stacklevel=2)


def _train_lenet5(given):
    from fastcnn import recipes
    from fastcnn.callbacks import LambdaCallback
    from fastcnn.recipes.watching import is_first

    save, variant = given.pop("save", None), given.get("variant", "tanh")
    if not is_first(given.get("distribute")):
        save = None
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


def _train_on_photographs(network, given):
    import fastcnn
    from fastcnn.recipes import recorded_recipe, recorded_settings
    from fastcnn.recipes.watching import is_first

    for option, word in ("initializer", "own"), ("weights", "none"):
        if given.get(option) == word:
            given[option] = None
    resume, first = given.get("resume"), 0
    if resume is not None:
        model = fastcnn.load_model(resume)
        try:
            recorded, recipe = recorded_settings(model), recorded_recipe(model)
        except ValueError as error:
            raise Failure(f"{resume}: {error}") from None
        if recipe != network:
            raise Failure(f"{resume} was begun by `fastcnn train {recipe}`. Received: train {network}")
        if "val" in given:
            recorded.pop("validation_split", None)
        given = {"save": resume, **recorded, **given, "resume": model}
        first = model.epochs_seen
        print(f"Resuming {resume} after {first} of {given['epochs']} epochs and {model._standing.step} steps")
    result = _recipe(network)(**given)
    if not is_first(given.get("distribute")):
        return 0
    epochs = result.model.epochs_seen
    print(f"Trained epochs {first + 1} to {epochs}" if epochs > first else f"All {epochs} epochs were trained before",
          f"in {result.train_seconds / 60:.1f} minutes: {result.images_per_second:.1f} images/s, "
          f"{100 * result.data_wait:.1f} % of the time waiting for data" + _peak_memory())
    print(f"Validation loss {result.loss:.4f}, accuracy {100 * result.accuracy:.2f} % (centre crop), "
          f"{100 * result.ten_crop_accuracy:.2f} % (ten crops) "
          f"({result.test_images:,} images in {result.test_seconds:.1f} s)")
    mistakes.show(result, given.get("save"))
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
