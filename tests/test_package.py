"""The package as a whole: what it imports, that public names exist and are documented, that examples run."""

import doctest
import importlib
import inspect
import json
import pkgutil
import sys

import numpy as np
import pytest

import fastcnn

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(fastcnn.__path__, "fastcnn.")
    if not any(part.startswith("_") for part in name.split(".")[1:])
)

IMPORTS = """
import json, sys
before = set(sys.modules)
import {module}
names = {{name.split(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
print(json.dumps([sorted(names), sorted(name for name in sys.modules if name.startswith("fastcnn"))]))
"""


def imported(run_python, module):
    """(top-level names beyond the standard library, fastcnn's modules) that importing a module brings."""
    run = run_python("-c", IMPORTS.format(module=module))
    assert run.returncode == 0, run.stderr
    names, own = json.loads(run.stdout)
    return {name for name in names if "cython" not in name}, own  # Cython's modules register its own types


def test_import_needs_numpy_alone(run_python):
    names, own = imported(run_python, "fastcnn")
    numpys, _ = imported(run_python, "numpy")
    assert "numpy" in names and names - numpys == {"fastcnn"}
    assert "fastcnn.reference" not in own and "fastcnn._probe" not in own


def test_no_module_needs_more_than_numpy(run_python):
    """Not only the package: all of its modules; extras are imported where they are used."""
    names, own = imported(run_python, ", ".join(MODULES))
    numpys, _ = imported(run_python, "numpy")
    assert names - numpys == {"fastcnn"} and set(MODULES) <= set(own)


def test_public_names():
    assert len(set(fastcnn.__all__)) == len(fastcnn.__all__)
    for name in fastcnn.__all__:
        assert getattr(fastcnn, name) is not None, name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = fastcnn.nothing
    namespace = {}
    exec("from fastcnn import *", namespace)
    assert set(fastcnn.__all__) <= set(namespace)


@pytest.mark.parametrize(
    "module", [name for name in MODULES if hasattr(importlib.import_module(name), "__all__")]
)
def test_names_in_all_exist(module):
    module = importlib.import_module(module)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def public(module):
    """(name, object) of the module's own public functions and classes, and their members."""
    for name, value in vars(module).items():
        if (
            name.startswith("_")
            or getattr(value, "__module__", None) != module.__name__
            or not (inspect.isclass(value) or inspect.isfunction(value))
        ):
            continue
        yield name, value
        for attribute in vars(value) if inspect.isclass(value) else ():
            member = inspect.getattr_static(value, attribute)
            if not attribute.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                yield f"{name}.{attribute}", getattr(value, attribute)


@pytest.mark.parametrize("module", ["fastcnn", *MODULES])
def test_everything_public_has_a_docstring(module):
    module = importlib.import_module(module)
    assert module.__doc__, "the module has no line of purpose"
    bare = [name for name, value in public(module) if not (inspect.getdoc(value) or "").strip()]
    assert bare == []


def test_a_missing_docstring_is_noticed():
    module = inspect.getmodule(test_public_names)
    assert "test_public_names" in [name for name, value in public(module) if not inspect.getdoc(value)]


@pytest.mark.parametrize("name", sorted({*fastcnn.layers.__all__, "Sequential"}))
def test_layers_have_examples(name):
    value = getattr(fastcnn.layers, name, None) or getattr(fastcnn, name)
    parts = doctest.DocTestParser().get_examples(inspect.cleandoc(value.__doc__))
    assert parts, "no example"


@pytest.fixture
def untouched(tmp_path, monkeypatch):
    """Examples write files, set numbers of threads and draw figures: none may stay."""
    monkeypatch.chdir(tmp_path)
    threads = fastcnn.get_num_threads()
    yield
    fastcnn.set_num_threads(threads)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def plots_for(name):
    """Skips the examples of plots where matplotlib is missing; no example opens a window."""
    if "vis" in name.split("."):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed").use("Agg")


def examples(module):
    plots_for(module)
    module = importlib.import_module(module)
    return doctest.testmod(module, extraglobs={"np": np, "fastcnn": fastcnn})


@pytest.mark.parametrize("module", ["fastcnn", *MODULES])
def test_examples_in_docstrings(module, untouched):
    assert examples(module).failed == 0


def test_there_are_many_examples():
    """Else none of them failing says little."""
    found = [
        test for module in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(module))
    ]
    assert sum(len(test.examples) for test in found) > 100


def test_show_config(capsys):
    fastcnn.show_config()
    lines = capsys.readouterr().out.splitlines()
    rows = {line[:16].strip(): line[16:].strip() for line in lines}
    assert rows["fastcnn"] == fastcnn.__version__ and "NumPy" in lines[1] and np.__version__ in lines[1]
    assert fastcnn._ops.active_isa() in rows["instruction set"] and "scalar" in rows["instruction set"]
    assert rows["compiler"].split()[0] in ("gcc", "clang", "unknown")
    assert rows["OpenMP"].startswith("yes" if fastcnn._ops.openmp() else "no")
    assert rows["threads"].split()[0] == str(fastcnn.get_num_threads())


def test_show_config_of_another_choice(run_python):
    run = run_python(
        "-c", "import fastcnn; fastcnn.show_config()", FASTCNN_ISA="scalar", FASTCNN_NUM_THREADS="3"
    )
    assert "scalar (built: " in run.stdout and "\nthreads          3 " in run.stdout


@pytest.mark.parametrize(
    "variable, value, error",
    [
        ("FASTCNN_ISA", "sse9", "sse9"),
        ("FASTCNN_NUM_THREADS", "0", "FASTCNN_NUM_THREADS"),
        ("FASTCNN_NUM_THREADS", "many", "'many'"),
    ],
)
def test_wrong_environment_is_a_clear_error(variable, value, error, run_python):
    run = run_python("-c", "import fastcnn", **{variable: value})
    assert (
        run.returncode == 1
        and error in run.stderr.splitlines()[-1]
        and "Received: " in run.stderr.splitlines()[-1]
    )
