"""What type checkers and editors make of fastcnn: mypy and pyright (basic) pass a program of a user's and the code of all
pages, and find every mistake of a list; completion knows the arguments.

    pip install '.[types]' && pytest tests/test_typing.py
"""

import subprocess
import sys
from pathlib import Path

import checkers
import pages
import pytest

HERE = Path(__file__).resolve().parent
PROGRAM, MISTAKES = HERE / "typed" / "program.py", HERE / "typed" / "mistakes.py"
PAGES = [path for path in [checkers.ROOT / "README.md", *sorted((checkers.ROOT / "docs").rglob("*.md"))]
         if path.exists() and path.name != "search.md"  # it needs packages of which some have no types
         and pages.examples(path.read_text(encoding="utf-8"))]


PAGE = """Text.

```python
from fastcnn.layers import Dense
Dense(3, unit=4)
```

    >>> 1 + 1
    2
    >>> Dense(units=3).uints
    3
    >>> Dense(5, unit=3)
    Traceback (most recent call last):
    TypeError: …
"""


@pytest.fixture(scope="module", params=checkers.CHECKERS)
def found(request, tmp_path_factory):
    """{file: {line: message}} of all that a checker reads, at once: most of its time it reads NumPy."""
    reason = checkers.missing(request.param)
    if reason:
        pytest.skip(reason)
    page = tmp_path_factory.mktemp("pages") / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    errors = {}
    for (name, line), message in checkers.said(request.param, [PROGRAM, MISTAKES, page, *PAGES]).items():
        errors.setdefault(Path(name), {})[line] = message
    return errors


def test_right_programs_pass(found):
    assert {path: lines for path, lines in found.items() if path in (PROGRAM, *PAGES)} == {}


def test_every_mistake_is_found(found):
    lines = MISTAKES.read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("  # error")}
    assert len(marked) > 90
    wrong = {number: f"{found[MISTAKES].get(number, 'nothing')}: {lines[number - 1]}" for number in
             marked ^ set(found[MISTAKES])}
    assert wrong == {}


def test_pages_are_read_where_they_stand(found):
    """Blocks and doctests alike, but for those that are to end in an error."""
    assert [sorted(lines) for path, lines in found.items() if path.name == "page.md"] == [[5, 10]]


def test_the_program_runs(tmp_path):
    run = subprocess.run([sys.executable, PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("call, names", [
    ("fastcnn.layers.Conv2D(8, 3, ", "activation strides padding kernel_regularizer name input_shape trainable"),
    ("fastcnn.layers.Flatten(", "name input_shape trainable"),
    ("fastcnn.Input(", "shape name data_format"),
    ("fastcnn.networks.lenet5().fit([], [], ", "epochs batch_size validation_data callbacks"),
    ("fastcnn.networks.lenet5().compile(", "optimizer loss metrics"),
    ("fastcnn.optimizers.SGD(", "learning_rate momentum weight_decay clipnorm"),
    ("fastcnn.callbacks.EarlyStopping(", "monitor patience restore_best_weights"),
    ("fastcnn.datasets.ImageFolder('photos', ", "size class_names cache"),
    ("fastcnn.vis.filters(None, ", "layer limit ax"),
])
def test_completion_shows_arguments(call, names):
    """As Jupyter and IPython complete, by jedi. (Editors with pyright show what its errors speak of.)"""
    jedi = pytest.importorskip("jedi")
    project = jedi.Project(HERE, added_sys_path=[str(checkers.ROOT)])
    script = jedi.Script(f"import fastcnn\n{call}", project=project, environment=jedi.InterpreterEnvironment())
    assert {f"{name}=" for name in names.split()} <= {found.name for found in script.complete()}
