"""How many threads run, that they never change a bit, and how they bear forks, the GIL, other libraries."""

import multiprocessing
import os
import platform
import sys
import threading
import time

import numpy as np
import pytest
from buffers import normal
from cases import CALLS, CONV2D, DENSE, LRN, POOL2D

import fastcnn
from fastcnn import _ops, ops, threads
from fastcnn import layers as L
from fastcnn.model import profiling

COUNTS = (1, 2, 3, 7)
openmp = pytest.mark.skipif(not _ops.openmp(), reason="built without OpenMP")
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture
def count():
    """The process' own setting, restored afterwards."""
    before = fastcnn.get_num_threads()
    yield
    fastcnn.set_num_threads(before)


# The number


def test_set_num_threads(count):
    for n in 1, 5, np.int64(2), 1024:
        fastcnn.set_num_threads(n)
        assert fastcnn.get_num_threads() == n


BAD_COUNTS = [
    0,
    -1,
    1025,
    2**31,
    2**100,
    True,
    np.True_,
    1.0,
    float("nan"),
    None,
    "two",
    "2",
    [2],
    np.array([1, 2]),
    1j,
]


@pytest.mark.parametrize("value", BAD_COUNTS, ids=repr)
def test_bad_number_of_threads(value, count):
    before = fastcnn.get_num_threads()
    for function in fastcnn.set_num_threads, lambda v: fastcnn.num_threads(v).__enter__():
        with pytest.raises((TypeError, ValueError)) as caught:
            function(value)
        assert repr(value) in str(caught.value)
        assert fastcnn.get_num_threads() == before


def test_blocks_nest_and_end(count):
    fastcnn.set_num_threads(4)
    with fastcnn.num_threads(2):
        with fastcnn.num_threads(3):
            assert fastcnn.get_num_threads() == 3
            fastcnn.set_num_threads(5)
            assert fastcnn.get_num_threads() == 3
        assert fastcnn.get_num_threads() == 2
        with pytest.raises(KeyError), fastcnn.num_threads(6):
            raise KeyError
        assert fastcnn.get_num_threads() == 2
    assert fastcnn.get_num_threads() == 5


def test_processes_share_the_default_once(count, monkeypatch):
    """And leave alone what somebody has set."""
    monkeypatch.delenv("FASTCNN_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_default", lambda: 8)
    found = []
    for given in 8, 8, 8, 6:
        fastcnn.set_num_threads(given)
        threads.share_threads((2, 16, 1, 2)[len(found)])
        found.append(threads._count)
    assert found == [4, 1, 8, 6]
    fastcnn.set_num_threads(8)
    threads.share_threads(2)
    threads.share_threads(2)  # another MPI() of the same process
    assert threads._count == 4
    fastcnn.set_num_threads(8)
    monkeypatch.setenv("FASTCNN_NUM_THREADS", "8")
    threads.share_threads(2)
    assert threads._count == 8


def test_a_block_belongs_to_its_python_thread(count):
    fastcnn.set_num_threads(4)
    seen = []
    with fastcnn.num_threads(2):
        other = threading.Thread(target=lambda: seen.append(fastcnn.get_num_threads()))
        other.start()
        other.join()
    assert seen == [4]


PRINT_COUNT = "import fastcnn; print(fastcnn.get_num_threads())"


@pytest.mark.parametrize("value, expected", [("1", 1), ("3", 3), ("1024", 1024)])
def test_environment_sets_the_number(value, expected, run_python):
    result = run_python("-c", PRINT_COUNT, FASTCNN_NUM_THREADS=value)
    assert result.stdout == f"{expected}\n", result.stderr


@pytest.mark.parametrize("value", ["0", "-1", "1025", "two", "1.5", "0x2", "9" * 30])
def test_bad_environment_is_an_error(value, run_python):
    result = run_python("-c", PRINT_COUNT, FASTCNN_NUM_THREADS=value)
    assert result.returncode == 1 and "ValueError" in result.stderr and "FASTCNN_NUM_THREADS" in result.stderr
    assert repr(value) in result.stderr.splitlines()[-1]


