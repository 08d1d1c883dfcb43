"""What mypy and pyright say of programs and pages that use fastcnn.

    python tests/checkers.py README.md docs/training.md tests/typed/program.py

Both find fastcnn as a user's do: as a package with types of its own, of which they report nothing.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pages

ROOT = Path(__file__).resolve().parents[1]
CHECKERS = ("mypy", "pyright")


def missing(checker):
    """Why a checker cannot be run; None: it can."""
    if find_spec(checker) is None:
        return f"{checker} is not installed"
    try:  # pyright may have to fetch node first
        run = subprocess.run([sys.executable, "-m", checker, "--version"], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return f"{checker} does not run: no answer within 300 s"
    return f"{checker} does not run: {(run.stderr or run.stdout).strip()[-300:]}" if run.returncode else None


def program(path):
    """The Python of a file: of a page its examples, each where it stands in the page, but for those that end in an error."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    lines = [""] * (text.count("\n") + 1)
    for example in pages.examples(text):
        if example.error is None:
            source = example.source.splitlines()
            lines[example.line - 1:example.line - 1 + len(source)] = source
    return "\n".join(lines) + "\n"


def said(checker, paths):
    """{(file, line): message} of the errors that a checker finds.

    Args:
        checker: "mypy" or "pyright".
        paths: of programs and pages.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = {f"{path.stem.replace('-', '_')}_{number}.py": path for number, path in enumerate(paths)}
        for name, path in places.items():
            Path(folder, name).write_text(program(path), encoding="utf-8")
        found = {"mypy": _mypy, "pyright": _pyright}[checker](Path(folder), list(places))
    return {(str(places[Path(name).name]), line): message for name, line, message in found}


def _mypy(folder, names):
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--output=json", *names]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900,
                         env={**os.environ, "MYPYPATH": str(ROOT)})
    if run.returncode not in (0, 1) or run.stderr:
        raise RuntimeError(run.stdout + run.stderr)
    errors = [json.loads(line) for line in run.stdout.splitlines() if line]
    return [(e["file"], e["line"], e["message"]) for e in errors if e["severity"] == "error"]


def _pyright(folder, names):
    site = folder / "env" / sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/")
    site.mkdir(parents=True)
    (folder / "env" / "pyvenv.cfg").touch()
    (site / "fastcnn").symlink_to(ROOT / "fastcnn")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "basic", "venvPath": ".", "venv": "env"}))
    run = subprocess.run([sys.executable, "-m", "pyright", "--outputjson", *names], cwd=folder, capture_output=True,
                         text=True, timeout=900)
    if run.returncode not in (0, 1):
        raise RuntimeError(run.stdout + run.stderr)
    errors = json.loads(run.stdout)["generalDiagnostics"]
    return [(e["file"], e["range"]["start"]["line"] + 1, e["message"]) for e in errors if e["severity"] == "error"]


if __name__ == "__main__":
    errors = {(*place, checker): message for checker in CHECKERS
              for place, message in said(checker, [Path(name).resolve() for name in sys.argv[1:]]).items()}
    for (name, line, checker), message in sorted(errors.items()):
        print(f"{name}:{line}: {checker}: {message}")
    sys.exit(bool(errors))
