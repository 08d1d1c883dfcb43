"""`fastcnn summary`: the layers of a model's file."""

from fastcnn.cli import options as common


def add(commands):
    """The command's place in the parser."""
    summary = commands.add_parser(
        "summary", help="a model's layers, shapes and parameters",
        description="Print each layer of a model of any format: its output's shape, parameters, multiply-adds, and what it "
                    "takes values from.")
    common.add_model(summary)
    summary.add_argument("--algorithms", action="store_true", help="also say how convolutions are computed")
    summary.set_defaults(run=run)


def run(options):
    """Prints it."""
    common.named(options.model, compile=False).summary(algorithms=options.algorithms)
    return 0
