"""Checks of arguments, shared by the functional API and the layers: each error names what was received."""

from __future__ import annotations

import operator
import os
import re
from types import ModuleType

import numpy as np

_LARGEST = 2**31 - 1
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LONG = 200  # characters of a value in a message, or entries of a list


def array(name: str, value, ndim: int | None = None, contiguous: bool = True) -> np.ndarray:
    """`value` as a float32 array (C-contiguous unless told otherwise), copied only where needed."""
    result = np.asarray(real(name, value), dtype=np.float32)
    if contiguous:
        result = dense(result)
    if ndim is not None and result.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions. Received: shape {result.shape}")
    return result


def real(name: str, value) -> np.ndarray:
    """`value` as an array of real numbers of any dtype.

    Example:
        >>> real("x", [1, 2]).tolist()
        [1, 2]
        >>> real("x", [1, None])
        Traceback (most recent call last):
        TypeError: x must be an array of real numbers. Received: an array with None in it
    """
    try:
        result = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name} must be an array, all its rows of one length. Received: {shown(value)}") from None
    except (TypeError, RuntimeError) as error:  # symbols; tensors that are elsewhere, or have a gradient
        text = str(error) if "Received: " in str(error) else f"it cannot be made one ({error}). Received: {shown(value)}"
        raise TypeError(f"{name} must be an array of real numbers: {text}") from None
    if result.dtype.kind in "fiub":
        return result
    received = f"dtype {result.dtype}"
    if isinstance(value, str):
        received = f"{shown(value)}, a text (images.decode_image reads a picture, datasets.ImageFolder folders of them)"
    elif result.dtype == object:
        odd = [item for item in result.flat if not isinstance(item, (int, float, np.number))]
        received = f"an array with {shown(odd[0])} in it" if result.ndim and odd else shown(value)
        if result.ndim == 0 and value is not None:
            what = shown(value) if hasattr(value, "__name__") else f"an object of class {type(value).__name__}"
            received = f"{what}, which holds none (functions compute at once; in a network, layers stand for them)"
    raise TypeError(f"{name} must be an array of real numbers. Received: {received}")


def returned(call, value, shape):
    """What users' code returned, as an array of real numbers of a shape that nothing else will be broadcast to.

    Args:
        call: what was called, as "Own.backward".
        value: what it returned.
        shape: that it must have.

    Example:
        >>> returned("Own.forward", [1.0, 2.0], (2,)).tolist()
        [1.0, 2.0]
        >>> returned("Own.backward", 1.0, (2,))
        Traceback (most recent call last):
        ValueError: Own.backward must return shape (2,). Received: ()
    """
    value = real(f"the result of {call}", value)
    if value.shape != tuple(shape):
        raise ValueError(f"{call} must return shape {tuple(shape)}. Received: {value.shape}")
    return value


def dense(array: np.ndarray) -> np.ndarray:
    """The array itself if it is C-contiguous and aligned, else a copy that is."""
    return array if array.flags.c_contiguous and array.flags.aligned else array.copy(order="C")


def integer(name: str, value, minimum: int = 1, maximum: int = _LARGEST) -> int:
    """`value` as an int in [minimum, maximum]."""
    accepted = f"≥ {minimum}" if maximum == _LARGEST else f"from {minimum} to {maximum}"
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} must be an integer {accepted}. Received: {shown(value)}")
    if not minimum <= number <= maximum:
        accepted = accepted if number < minimum else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be an integer {accepted}. Received: {number}")
    return number


def shape(name, value):
    """The shape of one sample as a tuple of integers.

    Example:
        >>> shape("input_shape", [28, 28, 1])
        (28, 28, 1)
        >>> shape("shape", (None, 784))
        Traceback (most recent call last):
        TypeError: shape must be a tuple of integers, one sample's without the batch, as (28, 28, 1). Received: (None, 784)
    """
    if not isinstance(value, (tuple, list)) or not all(hasattr(size, "__index__") for size in value):
        raise TypeError(f"{name} must be a tuple of integers, one sample's without the batch, as (28, 28, 1). "
                        f"Received: {shown(value)}")
    return tuple(integer(name, size) for size in value)


