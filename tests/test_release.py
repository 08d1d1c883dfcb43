"""What a release says of itself: one version, and Pythons, NumPy and licence named alike wherever they are named."""

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

import fastcnn

ROOT = Path(__file__).resolve().parents[1]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def settings():
    """pyproject.toml."""
    return pytest.importorskip("tomllib", reason="tomllib came with Python 3.11").loads(text("pyproject.toml"))


def test_one_version(settings):
    """It stands in one module, from which all others take it; the newest heading of what changed speaks of it."""
    assert settings["project"]["dynamic"] == ["version"] and "version" not in settings["project"]
    assert settings["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "fastcnn.configuration.__version__"}}
    heading = re.search(r"^## (\S+?),? ", text("CHANGELOG.md"), re.MULTILINE)
    assert heading[1] == fastcnn.__version__ and re.fullmatch(r"\d+\.\d+\.\d+\w*", heading[1])
    assert not re.search(r"^version:", text("CITATION.cff"), re.MULTILINE), "it would be forgotten there"


def test_an_installed_fastcnn_is_of_this_version():
    try:
        found = metadata.distribution("fastcnn")
    except metadata.PackageNotFoundError:
        pytest.skip("fastcnn is not installed, but imported from its folder")
    if Path(found.locate_file("fastcnn")).resolve() != Path(fastcnn.__file__).resolve().parent:
        pytest.skip("another fastcnn is installed")
    assert found.version == fastcnn.__version__
    assert found.metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0" and found.metadata["Requires-Python"] == ">=3.10"


def test_pythons(settings):
    """From the oldest on, each minor version; wheels are for all of them; this Python is one of them."""
    project = settings["project"]
    oldest = int(re.fullmatch(r">=3\.(\d+)", project["requires-python"])[1])
    named = [int(found[1]) for line in project["classifiers"] if (found := re.search(r"Python :: 3\.(\d+)$", line))]
    assert named == list(range(oldest, oldest + len(named))) and sys.version_info.minor in named
    assert settings["tool"]["cibuildwheel"]["build"] == "cp3*" and "skip" not in settings["tool"]["cibuildwheel"]["linux"]
    assert 'py_limited_api": "cp311"' in text("setup.py") and '"Py_LIMITED_API": "0x030B0000"' in text("setup.py")
    assert settings["tool"]["ruff"]["target-version"] == f"py3{oldest}"


def test_the_oldest_numpy(settings):
    (needed,) = settings["project"]["dependencies"]
    minor = re.fullmatch(r"numpy>=1\.(\d+)", needed)[1]
    assert re.search(r'"NPY_TARGET_VERSION": "NPY_1_(\d+)_API_VERSION"', text("setup.py"))[1] == minor


def test_licence(settings):
    project = settings["project"]
    found = re.search(r"^license:\n((?:  - \S+\n)+)", text("CITATION.cff"), re.MULTILINE)[1]
    assert " AND ".join(re.findall(r"- (\S+)", found)) == project["license"]
    assert all((ROOT / name).is_file() or "fastcnn/" in name for name in project["license-files"])
    assert "CC BY-SA 3.0" in text("LICENSE") and not [line for line in project["classifiers"] if "License" in line]


def test_the_citation_has_what_its_format_demands():
    """https://citation-file-format.github.io: these four fields, and none that is empty."""
    fields = dict(re.findall(r"^([a-z-]+):[ \n](.*)", text("CITATION.cff"), re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(fields) and all(fields.values())
