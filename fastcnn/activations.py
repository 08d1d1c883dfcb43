"""Names of activations, as layers accept them."""

from fastcnn import _ops, arguments

_DEFAULTS = {"leaky_relu": ("negative_slope", 0.2), "elu": ("alpha", 1.0)}
NAMES = (*_ops.ACTIVATIONS, "softmax", "log_softmax")


def get(identifier):
    """The name and constant of an activation.

    Args:
        identifier: a name, None ("linear"), or {"name": …, its constant: …}.

    Returns:
        (name, constant)

    Example:
        >>> get("elu")
        ('elu', 1.0)
    """
    if isinstance(identifier, tuple) and len(identifier) == 2 and identifier[0] in NAMES:
        return identifier
    constants = {}
    if isinstance(identifier, dict):
        constants = dict(identifier)
        identifier = constants.pop("name", None)
    name = "linear" if identifier is None else identifier
    arguments.choice("activation", name, NAMES)
    key, default = _DEFAULTS.get(name, (None, 0.0))
    value = constants.pop(key, default)
    if constants:
        raise ValueError(f"activation {name!r} has no constant {', '.join(constants)}. Received: {constants}")
    return name, arguments.number(key or "constant", value, 0)


def serialize(activation):
    """What `get` accepts, in JSON's types."""
    name, constant = activation
    key, default = _DEFAULTS.get(name, (None, 0.0))
    return name if constant == default else {"name": name, key: constant}


def fusable(activation):
    """Can it be fused behind a convolution or a dense layer?"""
    return activation[0] in _ops.ACTIVATIONS


def op(activation, size, channels):
    """The descriptor of an activation as an op of its own, on `size` values of which the last axis is `channels`."""
    name, constant = activation
    if fusable(activation):
        return _ops.plain("activation", 1, size, name, constant)
    return _ops.plain(name, size // channels, channels)
