"""What is searched of each recipe, and where."""

from inspect import signature

from fastcnn import arguments, recipes

# {recipe: {argument: choices, or the range of a number as Optuna's suggest_float takes it}}
SPACES = {
    "lenet5": {"learning_rate": {"low": 0.01, "high": 0.2, "log": True}, "batch_size": [16, 32, 64, 128],
               "width": {"low": 0.5, "high": 3.0, "log": True}, "dropout": {"low": 0.0, "high": 0.5},
               "distort": [False, True]},
    "alexnet": {"learning_rate": {"low": 0.005, "high": 0.1, "log": True}, "batch_size": [32, 64, 128],
                "width": {"low": 0.25, "high": 1.0, "log": True}, "dropout": {"low": 0.0, "high": 0.7},
                "mixup": {"low": 0.0, "high": 0.4}, "lighting": {"low": 0.0, "high": 0.2}},
    "cifar10": {"learning_rate": {"low": 0.05, "high": 0.8, "log": True}, "batch_size": [64, 128, 256],
                "width": {"low": 0.25, "high": 1.0, "log": True}, "dropout": {"low": 0.0, "high": 0.3},
                "mixup": {"low": 0.0, "high": 0.4}},
}
HELD_OUT = {"lenet5": 0.1, "cifar10": 0.1}  # `validation_split` of recipes that by themselves hold nothing out
_OURS = {"callbacks", "verbose", "save", "resume", "log", "best", "checkpoint_steps", "model"}  # not the user's to give


def recipe(network):
    """The function that trains a network.

    Example:
        >>> recipe("lenet5").__name__
        'train_lenet5'
    """
    return getattr(recipes, f"train_{arguments.choice('network', network, tuple(SPACES))}")


def defaults(network):
    """{argument: default} of what users may give to a recipe.

    Example:
        >>> defaults("lenet5")["epochs"]
        8
    """
    found = signature(recipe(network)).parameters.values()
    return {p.name: None if p.default is p.empty else p.default for p in found if p.name not in _OURS}


def suggested(trial, network, fixed):
    """What a trial proposes for arguments that are not fixed, rounded to what a table shows."""
    found = {}
    for name, space in SPACES[network].items():
        if name not in fixed:
            found[name] = trial.suggest_categorical(name, space) if isinstance(space, list) else \
                trial.suggest_float(name, **space)
    return rounded(found)


def rounded(values):
    """Numbers in three digits: what is shown is what was trained with.

    Example:
        >>> rounded({"learning_rate": 0.0123456, "batch_size": 32, "distort": True})
        {'learning_rate': 0.0123, 'batch_size': 32, 'distort': True}
    """
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in values.items()}