def test_default_number(run_python):
    """What the machine grants; an empty variable is none; OMP_NUM_THREADS (with OpenMP) and affinity change it."""
    default = run_python("-c", PRINT_COUNT, FASTCNN_NUM_THREADS=None, OMP_NUM_THREADS=None).stdout
    assert 1 <= int(default) <= os.cpu_count()
    assert run_python("-c", PRINT_COUNT, FASTCNN_NUM_THREADS="", OMP_NUM_THREADS=None).stdout == default
    one = run_python("-c", PRINT_COUNT, FASTCNN_NUM_THREADS=None, OMP_NUM_THREADS="1").stdout
    assert one == ("1\n" if _ops.openmp() else default)
    if hasattr(os, "sched_setaffinity"):
        code = "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])\n" + PRINT_COUNT
        assert run_python("-c", code, FASTCNN_NUM_THREADS=None, OMP_NUM_THREADS=None).stdout == "1\n"


WORK = """
import os, sys
import numpy as np
import fastcnn

rng = np.random.default_rng(0)
x = rng.standard_normal((8, 16, 16, 32)).astype(np.float32)
kernel = rng.standard_normal((3, 3, 32, 32)).astype(np.float32)  # 19 million multiply-adds a pass

def work(n=2, images=8):
    with fastcnn.num_threads(n):
        y = fastcnn.ops.conv2d(x[:images], kernel, padding="same")
        gradients = fastcnn.ops.conv2d_backward(y, x[:images], kernel, padding="same")
    return b"".join(a.tobytes() for a in (y, *gradients))

def tasks():
    return len(os.listdir("/proc/self/task"))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_threads_are_used_where_they_pay(run_python):
    """None for a little work, as many as asked for where there is much (and one that opened OpenMP's region)."""
    code = (
        WORK
        + """
fastcnn.set_num_threads(4)
before = tasks()
fastcnn.ops.conv2d(x[:1, :4, :4], kernel)
few = tasks()
work(4)
many = tasks()
print(few - before, many - before)
"""
    )
    result = run_python("-c", code)
    assert result.stdout == ("0 4\n" if _ops.openmp() else "0 3\n"), result.stderr


@openmp
def test_threadpoolctl_limits_are_obeyed(run_python):
    pytest.importorskip("threadpoolctl")
    code = (
        WORK
        + """
from threadpoolctl import threadpool_limits
fastcnn.set_num_threads(4)
for limit in 1, 2:
    with threadpool_limits(limit, user_api="openmp"):
        print(fastcnn.get_num_threads(), end=" ")
        with fastcnn.num_threads(3):
            print(fastcnn.get_num_threads(), end=" ")
        before = tasks(); work(4); print(tasks() - before, end=" ")
print(fastcnn.get_num_threads())
"""
    )
    result = run_python("-c", code, OMP_NUM_THREADS="4")
    assert result.stdout == "1 1 0 2 2 2 4\n", result.stderr  # new threads: none; the region's two, beside the calling one


# FASTCNN_ISA


PRINT_ISA = "from fastcnn import _ops; print(_ops.active_isa(), *_ops.usable_isas())"


def test_environment_chooses_the_isa(run_python):
    best, *usable = run_python("-c", PRINT_ISA, FASTCNN_ISA=None).stdout.split()
    assert usable == _ops.usable_isas() and best == usable[-1] and "scalar" in usable
    assert run_python("-c", PRINT_ISA, FASTCNN_ISA="").stdout.split()[0] == best
    for name in usable:
        for spelled in (name, name.upper(), f" {name.title()} "):
            assert run_python("-c", PRINT_ISA, FASTCNN_ISA=spelled).stdout.split()[0] == name


def test_unusable_isa_is_an_error(run_python):
    for name in {"sse9", "avx", "scalars", "avx2 avx512", " "} | set(_ops.built_isas()) - set(_ops.usable_isas()):
        result = run_python("-c", PRINT_ISA, FASTCNN_ISA=name)
        last = result.stderr.splitlines()[-1]
        assert result.returncode == 1 and last.startswith("ImportError") and repr(name) in last
        assert all(usable in last for usable in _ops.usable_isas())


# The same bits


def both_ways(op, options, *arrays):
    """A function that returns y and every gradient."""

    def run():
        y = getattr(ops, op)(*arrays, **options)
        dy = normal(np.random.default_rng(y.size), y.shape)
        gradients = getattr(ops, f"{op}_backward")(dy, *arrays, **options)
        return [y, *(gradients if isinstance(gradients, tuple) else (gradients,))]

    return run


def by_name(cases, name):
    return next(case for case in cases if case.name == name)


def conv2d(name, batch):
    case = by_name(CONV2D, name)
    rng = np.random.default_rng(batch)
    arrays = [normal(rng, s) for s in ((batch, *case.image), case.kernel_shape, (case.filters,))]
    return both_ways("conv2d", case.options, *arrays)


def dense(name, batch):
    case = by_name(DENSE, name).reduced()
    rng = np.random.default_rng(batch)
    shapes = (batch, case.inputs), (case.inputs, case.units), (case.units,)
    return both_ways("dense", {}, *(normal(rng, s) for s in shapes))


def on_images(op, cases, name, batch):
    case = by_name(cases, name)
    return both_ways(op, case.options, normal(np.random.default_rng(batch), (batch, *case.image)))


def elementwise(op, *shape, **options):
    return both_ways(op, options, normal(np.random.default_rng(0), shape))


def sgd():
    w, dw, v = normal(np.random.default_rng(0), (3, 2_000_003))
    return lambda: ops.sgd(w, dw, v, learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)


PROBLEMS = {  # each more than one thread takes on alone (1.5 million multiply-adds), but for the last two
    "conv2d-lenet5.conv2 37": lambda: conv2d("lenet5.conv2", 37),
    "conv2d-alexnet.conv1 1": lambda: conv2d("alexnet.conv1", 1),
    "conv2d-alexnet.conv2 2": lambda: conv2d("alexnet.conv2", 2),
    "conv2d-cifar.conv2 19": lambda: conv2d("cifar.conv2", 19),
    "conv2d-odd.strided_many_channels 100": lambda: conv2d("odd.strided_many_channels", 100),
    "dense-lenet5.f5 50": lambda: dense("lenet5.f5", 50),
    "dense-alexnet.fc6 1": lambda: dense("alexnet.fc6", 1),
    "dense-alexnet.fc6 3": lambda: dense("alexnet.fc6", 3),
    "dense-alexnet.fc6 20": lambda: dense("alexnet.fc6", 20),
    "dense-alexnet.fc6 150": lambda: dense("alexnet.fc6", 150),
    "lrn-alexnet.norm2 3": lambda: on_images("local_response_norm", LRN, "alexnet.norm2", 3),
    "max_pool2d-alexnet.pool2 40": lambda: on_images("max_pool2d", POOL2D, "alexnet.pool2", 40),
    "avg_pool2d-alexnet.pool2 40": lambda: on_images("avg_pool2d", POOL2D, "alexnet.pool2", 40),
    "softmax 3000": lambda: elementwise("softmax", 3000, 200),
    "tanh 30": lambda: elementwise("tanh", 30, 20_011),
    "dropout": lambda: elementwise("dropout", 7, 100_003, rate=0.3, seed=1),
    "sgd": sgd,
    "conv2d-lenet5.conv1 1": lambda: conv2d("lenet5.conv1", 1),
    "relu 3": lambda: elementwise("relu", 3, 5),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_same_bits_at_any_number_of_threads(name, isa):
    run = PROBLEMS[name]()
    with fastcnn.num_threads(1):
        expected = [a.tobytes() for a in run()]
    for count in COUNTS:
        with fastcnn.num_threads(count):
            for repetition in range(2):
                assert [a.tobytes() for a in run()] == expected, f"{count} threads, repetition {repetition}"


@pytest.mark.parametrize("threads", [2, 6, 16])
def test_many_threads_have_work(isa, threads):
    """Of few large blocks of weights many smaller ones are made, and a step has the same bits."""
    def trained(count):
        with fastcnn.num_threads(count):
            model = fastcnn.Sequential([
                fastcnn.Input((12, 12, 96)), L.Conv2D(256, 5, padding="same", groups=2, activation="relu"),
                L.Conv2D(128, 3, padding="same"), L.Flatten(), L.Dense(4, "softmax")], seed=1)
            model.compile("sgd", "sparse_categorical_crossentropy")
            model.train_on_batch(x, y)
            plan, _, _ = profiling.prepared(model, x, y)
        return model.get_weights(), [
            plan.program.units(number, step, len(x), 1000) for number, (first, count, *_) in enumerate(plan.phases)
            for step, (op, way) in enumerate(plan.steps[first:first + count], first)
            if way == "weights" and plan.ops[op].algorithm(way).startswith("F(")]

    x, y = normal(np.random.default_rng(0), (6, 12, 12, 96)), np.arange(6) % 4
    (expected, few), (got, many) = trained(1), trained(threads)
    assert b"".join(w.tobytes() for w in got) == b"".join(w.tobytes() for w in expected)
    assert few == [4, 4] and all(blocks >= 7 / 8 * threads * -(-blocks // threads) for blocks in many)


def test_python_threads_at_once():
    """Eight of them, each with two threads of its own and other work at a time, get what one alone gets."""
    runs = [
        conv2d("lenet5.conv2", 20),
        conv2d("odd.heavy", 3),
        dense("alexnet.fc6", 5),
        PROBLEMS["lrn-alexnet.norm2 3"](),
    ]
    expected = [[a.tobytes() for a in run()] for run in runs]
    start, wrong = threading.Barrier(8), []

    def work(offset):
        with fastcnn.num_threads(2):
            start.wait()
            for i in range(12):
                which = (i + offset) % len(runs)
                if [a.tobytes() for a in runs[which]()] != expected[which]:
                    wrong.append((offset, i))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads) and not wrong


def ticks_within(images):
    """How often another Python thread ticks during a call on so many images, and how long the call takes."""
    rng = np.random.default_rng(0)
    x, kernel = normal(rng, (images, 27, 27, 96)), normal(rng, (5, 5, 48, 256))
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(time.perf_counter())

    other = threading.Thread(target=tick)
    other.start()
    try:
        with fastcnn.num_threads(1):
            begin = time.perf_counter()
            ops.conv2d(x, kernel, padding="same", groups=2)
            end = time.perf_counter()
    finally:
        stop.set()
        other.join()
    return len([t for t in ticks if begin + 0.01 < t < end - 0.01]), end - begin


def test_the_gil_is_released():
    """Another Python thread ticks on during a call that is long enough to tell, whatever else the machine does."""
    images = 16
    ticks, seconds = ticks_within(images)
    while seconds < 0.2 or ticks < 5 and images < 256:
        images *= 2
        ticks, seconds = ticks_within(images)
    assert ticks >= 5, f"{ticks} ticks in {seconds:.3f} s"


# The caller's floating-point mode


def denormals_live():
    tiny = np.full(64, 1e-40, np.float32)
    return bool(np.all(tiny * np.float32(1) != 0))


def test_denormals_of_the_caller_stay(isa):
    """A run flushes denormals (their convolution is 0) and puts the thread's mode back, however many run."""
    assert denormals_live()
    tiny = np.full((1, 1, 1, 1), 1e-40, np.float32)
    flushed = ops.conv2d(tiny, np.ones((1, 1, 1, 1)))
    assert flushed == 0 or platform.machine() not in ("x86_64", "aarch64")
    for call in CALLS:
        rng = np.random.default_rng(0)
        arrays = [
            rng.integers(0, 5, 6) if s == "labels" else np.abs(normal(rng, s)) for s in call.shapes.values()
        ]
        both_ways(call.op, call.options, *arrays)()
        assert denormals_live(), call.op
    with fastcnn.num_threads(3):
        for name in "conv2d-cifar.conv2 19", "sgd":
            PROBLEMS[name]()()
            assert denormals_live(), name


# Other processes

FORK = """
import signal, threading

expected = work()
stop = threading.Event()
others = [threading.Thread(target=lambda: [work() for _ in iter(stop.is_set, True)]) for _ in range({others})]
for thread in others:
    thread.start()
for attempt in range(3):
    child = os.fork()
    if not child:
        signal.alarm(200)  # a hang ends the child
        right = work() == expected and work(4) == expected
        grandchild = os.fork()
        if not grandchild:
            os._exit(0 if work() == expected else 2)
        os._exit(0 if right and os.waitpid(grandchild, 0)[1] == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0, "wrong or stuck in the child"
    assert work() == expected, "wrong in the parent"
stop.set()
for thread in others:
    thread.join()
print("done")
"""


@fork
@pytest.mark.parametrize("others", [0, 2], ids=["idle", "while_others_run"])
def test_fork_after_use(others, run_python):
    """A child of a process that has used its threads works on: alone, but with the same bits."""
    result = run_python("-W", "ignore", "-c", WORK + FORK.format(others=others))
    assert result.stdout == "done\n", result.stderr


POOL = """
import multiprocessing

def task(n):
    return work(n)

if __name__ == "__main__":
    expected = work()
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        results = pool.map_async(task, [1, 2, 3, 2]).get(timeout=250)
    assert results == [expected] * 4 and work() == expected
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method, run_python, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    script = tmp_path / "script.py"
    script.write_text(WORK + POOL)
    result = run_python("-W", "ignore", script, method)
    assert result.stdout == "done\n", result.stderr


def test_this_process_was_not_changed():
    """The tests above left no ISA or number of threads behind."""
    assert sys.modules["fastcnn"] is fastcnn
    assert _ops.active_isa() == (os.environ.get("FASTCNN_ISA", "").strip().lower() or _ops.usable_isas()[-1])
