"""README.md and the pages of docs/: what they show runs, what they say it prints is printed, what they link to exists.

Pages are run as they stand (`pages.py`), in an empty folder, on few images (`few_data.py`).
"""

import contextlib
import doctest
import importlib
import importlib.util
import inspect
import io
import re
import shlex
import sys
import types
from pathlib import Path

import few_data
import pages
import pytest

import fastcnn
from fastcnn.cli import _parser, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
         if path.exists()}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
LARGE = {"docs/alexnet.md", *(f"docs/tutorials/{name}.md" for name in ("alexnet", "branches", "transfer"))}  # networks


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
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name in LARGE else [])
                                  for name, text in TEXTS.items() if pages.examples(text)])
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
    assert not re.search("^(<<<<<<<|>>>>>>>)", text, re.MULTILINE), "left by a merge"


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", pages.FENCE.sub("", TEXTS[name]))
               if not re.match(r"\w+:|#", target)]
    assert [target for target in targets if not (PAGES[name].parent / target.split("#")[0]).exists()] == []


def anchors(text):
    """What links can add behind # for a page's headings, as web pages of repositories name them."""
    headings = re.findall("^#+ (.*)$", pages.FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_headings(name):
    known = {path.resolve(): anchors(TEXTS[page]) for page, path in PAGES.items()}
    targets = re.findall(r"\]\(([^)\s:#]*)#([^)\s]+)\)", pages.FENCE.sub("", TEXTS[name]))
    here = PAGES[name].resolve()
    assert [(page, anchor) for page, anchor in targets
            if anchor not in known.get((here.parent / page).resolve() if page else here, ())] == []


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
def test_the_readme_leads_to_every_page():
    links = {(ROOT / target.split("#")[0]).resolve() for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS["README.md"])}
    assert [name for name, path in PAGES.items() if name != "README.md" and path.resolve() not in links] == []


# Commands

COMMAND = re.compile(r"^    (?:.* && )?(?:\.venv/bin/)?((?:fastcnn|python) [^\n]*)$"
                     r"|`((?:fastcnn|python) [^`\n]+)`", re.MULTILINE)


def commands(text):
    """Lines of a page's indented blocks, and code within its prose, that are commands of fastcnn's or run a file of its."""
    found = [" ".join(filter(None, match.groups())) for match in COMMAND.finditer(pages.FENCE.sub("", text))]
    return [shlex.split(command, comments=True) for command in found]


def misunderstood(words):
    """What is wrong with a command; None: it would run. A bare `fastcnn predict` names the command, no more."""
    if words[0] == "fastcnn":
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            try:
                _parser().parse_args([*words[1:], "--help"] if len(words) == 2 else words[1:])
            except SystemExit as stop:
                return said.getvalue() if stop.code else None
        return None
    path = ROOT / (words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1])
    if not path.is_file():
        return f"there is no {path.name}"
    source = path.read_text(encoding="utf-8")
    needed = re.findall(r'add_argument\("(--[\w-]+)"[^\n]*required=True', source)
    return [word for word in words if word.startswith("--") and f'"{word}"' not in source] + [
        option for option in needed if option not in words] or None


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
@pytest.mark.parametrize("name", TEXTS)
def test_commands_are_understood(name):
    assert [(words, wrong) for words in commands(TEXTS[name]) if (wrong := misunderstood(words))] == []


@pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="the benchmarks are not beside the tests")
def test_named_benchmarks_exist(capsys):
    """Of `fastcnn bench --only ROWS`: what pages say measures a figure."""
    named = {after for text in TEXTS.values() for words in commands(text) if words[:2] == ["fastcnn", "bench"]
             for option, after in zip(words, words[1:]) if option == "--only"}
    if importlib.util.find_spec("onnx") is None:
        named.remove("imported")  # there are no such rows
    assert len(named) > 8 and {rows for rows in named if main(["bench", "--list", "--only", rows])} == set()
    assert main(["bench", "--list", "--only", "networks/nothing"]) == 1


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
def test_wrong_commands_are_noticed():
    assert sum(len(commands(text)) for text in TEXTS.values()) > 50
    text = ("    fastcnn train lenet6  # no\n\n    a && .venv/bin/fastcnn info --loud\n\n`fastcnn prdict`, "
            "`fastcnn predict`\n"
            "`python benchmarks/nothing.py`, `python benchmarks/relu_vs_tanh.py --data x --outptu y`")
    assert [not misunderstood(words) for words in commands(text)] == [False, False, False, True, False, False]


