"""How the page speaks of optimizers: a name, and four numbers that may change while training goes on."""

from typing import NamedTuple

from fastcnn import arguments, optimizers


class Kind(NamedTuple):
    """An optimizer of the page: its class, what it is made with, and which of its numbers the page calls momentum."""

    cls: str
    options: dict
    momentum: str | None


KINDS = {
    "SGD": Kind("SGD", {"decoupled": False}, "momentum"),
    "Nesterov": Kind("SGD", {"decoupled": False, "nesterov": True}, "momentum"),
    "RMSprop": Kind("RMSprop", {}, "momentum"),
    "Adagrad": Kind("Adagrad", {}, None),
    "Adadelta": Kind("Adadelta", {"decoupled": False}, None),
    "Adam": Kind("Adam", {}, "beta_1"),
    "AdamW": Kind("AdamW", {}, "beta_1"),
    "SDLM": Kind("SDLM", {"mu": 0.4, "first_mu": 1.68}, None),
}


def made(chosen):
    """The optimizer of such settings.

    Args:
        chosen: {"optimizer": one of `KINDS`, "learning_rate", "momentum", "weight_decay"}; what is missing is as by default.

    Raises:
        TypeError, ValueError: another name or number.

    Example:
        >>> made({"optimizer": "Nesterov", "learning_rate": 0.1, "momentum": 0.5}).momentum
        0.5
    """
    kind = KINDS[arguments.choice("optimizer", chosen.get("optimizer"), tuple(KINDS))]
    names = {"learning_rate": "learning_rate", "weight_decay": "weight_decay", "momentum": kind.momentum}
    own = {name: arguments.number(key, chosen[key], 0) for key, name in names.items() if name and chosen.get(key) is not None}
    return getattr(optimizers, kind.cls)(**kind.options, **own)


def name_of(optimizer):
    """What the page calls an optimizer; of users' own classes their names."""
    kind, nesterov = type(optimizer).__name__, getattr(optimizer, "nesterov", False)
    return "Nesterov" if kind == "SGD" and nesterov else kind


def told(model, batch_size, epochs):
    """Settings as the page shows them; None: this network or optimizer has no such number."""
    optimizer, rates = model.optimizer, dropouts(model)
    kind = KINDS.get(name_of(optimizer))
    return {"optimizer": name_of(optimizer), "learning_rate": optimizer.learning_rate,
            "momentum": getattr(optimizer, kind.momentum) if kind and kind.momentum else None,
            "weight_decay": optimizer.weight_decay, "dropout": rates[0].rate if rates else None,
            "batch_size": batch_size, "epochs": epochs}


def dropouts(model):
    """The layers that drop values."""
    return [layer for _, layer in model._named_layers() if type(layer).__name__ in ("Dropout", "SpatialDropout2D")]


def change(model, name, value):
    """Sets one of the numbers, from the next step on; what the optimizer keeps of the weights stays. Another optimizer begins
    anew.

    Raises:
        TypeError, ValueError: an unknown name, another value, or a number that there is not.
    """
    optimizer = model.optimizer
    if name == "optimizer":
        if value != name_of(optimizer):
            own = {key: getattr(optimizer, key) for key in ("weight_decay",)}
            model.optimizer = made({"optimizer": value, **own})
    elif name == "dropout":
        for layer in dropouts(model):
            layer.rate = arguments.part("dropout", value)
    elif name == "momentum":
        kind = KINDS.get(name_of(optimizer))
        if not kind or not kind.momentum:
            raise ValueError(f"{name_of(optimizer)} has no momentum. Received: {value!r}")
        setattr(optimizer, kind.momentum, arguments.part("momentum", value))
    elif name in ("learning_rate", "weight_decay"):
        setattr(optimizer, name, arguments.number(name, value, 0))
    else:
        raise ValueError(f"settings are optimizer, learning_rate, momentum, weight_decay, dropout, batch_size and epochs. "
                         f"Received: {name!r}")
