"""What users give in the place of arrays: tables of pandas and its kin, pictures, sparse and masked arrays.

Arrays are made of it, or it is refused in words; none of the packages that it comes from is imported.
"""

import numbers

import numpy as np

from fastcnn import arguments

_MODES = ("1", "L", "LA", "RGB", "RGBA", "I", "I;16", "F")  # of pictures, whose numbers say how bright something is


def real(name: str, value) -> np.ndarray:
    """What `arguments.real` gives, of all that a model may be given; objects that are numbers are made such.

    Args:
        name: of the argument.
        value: of whatever kind.

    Raises:
        TypeError, ValueError: something else; the message says where, or what makes an array of it.

    Example:
        >>> real("x", np.array([1, 2.5], object)).tolist()
        [1.0, 2.5]
        >>> real("x", [1, None])
        Traceback (most recent call last):
        TypeError: x must be an array of real numbers. Received: None at x[1]
    """
    check(name, value)
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # rows of different lengths; tensors that are elsewhere
        return arguments.real(name, value)
    if found.dtype == object and found.ndim:
        found = _numbers(name, value, found)
    if found.dtype.kind in "US" and found.ndim and found.size:
        raise TypeError(f"{name} must be an array of real numbers. Received: texts, {arguments.shown(str(found.flat[0]))} …")
    return arguments.real(name, found if found.ndim else value)


def check(name: str, value) -> None:
    """Refuses what NumPy would make other arrays of than are meant.

    Raises:
        TypeError, ValueError: sparse or masked arrays, pictures of palettes or of several sizes.
    """
    if type(value) is np.ndarray:
        return
    if hasattr(value, "toarray") and not hasattr(value, "__array__"):
        raise TypeError(f"{name} must be an array; {name}.toarray() makes one of a sparse matrix. "
                        f"Received: {type(value).__name__} of shape {getattr(value, 'shape', None)}")
    if isinstance(value, np.ndarray):
        masked = np.count_nonzero(getattr(value, "mask", False))
        if masked:
            raise ValueError(f"{name} must have all its numbers; {name}.filled(0) puts zeros for masked ones. Received: "
                             f"{masked} masked of {value.size}")
        return
    pictures = value if isinstance(value, (list, tuple)) else [value]
    if not pictures or not all(hasattr(one, "getbands") and hasattr(one, "size") for one in pictures):
        return
    odd = next((one.mode for one in pictures if one.mode not in _MODES), None)
    if odd is not None:
        raise ValueError(f"{name} must hold pictures of mode 'RGB' or 'L', whose numbers are brightnesses; "
                         f"picture.convert('RGB') makes such. Received: mode {arguments.shown(odd)}")
    forms = list(dict.fromkeys((*one.size, one.mode) for one in pictures))
    if len(forms) > 1:
        w, h, mode = forms[0]
        raise ValueError(f"{name} must hold pictures of one size and mode; picture.resize(({w}, {h})) and "
                         f"picture.convert({mode!r}) make such. Received: {forms[0]} and {forms[1]}")


def _numbers(name, value, objects):
    """An array of numbers from one of objects, as columns of pandas may be."""
    place = next((i for i, item in enumerate(objects.flat) if not isinstance(item, (numbers.Real, np.bool_))), None)
    if place is None:
        return np.array(objects.tolist())
    item, at = objects.flat[place], [int(i) for i in np.unravel_index(place, objects.shape)]
    columns = list(getattr(value, "columns", ()))
    where = f"row {at[0]}, column {columns[at[1]]!r}" if len(at) == 2 and len(columns) == objects.shape[1] else \
        f"{name}[{', '.join(map(str, at))}]"
    raise TypeError(f"{name} must be an array of real numbers. Received: {arguments.shown(item)} at {where}")


def meant(name: str, given, shape: tuple, size: tuple) -> str:
    """What may be done with samples of another shape, as words of a message; "": nothing that is known.

    Args:
        name: of the argument.
        given: what the user gave.
        shape: that it has.
        size: that each sample must have, as users see it.

    Example:
        >>> meant("x", np.zeros((28, 28)), (28, 28), (28, 28, 1))
        '; x[None] is a batch of one sample'
        >>> meant("x", None, (5, 784), (28, 28, 1))
        '; np.asarray(x).reshape(-1, 28, 28, 1) makes samples of rows'
    """
    count, array = int(np.prod(size)), isinstance(given, np.ndarray)
    one = (size, tuple(n for n in size if n != 1)) if 1 in size[:1] + size[-1:] else (size,)
    if shape in one:
        return f"; {f'{name}[None]' if array else f'[{name}]'} is a batch of one sample"
    source = name if array else f"np.asarray({name})"
    if len(shape) in (1, 2) and len(size) > 1 and shape[-1] == count:
        return f"; {source}.reshape(-1, {', '.join(map(str, size))}) makes samples of rows"
    if len(size) == 1 and len(shape) > 2 and np.prod(shape[1:]) == count:
        return f"; {source}.reshape(-1, {count}) makes rows of images, as a first layer Flatten() does"
    if len(shape) == 4 and len(size) == 3 and sorted(shape[1:]) == sorted(size):
        for order, end in (((0, 2, 3, 1), "last"), ((0, 3, 1, 2), "first")):
            if tuple(shape[i] for i in order[1:]) == size:
                return f"; {source}.transpose{order} puts channels {end}"
    return ""
