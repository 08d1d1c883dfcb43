"""The extension built from a folder of C sources with any compiler and flags, in seconds: for planted faults and sanitizers.

setup.py builds what is shipped; this builds what is tried. Objects are kept by what they are made of, so a changed file
costs its own compilation and a link.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
FLAGS = ["-std=c11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fPIC", "-pthread", "-Wno-psabi"]
ISA_FLAGS = {"avx2": ["-mavx2", "-mfma", "-mf16c"], "avx512": ["-mavx512f", "-mfma", "-mf16c"]}


def included(path, seen=None):
    """The file and all that it includes of its own project."""
    seen = set() if seen is None else seen
    path = path.resolve()
    if path not in seen and path.exists():
        seen.add(path)
        for name in re.findall(r'#\s*include\s+"([^"]+)"', path.read_text()):
            included(path.parent / name, seen)
    return sorted(seen)


def compiled(path, flags, kept, compiler="cc"):
    """The object of a C file, from `kept` if there is one of the same text and flags."""
    text = b"".join(file.read_bytes() for file in included(path)) + repr((compiler, flags)).encode()
    made = kept / f"{path.stem}-{hashlib.sha256(text).hexdigest()[:20]}.o"
    if not made.exists():
        part = made.with_suffix(f".{os.getpid()}.part")
        run = subprocess.run([compiler, *flags, "-c", str(path), "-o", str(part)], capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"{path.name} cannot be compiled:\n{run.stderr[-3000:]}")
        part.rename(made)
    return made


def library(csrc, kept, levels, flags=("-O1",), compiler="cc"):
    """The objects of csrc with these instruction sets, scalar among them."""
    macros = [f"-DFC_HAVE_{isa.upper()}" for isa in levels if isa != "scalar"]
    jobs = [(csrc / "isa" / f"{isa}.c", [*FLAGS, *flags, *ISA_FLAGS.get(isa, [])]) for isa in levels]
    jobs += [(path, [*FLAGS, *flags, *(macros if path.name == "dispatch.c" else [])])
             for path in sorted([*csrc.glob("*.c"), *csrc.glob("ops/*.c")])]
    with ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(lambda job: compiled(*job, kept, compiler), jobs))


def module(name, kept, flags=("-O1",), compiler="cc"):
    """The object of a Cython module, which is the installed one's source."""
    import numpy

    source = kept / f"{name}.c"
    if not source.exists():
        options = [f"{option}=False" for option in ("boundscheck", "wraparound", "initializedcheck")]
        subprocess.run([sys.executable, "-m", "cython", "-3", *(word for o in options for word in ("-X", o)),
                        f"fastcnn/{name}.pyx", "-o", str(source)], cwd=ROOT, check=True, timeout=300)
    folders = [ROOT / "csrc", numpy.get_include(), sysconfig.get_paths()["include"]]
    return compiled(source, [*FLAGS, "-w", *flags, *(f"-I{folder}" for folder in folders)], kept, compiler)


def package(place, kept, objects, flags=("-O1",), compiler="cc"):
    """A folder from which Python imports fastcnn with these objects of csrc: the sources are linked to."""
    inside = place / "fastcnn"
    inside.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "fastcnn").iterdir():
        link = inside / path.name
        if path.suffix != ".so" and path.name != "__pycache__" and not link.exists():
            link.symlink_to(path)
    for name, more in ("_ops", objects), ("_probe", []):
        made = inside / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
        linked = [str(path) for path in (module(name, kept, flags, compiler), *more)]
        subprocess.run([compiler, "-shared", "-pthread", *flags, *linked, "-lm", "-o", str(made)], check=True)
    return place


def environment(place, **more):
    """The environment of a process that is to import that package."""
    path = os.pathsep.join(filter(None, (str(place), str(ROOT / "tests"), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more}


def copied(csrc, to):
    """The C sources again, to change them."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(csrc, to)
    return to


def main(argv):
    """python building.py FOLDER ISA… -- FLAGS…: a package with these instruction sets beside scalar, of these flags."""
    place, *levels = argv[1:argv.index("--")]
    flags, kept = tuple(argv[argv.index("--") + 1:]), Path(place) / "objects"
    kept.mkdir(parents=True)
    print(package(Path(place), kept, library(ROOT / "csrc", kept, dict.fromkeys(("scalar", *levels)), flags), flags))


if __name__ == "__main__":
    main(sys.argv)
