"""OpenMP's variables mean what its users expect, and the team bears what programs do; also that of POSIX threads."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from test_threads import FORK, PRINT_COUNT, WORK, fork

from fastcnn import _ops

ROOT = Path(__file__).parents[1]
openmp = pytest.mark.skipif(not _ops.openmp(), reason="built without OpenMP")
proc = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are looked at in /proc")
OPENER = int(_ops.openmp())  # a thread that opens the region and sleeps
UNSET = dict.fromkeys(
    ("FASTCNN_NUM_THREADS", "GOMP_CPU_AFFINITY", "OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS", "OMP_NUM_THREADS", "OMP_PLACES",
     "OMP_PROC_BIND", "OMP_STACKSIZE", "OMP_THREAD_LIMIT", "OMP_WAIT_POLICY")
)


@pytest.fixture
def run(run_python):
    """Runs WORK and then `code`, with these variables and no others of OpenMP; returns what is printed."""

    def run(code, **variables):
        result = run_python("-W", "ignore", "-c", WORK + code, **{**UNSET, **variables})
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


# Variables


@openmp
@pytest.mark.parametrize("value, expected", [("1", 1), ("3", 3), ("4,2", 4), ("2000", 1024)])
def test_omp_num_threads(value, expected, run):
    """Heeded even beyond the CPUs; fastcnn's own variable goes before it."""
    assert run(PRINT_COUNT, OMP_NUM_THREADS=value) == f"{expected}\n"
    assert run(PRINT_COUNT, OMP_NUM_THREADS=value, FASTCNN_NUM_THREADS="2") == "2\n"


PRINT_NEW_TASKS = """
before = tasks()
y = work(fastcnn.get_num_threads())
print(fastcnn.get_num_threads(), tasks() - before, y == work(1))
"""


@openmp
@proc
@pytest.mark.parametrize("wanted, limit, threads", [("3", None, 3), ("4", "2", 2), ("2", "8", 2), ("4", "1", 1)])
def test_omp_thread_limit(wanted, limit, threads, run):
    """The limit holds for all threads that compute, the calling one among them."""
    expected = f"{threads} {threads - 1 + OPENER if threads > 1 else 0} True\n"
    assert run(PRINT_NEW_TASKS, OMP_NUM_THREADS=wanted, OMP_THREAD_LIMIT=limit) == expected
    assert run(PRINT_NEW_TASKS, FASTCNN_NUM_THREADS=wanted, OMP_THREAD_LIMIT=limit) == expected


@openmp
def test_a_region_of_one_thread(run):
    """Where OpenMP grants no more, the caller does all."""
    assert run("print(work(4) == work(1))", OMP_MAX_ACTIVE_LEVELS="0") == "True\n"


@openmp
@proc
def test_omp_dynamic(run):
    """The load at the first job does not decide for all later ones."""
    assert run(PRINT_NEW_TASKS, FASTCNN_NUM_THREADS="4", OMP_DYNAMIC="true") == f"4 {3 + OPENER} True\n"


PRINT_CPUS = """
def ticks(task):  # processor time
    with open(f"/proc/self/task/{task}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))

old = set(os.listdir("/proc/self/task"))
fastcnn.set_num_threads(2)
work(2)
new = set(os.listdir("/proc/self/task")) - old
while max(map(ticks, new)) < 5:
    work(2)
print(*(os.sched_getaffinity(int(task)) for task in (os.getpid(), max(new, key=ticks))))
"""


