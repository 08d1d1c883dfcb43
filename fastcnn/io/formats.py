"""Formats of models: the module that reads or writes each, by a file's content and by its ending.

Such a module of this room has `read(path, **options)`, which gives a `Description`, and `write(description, path,
**options)`, which may add to the description's notes; one that reads and writes weights alone has `weights` and
`write_weights`, too. It imports what it needs besides NumPy in its functions, of which `needed` does nothing else.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any

from fastcnn import arguments
from fastcnn.typing import Path

from .recognize import module_of

ENDINGS = {  # ending: the module that writes it; None: fastcnn's own format
    ".safetensors": None, ".onnx": "onnx", ".keras": "keras", ".h5": "keras", ".hdf5": "keras", ".pt": "torch",
    ".pth": "torch",
}
FOREIGN = [ending for ending, module in ENDINGS.items() if module is not None]
_ENDING = re.compile(r"\.[a-z]\w*$", re.IGNORECASE)  # "lenet-0.99" has none


def ending(path: Path) -> str:
    """The ending of a file's name in small letters; "": it has none.

    Example:
        >>> ending("m.H5"), ending("m"), ending("best-0.98"), ending("{epoch:02d}-{val_loss:.2f}.h5")
        ('.h5', '', '', '.h5')
    """
    found = _ENDING.search(os.path.basename(os.fsdecode(arguments.path("path", path))))
    return found.group().lower() if found else ""


def writer(path: Path) -> Any:
    """The module that writes files of a name; None: fastcnn's own format, which a name without ending stands for, too.

    Raises:
        ValueError: an ending that no format has.

    Example:
        >>> writer("lenet5.onnx").__name__, writer("lenet5.safetensors")
        ('fastcnn.io.onnx', None)
    """
    found = ending(path) or ".safetensors"
    if found not in ENDINGS:
        raise ValueError(f"a model's file must end in {', '.join(ENDINGS)}, which say its format, or in none. "
                         f"Received: {os.fsdecode(path)}")
    return _module(ENDINGS[found])


def check(path: Path) -> None:
    """Refuses a name before there is work that would be lost: as `writer` does, or for a package that is missing.

    Raises:
        ValueError: an ending that no format has.
        ImportError: the format's package is not installed.
    """
    getattr(writer(path), "needed", bool)()


def reader(path: Path) -> Any:
    """The module that reads a file, by its content, whatever its name; None: `safetensors`, or nothing known."""
    return _module(module_of(path))


def _module(name):
    return None if name is None else import_module(f"fastcnn.io.{name}")


def read(path: Path, **options: Any) -> Any:
    """What a file of another program says of a model, without making it: `fastcnn.load_model` does.

    Args:
        path: of a file of ONNX, Keras or Caffe.
        options: of its format (docs/interchange.md).

    Returns:
        Description: `notes` says what became of what.

    Raises:
        FileFormatError: the file is damaged, no such file, or holds what fastcnn cannot compute.
        ImportError: the format's package is not installed.
    """
    from .errors import FileFormatError
    from .recognize import recognize

    path = arguments.path("path", path)
    module = reader(path)
    if module is None:
        raise FileFormatError(f"{os.fsdecode(path)}: must be a model of another program. Received: "
                              f"{recognize(path) or 'a file of no known format'}")
    return module.read(path, **options)
