"""Names of a package that are imported when they are first asked for (PEP 562): nobody waits for what he does not use.

Which they are, and where, stands in an `__init__.pyi` beside such a package's `__init__.py`: once, for this module and for
editors and type checkers, which run no code.
"""

import re
import sys
from importlib import import_module

_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


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
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        whole = home[name] == package
        value = import_module(f"{package}.{name}" if whole else home[name])
        if not whole:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)  # from here on nobody asks again
        return value

    def __dir__():
        known = vars(sys.modules[package])
        return sorted({name for name in known if known[name] is not on_demand}.union(home))

    return sorted(home), __getattr__, __dir__
