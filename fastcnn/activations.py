"""Names of activations, as layers accept them."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import _ops, arguments
from fastcnn._ops import Op
from fastcnn.typing import ActivationName, Config

_DEFAULTS = {"leaky_relu": ("negative_slope", 0.2), "elu": ("alpha", 1.0), "hard_sigmoid": ("slope", 1 / 6)}
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}
NAMES = (*_ops.ACTIVATIONS, "softmax", "log_softmax")


def get(identifier: ActivationName) -> tuple[str, float]:
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
    name = _ALIASES.get(name, name) if isinstance(name, str) else name
    arguments.choice("activation", name, NAMES)
    key, default = _DEFAULTS.get(name, (None, 0.0))
    value = constants.pop(key, default)
    if constants:
        raise ValueError(f"activation {name!r} has no constant {', '.join(constants)}. "
                         f"Received: {arguments.given(**constants)}")
    return name, arguments.number(key or "constant", value, 0)


def serialize(activation: tuple[str, float]) -> str | Config:
    """What `get` accepts, in JSON's types."""
    name, constant = activation
    key, default = _DEFAULTS.get(name, (None, 0.0))
    return name if constant == default else {"name": name, key: constant}


def fusable(activation: tuple[str, float]) -> bool:
    """Can it be fused behind a convolution or a dense layer, which keep no x for its derivative?"""
    return activation[0] in _ops.ACTIVATIONS and activation[0] not in _ops.OF_X


def check(activation: tuple[str, float], channels: int) -> None:
    """Refuses a softmax over a single value.

    Example:
        >>> check(get("sigmoid"), 1), check(get("softmax"), 2)
        (None, None)
    """
    name = activation[0]
    if name not in _ops.ACTIVATIONS and channels == 1:
        raise ValueError(f"{name} needs several outputs, of one it is always {int(name == 'softmax')}; a single output goes "
                         f"with 'sigmoid' and binary_crossentropy. Received: {name} of 1 output")


def op(activation: tuple[str, float], size: int, channels: int) -> Op:
    """The descriptor of an activation as an op of its own, on `size` values of which the last axis is `channels`."""
    name, constant = activation
    if name in _ops.ACTIVATIONS:
        return _ops.plain("activation_of_x" if name in _ops.OF_X else "activation", 1, size, name, constant)
    return _ops.plain(name, size // channels, channels)


def prelu_op(sample: Sequence[int], slopes: Sequence[int]) -> Op:
    """The descriptor of PReLU on samples of a shape, with slopes of the same shape but 1 along axes that share them."""
    runs = [1]  # values along runs of axes that share slopes, or do not, in turn
    for size, own in zip(sample, slopes):
        if size == 1 or (own == 1) == (len(runs) % 2 == 1):
            runs[-1] *= size
        else:
            runs.append(size)
    if len(runs) > 5:
        raise ValueError(f"slopes may be shared along two runs of axes besides the first. Received: {tuple(slopes)} for "
                         f"samples of shape {tuple(sample)}")
    if len(runs) <= 3:
        repeats, inner, inner_shared = [*runs, 1, 1][:3]
        return _ops.prelu(repeats, 1, 1, inner, inner_shared)
    return _ops.prelu(*[*runs, 1][:5])
