"""Formats of models, by the endings of files' names: the one place that knows which there are."""

from __future__ import annotations

import os
import re

from fastcnn import arguments
from fastcnn.typing import Path

ENDINGS = {".safetensors": None}  # ending: the module that writes it; None: fastcnn's own format
_ENDING = re.compile(r"\.[a-z]\w*$", re.IGNORECASE)  # "lenet-0.99" has none


def ending(path: Path) -> str:
    """The ending of a file's name in small letters; "": it has none.

    Example:
        >>> ending("m.H5"), ending("m"), ending("best-0.98"), ending("{epoch:02d}-{val_loss:.2f}.h5")
        ('.h5', '', '', '.h5')
    """
    found = _ENDING.search(os.path.basename(os.fsdecode(arguments.path("path", path))))
    return found.group().lower() if found else ""


def writer(path: Path):
    """The module that writes files of a name; None: fastcnn's own format, which a name without ending stands for, too.

    Raises:
        ValueError: an ending that no format has.
    """
    found = ending(path) or ".safetensors"
    if found not in ENDINGS:
        raise ValueError(f"a model's file must end in {', '.join(ENDINGS)}, which says its format, or in none. "
                         f"Received: {os.fsdecode(path)}")
    return ENDINGS[found]
