"""How the page speaks of optimizers: a name, and four numbers that may change while training goes on."""

from functools import partial

from fastcnn import arguments
from fastcnn.optimizers.base import offered


def kinds():
    """{name on the page: what makes such an optimizer}: all of `fastcnn.optimizers`, and one that has a name of its own.

    Example:
        >>> kinds()["Nesterov"](0.1).nesterov
        True
    """
    return {**offered(), "Nesterov": partial(offered()["SGD"], nesterov=True)}


def usual():
    """{name on the page: {"learning_rate", "momentum"}}, as these kinds begin; None: there is no such number."""
    return {name: {"learning_rate": one.learning_rate, "momentum": _momentum(one)[1]}
            for name, one in ((name, make()) for name, make in kinds().items())}


def made(chosen):
    """The optimizer of such settings. Gradients gain what weights lose, as in torch, unless its kind has a decay of its own.

    Args:
        chosen: {"optimizer": one of `kinds`, "learning_rate", "momentum", "weight_decay"}; what is missing is as by default.

    Raises:
        TypeError, ValueError: another name or number, or a number that this kind does not have.

    Example:
        >>> made({"optimizer": "Nesterov", "learning_rate": 0.1, "momentum": 0.5}).momentum
        0.5
    """
    make = kinds()[arguments.choice("optimizer", chosen.get("optimizer"), tuple(kinds()))]
    plain = make()
    own = {key: arguments.number(key, value, 0) for key, value in chosen.items() if key != "optimizer"}
    if "momentum" in own:
        own[_momentum(plain)[0]] = own.pop("momentum")
    return make(**{"decoupled": plain.weight_decay > 0, **own})


def name_of(optimizer):
    """What the page calls an optimizer; of users' own classes their names."""
    return "Nesterov" if getattr(optimizer, "nesterov", False) else type(optimizer).__name__


def _momentum(optimizer):
    """(name, value) of the number that the page calls momentum; value None: there is none."""
    name = next((name for name in ("momentum", "beta_1") if name in optimizer.config), "momentum")
    return name, getattr(optimizer, name, None)


def told(model, batch_size, epochs):
    """Settings as the page shows them; None: this network or optimizer has no such number."""
    optimizer, dropouts = model.optimizer, _dropouts(model)
    return {"optimizer": name_of(optimizer), "learning_rate": optimizer.learning_rate,
            "momentum": _momentum(optimizer)[1], "weight_decay": optimizer.weight_decay,
            "dropout": dropouts[0].rate if dropouts else None, "batch_size": batch_size, "epochs": epochs}


def _dropouts(model):
    return [layer for _, layer in model._named_layers() if type(layer).__name__ in ("Dropout", "SpatialDropout2D")]


def change(model, name, value):
    """Sets one of the numbers, from the next step on; what the optimizer keeps of the weights stays. Another optimizer
    begins anew.

    Raises:
        TypeError, ValueError: an unknown name, another value, or a number that there is not.
    """
    optimizer, (momentum, kept) = model.optimizer, _momentum(model.optimizer)
    if name == "optimizer" and value != name_of(optimizer):
        model.optimizer = made({"optimizer": value, "weight_decay": optimizer.weight_decay})
    elif name == "momentum" and kept is not None:
        setattr(optimizer, momentum, arguments.part(name, value))
    elif name in ("learning_rate", "weight_decay"):
        setattr(optimizer, name, arguments.number(name, value, 0))
    elif name == "dropout":
        for layer in _dropouts(model):
            layer.rate = arguments.part(name, value)
    elif name != "optimizer":
        raise ValueError(f"{name_of(optimizer)} must be set by optimizer, learning_rate, weight_decay, dropout, batch_size, "
                         f"epochs{', momentum' if kept is not None else ''}. Received: {arguments.shown(name)}")
