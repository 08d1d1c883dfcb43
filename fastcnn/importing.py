"""Names of a package that are imported when they are first asked for (PEP 562): nobody waits for what he does not use.

Which they are, and where, stands in an `__init__.pyi` beside such a package's `__init__.py`: once, for this module and for
editors and type checkers, which run no code.
"""

import os
import re
import sys
from contextlib import contextmanager
from importlib import import_module

_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


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


def on_demand(package):
    """What such a package defines: `__all__`, `__getattr__` and `__dir__`.

    Args:
        package: its `__name__`. Lines of its `__init__.pyi` are `from a.b import c as c, d as d`; from the package itself
            they import modules. No module in it has a name that another module offers.

    Example:
        >>> names, get, _ = on_demand("fastcnn.compat")
        >>> names, get("keras") is fastcnn.compat.keras
        (['keras'], True)
    """
    spec = sys.modules[package].__spec__
    stub = spec.loader.get_data(f"{spec.origin}i").decode()
    home = {name: module for module, lines, line in _IMPORT.findall(stub) for name in re.findall(r"(\w+) as", lines or line)}

    def __getattr__(name):
        if name not in home:
            raise _missed(package, name, home)
        whole = home[name] == package
        value = import_module(f"{package}.{name}" if whole else home[name])
        if not whole:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)  # from here on nobody asks again
        return value

    return sorted(home), __getattr__, listing(package)


def answering(package):
    """The `__getattr__` of a package whose names are there at once: it says of others what they may mean.

    Example:
        >>> answering("fastcnn.ops")("maxpool2d")
        Traceback (most recent call last):
        AttributeError: module 'fastcnn.ops' has no attribute 'maxpool2d'. Did you mean 'max_pool2d'?
    """
    def __getattr__(name):
        raise _missed(package, name, dict.fromkeys(sys.modules[package].__all__))

    return __getattr__


def _missed(package, name, home):
    """The error for a name that a package does not have; in `from package import name`, Python would leave its words out."""
    from opcode import opname

    from fastcnn import hints

    hint = ""
    if name[0] != "_":
        inner = [f"{package}.{own}" for own, module in sorted(home.items()) if module == package]
        within = [f"{own}.{name}" for own in inner if name in getattr(import_module(own), "__all__", ())]
        meant = {hints.flat(name): within[0]} if within else hints.of_attribute(package)
        hint = f". {hints.did_you_mean(name, home, meant)}"
    asking = sys._getframe(2)
    if opname[asking.f_code.co_code[asking.f_lasti]] == "IMPORT_FROM":
        return ImportError(f"cannot import name {name!r} from {package!r}{hint}", name=package)
    # without a name, to which Python would add a hint of its own
    return AttributeError(f"module {package!r} has no attribute {name!r}{hint}", name=None, obj=sys.modules[package])


def listing(package):
    """The `__dir__` of a package: its public names, as `__all__` has them, and none of its modules besides.

    Example:
        >>> "datasets" in dir(fastcnn), "arguments" in dir(fastcnn)
        (True, False)
    """
    return lambda: sorted(sys.modules[package].__all__)


def refuse_unbuilt(folder):
    """Says how to build fastcnn if its extension is not there, as in a fresh checkout.

    Args:
        folder: of the package.

    Raises:
        ImportError: there is none for this Python.

    Example:
        >>> refuse_unbuilt(fastcnn.__path__[0])
    """
    import os
    from importlib.machinery import EXTENSION_SUFFIXES

    if any(os.path.exists(os.path.join(folder, f"_ops{suffix}")) for suffix in EXTENSION_SUFFIXES):
        return
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    raise ImportError(f"fastcnn is not built for {python} in {folder}. Build it: {sys.executable or 'python'} -m pip "
                      f"install -e {os.path.dirname(folder)} (or leave this folder, if an installed fastcnn is meant). "
                      "Received: no file _ops there") from None


def installed(module, what):
    """A module that may not be there.

    Args:
        module: what `import` calls it.
        what: needs it.

    Raises:
        ImportError: as `extra` has it.
    """
    try:
        return import_module(module)
    except ImportError:
        raise extra(module, what) from None


def extra(module, what):
    """The ImportError for a module that is not there: its command works however fastcnn was installed.

    Args:
        module: what `import` calls it.
        what: needs it.

    Example:
        >>> print(extra("PIL", "decoding images"))
        decoding images needs Pillow: pip install pillow. Received: no module PIL
    """
    name = {"PIL": "Pillow", "sklearn": "scikit-learn"}.get(module, module)
    return ImportError(f"{what} needs {name}: pip install {name.lower()}. Received: no module {module}")