@openmp
@proc
@pytest.mark.parametrize(
    "variables",
    [{"OMP_PLACES": "{%d},{%d}"}, {"OMP_PLACES": "{%d},{%d}", "OMP_PROC_BIND": "spread"}, {"GOMP_CPU_AFFINITY": "%d %d"}],
    ids=" ".join,
)
def test_places(variables, run):
    """The caller is bound to the first one, and the thread that computes beside it to the second."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one CPU")
    for first, second in (cpus[0], cpus[-1]), (cpus[-1], cpus[0]):
        chosen = {name: value % (first, second) if "%d" in value else value for name, value in variables.items()}
        assert run(PRINT_CPUS, **chosen) == f"{{{first}}} {{{second}}}\n"


@openmp
def test_a_bound_thread_counts_all_cpus(run):
    assert run(PRINT_COUNT, OMP_PROC_BIND="true", OMP_PLACES="threads") == run(PRINT_COUNT)


PRINT_SIZE = """
def megabytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmSize")) // 1024

before = megabytes()
work(4)
print(megabytes() - before)
"""


@openmp
@proc
def test_omp_stacksize(run):
    """Of three workers."""
    sizes = [int(run(PRINT_SIZE, OMP_NUM_THREADS="4", OMP_STACKSIZE=size)) for size in ("1M", "256M")]
    assert sizes[0] < 3 * 256 <= sizes[1]


@openmp
def test_idle_workers_use_no_cpu(run):
    """Whatever OpenMP's own waiting would do: its threads wait in fastcnn, not at a barrier."""
    code = """
import time
work(3)
time.sleep(0.2)
before = time.process_time()
time.sleep(0.5)
print(time.process_time() - before)
"""
    assert float(run(code, OMP_NUM_THREADS="3", OMP_WAIT_POLICY="active")) < 0.1


@openmp
def test_threadpoolctl_sees_and_limits(run):
    """The library, and a limit on threads that have worked already."""
    pytest.importorskip("threadpoolctl")
    code = """
from threadpoolctl import threadpool_info, threadpool_limits
print(*(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"))
expected = work(3)
with threadpool_limits(1):
    print(fastcnn.get_num_threads(), work(3) == expected)
"""
    assert run(code, OMP_NUM_THREADS="3") == "3\n1 True\n"


# Programs


@proc
def test_threads_beyond_the_number_asked_for_end(run):
    if _ops.openmp() and _ops.compiler().startswith("clang"):
        pytest.skip("LLVM's OpenMP keeps its threads for later regions")
    code = """
import threading, time
before, expected = tasks(), work(1)

def others(most):  # threads; those that end are waited for
    deadline = time.monotonic() + 200
    while tasks() - before > most and time.monotonic() < deadline:
        time.sleep(0.001)
    return tasks() - before

fastcnn.set_num_threads(5)
print(work(5) == expected, others(5))
fastcnn.set_num_threads(3)
print(others(0))
print(work(3) == expected, others(5))
with fastcnn.num_threads(4):
    print(work(4) == expected, others(3 + OPENER))
print(others(0))

fastcnn.set_num_threads(5)
stop = threading.Event()
thread = threading.Thread(target=lambda: [fastcnn.ops.conv2d(x, kernel) for _ in iter(stop.is_set, True)])
thread.start()
time.sleep(0.1)
fastcnn.set_num_threads(1)  # most likely during a job
stop.set()
thread.join()
print(others(0))

with fastcnn.num_threads(3):
    work(3)
    thread = threading.Thread(target=work, args=(2,))  # whose block ends
    thread.start()
    thread.join()
    print(others(2 + OPENER))
print(others(0))

fastcnn.ops.shared.get_num_threads = lambda: 3  # as it was, for a call that asked before the number changed
for count in 5, 1:
    fastcnn.set_num_threads(count)
    fastcnn.ops.conv2d(x, kernel)
    print(others(2 + OPENER if count > 1 else 0))
"""
    expected = f"True {4 + OPENER}\n0\nTrue {2 + OPENER}\nTrue {3 + OPENER}\n0\n0\n{2 + OPENER}\n0\n{2 + OPENER}\n0\n"
    assert run(f"OPENER = {OPENER}\n" + code) == expected


