"""`fastcnn tune`: the search for a network's hyper-parameters."""

import os
import warnings

from fastcnn.cli import evaluate, train
from fastcnn.cli import options as common
from fastcnn.cli.parsing import Parser

_FILES = "save", "overwrite", "resume", "checkpoint-steps", "best", "log", "loss"  # what single trainings have


def add(commands):
    """The command's place in the parser."""
    from fastcnn.search.spaces import SPACES

    tune = commands.add_parser(
        "tune", help="search the hyper-parameters of a network",
        description="Search learning rate, batch size, width, dropout and augmentation of a network for the highest "
                    "accuracy on images that it is not trained on. What is given is not searched. Stopped or killed, the "
                    "same command goes on. Needs Optuna: pip install optuna.")
    train.add_recipes(tune, [*SPACES], _FILES)
    search = tune.add_argument_group("of the search")
    search.add_argument("--trials", type=common.positive, default=20, metavar="N",
                        help="how many trainings, those of earlier calls included (%(default)s)")
    search.add_argument("--jobs", type=common.positive, default=1, metavar="N",
                        help="how many run at a time, each with its share of the threads (%(default)s)")
    search.add_argument("--storage", metavar="FILE",
                        help="Optuna's journal of the search, from which it goes on (tune-NETWORK.journal)")
    search.add_argument("--save", metavar="FILE", help="write the best model to FILE (as --storage, but .safetensors)")
    common.add_overwrite(search)
    common.add_threads(search)
    tune.set_defaults(run=run, error=tune.error)


def run(options):
    """Searches, and prints what was found."""
    from time import perf_counter

    from fastcnn.io import formats
    from fastcnn.search import tune

    if options.network == "lenet5" and options.variant == "1998":
        options.error("--variant 1998 has a recipe of its own, which is not searched")
    given, network = train.given_to_recipe(options, _FILES), options.network
    storage = options.storage or f"tune-{network}.journal"
    stem = os.path.splitext(storage)[0]
    save, plot = options.save or f"{stem}.safetensors", f"{stem}.png"
    formats.writer(save)
    goes_on = os.path.exists(storage) and os.path.getsize(storage) > 0
    for path, replaced in (storage, True), (save, goes_on), (plot, goes_on):
        common.check_writable(path, replaced or options.overwrite)
    common.set_threads(options)
    start = perf_counter()
    study = tune(network, options.trials, options.jobs, storage, save, **given)
    _tell(study, network, given, perf_counter() - start)
    _plot(study, plot)
    print(f"Best model saved to {save}")
    if network == "lenet5":
        test = {name: given[name] for name in ("data", "transpose") if name in given}
        words = _words({**test, **({"data": given["val"]} if "val" in given else {})})
        parser = Parser()
        evaluate.add(parser.add_subparsers())
        return evaluate.run(parser.parse_args(["evaluate", save, *words]))
    return 0


def _tell(study, network, given, seconds):
    """What was found, and the command that trains it again."""
    from fastcnn.search.plotting import importances
    from fastcnn.search.spaces import HELD_OUT

    states = [trial.state.name for trial in study.trials]
    print(f"{states.count('COMPLETE')} trials went to their end and {states.count('PRUNED')} were pruned; this call took "
          f"{seconds / 60:.1f} minutes. The best is trial {study.best_trial.number}: {100 * study.best_value:.2f} % on the "
          "images held out")
    found = importances(study)
    if found:
        print("What mattered: " + ", ".join(f"{name} {100 * part:.0f} %" for name, part in found.items()))
    if network in HELD_OUT:  # `fastcnn train` need not hold out
        given = {name: value for name, value in given.items() if name != "validation_split"}
    words = _words({**given, **study.best_trial.user_attrs["arguments"]})
    print(f"To train so with all images: {' '.join(['fastcnn', 'train', network, *words])}")


def _words(arguments):
    """Arguments of a recipe as words of a command line."""
    import shlex

    found = []
    for name, value in arguments.items():
        word = ",".join(value) if isinstance(value, list) else str(value)
        found += [] if value is False else [f"--{name.replace('_', '-')}", *([] if value is True else [shlex.quote(word)])]
    return found


def _plot(study, path):
    from fastcnn.search import plot

    try:
        plot(study).savefig(path)
        print(f"Plotted to {path}")
    except ImportError as error:
        warnings.warn(f"no plot: {error}", stacklevel=2)
