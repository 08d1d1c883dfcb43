"""Builds fastcnn: one extension with the C library in it, and a door to single kernels for tests.

The objects of csrc/isa get the flags of their instruction set; all others run on any CPU of the architecture.
Environment: FASTCNN_OPENMP=0 builds with POSIX threads instead of OpenMP; FASTCNN_WERROR=1 turns warnings into errors;
FASTCNN_ABI3=1 makes what serves each later Python, too, as wheels do (its calls take 0.6 µs longer).
"""

import os
import platform
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from numpy import get_include
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = ["-std=c11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
ISA_FLAGS = {
    "scalar": [],
    "neon": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx512f", "-mfma", "-mf16c"],
}
# The limited C API has buffers since 3.11, and is not for free-threaded Pythons.
ABI3 = (os.environ.get("FASTCNN_ABI3") == "1" and sys.version_info >= (3, 11)
        and not sysconfig.get_config_var("Py_GIL_DISABLED"))
MACROS = {  # what NumPy may be asked for: nothing that is old, nothing that pyproject.toml's oldest lacks
    "NPY_NO_DEPRECATED_API": "NPY_1_7_API_VERSION",
    "NPY_TARGET_VERSION": "NPY_1_23_API_VERSION",
    **({"Py_LIMITED_API": "0x030B0000"} if ABI3 else {}),
}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "embedsignature": True,
    "freethreading_compatible": True,
}


def isa_levels():
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return ["scalar", "avx2", "avx512"]
    return ["scalar", "neon"] if machine in ("aarch64", "arm64") else ["scalar"]


class BuildExt(build_ext):
    """Compiles the C library once, each file of csrc/isa with its own flags, and links it into `_ops`."""

    def build_extensions(self):
        self.openmp = os.environ.get("FASTCNN_OPENMP", "1") != "0" and self.try_openmp()
        self.library = self.compile_library()
        self.parallel = os.cpu_count()
        super().build_extensions()

    def try_openmp(self):
        source = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.c"
            path.write_text(source)
            try:
                objects = self.compiler.compile([str(path)], output_dir=folder, extra_postargs=["-fopenmp"])
                self.compiler.link_executable(objects, "probe", output_dir=folder, extra_postargs=["-fopenmp"])
            except Exception:
                print("fastcnn: no OpenMP in this compiler; POSIX threads compute, OMP_* is not heeded", file=sys.stderr)
                return False
        return True

    def build_extension(self, ext):
        if ext.name == "fastcnn._ops":
            ext.extra_objects = self.library
            ext.extra_link_args = ["-pthread", *(["-fopenmp"] if self.openmp else [])]
        super().build_extension(ext)

    def compile_library(self):
        """The objects of the C library, on all cores, and only those that are older than what they are made of."""
        levels = isa_levels()
        macros = [(f"FC_HAVE_{isa.upper()}", None) for isa in levels if isa != "scalar"]
        flags = FLAGS + (WARNINGS if os.environ.get("FASTCNN_WERROR") == "1" else [])
        threads = ["-pthread", *(["-fopenmp"] if self.openmp else [])]
        kernels = ["csrc/*.h", "csrc/kernels/*.h", "csrc/isa/*.h"]
        jobs = [(f"csrc/isa/{isa}.c", ISA_FLAGS[isa], kernels) for isa in reversed(levels)]  # first: they take longest
        jobs += [(path, threads, ["csrc/*.h", "csrc/ops/*.h"]) for path in sorted(glob("csrc/*.c") + glob("csrc/ops/*.c"))]
        folder = os.path.join(self.build_temp, "openmp" if self.openmp else "no-openmp")

        def compile_file(job):
            path, more, headers = job
            (made,) = self.compiler.object_filenames([path], output_dir=folder)
            sources = [path, "setup.py", *(header for pattern in headers for header in glob(pattern))]
            if not self.force and os.path.exists(made) and os.path.getmtime(made) > max(map(os.path.getmtime, sources)):
                return made
            (made,) = self.compiler.compile([path], output_dir=folder, macros=macros, extra_postargs=flags + more)
            return made

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_file, jobs))


def extension(name):
    headers = glob("csrc/**/*.h", recursive=True) + glob("csrc/**/*.c", recursive=True)
    return Extension(
        f"fastcnn.{name}", [f"fastcnn/{name}.pyx"], include_dirs=["csrc", get_include()], depends=headers,
        define_macros=list(MACROS.items()), extra_compile_args=["-O2", "-g0"], py_limited_api=ABI3,
        libraries=[] if os.name == "nt" else ["m"],
    )


setup(
    ext_modules=cythonize(
        [extension(name) for name in ("_ops", "_probe") if Path(f"fastcnn/{name}.pyx").exists()],
        compiler_directives=DIRECTIVES, build_dir="build/cython",
    ),
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