REGION = """
import ctypes, threading

with open("/proc/self/maps") as file:
    library = next(line.split()[-1] for line in file if "/libgomp" in line or "/libomp" in line)

def region(threads, call):  # runs it on each thread of an OpenMP region
    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: call())
    ctypes.CDLL(library).GOMP_parallel(body, None, threads, 0)
"""


@openmp
@proc
def test_inside_a_region_of_the_program(run):
    code = """
expected, results = work(1), []
region(3, lambda: results.append((threading.get_ident(), work(2) == expected)))
print(len(dict(results)), all(dict(results).values()))
"""
    assert run(REGION + code) == "3 True\n"


@proc
@fork
def test_a_child_forgets_blocks_of_threads_that_it_lacks(run):
    if _ops.openmp() and _ops.compiler().startswith("clang"):
        pytest.skip("LLVM's OpenMP keeps its threads for later regions")
    assert run("""
import threading, time
fastcnn.set_num_threads(1)
begun, over = threading.Event(), threading.Event()

def hold():
    with fastcnn.num_threads(5):
        begun.set()
        over.wait()

thread = threading.Thread(target=hold)
thread.start()
begun.wait()
child = os.fork()
if not child:
    before = tasks()
    work(3)
    deadline = time.monotonic() + 200
    while tasks() > before and time.monotonic() < deadline:
        time.sleep(0.001)
    os._exit(tasks() > before)
status = os.waitpid(child, 0)[1]
over.set()
thread.join()
print(status, fastcnn.get_num_threads())
""") == "0 1\n"


@openmp
@proc
@fork
@pytest.mark.parametrize("variables", [{}, {"OMP_PROC_BIND": "true", "OMP_WAIT_POLICY": "active"}], ids=["", "bound"])
def test_fork_after_a_region_of_the_program(variables, run):
    """libgomp hangs if a thread opens a region, forks, and opens one in the child; another thread opens fastcnn's."""
    assert run(REGION + "region(3, lambda: None)\n" + FORK.format(others=1), **variables) == "done\n"


COMPUTE_FOREVER = "threading.Thread(target=lambda: [work(3) for _ in iter(int, 1)], daemon=True).start()"


@pytest.mark.parametrize("last", ["", COMPUTE_FOREVER], ids=["asleep", "at_work"])
def test_exit(last, run):
    """The interpreter ends while workers sleep, and while they compute."""
    assert run(f"import threading\nfastcnn.set_num_threads(3)\n{last}\nwork(3)\nprint('end')") == "end\n"


SLOWLY = "-DPAUSE=(void)nanosleep(&(struct timespec){0,300000},NULL)"  # between two writes of a job, others go on
CHECKS = {  # flags, forks, OpenMP
    "openmp": (["-fopenmp"], 10, "with"),
    "openmp-slowly": (["-fopenmp", SLOWLY], 1, "with"),
    "posix": ([], 10, "without"),
    "posix-slowly": ([SLOWLY], 1, "without"),
    "posix-tsan": (["-fsanitize=thread"], 0, "without"),  # it does not understand libgomp
}


@pytest.mark.parametrize("name", ["openmp", "posix", *(pytest.param(name, marks=pytest.mark.long) for name in (
    "openmp-slowly", "posix-slowly", "posix-tsan"))])
def test_the_team_without_python(name, tmp_path):
    """`threads_check.c`, built in each way."""
    flags, forks, which = CHECKS[name]
    compiler, program = shutil.which("cc") or shutil.which("gcc"), tmp_path / "threads_check"
    if not compiler or not (ROOT / "csrc").is_dir():
        pytest.skip("no C compiler, or no sources beside the tests")

    def build(*files):
        command = [compiler, "-std=c11", "-O1", "-pthread", *flags, "-Icsrc", *files, "-o", program]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    if build(empty).returncode:
        pytest.skip(f"this compiler cannot link with {flags}")
    built = build("tests/threads_check.c", "csrc/threads.c", "csrc/workers.c")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program, str(forks)], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == (f"done, {which} OpenMP\n", 0), done.stderr
