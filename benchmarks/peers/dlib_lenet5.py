"""dlib, LeNet-5 only: its networks are types of C++, so dlib_lenet5.cpp is compiled against its sources, of PyPI's archive.

DLIB_SOURCE says where they lie: pip download --no-deps --no-binary :all: dlib, and unpacked. With OpenBLAS if that links.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
import weakref
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.peers import translation

_KINDS = [*["conv", "tanh", "avg_pool"] * 2, "flatten", *["dense", "tanh"] * 2, "dense", "softmax"]
_COMPILER = "g++", "-std=c++17", "-O3", "-DNDEBUG", "-mavx2", "-mfma", "-shared", "-fPIC", "-pthread"
_MORE = "-DDLIB_NO_GUI_SUPPORT", "-DDLIB_USE_BLAS", "-lopenblas"  # without the last two where it does not link


def _source():
    folder = Path(os.environ.get("DLIB_SOURCE", ""))
    if not (folder / "dlib" / "all" / "source.cpp").is_file():
        raise ImportError("DLIB_SOURCE does not name dlib's unpacked sources")
    if shutil.which("g++") is None:
        raise ImportError("g++ is not installed")
    return folder


_FOLDER = _source()


@lru_cache
def _library():
    """Compiled once for a process, which takes a minute."""
    with tempfile.TemporaryDirectory() as folder:
        made, own = Path(folder) / "lenet5.so", Path(__file__).with_suffix(".cpp")
        files = [f"-I{_FOLDER}", str(own), str(_FOLDER / "dlib" / "all" / "source.cpp"), "-o", str(made)]
        for more in _MORE, _MORE[:1]:
            run = subprocess.run([*_COMPILER, *files, *more], capture_output=True, text=True)
            if run.returncode == 0:
                break
        else:
            raise RuntimeError(f"g++ ended with {run.returncode}: {run.stderr.strip()[-100:]}")
        found = ctypes.CDLL(str(made))
    found.begin.restype, found.step.restype = ctypes.c_void_p, ctypes.c_double
    found.step.argtypes = found.end.argtypes = [ctypes.c_void_p]
    found.begin.argtypes = [ctypes.c_long, *[ctypes.c_void_p] * 3, *[ctypes.c_double] * 3]
    return found


def training(model, x, y, rate, momentum, decay):
    """A step; returns the loss. (dlib does not decay biases; at the rate that is timed nothing comes of it.)"""
    steps = translation.steps(model)
    if [step.kind for step in steps] != _KINDS or model.input_shape[1:] != (28, 28, 1):
        raise NotImplementedError("dlib's network here is LeNet-5 alone")
    arrays = [w.T if w.ndim == 2 else w for step in steps for w in step.weights]
    weights = np.concatenate([np.ascontiguousarray(w, np.float32).ravel() for w in arrays])
    images, labels = translation.channels_first(x).astype(np.float32), y.astype(np.int32)
    library = _library()
    made = library.begin(len(x), images.ctypes.data, labels.ctypes.data, weights.ctypes.data, rate, momentum, decay)

    def call():
        return library.step(made)

    weakref.finalize(call, library.end, made)
    return call