def path(name, value):
    """The path of a file or folder, a text or `os.PathLike`, as it is."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(f"{name} must be the path of a file or folder, a text. Received: {shown(value)}")
    return value


def from_json(name, text):
    """What a JSON text says.

    Raises:
        TypeError, ValueError: no text, or none of JSON.

    Example:
        >>> from_json("layer_defs", "[1, null]")
        [1, None]
    """
    import json

    if not isinstance(text, (str, bytes, bytearray)):
        raise TypeError(f"{name} must be a text of JSON. Received: {shown(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} must be JSON, and not nested too deeply: {error}. Received: {shown(text)}") from None


def instance(name, value, cls, what):
    """An object of a class.

    Args:
        name: of the argument.
        value: what was given.
        cls: the class.
        what: in words.

    Example:
        >>> instance("a layer", fastcnn.layers.Dense, fastcnn.layers.Layer, "a fastcnn.layers.Layer")
        Traceback (most recent call last):
        TypeError: a layer must be a fastcnn.layers.Layer; did you mean Dense(…)? Received: the class Dense
    """
    if not isinstance(value, cls):
        hint = f"; did you mean {value.__name__}(…)?" if isinstance(value, type) and issubclass(value, cls) else "."
        raise TypeError(f"{name} must be {what}{hint} Received: {shown(value)}")
    return value


def source(value, *parts):
    """A source of single images, which has these parts.

    Example:
        >>> source("photos", "shape", "read")
        Traceback (most recent call last):
        TypeError: source must be an ImageFolder, an ImageArray or alike. Received: 'photos', without shape, read
    """
    missing = [part for part in parts if not hasattr(value, part)]
    if missing or isinstance(value, type):
        raise TypeError(f"source must be an ImageFolder, an ImageArray or alike. Received: {shown(value)}"
                        + (f", without {', '.join(missing)}" if missing else ""))
    return value


def pair(name: str, value, minimum: int = 1) -> tuple[int, int]:
    """An integer, or two of them (height, width), as a tuple of two."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name} must be an integer or a pair of integers. Received: {shown(value)}")
        return integer(name, value[0], minimum), integer(name, value[1], minimum)
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer or a pair of integers. Received: {shown(value)}")
    value = integer(name, value, minimum)
    return value, value


