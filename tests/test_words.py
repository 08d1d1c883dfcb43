"""What errors say: the names that users know, what they meant, and nothing of the inside."""

import ast
import importlib
import inspect
import re
import shutil
import sys
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import arguments, hints, importing
from fastcnn import layers as L

X, Y = np.zeros((4, 3)), np.zeros(4)


def model(units=1, activation=None, loss="mse", metrics=None, **given):
    found = fastcnn.Sequential([L.Dense(units, activation, input_shape=(3,))], seed=0)
    found.compile(given.get("optimizer", "sgd"), loss, metrics)
    return found


def message(call, error=Exception):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


# What was meant

MEANT = {  # kind: {what was written: what must be named}
    "loss": {"cross_entropy": ["sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"],
             "CrossEntropyLoss": ["sparse_categorical_crossentropy"], "crossentropy": ["categorical_crossentropy"],
             "NLLLoss": ["sparse_categorical_crossentropy"], "BCEWithLogitsLoss": ["BinaryCrossentropy(from_logits=True)"],
             "MSELoss": ["MSE"], "L1Loss": ["mae"], "Mean Squared Error": ["MeanSquaredError"], "hing": ["hinge"],
             "binary_cross_entropy": ["binary_crossentropy"], "BCE loss": ["BCE"],
             "sparse-categorical-crossentropy": ["sparse_categorical_crossentropy"]},
    "metric": {"acuracy": ["accuracy"], "Accuracy": ["accuracy"], "accurcy": ["accuracy"], "f1": ["f1_score"],
               "roc_auc": ["auc"], "presision": ["precision"], "top_5": ["TopKCategoricalAccuracy(5)"]},
    "optimizer": {"Adam ": ["Adam"], "adm": ["adam"], "momentum": ["SGD(momentum=0.9)"], "rms_prop": ["rmsprop"],
                  "AdamOptimizer": ["Adam"]},
    "initializer": {"xavier": ["glorot_uniform"], "kaiming_normal": ["he_normal"], "glorot": ["glorot_normal"]},
    "activation": {"rellu": ["relu"], "ReLU": ["relu"], "lrelu": ["relu"]},
}
ASK = {
    "loss": lambda name: model(loss=name), "metric": lambda name: model(metrics=[name]),
    "optimizer": lambda name: model(optimizer=name), "initializer": lambda name: L.Dense(3, kernel_initializer=name),
    "activation": lambda name: L.Dense(3, name),
}


@pytest.mark.parametrize("kind, name", [(kind, name) for kind, names in MEANT.items() for name in names])
def test_what_a_wrong_name_stands_for(kind, name):
    said = message(lambda: ASK[kind](name), ValueError)
    assert said.startswith(kind) and f"Received: {name!r}" in said
    hint = said[said.index("did you mean"):]
    assert [other for other in MEANT[kind][name] if other not in hint] == []


def test_a_cross_entropy_is_not_a_binary_one_alone():
    hint = message(lambda: model(loss="cross_entropy"))
    assert hint.index("sparse_categorical_crossentropy") < hint.index("binary_crossentropy")


def test_a_metric_s_name_leads_to_metrics_alone():
    """Losses have names that look alike."""
    known = set(re.findall(r"\w+", message(lambda: model(metrics=["xyz"])))) & set(vars(fastcnn.losses.functions))
    assert "binary_crossentropy" not in known and "hinge" not in known


def test_what_is_known_is_listed_once():
    said = message(lambda: model(loss="xyz"))
    assert "mse" in said and "huber" in said and "Huber" not in said and "accepted: " in said


def test_names_of_arguments():
    for call, hint in (
        (lambda: fastcnn.optimizers.SGD(lr=1), "Did you mean 'learning_rate'"),
        (lambda: fastcnn.callbacks.ModelCheckpoint("x", period=1), "Accepted: filepath, monitor"),
        (lambda: fastcnn.losses.Huber(1, delta=2), "Huber takes delta once"),
        (lambda: fastcnn.losses.Huber(1, 2), "Huber takes delta by position. Received: 2 values"),
        (lambda: fastcnn.losses.MeanSquaredError(1), "MeanSquaredError takes nothing by position"),
        (lambda: fastcnn.losses.MeanSquaredError(reduction="sum"), "has no argument 'reduction'. Accepted: none"),
        (lambda: fastcnn.callbacks.ModelCheckpoint(), "ModelCheckpoint needs filepath"),
        (lambda: fastcnn.optimizers.schedules.OneCycle(), "OneCycle needs peak, steps"),
        (lambda: L.Dense(2, unit=3), "Did you mean 'units'"),
    ):
        assert hint in message(call, TypeError)
    assert "min_delta" not in message(lambda: fastcnn.callbacks.ModelCheckpoint("x", foo=1)), "it does not take that"


# Names of the inside

METHODS = [("fit", {"epoch": 3}), ("evaluate", {"batchsize": 3}), ("predict", {"batch": 3}), ("compile", {"metric": []}),
           ("train_on_batch", {}), ("summary", {"width": 3}), ("save", {}), ("half_weights", {}), ("quantize", {}),
           ("predict_on_batch", {})]


