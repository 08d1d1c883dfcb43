"""The arrows of docs/architecture.md, looked for in the sources: who may include, import and use what."""

import ast
import platform
import re
import shutil
import subprocess
from pathlib import Path

import planted
import pytest

ROOT = Path(__file__).resolve().parents[1]
CSRC, PACKAGE = ROOT / "csrc", ROOT / "fastcnn"
C_FILES = sorted(p.relative_to(ROOT).as_posix() for p in CSRC.rglob("*.[ch]"))
PYTHON = sorted(p.relative_to(ROOT).as_posix() for p in PACKAGE.rglob("*.py"))

pytestmark = pytest.mark.skipif(not C_FILES or not (ROOT / "docs").exists(),
                                reason="the C sources and the documents are not beside the tests")

OPENMP = r"#\s*pragma\s+omp\b|\bomp_\w+\s*\(|<omp\.h>"
INTRINSICS = (
    r"\b_mm\d*_\w+|\b__m(?:128|256|512)\w*|\bv(?:ld|st)[1-4]q?_\w+|\bv\w+q_[fsu]\d+\b|\bfloat32x\d\w*"
    r"|\b__builtin_(?:ia32|neon)_\w+|<\w*(?:intrin|arm_neon)\.h>"
)
DETECTION = r"\b(?:__get_)?cpuid\w*|__builtin_cpu_\w+|\bgetenv\b|\bgetauxval\b|<cpuid\.h>"
SIDE_EFFECTS = r"\b(?:printf|fprintf|puts|exit|abort|malloc|calloc|realloc|free|alloca)\s*\("


def code(path):
    """A C file without comments and the contents of strings."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", (ROOT / path).read_text(), flags=re.DOTALL)
    return re.sub(r'(?<!include )"(?:\\.|[^"\\\n])*"', '""', text)


def uses(pattern):
    """{path: what was found} over all C files that match."""
    found = {path: re.findall(pattern, code(path)) for path in C_FILES}
    return {path: matches for path, matches in found.items() if matches}


def includes(path):
    return re.findall(r'#\s*include\s+"([^"]+)"', code(path))


def test_openmp_is_behind_one_door():
    found = uses(OPENMP)
    assert list(found) == ["csrc/workers.c"]


def test_intrinsics_are_in_vector_words_only():
    found = uses(INTRINSICS)
    assert found.pop("csrc/threads.c", ["__builtin_ia32_pause"]) == ["__builtin_ia32_pause"]
    assert {"csrc/isa/vec_avx2.h", "csrc/isa/vec_avx512.h", "csrc/isa/vec_neon.h"} <= set(found)
    assert [path for path in found if not re.fullmatch(r"csrc/isa/vec_\w+\.h", path)] == []


def test_detection_is_in_dispatch_only():
    assert list(uses(DETECTION)) == ["csrc/dispatch.c"]


def test_the_library_neither_prints_nor_exits_nor_allocates():
    assert uses(SIDE_EFFECTS) == {}


@pytest.mark.parametrize(
    "pattern, line",
    [
        (OPENMP, "#pragma omp parallel for"),
        (OPENMP, "int n = omp_get_max_threads();"),
        (INTRINSICS, "__m256 a;"),
        (INTRINSICS, "_mm256_add_ps(a, b)"),
        (INTRINSICS, "vld1q_f32(p)"),
        (INTRINSICS, "float32x4_t a;"),
        (INTRINSICS, "#include <immintrin.h>"),
        (INTRINSICS, "vfmaq_f32(a, b, c)"),
        (INTRINSICS, "__builtin_ia32_pause()"),
        (DETECTION, "__builtin_cpu_supports(x)"),
        (DETECTION, "getenv(n)"),
        (DETECTION, "__get_cpuid(1, a)"),
        (SIDE_EFFECTS, "printf(s)"),
        (SIDE_EFFECTS, "x = malloc (n)"),
    ],
)
def test_patterns_find_what_they_should(pattern, line):
    assert re.search(pattern, line)


# The numbers of floats, rows and columns in a tile of some instruction set, 4 and less excepted. Outside csrc/isa/ they may
# stand for something else only, which has a name (#define …) or is listed here; that a tile is 6 rows high, no driver knows.
TILES = r"(?<![\w.])(?<!p-)(?<!<< )(?<!>> )(?:6|8|12|16|24|32|48)(?![\w.])"
NAMED = r"^\s*#\s*define (?!(?:\w*_)?(?:V|MR|NR|NRV)\b(?<!FC_MAX_MR)(?<!FC_MAX_NR))\w+ .*"
OTHER_NUMBERS = [
    (r"csrc/kernels/winograd\.h", r".*"),                                  # tiles of pixels
    (r"csrc/ops/conv2d_(?:winograd\.c|tiles\.h)", r"k(?:->|\.)t == [68]"),
    (r"csrc/kernels/lanes\.h", r".*EACH_ROWS.*|.*\bstep\[LANES_M1\] = .*"),  # one to twelve, and multiples
    (r"csrc/kernels/eltwise\.h", r"1\.0f / 6"),
    (r"csrc/kernels/\w+\.h", r"#pragma GCC unroll \d+"),
    (r"csrc/ops/augment\.c", r"case (\d+): reverse_by\(n, \1, \1,|default: reverse_by\(n, 16, 16,"),  # bytes of a pixel
    (r"csrc/ops/group_norm\.c", r"\b8 \* (?:op->in_)?c\b|\b6 \* (?:groups|op->u\.group_norm\.row)\b"),  # arrays of scratch
]


def tile_numbers(path, text):
    """Lines with a number that may be a tile's."""
    for line in text.splitlines():
        line = re.sub(NAMED, "", line)
        for file, other in OTHER_NUMBERS:
            if re.fullmatch(file, path):
                line = re.sub(other, "", line)
        if re.search(TILES, line):
            yield f"{path}: {line.strip()}"


