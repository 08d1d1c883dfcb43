"""The package as a whole: what it imports, that public names exist and are documented, that examples run."""

import ast
import doctest
import importlib
import inspect
import json
import pickle
import pkgutil
import sys
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import processor

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


LENET5 = """
model = fastcnn.networks.lenet5()
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(numpy.zeros((2, 28, 28, 1)), numpy.zeros(2), verbose=0)
"""
SELDOM = [  # by neither: parts of fastcnn, and modules of Python that take their time
    "fastcnn.callbacks.agreement", "fastcnn.callbacks.csv_logger", "fastcnn.callbacks.learning_rate",
    "fastcnn.callbacks.model_checkpoint", "fastcnn.cli", "fastcnn.reference.compare", "fastcnn.compat",
    "fastcnn.convnetjs", "fastcnn.engine.curvature", "fastcnn.datasets",
    "fastcnn.engine.half_weights", "fastcnn.engine.int8", "fastcnn.images", "fastcnn.io", "fastcnn.lab",
    "fastcnn.layers.depthwise", "fastcnn.model.quantizing",
    "fastcnn.layers.rescaling", "fastcnn.layers.shaping", "fastcnn.ops", "fastcnn.processor", "fastcnn.recipes",
    "fastcnn.reference", "fastcnn.model.profile", "fastcnn.model.summary", "fastcnn.search", "fastcnn.sklearn",
    "fastcnn.vis",
    "argparse", "concurrent", "csv", "dataclasses", "http", "inspect", "json", "logging", "multiprocessing", "subprocess",
    "tempfile", "unittest", "urllib", "zipfile",
]
WHEN_BUILT = [  # not by the import alone
    "fastcnn.callbacks.base", "fastcnn.initializers.base", "fastcnn.layers.conv2d",
    "fastcnn.losses.base", "fastcnn.metrics.base", "fastcnn.networks", "fastcnn.optimizers.base",
]


@pytest.mark.parametrize("code, left_out", [("", SELDOM + WHEN_BUILT), (LENET5, SELDOM)], ids=["import", "lenet5"])
def test_what_is_seldom_needed_is_not_imported(code, left_out, run_python):
    """Importing fastcnn takes time module by module, and so does what comes after it."""
    run = run_python("-c", "import sys, numpy.random\nbefore = set(sys.modules)\nimport fastcnn\n" + code
                     + "print(sorted(set(sys.modules) - before))")
    assert run.returncode == 0, run.stderr
    found = ast.literal_eval(run.stdout)
    assert "fastcnn.engine.plan" in found and ("fastcnn.layers.conv2d" in found) == bool(code)
    assert [name for name in found if any(f"{name}.".startswith(f"{other}.") for other in left_out)] == []


def _installed(package):
    """A package; what its names need must be there, or the test is skipped."""
    if package == "fastcnn.sklearn":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return importlib.import_module(package)


STUBS = {".".join(path.relative_to(Path(fastcnn.__file__).parents[1]).parts[:-1]): path
         for path in sorted(Path(fastcnn.__file__).parent.rglob("__init__.pyi"))}
ON_DEMAND = [package for package in STUBS if package != "fastcnn.reference"]


def stub_imports(package):
    """The imports of a package's stub, which has nothing else; editors and type checkers see nothing else of the package."""
    body = ast.parse(STUBS[package].read_text()).body
    assert all(isinstance(node, ast.ImportFrom) for node in body)
    return body


def test_every_package_of_names_on_demand_has_a_stub():
    makers = [path for path in Path(fastcnn.__file__).parent.rglob("__init__.py") if "on_demand(" in path.read_text()]
    assert len(makers) > 5 and {path.parent for path in makers} == {STUBS[package].parent for package in ON_DEMAND}


@pytest.mark.parametrize("package", ON_DEMAND)
def test_names_on_demand(package):
    """They are what the stub says, whoever asks first, and a module of the same name would hide them."""
    found = _installed(package)
    homes = {alias.asname: node.module for node in stub_imports(package) for alias in node.names}
    assert sorted(homes) == sorted(found.__all__) and set(homes) <= set(dir(found))
    for name, home in homes.items():
        module = importlib.import_module(f"{package}.{name}" if home == package else home)
        assert getattr(found, name) is (module if home == package else getattr(module, name)), name
        assert home == package or find_spec(f"{package}.{name}") is None, name


def test_operations_and_their_reference_have_the_same_names():
    ops, reference = fastcnn.ops, fastcnn.reference
    assert len(ops.__all__) > 100 and set(reference.__all__) - set(ops.__all__) == {"philox4x32"}
    for name in ops.__all__:
        home = getattr(ops, name).__module__
        assert name in importlib.import_module(home).__all__
        assert getattr(reference, name).__module__ == home.replace(".ops.", ".reference."), name
    modules = {getattr(reference, name).__module__ for name in reference.__all__}
    imports = stub_imports("fastcnn.reference")
    assert {node.module for node in imports} == modules and {node.names[0].name for node in imports} == {"*"}


def test_names_after_a_plain_import(run_python):
    names = ["compat.keras.Sequential", "constraints.MaxNorm", "convnetjs.Net", "datasets.mnist.load_data",
             "initializers.Zeros", "Input", "layers.Conv2D", "load_model", "networks.alexnet", "ops.conv2d",
             "optimizers.schedules.ExponentialDecay", "recipes.train_lenet5", "reference.conv2d", "regularizers.L2",
             "vis.filters"]
    code = "import operator, sys, fastcnn; print([operator.attrgetter(n)(fastcnn).__name__ for n in sys.argv[1:]])"
    run = run_python("-c", code, *names)
    assert run.stdout == f"{[name.split('.')[-1] for name in names]}\n", run.stderr


def test_a_wrong_name_is_answered_with_the_right_one(run_python):
    run = run_python("-c", "import fastcnn; fastcnn.layers.Conv2d")
    assert run.stderr.endswith("module 'fastcnn.layers' has no attribute 'Conv2d'. Did you mean 'Conv2D'?\n")
    run = run_python("-c", "import fastcnn; fastcnn.networks.lenet5().predict_clases")
    assert run.stderr.endswith("Sequential has no attribute 'predict_clases'. Did you mean 'predict_classes'?\n"), "once"
    run = run_python("-c", "from fastcnn.layers import Flatten, MaxPool2D")
    assert run.stderr.endswith("cannot import name 'MaxPool2D' from 'fastcnn.layers'. Did you mean 'MaxPooling2D'?\n")


@pytest.mark.parametrize("name", ["Sequential", "initializers.GlorotUniform", "layers.Conv2D", "losses.Huber"])
def test_pickled_classes(name):
    """By the module that defines them, and by the package that offers them."""
    cls, (package, _, own) = attrgetter(name)(fastcnn), f"fastcnn.{name}".rpartition(".")
    assert pickle.loads(pickle.dumps(cls)) is cls and pickle.loads(f"c{package}\n{own}\n.".encode()) is cls


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
    module = _installed(module)
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
    assert rows["processor"] == processor.described() and rows["caches"]
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
