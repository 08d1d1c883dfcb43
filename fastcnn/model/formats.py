"""What a model's file is, by the ending of its name: the one place that knows."""

import os

from fastcnn.model.saving import save_model

WRITERS = {".safetensors": save_model}  # ending: a function of the model and the path


def ending(path):
    """The ending of a file's name in small letters; "": it has none, or one that is a number ("best-0.98").

    Example:
        >>> ending("m.H5"), ending("m"), ending("best-0.98"), ending("weights.{epoch:02d}-{val_loss:.2f}.h5")
        ('.h5', '', '', '.h5')
    """
    found = os.path.splitext(os.fsdecode(path))[1].lower()
    return found if found[1:2].isalpha() else ""


def writer(path):
    """What writes a model into a file of that name: a function of both.

    Raises:
        ValueError: the name promises another format.
    """
    found = ending(path) or ".safetensors"
    if found not in WRITERS:
        raise ValueError(f"a model's file must end in {', '.join(WRITERS)} or have no ending, since that is what it is. "
                         f"Received: {os.fsdecode(path)!r}")
    return WRITERS[found]