def test_no_tile_size_stands_outside_isa():
    """The geometry of a tile is the table's (`fc_k->mr`, `nr`, `v`); kernels say V, MR and NRV."""
    sizes = {int(n) for path in CSRC.glob("isa/*.[ch]") for n in re.findall(r"#define (?:V|MR) (\d+)", path.read_text())}
    assert {1, 4, 6, 8, 12, 16} <= sizes and all(size <= 4 or re.fullmatch(TILES, str(size)) for size in sizes)
    assert [line for path in C_FILES if not path.startswith("csrc/isa/") for line in tile_numbers(path, code(path))] == []


@pytest.mark.parametrize("line", [
    "if (width == 6)",
    "for (ptrdiff_t i = 0; i < inside; i++) memcpy(d + i * 6, from + i * op->in_c, n);",
    "const ptrdiff_t block = fc_round_up(pixels, 12);",
    "float tile[180 + 12];",
    "#define MR 6",
    "#define TILE_NR 32",
])
def test_a_tile_size_is_found(line):
    assert list(tile_numbers("csrc/ops/conv2d_direct_weights.c", line))


def test_faults_can_be_planted():
    """Each changes a text that stands once in its file (planted.py): who changes that text changes the fault."""
    assert [(what, file) for what, file, right, *_ in planted.FAULTS if (CSRC / file).read_text().count(right) != 1] == []


ALLOWED_INCLUDES = [
    (r"csrc/run\.c", r"ops/\w+\.h|threads\.h"),
    (r"csrc/threads\.c", r"threads\.h|workers\.h|fastcnn\.h"),
    (r"csrc/workers\.c", r"workers\.h|fastcnn\.h"),
    (r"csrc/(?:threads|workers)\.h", r"(?!)"),
    (r"csrc/dispatch\.c", r"kernels\.h"),
    (r"csrc/kernels\.h", r"(?:fastcnn|sizes)\.h"),
    (r"csrc/(?:fastcnn|sizes)\.h", r"(?!)"),
    (r"csrc/ops/\w+\.[ch]", r"\w+\.h|\.\./kernels\.h"),
    (r"csrc/kernels/\w+\.h", r"\w+\.h|\.\./kernels\.h"),
    (r"csrc/isa/vec_\w+\.h", r"vec_(?:one|simde)\.h"),
    (r"csrc/isa/\w+\.c", r"vec_\w+\.h|\.\./kernels/all\.h"),
]


@pytest.mark.parametrize("path", C_FILES)
def test_includes(path):
    """run.c → ops → kernels.h; isa/*.c → kernels/*.h → the words that vec_*.h define."""
    allowed = next(include for file, include in ALLOWED_INCLUDES if re.fullmatch(file, path))
    assert [name for name in includes(path) if not re.fullmatch(allowed, name)] == []


def test_kernels_are_not_called_past_the_table():
    """An op reaches kernels by `fc_k` alone, and no file but isa/*.c takes in their bodies."""
    bodies = {path.name for path in (CSRC / "kernels").glob("*.h")}
    assert len(bodies) > 5
    takers = [path for path in C_FILES if any(Path(name).name in bodies for name in includes(path))]
    assert [path for path in takers if not path.startswith(("csrc/isa/", "csrc/kernels/"))] == []


