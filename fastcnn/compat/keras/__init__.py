"""A stand-in for `keras` in tutorial code of any age: fastcnn behind Keras' names, module paths and old spellings.

    from fastcnn.compat import keras                       # in the place of: import keras
    from fastcnn.compat.keras.models import Sequential     # … of: from keras.models import Sequential
    from fastcnn.compat.keras.layers.core import Dropout   # … of: the paths of Keras 1 and 2

    import fastcnn.compat.keras
    fastcnn.compat.keras.install()                         # from here on, `import keras` finds this

Every old spelling is taken for the modern one, with one DeprecationWarning that names it; what means nothing here is
refused. docs/keras.md has the tables.

Example:
    >>> import warnings
    >>> from fastcnn.compat import keras
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     layer = keras.layers.Dense(output_dim=10, input_shape=(84,))
    >>> print(caught[0].message)
    Dense(output_dim=10) is an old spelling. Write Dense(units=10)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fastcnn import __version__ as _version
from fastcnn import arguments
from fastcnn.compat.keras import absent
from fastcnn.compat.spellings import Moved

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

__version__ = f"3.0.0+fastcnn.{_version}"  # the age of the vocabulary, for programs that ask

_OWN = ("activations", "backend", "callbacks", "constraints", "datasets", "datasets.cifar10", "datasets.cifar100",
        "datasets.mnist", "initializers", "layers", "losses", "metrics", "models", "optimizers", "preprocessing",
        "preprocessing.image", "saving")
_ELSEWHERE = {  # path: module
    "datasets.fashion_mnist": "fastcnn.datasets.fashion_mnist", "optimizers.schedules": "fastcnn.optimizers.schedules",
    "regularizers": "fastcnn.regularizers", "utils": "fastcnn.compat.keras.np_utils",
}
_OLD = {  # path: today
    "initializations": "initializers", "layers.advanced_activations": "layers", "layers.convolutional": "layers",
    "layers.core": "layers", "layers.experimental": "layers", "layers.experimental.preprocessing": "layers",
    "layers.noise": "layers", "layers.normalization": "layers", "layers.pooling": "layers", "objectives": "losses",
    "optimizers.legacy": "optimizers", "utils.np_utils": "utils", "utils.vis_utils": "utils",
}


def _modules():
    """{path below keras: module}"""
    found = {path: import_module(f"{__name__}.{path}") for path in _OWN}
    found.update({path: import_module(name) for path, name in _ELSEWHERE.items()})
    absent.put(found)
    for path, new in _OLD.items():
        found[path] = Moved(f"keras.{path}", f"keras.{new}", found[new])
    return found


def _register(name, root, modules):
    """Lets `import` find the modules below a name."""
    sys.modules[name] = root
    for path, module in modules.items():
        sys.modules[f"{name}.{path}"] = module


MODULES = _modules()
_register(__name__, sys.modules[__name__], MODULES)
globals().update({path: module for path, module in MODULES.items() if "." not in path})
for _path, _module in MODULES.items():
    _parent, _, _name = _path.rpartition(".")
    if _path in _OLD and _parent:
        setattr(MODULES[_parent], _name, _module)

Model, Sequential, Input = MODULES["models"].Model, MODULES["models"].Sequential, MODULES["layers"].Input

__all__ = sorted(["Input", "Model", "Sequential", "install", *[path for path in MODULES if "." not in path]])


def install(name: str = "keras") -> None:
    """Lets `import keras` find this package for the rest of the process.

    Args:
        name: what is imported: "keras", or "tensorflow.keras" (then `import tensorflow` finds a module that has nothing but
            `keras`).

    Raises:
        ImportError: the real one has been imported already.

    Example:
        >>> import fastcnn.compat.keras
        >>> fastcnn.compat.keras.install()
        >>> from keras.models import Sequential
        >>> Sequential is fastcnn.compat.keras.Sequential
        True
    """
    if name not in ("keras", "tensorflow.keras"):
        raise ValueError(f"name must be 'keras' or 'tensorflow.keras'. Received: {arguments.shown(name)}")
    root = sys.modules[__name__]
    top = name.partition(".")[0]
    known = sys.modules.get(top)
    if known is not None and known is not root and getattr(known, "keras", None) is not root:
        raise ImportError(f"{top} has been imported already, and what has it would mix with this one. Received: "
                          f"{getattr(known, '__file__', top)}")
    if top != name:
        known = known or ModuleType(top, "A stand-in that has nothing but keras.")
        known.__path__, known.keras = [], root
        sys.modules[top] = known
    _register(name, root, MODULES)