# Public names

NAMESPACES = (
    "fastcnn", "fastcnn.callbacks", "fastcnn.compat.keras", "fastcnn.constraints", "fastcnn.convnetjs", "fastcnn.datasets",
    "fastcnn.images", "fastcnn.initializers", "fastcnn.io", "fastcnn.lab", "fastcnn.layers", "fastcnn.losses",
    "fastcnn.metrics", "fastcnn.networks", "fastcnn.optimizers", "fastcnn.optimizers.schedules", "fastcnn.recipes",
    "fastcnn.regularizers", "fastcnn.search", "fastcnn.vis")
SKLEARN = pytest.param("fastcnn.sklearn", marks=pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed"))
SHOWN = set(re.findall(r"\w+", " ".join(
    code for name, text in TEXTS.items() if name != "docs/api.md"  # which shows all of them, but explains none
    for code in re.findall(r"`[^`\n]+`|^    .*$", text, re.MULTILINE)
    + [fence[2] for fence in pages.FENCE.finditer(text)])))  # words within code


def public(namespace):
    """Public names of a module, or of a class."""
    if inspect.isclass(namespace):
        return [name for name in dir(namespace) if not name.startswith("_")]
    return getattr(namespace, "__all__", None) or [
        name for name, value in vars(namespace).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == namespace.__name__]


def unexplained(namespace):
    """Public names without a docstring, or with neither an example in it nor a place in a page."""
    for name in public(namespace):
        value = getattr(namespace, name)
        if isinstance(value, str):  # __version__
            continue
        doc = inspect.cleandoc(getattr(value, "__doc__", None) or "")
        if not doc or not (name in SHOWN or doctest.DocTestParser().get_examples(doc)):
            yield name


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
@pytest.mark.parametrize("name", [*NAMESPACES, SKLEARN])
def test_public_names_are_shown(name):
    assert list(unexplained(importlib.import_module(name))) == []


def test_an_unexplained_name_is_noticed():
    def without_example():
        """Does nothing."""

    namespace = types.SimpleNamespace(__all__=["without_example", "bare", "Dense"], without_example=without_example,
                                      bare=lambda: 0, Dense=fastcnn.layers.Dense)
    assert list(unexplained(namespace)) == ["without_example", "bare"]


API = {heading: set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", body, re.MULTILINE))))
       for heading, body in re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", TEXTS.get("docs/api.md", ""),
                                       re.MULTILINE | re.DOTALL)}  # {heading: names in the first column of its table}


@pytest.mark.skipif(len(PAGES) < 2, reason="the documents are not beside the tests")
@pytest.mark.parametrize("name", sorted({*API, *NAMESPACES, "fastcnn.ops"} - {"fastcnn.compat.keras"}))
def test_the_list_of_public_names_is_complete(name):
    if name == "fastcnn.Model":  # of what all layers have the names that models have more to say of
        names = set(public(fastcnn.Sequential)) - (set(public(fastcnn.layers.Layer)) - API[name])
    else:
        names = set(public(importlib.import_module(name)))
        names -= {f"{forward}_backward" for forward in names}
    assert API[name] - names == set(), "no such names"
    assert names - API[name] == set(), "missing"


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


@pytest.mark.parametrize("cause", ['ImportError("plots need it: pip install matplotlib")',
                                   'ModuleNotFoundError("no PIL", name="PIL")'])
def test_what_is_not_installed_is_named(tmp_path, cause):
    with pytest.raises(pages.Missing, match="page.md from line 5 on: "):
        pages.run(page(tmp_path, f"```python\n1\n```\n```python\nraise {cause}\n```\n"))