# A name that a file defines for others
DEFINED = re.compile(r"^(?!static|extern|typedef)(?=[a-z])[\w ]+?[ *](fc_\w+)(?:\([^;{]*?\)\s*\{| = \{)", re.MULTILINE)


def test_no_op_calls_itself_by_a_detour():
    """The files of conv2d are a list of algorithms and what is below it, not a heap."""
    texts = {path: code(path) for path in C_FILES if path.startswith("csrc/ops/") and path.endswith(".c")}
    home = {name: path for path, text in texts.items() for name in DEFINED.findall(text)}
    assert {"fc_conv2d_init", "fc_conv2d_direct", "fc_conv2d_padded", "fc_mask"} <= set(home)
    graph = {path: {home[name] for name in re.findall(r"\bfc_\w+", text) if name in home} - {path}
             for path, text in texts.items()}
    assert {"csrc/ops/conv2d_direct.c", "csrc/ops/conv2d_winograd.c"} <= graph["csrc/ops/conv2d.c"]
    assert circle(graph) is None


FLAGS = {
    "scalar": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx512f", "-mfma", "-mf16c"],
    "neon": [],
    "plain4": [],
    "plain16": [],
}
EVERYWHERE = ("scalar", "plain4", "plain16")
MACHINES = {"x86_64": ("avx2", "avx512"), "amd64": ("avx2", "avx512"), "aarch64": ("neon",), "arm64": ("neon",)}