@pytest.mark.parametrize("name, given", METHODS)
def test_errors_of_methods_name_the_method(name, given):
    said = message(lambda: getattr(model(), name)(**given), TypeError)
    assert said.startswith((f"{name} ", f"{name}() ")) and "Model" not in said
    for own in (fastcnn.losses.MeanSquaredError().forward, fastcnn.metrics.MeanSquaredError().update_state):
        assert message(own, TypeError).startswith(f"{own.__name__}() ")


def test_methods_keep_their_help():
    for method in (fastcnn.callbacks.EarlyStopping.on_epoch_end, fastcnn.losses.MeanSquaredError.forward,
                   fastcnn.Sequential.fit, fastcnn.metrics.BinaryAccuracy.result):
        assert inspect.getdoc(method)


def test_methods_of_users_classes_keep_their_names():
    class Own(fastcnn.losses.Loss):
        def forward(self, y_true, y_pred):
            """Its own."""

    assert Own.forward.__qualname__.endswith("Own.forward")


PACKAGES = ("callbacks", "constraints", "convnetjs", "datasets", "images", "initializers", "io", "layers", "losses",
            "metrics", "networks", "ops", "optimizers", "optimizers.schedules", "reference", "regularizers", "vis")
NOT_TRIED = "CallbackList", "FileFormatError", "ImageError", "write_atomically", "save_file"  # take anything; write files
METHODS_TRIED = ("compile", "fit", "evaluate", "predict", "predict_classes", "gradients", "train_on_batch", "set_weights",
                 "get_layer", "summary", "half_weights", "quantize", "hessian_diagonal", "add", "build", "from_config")
INSIDE = re.compile(r"0x[0-9a-f]{6}|\bkwargs\b|\bargs\b|\b_Node\b|\bMachine\b|\bBaseModel\b|\n")
PYTHONS_OWN = re.compile(  # words for what went wrong inside
    r"truth value|object of type|unsupported operand|not iterable|unhashable|'NoneType'|object is not|subscriptable|"
    r"not a mapping|not supported between|cannot unpack|values to unpack|expected str|unexpected keyword|object has no")
ODD = object(), np.zeros((40, 40)), "a" * 1000, [np.zeros((40, 40))] * 3, print, L.Dense  # what nobody waits for


def callables():
    """{name: what can be called} of all that is public in these packages."""
    for package in PACKAGES:
        home = attrgetter(package)(fastcnn)
        for name, found in inspect.getmembers(home, callable):
            if not name.startswith("_") and name not in NOT_TRIED and found.__module__.startswith("fastcnn"):
                yield f"{package}.{name}"
    yield from ("Input", "Model", "Sequential", "load_model", "compare", "set_config", "set_num_threads", "set_random_seed")
    yield from (f"model.{name}" for name in METHODS_TRIED)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of nonsense that is computed
