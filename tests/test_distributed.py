"""Several processes, as threads and under MPI: the same bits as one, whatever their number; and what happens if one dies."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from functools import lru_cache

import numpy as np
import pytest
import ranks

import fastcnn
from fastcnn.datasets import ImageArray
from fastcnn.images import Augmentation, ImageBatches

PROGRAM = os.path.join(os.path.dirname(__file__), "ranks_program.py")
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
GENTLE = 5e-5
DEATHS = int(os.environ.get("FASTCNN_DEATHS", "2"))  # moments at which a process is killed; 20 for the record


def has_mpi():
    """Can ranks be started?"""
    code = "import mpi4py.MPI"
    return MPIEXEC is not None and subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


needs_mpi = pytest.mark.skipif(not has_mpi(), reason="no MPI: pip install 'fastcnn[mpi]'")


def command(size, *words):
    return [MPIEXEC, "-n", str(size), sys.executable, PROGRAM, *map(str, words)]


def environment():
    root = os.path.dirname(os.path.dirname(os.path.abspath(fastcnn.__file__)))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.path.dirname(PROGRAM)]), "FASTCNN_NUM_THREADS": "1"}


def mpi(size, *words, timeout=300):
    """(exit code, standard output, standard error) of ranks that do something."""
    run = subprocess.run(command(size, *words), capture_output=True, text=True, timeout=timeout, env=environment())
    return run.returncode, run.stdout, run.stderr


@pytest.fixture(scope="module")
def alone():
    """What one process makes of each network."""
    return {name: ranks.trained(name) for name in ranks.NETWORKS}


@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("name", ranks.NETWORKS)
def test_exact_mode_has_the_bits_of_one_process(name, size, alone):
    """Weights and History on every rank, more ranks than chunks in the last batch among them."""
    model, history = alone[name]
    for other, logs in ranks.together(size, lambda rank: ranks.trained(name, rank)):
        assert logs == history
        assert ranks.digest(other) == ranks.digest(model)


@lru_cache
def gently(name):
    """What one process makes of a network with so small steps that what ReLU makes of rounding, on or off, moves little."""
    return ranks.trained(name, rate=GENTLE)[0]


def apart(weights, others):
    """How far all weights are from others, relative to their length."""
    weights, others = (np.concatenate([w.ravel() for w in part]).astype(float) for part in (weights, others))
    return float(np.linalg.norm(others - weights) / np.linalg.norm(weights))


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("name", ranks.NETWORKS)
def test_fast_mode_differs_by_rounding(name, size):
    """All ranks have the same bits, those of one process but for rounding."""
    found = ranks.together(size, lambda rank: ranks.trained(name, rank, rate=GENTLE), exact=False)
    assert len({ranks.digest(model) for model, _ in found}) == 1
    assert apart(gently(name).get_weights(), found[0][0].get_weights()) <= 1e-6


@pytest.mark.parametrize("optimizer", [fastcnn.optimizers.Adam, lambda: fastcnn.optimizers.SGD(0.02, global_clipnorm=0.5)],
                         ids=["adam", "clipped"])
def test_optimizers_see_whole_gradients(optimizer):
    """Also those that look at norms of all of them."""
    def train(rank=None):
        return ranks.digest(ranks.trained("alexnet", rank, epochs=1, optimizer=optimizer())[0])

    assert ranks.together(2, train) == [train()] * 2


class Counted(ImageArray):
    """A source that notes which images are read, and cannot read some."""

    def __init__(self, *arguments, broken=()):
        super().__init__(*arguments)
        self.bad, self.seen = set(broken), []

    def read(self, indices, out):
        self.seen += [int(i) for i in indices]
        good = super().read(indices, out)
        return good & ~np.isin(indices, list(self.bad))


def photographs(rank=None, broken=(), mixup=0.0):
    """(digest of the weights, numbers of images read) of a training on pictures."""
    rng = np.random.default_rng(0)
    source = Counted(rng.integers(0, 256, (90, 16, 16, 3), np.uint8), np.arange(90) % 3, ["a", "b", "c"], broken=broken)
    batches = ImageBatches(source, 24, Augmentation(12, mean=128, std=64), seed=3, mixup=mixup, one_hot=True, prefetch=1)
    model = fastcnn.Sequential([fastcnn.layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 3)),
                                fastcnn.layers.BatchNormalization(), fastcnn.layers.Flatten(),
                                fastcnn.layers.Dense(3, activation="softmax")], seed=2)
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=2, verbose=0, distribute=rank)
    return ranks.digest(model), source.seen


@pytest.mark.filterwarnings("ignore:.*cannot be decoded")
@pytest.mark.parametrize("broken", [(), (5, 17, 40)], ids=["whole", "broken"])
@pytest.mark.parametrize("mixup", [0.0, 0.2])
def test_photographs(broken, mixup):
    """Each process decodes its own, if all can be read, and the bits are those of one process in any case."""
    one, _ = photographs(None, broken, mixup)
    found = ranks.together(2, lambda rank: photographs(rank, broken, mixup))
    assert [digest for digest, _ in found] == [one] * 2
    if not broken and not mixup:
        assert sum(len(seen) for _, seen in found) == 2 * 90


def test_resuming_with_another_number_of_ranks(tmp_path):
    """A file that two ranks wrote in the midst of an epoch, and three go on from, and one."""
    def train(rank=None, resume=False, steps=None, epochs=2):
        model = fastcnn.load_model(tmp_path / "m.safetensors") if resume else ranks.lenet5()
        if not resume:
            model.compile(fastcnn.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
        ends = []
        save = fastcnn.callbacks.ModelCheckpoint(tmp_path / "m.safetensors", save_freq=7)
        stop = fastcnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(0) or setattr(
            model, "stop_training", len(ends) == steps))
        model.fit(*ranks.data(), 32, epochs, verbose=0, callbacks=[save, stop], resume=resume, distribute=rank)
        return ranks.digest(model)

    whole = train()
    ranks.together(2, lambda rank: train(rank, steps=8))
    kept = (tmp_path / "m.safetensors").read_bytes()
    for size in (3, 1):
        (tmp_path / "m.safetensors").write_bytes(kept)
        assert ranks.together(size, lambda rank: train(rank, resume=True)) == [whole] * size


def test_callbacks_agree():
    """Early stopping, plateaus and what only some ranks see."""
    def train(rank=None):
        stop = fastcnn.callbacks.EarlyStopping("loss", patience=1, min_delta=0.2)
        plateau = fastcnn.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=1.0)
        model, history = ranks.trained("lenet5", rank, epochs=8, callbacks=[stop, plateau])
        return ranks.digest(model), history

    one = train()
    assert len(one[1]["loss"]) < 8
    assert ranks.together(3, train) == [one] * 3


def test_distribute_is_checked():
    model, (x, y) = ranks.lenet5(), ranks.data(32)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match=r"distribute must be fastcnn.distributed.MPI\(\) or None. Received: 4"):
        model.fit(x, y, distribute=4)


def test_ranks_that_begin_otherwise_are_refused():
    def train(rank):
        model = ranks.lenet5(seed=1 + rank.rank)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(*ranks.data(32), verbose=0, distribute=rank)

    with pytest.raises(ValueError, match="all processes must begin alike; give the model a seed.*weights.*rank 1"):
        ranks.together(2, train)


# MPI


@needs_mpi
@pytest.mark.parametrize("size", [2, 4])
def test_mpi_exact(size, alone):
    """SHA-256 of all weights, and History, on every rank."""
    code, out, err = mpi(size, "bits", "exact")
    assert code == 0, err
    lines = json.loads(out)
    assert len(lines) == size
    for found in lines:
        for name, (digest, history) in found.items():
            assert digest == ranks.digest(alone[name][0]) and history == alone[name][1]


@needs_mpi
@pytest.mark.parametrize("size", [2, 4])
def test_mpi_fast(size, tmp_path):
    code, out, err = mpi(size, "bits", "fast", GENTLE, tmp_path)
    assert code == 0, err
    lines = json.loads(out)
    for name in lines[0]:
        assert len({found[name][0] for found in lines}) == 1
        with np.load(tmp_path / f"{name}.npz") as file:
            assert apart(gently(name).get_weights(), [file[key] for key in file]) <= 1e-6


@needs_mpi
@pytest.mark.parametrize("what, words", [
    ("differs", "all processes must begin alike"),
    ("raises", r"rank 1 of 2 \(.*\) ends the job: RuntimeError: out of paper")])
def test_mpi_failures_end_the_job(what, words):
    import re

    begun = time.monotonic()
    code, out, err = mpi(2, what)
    assert code != 0 and re.search(words, err)
    assert time.monotonic() - begun < 60


@needs_mpi
def test_mpi_stops_together():
    code, out, err = mpi(3, "stops")
    lines = json.loads(out)
    assert code == 0 and len(lines) == 3 and lines.count(lines[0]) == 3 and lines[0][0] == 3


@needs_mpi
@pytest.mark.parametrize("moment", range(DEATHS))
def test_a_rank_is_killed(moment, tmp_path):
    """The job ends within 30 s and says which process; other ranks go on from the checkpoint to the same bits."""
    rng = random.Random(moment)
    run = subprocess.Popen(command(2, "dies", tmp_path, 8), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env=environment())
    names = run.stdout.readline().split("; ")
    for _ in range(rng.randint(4, 40)):
        assert run.stdout.readline()
    time.sleep(rng.random() * 0.05)
    victim = int(names[rng.randrange(2)].rsplit(" ", 1)[1])
    os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    out, err = run.communicate(timeout=60)
    assert time.monotonic() - begun < 30 and run.returncode != 0
    assert str(victim) in out + err, out + err
    fastcnn.load_model(tmp_path / "checkpoint.safetensors")
    code, out, err = mpi(3, "dies", tmp_path, 8, "resume")
    assert code == 0, err
    assert out.splitlines()[-1] == undisturbed(tmp_path / "alone")


def undisturbed(folder, known={}):  # noqa: B006  once for all
    """The weights of the same training in one process."""
    if not known:
        folder.mkdir()
        code, out, err = mpi(1, "dies", folder, 8)
        assert code == 0, err
        known["digest"] = out.splitlines()[-1]
    return known["digest"]

