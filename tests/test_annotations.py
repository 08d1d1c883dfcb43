"""Every public signature says which types it takes and returns: editors complete by it, type checkers find mistakes by it.

`tests/typed` has programs that type checkers read (`test_typing.py`); here nothing is left out.
"""

import importlib
import inspect
from importlib.util import find_spec

import pytest

NAMESPACES = (
    "fastcnn", "fastcnn.activations", "fastcnn.callbacks", "fastcnn.compat.keras", "fastcnn.compat.keras.backend",
    "fastcnn.compat.keras.datasets.cifar10", "fastcnn.compat.keras.datasets.cifar100",
    "fastcnn.compat.keras.datasets.mnist", "fastcnn.compat.keras.models", "fastcnn.compat.keras.np_utils",
    "fastcnn.compat.keras.preprocessing.image", "fastcnn.constraints", "fastcnn.convnetjs", "fastcnn.datasets",
    "fastcnn.datasets.cifar10", "fastcnn.datasets.cifar100", "fastcnn.datasets.fashion_mnist", "fastcnn.datasets.idx",
    "fastcnn.datasets.mnist", "fastcnn.images", "fastcnn.initializers", "fastcnn.io", "fastcnn.io.torch", "fastcnn.lab",
    "fastcnn.layers", "fastcnn.losses", "fastcnn.metrics", "fastcnn.networks", "fastcnn.ops", "fastcnn.optimizers",
    "fastcnn.optimizers.schedules", "fastcnn.recipes", "fastcnn.reference", "fastcnn.regularizers", "fastcnn.search",
    "fastcnn.vis")
SKLEARN = pytest.param("fastcnn.sklearn", marks=pytest.mark.skipif(
    find_spec("sklearn") is None, reason="scikit-learn is not installed"))
GIVEN = {  # classes that users get, but do not name
    "fastcnn.convnetjs.layers": ["NetLayer"], "fastcnn.engine.parameters": ["Parameter"],
    "fastcnn.layers.symbols": ["Symbol"], "fastcnn.model.profile": ["Profile"],
    "fastcnn.model.watching": ["Seen", "Watched"],
    "fastcnn.reference.compare": ["Comparison"], "fastcnn.recipes.digits": ["Digits"]}
SPECIAL = {f"__{name}__" for name in "add call enter exit getitem init iter len mul next sub".split()}


def public(module):
    return getattr(module, "__all__", None) or [
        name for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", None) == module.__name__]


def functions(value):
    """The functions behind a public value: itself, or the methods and properties of a class and of its bases."""
    if not inspect.isclass(value):
        return [inspect.unwrap(value)] if callable(value) else []
    found = []
    for cls in value.__mro__:
        for name, member in vars(cls).items() if cls.__module__.startswith("fastcnn") else ():
            if name[0] == "_" and name not in SPECIAL:
                continue
            parts = [member.fget, member.fset] if isinstance(member, property) else [getattr(member, "__func__", member)]
            found += [inspect.unwrap(part) for part in parts if inspect.isfunction(part)]
    return found


def unannotated(function):
    """What of a function's signature says no type."""
    signature = inspect.signature(function)
    missing = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


def found_in(name):
    module = importlib.import_module(name)
    return [function for each in GIVEN.get(name) or public(module) for function in functions(getattr(module, each))
            if function.__module__.startswith("fastcnn.") and function.__name__ != "<lambda>"]


@pytest.mark.parametrize("name", [*NAMESPACES, *GIVEN, SKLEARN])
def test_public_signatures_are_annotated(name):
    found = found_in(name)
    assert {(f.__module__, f.__qualname__): missing for f in found if (missing := unannotated(f))} == {}


def test_what_is_left_out_is_noticed():
    class Own:
        def __init__(self, a: int, b) -> None: ...

        @property
        def c(self): ...

        def _d(self, e): ...

    Own.__module__ = "fastcnn.own"
    assert [missing for f in functions(Own) if (missing := unannotated(f))] == [["b"], ["return"]]
    assert len({f for name in NAMESPACES for f in found_in(name)}) > 700
