"""`fastcnn profile`: where the time of a saved model goes."""

import sys

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure


def add(commands):
    """The command's place in the parser."""
    profile = commands.add_parser(
        "profile", help="where the time of a saved model goes, layer by layer",
        description="Run a model on random samples, and print for each step of each layer its time, its speed, the memory "
                    "that it moves, the algorithm, and what part of this machine's limits that is. docs/profile.md says how "
                    "to read it.")
    common.add_model(profile)
    profile.add_argument("--training", action="store_true", help="a step of training, not the forward pass")
    profile.add_argument("--batch", type=common.positive, metavar="N", default=32, help="samples of the batch (32)")
    profile.add_argument("--seconds", type=common.rate, metavar="S", default=1.0,
                         help="as long as the batch is run again and again (1)")
    profile.add_argument("--json", metavar="FILE", help="write it to FILE as JSON; -: to standard output, without a table")
    profile.add_argument("--plot", metavar="FILE", help="draw it: FILE ends in .png, .svg or .pdf (pip install matplotlib)")
    common.add_overwrite(profile)
    common.add_half_weights(profile)
    common.add_threads(profile)
    profile.set_defaults(run=run)


def run(options):
    """Prints the table, and writes what was asked for."""
    import numpy as np

    common.set_threads(options)
    for path in options.json, options.plot:
        if path and path != "-":
            common.check_writable(path, options.overwrite)
    if options.plot:
        from fastcnn.vis import style

        style.matplotlib()  # or say that it is missing, before the work
    model = common.load(options)
    x = np.random.default_rng(0).standard_normal((options.batch, *model.input_shape[1:]), np.float32)
    found = model.profile(x, _targets(options, model) if options.training else None, options.seconds)
    if options.json == "-":
        print(found.to_json())
    else:
        print(found)
    if options.json and options.json != "-":
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(found.to_json() + "\n")
    if options.plot:
        found.plot().savefig(options.plot)
    return 0


def _targets(options, model):
    """Targets that the model's loss takes; a file that holds none is given one."""
    import numpy as np

    if options.half_weights not in (None, "float32"):
        raise Failure(f"training needs all bits of the weights. Received: --training --half-weights {options.half_weights}")
    size = model.output_shape[1:]
    if model.loss is None:
        loss = "sparse_categorical_crossentropy" if size[-1] > 1 and not model.smallest_wins else "mse"
        print(f"fastcnn: {options.model} says no loss and no optimizer: taken are {loss} and SGD with momentum",
              file=sys.stderr)
        import fastcnn

        model.compile(fastcnn.optimizers.SGD(1e-6, momentum=0.9), loss)
    labels = np.arange(options.batch) % size[-1]
    for y in labels, np.eye(size[-1], dtype=np.float32)[labels], np.zeros((options.batch, *size), np.float32):
        try:
            model.loss.prepare(y, size)
            return y
        except ValueError:
            continue
    raise Failure(f"profile knows no targets that {model.loss.name} takes: model.profile(x, y) takes yours. Received: a "
                  f"model of {model.input_shape} → {model.output_shape}")
