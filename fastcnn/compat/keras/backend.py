"""What tutorials ask of keras.backend: the data format, the type of numbers, and values of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import arguments
from fastcnn.compat.spellings import warn
from fastcnn.typing import Array, ArrayLike

_FORMATS = "channels_last", "channels_first"
_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
_settings = {"image_data_format": "channels_last"}


class Variable(float):
    """A number that an object holds and that can be set: `K.set_value(optimizer.learning_rate, 0.1)`.

    Args:
        value: the number.
        assign: a function that sets it.

    Example:
        >>> seen = []
        >>> Variable(0.5, seen.append).assign(0.1), seen
        (None, [0.1])
    """

    def __new__(cls, value, assign):
        self = super().__new__(cls, value)
        self.assign = assign
        return self

    def __reduce__(self):
        return float, (float(self),)  # a copy sets nothing

    def numpy(self) -> float:
        """The number."""
        return float(self)


def image_data_format() -> str:
    """What layers take for `data_format` where none is given: "channels_last", unless `set_image_data_format` said more.

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Says which data format layers made from now on have: "channels_last" or "channels_first".

    Example:
        >>> set_image_data_format("channels_last")
    """
    _settings["image_data_format"] = arguments.choice("data_format", data_format, _FORMATS)


def image_dim_ordering() -> str:
    """The old name of `image_data_format`: "tf" or "th"."""
    warn("image_dim_ordering()", "image_data_format()")
    return "tf" if image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """The old name of `set_image_data_format`, for "tf" or "th"."""
    modern = _ORDERINGS[arguments.choice("dim_ordering", dim_ordering, tuple(_ORDERINGS))]
    warn(f"set_image_dim_ordering({dim_ordering!r})", f"set_image_data_format({modern!r})")
    set_image_data_format(modern)


def floatx() -> str:
    """The type of all numbers: "float32"."""
    return "float32"


def set_floatx(floatx: str) -> None:
    """Takes "float32" alone.

    Raises:
        ValueError: another type.
    """
    arguments.choice("floatx", floatx, ("float32",))


def cast_to_floatx(x: ArrayLike) -> Array:
    """x as an array of float32. Shape: any → the same."""
    return np.asarray(x, np.float32)


def epsilon() -> float:
    """The small number of optimizers' denominators: 1e-7."""
    return 1e-7


def backend() -> str:
    """What computes: "fastcnn"."""
    return "fastcnn"


def get_value(x: Any) -> Any:
    """The value of an optimizer's learning rate as a float, or of weights as an array.

    Example:
        >>> get_value(Variable(0.5, print))
        0.5
    """
    return float(x) if isinstance(x, (int, float)) else arguments.array("x", x).copy()


def set_value(x: Any, value: float) -> None:
    """Sets an optimizer's learning rate: `set_value(model.optimizer.learning_rate, 0.01)`.

    Raises:
        TypeError: something that is no variable; weights are set by `layer.set_weights`.
    """
    if not isinstance(x, Variable):
        raise TypeError("x must be an optimizer's learning rate; weights are set by set_weights. "
                        f"Received: {arguments.shown(x)}")
    x.assign(value)


def clear_session() -> None:
    """Does nothing, as there is nothing to clear: models share no graph and no names."""
