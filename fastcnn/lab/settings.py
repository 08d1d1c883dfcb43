"""How the page speaks of optimizers: a name, and four numbers that may change while training goes on."""

from fastcnn import arguments, optimizers

KINDS = {  # name on the page: class, what it is made with, which of its numbers the page calls momentum
    "SGD": ("SGD", {"decoupled": False}, "momentum"),
    "Nesterov": ("SGD", {"decoupled": False, "nesterov": True}, "momentum"),
    "RMSprop": ("RMSprop", {}, "momentum"),
    "Adagrad": ("Adagrad", {}, None),
    "Adadelta": ("Adadelta", {"decoupled": False}, None),
    "Adam": ("Adam", {}, "beta_1"),
    "AdamW": ("AdamW", {}, "beta_1"),
    "SDLM": ("SDLM", {"mu": 0.4, "first_mu": 1.68}, None),
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
    cls, options, momentum = KINDS[arguments.choice("optimizer", chosen.get("optimizer"), tuple(KINDS))]
    names = {"learning_rate": "learning_rate", "weight_decay": "weight_decay", "momentum": momentum}
    own = {names[key]: arguments.number(key, value, 0) for key, value in chosen.items() if names.get(key) is not None}
    return getattr(optimizers, cls)(**options, **own)


def name_of(optimizer):
    """What the page calls an optimizer; of users' own classes their names."""
    return "Nesterov" if getattr(optimizer, "nesterov", False) else type(optimizer).__name__


def _momentum(optimizer):
    """The name of the number that the page calls so, or None."""
    return KINDS.get(name_of(optimizer), (None,))[-1]


def told(model, batch_size, epochs):
    """Settings as the page shows them; None: this network or optimizer has no such number."""
    optimizer, dropouts = model.optimizer, _dropouts(model)
    momentum = _momentum(optimizer)
    return {"optimizer": name_of(optimizer), "learning_rate": optimizer.learning_rate,
            "momentum": getattr(optimizer, momentum) if momentum else None, "weight_decay": optimizer.weight_decay,
            "dropout": dropouts[0].rate if dropouts else None, "batch_size": batch_size, "epochs": epochs}


def _dropouts(model):
    return [layer for _, layer in model._named_layers() if type(layer).__name__ in ("Dropout", "SpatialDropout2D")]


def change(model, name, value):
    """Sets one of the numbers, from the next step on; what the optimizer keeps of the weights stays. Another optimizer
    begins anew.

    Raises:
        TypeError, ValueError: an unknown name, another value, or a number that there is not.
    """
    optimizer, momentum = model.optimizer, _momentum(model.optimizer)
    if name == "optimizer" and value != name_of(optimizer):
        model.optimizer = made({"optimizer": value, "weight_decay": optimizer.weight_decay})
    elif name == "momentum" and momentum:
        setattr(optimizer, momentum, arguments.part(name, value))
    elif name in ("learning_rate", "weight_decay"):
        setattr(optimizer, name, arguments.number(name, value, 0))
    elif name == "dropout":
        for layer in _dropouts(model):
            layer.rate = arguments.part(name, value)
    elif name != "optimizer":
        raise ValueError(f"{name_of(optimizer)} must be set by optimizer, learning_rate, weight_decay, dropout, batch_size, "
                         f"epochs{', momentum' if momentum else ''}. Received: {name!r}")
