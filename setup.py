"""Builds fastcnn: one extension with the C library in it, and a door to single kernels for tests.

The objects of csrc/isa get the flags of their instruction set; all others run on any CPU of the target's architecture.
All is compiled at once, on all cores.
Environment: FASTCNN_OPENMP=0 builds with POSIX threads instead of OpenMP; FASTCNN_WERROR=1 turns warnings into errors;
FASTCNN_ABI3=1 makes what serves each later Python, too, as wheels do (its calls take 0.6 µs longer);
FASTCNN_TEST_ISA=plain4,plain16,simde adds kernels that tests choose by FASTCNN_ISA (docs/machines.md).
"""

import os
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from numpy import get_include
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = ["-std=c11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden",
         "-ffp-contract=off"]  # a product is added in one rounding where v_fma says so, whatever the compiler
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
KERNEL_FLAGS = ["-falign-loops=32"]  # GoogLeNet 1 to 2 % faster on Zen 4; 64 adds no-operations
ISA_FLAGS = {  # worst first
    "scalar": [],
    "neon": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx512f", "-mfma", "-mf16c"],
}
TEST_ISA_FLAGS = ["-Wno-psabi"]  # vectors that the CPU lacks are passed in memory, but none leaves its file
TARGETS = {"neon": "__aarch64__", "avx2": "__x86_64__", "avx512": "__x86_64__"}  # scalar: all
MODULE_FLAGS = ["-O1", "-g0"]  # calls from Python take as long as with -O2
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
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BuildExt(build_ext):
    """Compiles the C library and the modules side by side, each file of csrc/isa with its own flags, then links them."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            raise SystemExit("fastcnn: its C must be compiled by gcc or clang, on Windows by MinGW's: "
                             "python setup.py build_ext --compiler=mingw32. Received: msvc")
        began = time.monotonic()
        self.openmp = os.environ.get("FASTCNN_OPENMP", "1") != "0" and self.try_openmp()
        levels = [isa for isa in ISA_FLAGS if isa not in TARGETS or self.tries(f"#ifndef {TARGETS[isa]}\n#error\n#endif\n")]
        extra = [name for name in os.environ.get("FASTCNN_TEST_ISA", "").split(",") if name]
        kind = ["openmp" if self.openmp else "no-openmp", *extra, *(["abi3"] if ABI3 else [])]
        self.objects = os.path.join(self.build_temp, "-".join(kind))  # other macros, other objects
        threads = "OpenMP" if self.openmp else "POSIX threads"
        self.say(f"{CORES} at a time; instruction sets: {', '.join(levels + extra)}; {threads}")
        with ThreadPoolExecutor(CORES) as pool:  # what takes longest begins first
            kernels, ops = self.library(levels + extra)
            kernels = [pool.submit(self.compile, *job) for job in kernels]
            modules = [pool.submit(self.compile, *job) for job in self.modules()]
            objects = [job.result() for job in kernels + [pool.submit(self.compile, *job) for job in ops]]
            modules = [module.result() for module in modules]
        for ext, module in zip(self.extensions, modules):
            ext.sources, ext.depends = [], [module, *objects]
            if ext.name == "fastcnn._ops":
                ext.extra_objects, ext.extra_link_args = ext.depends, ["-pthread", *(["-fopenmp"] if self.openmp else [])]
            else:
                ext.extra_objects = [module]
        super().build_extensions()
        self.say(f"built in {time.monotonic() - began:.0f} s")

    def say(self, text):
        if self.verbose:
            print(f"fastcnn: {text}", flush=True)

    def tries(self, source, flags=(), link=False):
        """Does the compiler take this? With `link`: and the linker."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.c"
            path.write_text(source + "int main(void) { return 0; }\n")
            try:
                objects = self.compiler.compile([str(path)], output_dir=folder, extra_postargs=list(flags))
                if link:
                    self.compiler.link_executable(objects, "probe", output_dir=folder, extra_postargs=list(flags))
            except Exception:
                return False
        return True

    def try_openmp(self):
        found = self.tries("#include <omp.h>\nint most(void) { return omp_get_max_threads(); }\n", ["-fopenmp"], link=True)
        if not found:
            print("fastcnn: no OpenMP in this compiler; POSIX threads compute, OMP_* is not heeded", file=sys.stderr)
        return found

    def library(self, levels):
        """What to compile of csrc: kernels, all else. (file, flags, patterns of headers it may include, macros, folders)"""
        macros = [(f"FC_HAVE_{isa.upper()}", None) for isa in levels if isa != "scalar"]
        flags = FLAGS + (WARNINGS if os.environ.get("FASTCNN_WERROR") == "1" else [])
        threads = ["-pthread", *(["-fopenmp"] if self.openmp else [])]
        headers = ["csrc/*.h", "csrc/kernels/*.h", "csrc/isa/*.h"]
        kernels = [(f"csrc/isa/{isa}.c", flags + KERNEL_FLAGS + ISA_FLAGS.get(isa, TEST_ISA_FLAGS), headers, macros, [])
                   for isa in reversed(levels)]
        files = sorted(glob("csrc/*.c") + glob("csrc/ops/*.c"))
        return kernels, [(path, flags + threads, ["csrc/*.h", "csrc/ops/*.h"], macros, []) for path in files]

    def modules(self):
        """The same of the modules' C, which is made first, while kernels compile."""
        for ext in cythonize(self.extensions, compiler_directives=DIRECTIVES, build_dir="build/cython", quiet=True):
            yield ext.sources[0], MODULE_FLAGS, ["csrc/*.h"], ext.define_macros, ext.include_dirs

    def compile(self, path, flags, headers, macros, folders):
        """The object of one file, made anew if it is older than what it is made of."""
        (made,) = self.compiler.object_filenames([path], output_dir=self.objects)
        sources = [path, "setup.py", *(header for pattern in headers for header in glob(pattern))]
        if self.force or not os.path.exists(made) or os.path.getmtime(made) <= max(map(os.path.getmtime, sources)):
            self.say(path)
            self.compiler.compile([path], output_dir=self.objects, macros=macros, include_dirs=folders, extra_postargs=flags)
        return made


def extension(name):
    return Extension(
        f"fastcnn.{name}", [f"fastcnn/{name}.pyx"], include_dirs=["csrc", get_include()],
        define_macros=list(MACROS.items()), py_limited_api=ABI3, libraries=[] if os.name == "nt" else ["m"],
    )


setup(
    ext_modules=[extension(name) for name in ("_ops", "_probe") if Path(f"fastcnn/{name}.pyx").exists()],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