@pytest.mark.parametrize("isa", FLAGS)
def test_an_isa_exports_one_symbol(isa, tmp_path):
    soon = shutil.which("gcc"), shutil.which("gcc-nm"), "-flto"  # no machine code: a tenth of the time
    compiler, nm, *more = soon if all(soon) else (shutil.which("cc"), shutil.which("nm"))
    if not compiler or not nm:
        pytest.skip("no C compiler or no nm here")
    if isa not in (*EVERYWHERE, *MACHINES.get(platform.machine().lower(), ())):
        pytest.skip(f"{isa} is not for this machine")
    command = [compiler, "-std=c11", "-O0", *more, *FLAGS[isa], "-c", f"csrc/isa/{isa}.c", "-o", tmp_path / "isa.o"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    listed = subprocess.run(
        [nm, "-g", "--defined-only", tmp_path / "isa.o"], check=True, capture_output=True, text=True
    )
    assert [line.split()[-1].lstrip("_") for line in listed.stdout.splitlines()] == [f"fc_kernels_{isa}"]


# Python: rooms, and which of them a room may look into

GROUND = {"_ops", "_probe", "activations", "arguments", "attributes", "calling", "configuration", "constraints", "elsewhere",
          "foreign", "hints", "importing", "locks", "processor", "random", "registry", "regularizers", "settings", "tables",
          "threads", "typing"}
MAP = ROOT / "docs" / "architecture.md"
ROOMS = {  # room: the rooms it may look into, besides the ground; those stand lower in the house
    room: set(re.findall(r"\w+", others))
    for names, others in re.findall(r"^\| (`[a-z`, ]+`) \| [^|]* \| ([a-z, ]*)\|$",
                                    MAP.read_text(encoding="utf-8") if MAP.exists() else "", re.MULTILINE)
    for room in re.findall(r"\w+", names)}
AT_ONCE = {  # module: what it must not import until it is needed, by a function
    "callbacks/": [r"fastcnn\.vis\b"],
    "arguments.py": [r"fastcnn\b"],
    "calling.py": [r"fastcnn\b"],
    "hints.py": [r"fastcnn\b"],
    "importing.py": [r"fastcnn\b"],
    "batches/streams.py": [r"fastcnn\b"],
    "images/decode.py": [r"fastcnn\.(?!arguments\b|images\.openers\b)"],
    "images/openers.py": [r"fastcnn\b"],
    "io/atomic.py": [r"fastcnn\b"],
    "io/safetensors.py": [r"fastcnn\.(?!io\b)"],
    "reference/": [r"fastcnn\.(?!reference\b|ops$|arguments\.shown$)"],  # the names of the operations, not what they do
    "metrics/": [r"fastcnn\._ops"],
    "convnetjs/definitions.py": [r"fastcnn\.(?:layers|model)\b"],
    "convnetjs/vol.py": [r"fastcnn\.(?:layers|model)\b"],
}
MODULES = {path: path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in PYTHON}


def imports(path, lazy=False):
    """Modules of fastcnn, and names in others, that a module imports: at its top level, or (lazy) in its functions, too.
    What type checkers alone read (`fastcnn/typing.py` has it) is nothing that a module needs."""
    package, names = Path(path).with_suffix("").parts[:-1], []
    nodes = list(ast.parse((ROOT / path).read_text()).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            names += [f"{origin}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            nodes += node.orelse
        elif lazy or not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            nodes += ast.iter_child_nodes(node)
    return names


def imported_modules(path):
    """The modules of fastcnn that one imports, sooner or later; `from a import b` is a.b where that is a module."""
    known, found = {*MODULES.values(), "fastcnn._ops", "fastcnn._probe"}, set()
    for name in imports(path, lazy=True):
        origin = name.rpartition(".")[0]
        found |= {next((module for module in (name, origin) if module in known), "")}
    return found - {"", MODULES[path]}


def room(module):
    """The room of a module; of those on the ground, and of the package itself, their own names."""
    first = module.split(".")[1:2]
    return first[0] if first else "fastcnn"


def circle(graph):
    """A circle in {name: names it points at}, or None."""
    left = {name: set(others) for name, others in graph.items()}
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    if not left:
        return None
    walk = [next(iter(left))]
    while len(set(walk)) == len(walk):
        walk.append(next(iter(left[walk[-1]] & set(left))))
    return walk[walk.index(walk[-1]):]


def test_no_module_imports_itself_by_a_detour():
    """Functions that import when they run are counted too; names that a package imports on demand are not."""
    assert circle({MODULES[path]: imported_modules(path) for path in PYTHON}) is None
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])


def test_rooms_have_an_order():
    """The table of docs/architecture.md has a row for each."""
    assert circle(ROOMS) is None
    inside = {path.split("/")[1] for path in PYTHON if path.count("/") > 1}
    assert inside == set(ROOMS)
    outside = {path.split("/")[1].removesuffix(".py") for path in PYTHON if path.count("/") == 1}
    assert outside - {"__init__", "__main__"} == GROUND - {"_ops", "_probe"}


@pytest.mark.parametrize("path", PYTHON)
def test_imports_point_one_way(path):
    """A module looks into its own room, the ground and the rooms that ROOMS names; the ground into the ground. Programs of
    fastcnn's own, and what runs others' programs, may also take the package as a user does."""
    own, found = room(MODULES[path]), {room(module) for module in imported_modules(path)} - GROUND
    if path in ("fastcnn/__init__.py", "fastcnn/__main__.py"):
        return
    users = {"fastcnn"} if own in ("cli", "compat", "convnetjs", "recipes") else set()
    assert found <= ROOMS.get(own, set()) | {own} | users
    inner = path.removeprefix("fastcnn/")
    forbidden = [pattern for start, patterns in AT_ONCE.items() if inner.startswith(start) for pattern in patterns]
    assert [name for name in imports(path) for pattern in forbidden
            if re.match(pattern, name) and not name.startswith("fastcnn.typing.")] == []


def test_every_rule_has_its_files():
    for start in AT_ONCE:
        assert any(path.startswith(f"fastcnn/{start}") for path in PYTHON), start
    assert "fastcnn._ops" in imports("fastcnn/engine/plan.py")
    assert "fastcnn.engine.plan.Plan" in imports("fastcnn/model/machine.py")
    for own, others in ROOMS.items():  # no rule lets in what nobody does
        used = {room(m) for path in PYTHON if room(MODULES[path]) == own for m in imported_modules(path)}
        assert others <= used, (own, others - used)


def test_only_the_bridge_knows_the_test_door():
    """`_probe` serves tests, benchmarks and who measures the machine: nothing else in the package imports it."""
    assert [path for path in PYTHON if re.search(r"\b_probe\b", (ROOT / path).read_text())] == ["fastcnn/engine/ceilings.py"]
    assert not any("_probe" in name for name in imports("fastcnn/engine/ceilings.py")), "before it is needed"


def test_the_bridge_imports_numpy_only():
    lines = re.findall(
        r"^\s*(?:c?import|from)\s+([\w.]+)", (PACKAGE / "_ops.pyx").read_text(), flags=re.MULTILINE
    )
    assert {"numpy", "fastcnn._csrc"} <= set(lines)
    outside = [
        name for name in lines if not re.fullmatch(r"numpy|fastcnn\._csrc|(?:libc|cpython)\.\w+", name)
    ]
    assert outside == []


def written_in(*words):
    """The files of the library in which any of these words stands by itself."""
    pattern = re.compile(rf"(?<![\w./])(?:{'|'.join(words)})(?![\w.])")
    files = [*CSRC.rglob("*.[ch]"), *(p for kind in ("*.py", "*.pyi", "*.pyx", "*.pxi") for p in PACKAGE.rglob(kind))]
    found = {path.relative_to(ROOT).as_posix() for path in files if pattern.search(path.read_text())}
    others = "fastcnn/compat/", "fastcnn/convnetjs/", "fastcnn/io/"  # whose words are other programs'
    return {path for path in found if not path.startswith(others)}


def test_an_addition_touches_few_files():
    """Beside tests: what docs/extending.md says of an optimizer and of an op with its layer."""
    optimizer = written_in("adadelta", "FC_ADADELTA", "Adadelta")
    assert {"csrc/kernels/optim.h", "fastcnn/optimizers/__init__.pyi"} <= optimizer and len(optimizer) <= 6, optimizer
    op = written_in("upsample2d", "FC_UPSAMPLE2D", "UpSampling2D", "upsample2d_backward")
    assert {"csrc/ops/upsample2d.c", "fastcnn/layers/shaping.py"} <= op and len(op) <= 9, op


def test_the_package_works_without_the_test_door(run_python):
    code = (
        "import sys; sys.modules['fastcnn._probe'] = None; import numpy as np, fastcnn; "
        "m = fastcnn.networks.lenet5(); m.compile('sgd', 'mse'); "
        "print(m.train_on_batch(np.zeros((2, 28, 28)), np.zeros((2, 10))) > 0)"
    )
    run = run_python("-c", code)
    assert run.stdout == "True\n", run.stderr
    blocked = run_python("-c", "import sys; sys.modules['fastcnn._probe'] = None; import fastcnn._probe")
    assert blocked.returncode == 1, "the block works"


def test_no_file_is_called_utils():
    names = [p.name for top in ("csrc", "fastcnn", "tests", "benchmarks") for p in (ROOT / top).rglob("*")]
    assert (
        len(names) > 50
        and [name for name in names if re.match(r"_?(utils?|helpers?|misc|common)\b", name)] == []
    )


def test_no_flag_ties_the_build_to_this_machine():
    pattern = r"-march=|-mtune=|-ffast-math|-Ofast|-funsafe-math"
    files = [
        p
        for p in (ROOT / "setup.py", ROOT / "pyproject.toml", ROOT / "MANIFEST.in", *(ROOT / ".ci").glob("*"))
        if p.is_file()
    ]
    assert ROOT / "setup.py" in files and ROOT / "pyproject.toml" in files
    assert [str(p) for p in files if re.search(pattern, p.read_text())] == []
    assert [
        path for path in C_FILES if re.search(r"#\s*pragma\s+(?:GCC|clang)\s+(?:optimize|target)", code(path))
    ] == []
    assert re.search(r'FLAGS = \[[^]]*"-O3"', (ROOT / "setup.py").read_text())


def test_every_file_opens_with_its_purpose():
    for path in PYTHON:
        assert ast.get_docstring(ast.parse((ROOT / path).read_text())), path
    for path in C_FILES:
        assert (ROOT / path).read_text().startswith("/*"), path
    bridge = [PACKAGE / "_ops.pyx", *PACKAGE.glob("*.pxi")]
    assert [path.name for path in bridge if not path.read_text().startswith("# ")] == []


def test_the_bridge_has_types_for_all_it_offers():
    """`_ops.pyi` names what `_ops` has, members of its classes included; but not its makers, which only fastcnn calls."""
    from fastcnn import _ops

    def public(names):
        return {name for name in names if not name.startswith("_")}

    def typed(body):
        found = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AnnAssign))]
        return public(node.target.id if isinstance(node, ast.AnnAssign) else node.name for node in found)

    stub = ast.parse((PACKAGE / "_ops.pyi").read_text()).body
    makers = set(re.findall(r"^def (\w+)", (PACKAGE / "_makers.pxi").read_text(), re.MULTILINE))
    assert len(makers) > 25 and typed(stub) == public(vars(_ops)) - {"np"} - makers
    classes = {node.name: node.body for node in stub if isinstance(node, ast.ClassDef)}
    assert {"Op", "Program"} <= set(classes)
    for name, body in classes.items():
        assert typed(body) == public(vars(getattr(_ops, name))), name
