"""Names of a package that are imported when they are first asked for (PEP 562): nobody waits for what he does not use.

An `__init__.pyi` beside each such package's `__init__.py` says the same to editors and type checkers, which run no code.
"""

import os
import sys
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def command_in_one_line():
    """A block of imports; where they fail and it is the command `fastcnn` that runs, users get one line: an environment
    variable is wrong."""
    try:
        yield
    except (ImportError, ValueError) as error:
        script = os.path.basename(sys.argv[0] if sys.argv else "").split(".")[0] == "fastcnn"
        if script or ("-m", "fastcnn") in zip(sys.orig_argv, sys.orig_argv[1:]):
            raise SystemExit(f"fastcnn: {error}") from None
        raise


def on_demand(package, homes, modules=()):
    """What such a package defines: `__all__`, `__getattr__` and `__dir__`.

    Args:
        package: its `__name__`.
        homes: {module, relative to it: names of that module that the package offers}; no module in it has such a name.
        modules: modules in it that it offers as a whole.

    Example:
        >>> names, get, _ = on_demand("fastcnn.io", {"atomic": ["write_atomically"]}, ["safetensors"])
        >>> names, get("write_atomically") is fastcnn.io.write_atomically
        (['safetensors', 'write_atomically'], True)
    """
    home = {name: module for module, names in homes.items() for name in names} | dict.fromkeys(modules)

    def __getattr__(name):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        value = import_module(f".{home[name] or name}", package)
        if home[name]:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)  # from here on nobody asks again
        return value

    def __dir__():
        known = vars(sys.modules[package])
        return sorted({name for name in known if known[name] is not on_demand}.union(home))

    return sorted(home), __getattr__, __dir__