@pytest.mark.parametrize("name", list(callables()))
def test_no_message_shows_the_inside(name):
    """Addresses of objects and the names of Python's own parameters say nothing to users."""
    if name.startswith("vis."):
        pytest.importorskip("matplotlib")
    found, said = getattr(model(), name[6:]) if name.startswith("model.") else attrgetter(name)(fastcnn), []
    parameters = [p for p in inspect.signature(found).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    count = sum(p.default is p.empty for p in parameters)
    for odd in ODD:
        needed = [odd] * count
        calls = [partial(found, *needed), partial(found, *needed, foo=odd), partial(found, *[odd] * 40)]
        for call in calls + [partial(found, *needed, **{p.name: odd}) for p in parameters[count:]]:
            try:
                call()
            except Exception as error:  # noqa: BLE001  whatever it is, it has words
                said.append(str(error))
                plain = PYTHONS_OWN.search(said[-1]) and "foo" not in call.keywords and len(call.args) < 40
                assert not plain or name.startswith(("reference.", "vis.")), (call, said[-1])
    assert said and [words for words in said if INSIDE.search(words) or len(words) > 1500] == []


def classes():
    """All public classes that users make."""
    for package in (*PACKAGES, "compat.keras.callbacks", "compat.keras.preprocessing.image"):
        found = inspect.getmembers(importlib.import_module(f"fastcnn.{package}"), inspect.isclass)
        yield from (cls for name, cls in found if name[0] != "_" and cls.__module__.startswith("fastcnn")
                    and not issubclass(cls, (Exception, tuple)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("found", sorted(set(classes()), key=str), ids=lambda cls: cls.__name__)
def test_constructors_have_the_names_of_their_classes(found):
    """Python would speak of `__init__`, and would not say what there is."""
    said = []
    for call in partial(found, foo_bar=1), partial(found, *[0] * 40):
        try:
            call()
        except Exception as error:  # noqa: BLE001  whatever it is, it has words
            said.append(str(error))
    assert said and "__" not in "".join(said)


def raw(tree):
    """What f-strings put behind "Received:" by `repr`."""
    for node in ast.walk(tree):
        behind = False
        for part in node.values if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.Constant):
                behind = behind or "Received:" in part.value
            elif behind and any(isinstance(inner, ast.FormattedValue) and inner.conversion == ord("r")
                                or isinstance(inner, ast.Name) and inner.id == "repr" for inner in ast.walk(part)):
                yield ast.unparse(part)


def test_what_was_received_is_shown_in_one_way():
    """By `arguments.shown`: arrays are long, and objects have addresses."""
    assert len(list(raw(ast.parse("f'{a!r} Received: {b!r}', f'Received: {map(repr, c)}, {d}'")))) == 2
    found = {path.name: list(raw(ast.parse(path.read_text()))) for path in Path(fastcnn.__file__).parent.rglob("*.py")}
    assert {name: values for name, values in found.items() if values} == {}


def test_values_as_they_are_shown():
    assert arguments.shown(print) == "the function print" and arguments.shown(L.Dense) == "the class Dense"
    assert len(arguments.shown(list(range(10_000)))) < 220 and "\n" not in arguments.shown(np.zeros((1, 1)))
    assert arguments.shown(np.zeros((40, 40))) == "an array of float64, shape (40, 40)"
    assert arguments.shown({"a": object()}) == "{'a': <object object>}"


def test_what_is_no_array():
    """Symbols, fastcnn's and others', layers, lists that are none."""
    class KerasTensor:
        shape = (None, 3)

    symbol = L.Dense(2)(fastcnn.Input((3,)))
    for x, words in ((symbol, "functions take arrays. Received: <Symbol of shape (None, 2)"),
                     (KerasTensor(), "an object of class KerasTensor, which holds none (functions compute at once"),
                     (L.Dense(3), "an object of class Dense, which holds none"), (None, "Received: None"),
                     ([[1.0], [1.0, 2.0]], "all its rows of one length"), (np.array([1j]), "dtype complex128")):
        for call in fastcnn.ops.relu, model().predict:
            assert words in message(partial(call, x)), words
    for x, of_op, of_model in ([1.0, None], "an array with None in it", "None at x[1]"), \
            (["a"], "dtype <U1", "texts, 'a' …"), \
            (np.ones(3, object), "Received: array([1, 1, 1], dtype=object)", "must have shape (samples, 3)"):
        assert of_op in message(partial(fastcnn.ops.relu, x)) and of_model in message(partial(model().predict, x))


# The package

def test_dir_shows_public_names_alone():
    assert dir(fastcnn) == sorted(fastcnn.__all__)
    for name in ("callbacks", "convnetjs", "initializers", "io", "layers", "losses", "metrics", "networks", "ops",
                 "optimizers", "recipes", "reference", "vis"):
        assert dir(getattr(fastcnn, name)) == sorted(getattr(fastcnn, name).__all__), name


def test_a_source_tree_that_is_not_built_says_so(tmp_path, run_python, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = Path(fastcnn.__file__).parent
    shutil.copytree(package, tmp_path / "tree" / "fastcnn",
                    ignore=shutil.ignore_patterns("_ops.c*", "_ops.abi3*", "_probe*", "_mnist", "__pycache__"))
    run = run_python("-S", "-c", "import fastcnn", PYTHONPATH=str(tmp_path / "tree"))  # no editable one beside it
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode == 1 and last.startswith("ImportError: fastcnn is not built for Python 3.")
    assert f"{sys.executable} -m pip install -e {tmp_path / 'tree'}" in last and "During handling" not in run.stderr
    assert importing.refuse_unbuilt(package) is None


@pytest.mark.parametrize("module, call", [("matplotlib", "fastcnn.vis.history({'loss': [1.0]})"),
                                          ("PIL", "fastcnn.images.decode_image(b'', 3)")])
def test_missing_extras_name_a_command_that_works_everywhere(module, call, run_python):
    run = run_python("-c", f"import sys; sys.modules[{module!r}] = None; import fastcnn; {call}")
    last = run.stderr.strip().splitlines()[-1]
    assert last.endswith(f": pip install {'pillow' if module == 'PIL' else module}. Received: no module {module}")


def test_compare_tells_how_much_slower():
    from fastcnn.reference.compare import Comparison

    for ratio, words in ((0.04, ": 0.04 times"), (0.5, ": 0.5 times"), (1.26, ": 1.3 times"), (1234.5, ": 1,234 times"),
                         (1e-7, ": 1e-07 times")):
        assert words in repr(Comparison("relu", [0.0], [0.0], 1.0, ratio))
    assert " 0 times" not in repr(Comparison("relu", [0.0], [0.0], 0.0, 0.0))
    assert "Did you mean 'relu'" in message(lambda: fastcnn.compare("rellu", X))


def test_hints():
    assert hints.nearest("nothing alike", ["units"]) is None and hints.did_you_mean("x", []) == "Accepted: none."
    assert hints.nearest("BATCH_SIZE", ["batch_size"]) == "'batch_size'"
    assert hints.listed(["a"]) == "'a'" and hints.listed(["a", "b", "c"]) == "'a', 'b' or 'c'"
