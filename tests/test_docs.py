"""README.md and the pages of docs/: what they show runs, what they say it prints is printed, what they link to exists.

Pages are run as they stand (`pages.py`), in an empty folder, on few images (`few_data.py`).
"""

import doctest
import importlib
import importlib.util
import inspect
import re
import sys
import types
from pathlib import Path

import few_data
import pages
import pytest

import fastcnn

ROOT = Path(__file__).resolve().parents[1]
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
         if path.exists()}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    few_data.write(folder)
    return folder


@pytest.fixture
def reader(data, tmp_path, monkeypatch):
    """Where and with what a page is run; nothing that it chooses or draws stays."""
    monkeypatch.chdir(tmp_path)
    few_data.offer(data, monkeypatch)
    few_data.write_photographs(tmp_path)
    if importlib.util.find_spec("matplotlib"):
        import matplotlib

        matplotlib.use("Agg")  # no example opens a window
    threads, config = fastcnn.get_num_threads(), fastcnn.get_config()
    yield
    fastcnn.set_num_threads(threads)
    fastcnn.set_config(**config)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
def test_pages_have_examples():
    """Else none of them failing says little."""
    counts = {name: len(pages.examples(text)) for name, text in TEXTS.items()}
    assert counts["README.md"] and sum(map(bool, counts.values())) >= 5 and sum(counts.values()) > 40


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pages show old spellings, too
@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if pages.examples(text)])
def test_page(name, reader):
    try:
        assert pages.run(PAGES[name])
    except pages.Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", TEXTS)
def test_blocks_say_what_they_are(name):
    text = TEXTS[name]
    kinds = [fence[1].strip() for fence in pages.FENCE.finditer(text)]
    assert set(kinds) <= set(pages.FENCES) and len(re.findall("^```", text, re.MULTILINE)) == 2 * len(kinds)


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", pages.FENCE.sub("", TEXTS[name]))
               if not re.match(r"\w+:|#", target)]
    assert [target for target in targets if not (PAGES[name].parent / target.split("#")[0]).exists()] == []


# Public names

NAMESPACES = (
    "fastcnn", "fastcnn.callbacks", "fastcnn.compat.keras", "fastcnn.convnetjs", "fastcnn.datasets", "fastcnn.images",
    "fastcnn.initializers", "fastcnn.io", "fastcnn.layers", "fastcnn.losses", "fastcnn.metrics", "fastcnn.networks",
    "fastcnn.optimizers", "fastcnn.optimizers.schedules", "fastcnn.recipes", "fastcnn.regularizers", "fastcnn.vis")
SHOWN = set(re.findall(r"\w+", " ".join(
    code for text in TEXTS.values() for code in re.findall(r"`[^`\n]+`|^    .*$", text, re.MULTILINE)
    + [fence[2] for fence in pages.FENCE.finditer(text)])))  # words within code


def unexplained(namespace):
    """Public names without a docstring, or with neither an example in it nor a place in a page."""
    listed = getattr(namespace, "__all__", None) or [
        name for name, value in vars(namespace).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == namespace.__name__]
    for name in listed:
        value = getattr(namespace, name)
        if isinstance(value, str):  # __version__
            continue
        doc = inspect.cleandoc(getattr(value, "__doc__", None) or "")
        if not doc or not (name in SHOWN or doctest.DocTestParser().get_examples(doc)):
            yield name


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
@pytest.mark.parametrize("name", NAMESPACES)
def test_public_names_are_shown(name):
    assert list(unexplained(importlib.import_module(name))) == []


def test_an_unexplained_name_is_noticed():
    def without_example():
        """Does nothing."""

    namespace = types.SimpleNamespace(__all__=["without_example", "bare", "Dense"], without_example=without_example,
                                      bare=lambda: 0, Dense=fastcnn.layers.Dense)
    assert list(unexplained(namespace)) == ["without_example", "bare"]


# The runner


def page(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_namespace_from_top_to_bottom(tmp_path):
    text = "```python\na = 1\n```\n\n    >>> a + 1\n    2\n\n```sh\nexit 1\n```\n```python\n>>> a += 1\n>>> a\n2\n```\n"
    assert pages.run(page(tmp_path, text)) == 4


@pytest.mark.parametrize("text, message", [
    ("\n```python\nprint(1)\n```\n\n```text\n2\n```\n", "line 3: print(1)\nshould print\n2\nand prints\n1\n"),
    ("prose\n\n    >>> 1 + 1\n    3\n", "line 3: 1 + 1\nshould print\n3\nand prints\n2\n"),
    ("```python\n>>> 1 + 1\n3\n```\n", "line 2: 1 + 1\nshould print"),
    ("```python\na = 1\nb\n```\n", "line 2: NameError: name 'b' is not defined"),
    ("```python\nif\n```\n", "line 2: SyntaxError"),
    ("```python\nimport nothing_of_this_name\n```\n", "line 2: No module named 'nothing_of_this_name'"),
    ('    >>> int("x")\n    Traceback (most recent call last):\n    ValueError: y\n', "line 1: ValueError: invalid"),
    ("    >>> 1\n    Traceback (most recent call last):\n    ValueError: y\n", "line 1: Wrong: should end with ValueError"),
])
def test_what_is_wrong_is_noticed(tmp_path, text, message):
    with pytest.raises(pages.Wrong) as error:
        pages.run(page(tmp_path, text))
    assert message in str(error.value)


@pytest.mark.parametrize("text", [
    "```python\nprint(12.5)\n```\n\n```text\n12...\n```\n",
    "```python\nprint(1)\n```\n\nprose\n\n```text\n2\n```\n",
    '    >>> int("x")\n    Traceback (most recent call last):\n    ValueError: invalid literal ...\n',
    "    >>> 1 / 0  # doctest: +SKIP\n\n```python\n1\n```\n",
])
def test_what_is_right_passes(tmp_path, text):
    assert pages.run(page(tmp_path, text)) == 1


def test_errors_have_the_lines_of_the_page(tmp_path):
    with pytest.raises(pages.Wrong) as error:
        pages.run(page(tmp_path, "prose\n\n```python\na = 1\n1 / 0\n```\n"))
    assert error.value.__cause__.__traceback__.tb_next.tb_next.tb_lineno == 5


@pytest.mark.parametrize("cause", ['ImportError("plots need it: pip install \'fastcnn[plot]\'")',
                                   'ModuleNotFoundError("no PIL", name="PIL")'])
def test_what_is_not_installed_is_named(tmp_path, cause):
    with pytest.raises(pages.Missing, match="page.md from line 5 on: "):
        pages.run(page(tmp_path, f"```python\n1\n```\n```python\nraise {cause}\n```\n"))