def order(name: str, value, count: int) -> tuple[int, ...]:
    """The numbers 1 … count, each once, as a tuple: axes of a sample in a new order."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} must be a tuple of the axes 1 … {count}. Received: {shown(value)}")
    value = tuple(integer(name, axis) for axis in value)
    if count < 1 or sorted(value) != list(range(1, count + 1)):
        raise ValueError(f"{name} must hold each of the axes 1 … {count} once. Received: {value}")
    return value


def last_axes(name, value, rank, first=0):
    """How many axes are named by an integer, or several: the last of the axes `first` … rank − 1, or of −rank … −1."""
    several = value if isinstance(value, (tuple, list)) else [value]
    axes = sorted(integer(name, axis, -rank, rank - 1) % rank for axis in several)
    if not axes or axes != list(range(rank - len(axes), rank)) or axes[0] < first:
        raise ValueError(f"{name} must name the last of the axes {first} … {rank - 1}, one or several. "
                         f"Received: {shown(value)}")
    return len(axes)


def groups(value, count):
    """A number of equal groups of the `count` channels; −1: as many as channels."""
    value = integer("groups", value, -1)
    if value == 0 or count % value:
        raise ValueError(f"groups must divide the {count} channels, or be −1. Received: {value}")
    return count if value == -1 else value


def number(name: str, value, minimum: float | None = None, maximum: float | None = None,
           below: float | None = None) -> float:
    """A finite real number within bounds, as a float."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise TypeError(f"{name} must be a real number. Received: {shown(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = np.inf
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number. Received: {shown(value)}") from None
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite. Received: {shown(value)}")
    if minimum is not None and result < minimum or maximum is not None and result > maximum:
        raise ValueError(f"{name} must lie in [{minimum}, {'∞' if maximum is None else maximum}]. Received: {shown(value)}")
    if below is not None and result >= below:
        raise ValueError(f"{name} must be less than {below}. Received: {shown(value)}")
    return result


def part(name: str, value) -> float:
    """A number in [0, 1), as a float."""
    return number(name, value, 0, below=1)


def small(name: str, value) -> float:
    """A number that does not vanish in float32: what keeps a denominator from 0."""
    return number(name, value, 1e-30)


def channels(name, value, count):
    """One number per channel as an array of float64, from one number or a list of them."""
    value = real(name, value).astype(np.float64) if np.ndim(value) else np.full(count, number(name, value))
    if value.shape != (count,) or not np.isfinite(value).all():
        raise ValueError(f"{name} must be a finite number, or one for each of the {count} channels. "
                         f"Received: {shown(value if value.size > 8 else value.tolist())}")
    return value


def choice(name: str, value, options) -> str:
    """One of the accepted strings."""
    if not isinstance(value, str) or value not in options:
        from fastcnn.hints import nearest

        name_of = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
        near = nearest(name_of, options) if len(options) > 1 else None  # a single one is what is accepted
        hint = f"; did you mean {near}?" if near else "."
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}{hint} Received: {shown(value)}")
    return value


def flag(name: str, value) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False. Received: {shown(value)}")
    return bool(value)


def shown(value):
    """A value as an error shows it, after "Received: ": short, on one line, and without addresses.

    Example:
        >>> shown(len), shown(int), shown(object()), shown([1, None])
        ('the function len', 'the class int', '<object object>', '[1, None]')
        >>> shown(np.zeros((20, 30)))
        'an array of float64, shape (20, 30)'
    """
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of {value.dtype}, shape {value.shape}"
    if isinstance(value, (type, ModuleType)):
        return f"the {'class' if isinstance(value, type) else 'module'} {value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    if isinstance(value, (str, bytes, list, tuple)) and len(value) > _LONG:
        value = value[:_LONG]  # more would not be shown
    text = " ".join(_ADDRESS.sub("", repr(value)).split())
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"


def given(**values):
    """Arguments by name as an error shows them.

    Example:
        >>> given(mean=[0.5], variance=None)
        'mean=[0.5], variance=None'
    """
    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


def padding_form(value):
    """Checks the form of `padding`; "valid" and "same" stay, numbers become ((top, bottom), (left, right))."""
    if isinstance(value, str):
        if value not in ("valid", "same"):
            raise ValueError(_padding_message(value))
        return value
    return _edges("padding", value, _padding_message(value))


def edges(name, value):
    """An integer ≥ 0, a pair (height, width) or ((top, bottom), (left, right)), as the latter."""
    return _edges(name, value, f"{name} must be an integer, a pair (height, width) or ((top, bottom), (left, right)). "
                               f"Received: {shown(value)}")


def _edges(name, value, message):
    if isinstance(value, (tuple, list)) and len(value) == 2 and any(isinstance(v, (tuple, list)) for v in value):
        if not all(isinstance(v, (tuple, list)) and len(v) == 2 for v in value):
            raise ValueError(message)
        return tuple(tuple(integer(name, p, 0) for p in v) for v in value)
    if not isinstance(value, (tuple, list)) and not hasattr(value, "__index__"):
        raise TypeError(message)
    top, left = pair(name, value, 0)
    return (top, top), (left, left)


def _padding_message(value):
    return ('padding must be "valid", "same", an integer, a pair (height, width) or ((top, bottom), (left, right)). '
            f"Received: {shown(value)}")


def pads(value, size, window, strides, dilation=(1, 1)):
    """`padding` as ((top, bottom), (left, right)); "same" by TensorFlow's rule: ⌈size/stride⌉ outputs, extra at the end."""
    value = padding_form(value)
    if value == "valid":
        return (0, 0), (0, 0)
    if value != "same":
        return value
    result = []
    for i, k, s, d in zip(size, window, strides, dilation):
        total = max((-(-i // s) - 1) * s + (k - 1) * d + 1 - i, 0)
        result.append((total // 2, total - total // 2))
    return tuple(result)


def pool_pads(value, size, pool_size, strides, dilation=(1, 1)):
    """`pads` of a pooling, whose windows must not lie within them."""
    result = pads(value, size, pool_size, strides, dilation)
    reach = tuple((k - 1) * d + 1 for k, d in zip(pool_size, dilation))
    if any(p >= extent for side, extent in zip(result, reach) for p in side):
        what = "the pool size" if reach == tuple(pool_size) else "what windows reach over,"
        raise ValueError(f"padding must be less than {what} {reach} on every side. Received: {shown(value)}")
    return result


def output_edges(value, strides):
    """`output_padding` of a transposed convolution as a pair, or None."""
    if value is None:
        return None
    result = pair("output_padding", value, 0)
    if result[0] >= strides[0] or result[1] >= strides[1]:
        raise ValueError(f"output_padding must be less than strides = {strides}. Received: {shown(value)}")
    return result


def transposed(padding, output_padding, size, window, strides, dilation=(1, 1)):
    """((height, width), pads) of what a transposed convolution makes of `size` pixels, as pads of the convolution from there
    back. `output_padding`: rows and columns more at the end, less than a stride; None: Keras' sizes."""
    padding, more = padding_form(padding), output_edges(output_padding, strides) or (None, None)
    result, given = [], []
    for axis, (i, k, s, d) in enumerate(zip(size, window, strides, dilation)):
        extent, extra = (k - 1) * d + 1, more[axis]
        whole = (i - 1) * s + extent
        if padding == "same":
            out = i * s if extra is None else (i - 1) * s + extent % 2 + extra
            cut = max(whole - out, 0)
            edges = cut // 2, cut - cut // 2
        elif padding == "valid":
            out, edges = whole + (max(s - extent, 0) if extra is None else extra), (0, 0)
        else:
            edges = padding[axis]
            out = whole - sum(edges) + (extra or 0)
        result.append(out)
        given.append(edges)
    if not all(1 <= out <= _LARGEST for out in result):
        raise ValueError(f"padding {shown(padding)} and output_padding {shown(output_padding)} make an output of "
                         f"{tuple(result)} pixels of an input of {tuple(size)} with kernel size {tuple(window)}, strides "
                         f"{strides}, dilation {dilation}")
    return tuple(result), tuple(given)


def data_format(value) -> bool:
    """True for channels_first."""
    return choice("data_format", value, ("channels_last", "channels_first")) == "channels_first"


def layout(value) -> str:
    """The `data_format` of a layer; None: "channels_last"."""
    value = "channels_last" if value is None else value
    data_format(value)
    return value


def connection_table(value, filters=None):
    """Which input channels each output channel sees, as a tuple of sorted tuples; `filters`: how many outputs there are.

    A list of them per output; or a matrix of booleans (or of 0 and 1), inputs in rows and outputs in columns, as LeCun et
    al. 1998 print it.
    """
    if isinstance(value, np.ndarray) and value.ndim == 2:
        if not (value.dtype == bool or value.dtype.kind in "iu" and np.isin(value, (0, 1)).all()):
            raise ValueError(f"connection_table as a matrix must hold True and False. Received: dtype {value.dtype}")
        value = [np.flatnonzero(column).tolist() for column in value.T]
    if not isinstance(value, (tuple, list)) or not all(isinstance(row, (tuple, list)) for row in value):
        raise TypeError("connection_table must be a list of input channels for each output channel, or a matrix of "
                        f"booleans. Received: {shown(value)}")
    if filters is not None and len(value) != filters:
        raise ValueError(f"connection_table must have an entry for each of {filters} filters. Received: {len(value)}")
    table = tuple(tuple(sorted(integer("connection_table", c, 0) for c in row)) for row in value)
    for number, row in enumerate(table):
        if not row or len(set(row)) < len(row):
            raise ValueError("connection_table must connect each output with at least one input, and with none of them "
                             f"twice. Received: {list(value[number])} for output {number}")
    return table


def connections(table, channels):
    """A table of `connection_table` as pairs (input channel, output channel), int32."""
    largest = max((c for row in table for c in row), default=-1)
    if largest >= channels:
        raise ValueError(f"connection_table must name channels of the input's {channels}, from 0 to {channels - 1}. "
                         f"Received: {largest}")
    return np.array([(c, number) for number, row in enumerate(table) for c in row], np.int32)
