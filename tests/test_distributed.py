"""Several processes, as threads and under MPI: the same bits as one, whatever their number; and what happens if one dies."""

import json
import random
import re
from functools import lru_cache
from types import SimpleNamespace

import deaths
import mpi_jobs
import numpy as np
import pytest
import ranks

import fastcnn
from fastcnn import _ops
from fastcnn.cli import main
from fastcnn.datasets import ImageArray
from fastcnn.distributed import launching
from fastcnn.images import Augmentation, ImageBatches

needs_mpi = pytest.mark.skipif(not mpi_jobs.has_mpi(), reason="no MPI: pip install 'fastcnn[mpi]'")


def mpi(size, *words):
    """(exit code, standard output, standard error) of ranks that do something."""
    return mpi_jobs.run(size, mpi_jobs.PROGRAM, *words)


@pytest.fixture(scope="module")
def alone():
    """What one process makes of each network."""
    return {name: ranks.trained(name) for name in ranks.NETWORKS}


def networks(*sizes):
    """Each network with one of these numbers of ranks in turn; `pytest -m long` has it with the others."""
    return pytest.mark.parametrize("name, size", [
        pytest.param(name, size, marks=[] if i == k % len(sizes) else pytest.mark.long)
        for k, name in enumerate(ranks.NETWORKS) for i, size in enumerate(sizes)])


@networks(2, 3, 8)
def test_exact_mode_has_the_bits_of_one_process(name, size, alone):
    """Weights and History on every rank, more ranks than chunks in the last batch among them."""
    model, history = alone[name]
    for other, logs in ranks.together(size, lambda rank: ranks.trained(name, rank)):
        assert logs == history
        assert ranks.digest(other) == ranks.digest(model)


@pytest.mark.parametrize("size", [3, *(pytest.param(size, marks=pytest.mark.long) for size in (2, 4))])
def test_few_images_for_each(size):
    """A process may have one image of a step, for which dense layers have code of their own, or none."""
    def train(rank=None):
        model = ranks.alexnet()
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(*ranks.data(11), 5, epochs=2, verbose=0, distribute=rank)
        return ranks.digest(model)

    assert ranks.together(size, train) == [train()] * size


@lru_cache
def gradient(name):
    """That of one process."""
    return ranks.gradient(name)


def apart(vector, other):
    """How far another vector is away, as a part of this one's length."""
    return float(np.linalg.norm(other - vector) / np.linalg.norm(vector))


@networks(2, 3)
def test_fast_mode_differs_by_rounding(name, size):
    """All ranks have the same bits, and gradients are those of one process but for rounding. What becomes of that in many
    steps is another thing: docs/distributed.md has figures."""
    found = ranks.together(size, lambda rank: ranks.gradient(name, rank), exact=False)
    assert all(apart(gradient(name), other) <= 1e-6 for other in found)
    found = ranks.together(size, lambda rank: ranks.trained(name, rank), exact=False)
    assert len({ranks.digest(model) for model, _ in found}) == 1


def test_fast_mode_stays_near_in_lenet5(alone):
    model, _ = ranks.together(2, lambda rank: ranks.trained("lenet5", rank), exact=False)[0]
    assert apart(*(np.concatenate([w.ravel() for w in m.get_weights()]) for m in (alone["lenet5"][0], model))) <= 1e-6


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
        self.broken.update((int(i), f"image {i} cannot be decoded") for i in indices if i in self.bad)
        return good & ~np.isin(indices, list(self.bad))


def photographs(rank=None, broken=(), mixup=0.0):
    """(digest of the weights, numbers of images read, of those known to be broken) of a training on pictures."""
    rng = np.random.default_rng(0)
    source = Counted(rng.integers(0, 256, (90, 16, 16, 3), np.uint8), np.arange(90) % 3, ["a", "b", "c"], broken=broken)
    batches = ImageBatches(source, 24, Augmentation(12, mean=128, std=64), seed=3, mixup=mixup, one_hot=True, prefetch=1)
    model = fastcnn.Sequential([fastcnn.layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 3)),
                                fastcnn.layers.BatchNormalization(), fastcnn.layers.Flatten(),
                                fastcnn.layers.Dense(3, activation="softmax")], seed=2)
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=2, verbose=0, distribute=rank)
    return ranks.digest(model), source.seen, set(source.broken)


@pytest.mark.filterwarnings("ignore:.*cannot be decoded")
@pytest.mark.parametrize("broken", [(), (5, 17, 40)], ids=["whole", "broken"])
@pytest.mark.parametrize("mixup", [0.0, 0.2])
def test_photographs(broken, mixup):
    """Each process decodes its own, if all can be read, and the bits are those of one process in any case; what cannot be
    read is known to all, and so to the one that says so."""
    one, *_ = photographs(None, broken, mixup)
    found = ranks.together(2, lambda rank: photographs(rank, broken, mixup))
    assert [(digest, known) for digest, _, known in found] == [(one, set(broken))] * 2
    if not broken and not mixup:
        assert sum(len(seen) for _, seen, _ in found) == 2 * 90


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


def test_rows_that_several_layers_read_are_gathered_once():
    """MPI may not write one array twice at a time."""
    x = fastcnn.Input((6,))
    y = fastcnn.layers.Dense(5)(x)
    model = fastcnn.Model(x, [fastcnn.layers.Dense(n)(y) for n in (2, 3)], seed=1)
    model.compile("sgd", ["mse", "mse"])
    plan = model._plan("train", 8, ranks=SimpleNamespace(rank=0, size=2, exact=True))
    (buffers,) = (buffers for _, kind, buffers in plan.script if kind == "gather")
    assert len(buffers) == len(set(buffers)) == 5  # x and dy of three layers, two of which read y


def test_distribute_is_checked():
    model, (x, y) = ranks.lenet5(), ranks.data(32)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match=r"distribute must be fastcnn.distributed.MPI\(\) or None. Received: 4"):
        model.fit(x, y, distribute=4)


def begin(rank, seed=1, optimizer="sgd", shift=0, batch_size=16, exact=True, freq=1):
    model, (x, y) = ranks.lenet5(seed=seed), ranks.data(32)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    rank.exact = exact
    model.fit(x, np.roll(y, shift), batch_size, verbose=0, distribute=rank, validation_data=(x, y), validation_freq=freq)


@pytest.mark.parametrize("odd, words", [
    ({"seed": 2}, "; give the model a seed.* other weights, seed, batches on rank 1"),
    ({"optimizer": fastcnn.optimizers.SGD(0.02)}, r"\. Received: other optimizer on rank 1"),
    ({"shift": 5}, r"\. Received: other data on rank 1"),
    ({"batch_size": 8}, r"\. Received: other batches, validation on rank 1"),
    ({"exact": False}, r"\. Received: other mode on rank 1"), ({"freq": 2}, r"\. Received: other validation on rank 1")])
def test_ranks_that_begin_otherwise_are_refused(odd, words):
    with pytest.raises(ValueError, match=f"^all processes must begin alike{words} than on rank 0$"):
        ranks.together(2, lambda rank: begin(rank, **odd if rank.rank else {}))


def test_other_instruction_sets_are_refused(monkeypatch):
    """They cut batches in other ways."""
    monkeypatch.setattr(_ops, "active_isa", iter(["avx2", "avx512"]).__next__)
    with pytest.raises(ValueError, match="alike; FASTCNN_ISA chooses one that all have. .* other instruction set on rank 1"):
        ranks.together(2, begin)


def source(rank, odd):
    """Batches that a process makes whole, one in the same way as others or not."""
    x, y = ranks.data(80)
    for first in range(0, 80, 32):
        if odd and first == 64 and odd == "ends":
            return
        last = first + 20 if first == 32 and odd == "shorter" else first + 32
        yield x[first:last], np.roll(y[first:last], first == 32 and odd == "labels")


def train_on_source(rank=None, odd=None, epochs=1, steps=None):
    model = ranks.lenet5()
    model.compile(fastcnn.optimizers.SGD(0.02), "sparse_categorical_crossentropy")
    model.fit(source(rank, odd), epochs=epochs, steps_per_epoch=steps, verbose=0, distribute=rank)
    return ranks.digest(model)


def test_sources_of_whole_batches():
    """Iterators, and sources that know nothing of shares, make the same batches for each process."""
    assert ranks.together(3, train_on_source) == [train_on_source()] * 3


@pytest.mark.parametrize("odd, words", [
    ("shorter", "another batch 1, 32 samples on rank 0 and 20 samples on rank 1"),
    ("labels", "another batch 1, 32 samples on rank 0 and 32 samples on rank 1"),
    ("ends", "another batch 2, 16 samples on rank 0 and no samples on rank 1")])
def test_sources_that_differ_are_refused(odd, words):
    """Rather than waited for."""
    with pytest.raises(ValueError, match=f"^a source must give all processes the same batches.*{words}$"):
        ranks.together(2, lambda rank: train_on_source(rank, odd if rank.rank else None))


@pytest.mark.filterwarnings("ignore:x ran out of batches")
def test_an_iterator_that_is_dry_in_one_process_ends_training_in_all():
    found = ranks.together(2, lambda rank: train_on_source(rank, "ends" if rank.rank else None, epochs=2, steps=2))
    assert found == [train_on_source(odd="ends")] * 2


def test_rank_0_speaks(capsys):
    """Callbacks that say something are heard once; afterwards they are as before."""
    def train(rank):
        say = fastcnn.callbacks.LearningRateScheduler(lambda epoch: 0.02, verbose=1)
        ranks.trained("lenet5", rank, epochs=1, callbacks=say)
        return say._silent

    assert ranks.together(2, train) == [False, False]
    assert capsys.readouterr().out == "Epoch 1: LearningRateScheduler sets the learning rate to 0.02.\n"


def test_rank_0_speaks_of_digits(tmp_path, capsys):
    """Of one's own."""
    x, y = ranks.data(40)
    pictures = (x[..., 0] * 255).clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / "own.npz", x_train=pictures, y_train=y, x_test=pictures, y_test=y)
    ranks.together(2, lambda rank: fastcnn.recipes.train_lenet5(1, data=tmp_path / "own.npz", verbose=2, distribute=rank))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) > 1 and "own.npz" in lines[0]


LAUNCHED = [({}, False), ({"PMI_SIZE": "4"}, True), ({"PMI_SIZE": "1"}, False), ({"PMI_SIZE": "four"}, False),
            ({"OMPI_COMM_WORLD_SIZE": "2"}, True), ({"PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "3"}, True),
            ({"SLURM_STEP_NUM_TASKS": "3"}, False)]


@pytest.fixture
def launcher(monkeypatch):
    """A function that sets the variables of a launcher, and of no other."""
    for name in (*launching._SIZES, "PMIX_RANK", "PMI_RANK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    return lambda variables: [monkeypatch.setenv(*variable) for variable in variables.items()]


@pytest.mark.parametrize("variables, several", LAUNCHED)
def test_launchers_are_known(variables, several, launcher):
    launcher(variables)
    assert fastcnn.distributed.launched() is several


@pytest.mark.parametrize("variables, words, error", [
    ({}, ("--ranks", "fast"), "--ranks is for several processes, as mpiexec -n 4 starts them"),
    ({"PMI_SIZE": "2"}, ("--variant", "1998"), "--variant 1998 trains on single images, which processes cannot share")])
def test_the_command_line_refuses(variables, words, error, launcher, capsys):
    launcher(variables)
    assert main(["train", "lenet5", *words]) == 2
    assert error in capsys.readouterr().err


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
@pytest.mark.parametrize("size, beside", [(2, ""), (2, "beside"), (4, "beside")])
def test_mpi_fast(size, beside, tmp_path):
    """The same bits on all ranks; gradients of one process but for rounding. A thread exchanges beside the computation where
    a processor is free."""
    code, out, err = mpi(size, "bits", "fast", tmp_path, *[beside] * bool(beside))
    assert code == 0, err
    lines = json.loads(out)
    for name in lines[0]:
        assert len({found[name][0] for found in lines}) == 1
        assert apart(gradient(name), np.load(tmp_path / f"{name}.npy")) <= 1e-6


@needs_mpi
def test_mpi_fast_without_threads():
    """Sums wait where MPI may not be called beside the computation."""
    code, out, err = mpi(2, "funneled")
    assert code == 0, err
    (digest, threads), other = json.loads(out)
    assert [digest, threads] == other and threads == []


@needs_mpi
@pytest.mark.parametrize("argument, error, words", [
    ("mode='best'", "ValueError", "exact"),
    ("comm=3", "TypeError", "comm must be an mpi4py communicator or None. Received: 3"),
    ("", "RuntimeError", "mpiexec must be that of the MPI that mpi4py uses. Received: several processes, of which .* one$")])
def test_mpi_is_checked(argument, error, words):
    """The last one is a process of a job of several that a launcher of another MPI has started."""
    done = mpi_jobs.alone("-c", f"from fastcnn.distributed import MPI; MPI({argument})", OMPI_COMM_WORLD_SIZE="2")
    assert done.returncode == 1 and re.search(f"{error}: .*{words}", done.stderr, re.MULTILINE), done.stderr


@needs_mpi
@pytest.mark.parametrize("what, words", [
    ("differs", "all processes must begin alike"),
    ("raises", r"rank 1 of 2 \(.*\) ends the job: RuntimeError: out of paper"),
    ("shows", r"a hook: out of ink\n(.|\n)*ends the job: RuntimeError: out of ink")])
def test_mpi_failures_end_the_job(what, words):
    code, out, err = mpi(2, what)
    assert code != 0 and re.search(words, err)


@needs_mpi
def test_mpi_stops_together():
    code, out, err = mpi(3, "stops")
    lines = json.loads(out)
    assert code == 0 and len(lines) == 3 and lines.count(lines[0]) == 3 and lines[0][0] == 3


@needs_mpi
def test_mpi_is_interrupted_together():
    """A signal that one rank gets ends training on all of them, after the step, whatever phases are still to come in it."""
    code, out, err = mpi(3, "interrupted")
    assert code == 0, err
    lines = json.loads(out)
    assert lines == [[3, lines[0][1]]] * 3


@needs_mpi
def test_a_rank_is_killed(tmp_path):
    """The job ends within 30 s and says which process; others go on from the checkpoint to the same bits."""
    (tmp_path / "alone").mkdir()
    digest, seconds = deaths.undisturbed(tmp_path / "alone")
    for attempt in range(9):
        (tmp_path / str(attempt)).mkdir()
        if deaths.death(random.Random(attempt), 2, tmp_path / str(attempt), digest, seconds):
            return
    pytest.fail("ranks were done before they could be killed")


@needs_mpi
def test_the_command_line(tmp_path):
    """As docs/distributed.md has it: rank 0 speaks and saves, and the file is that of one process."""
    words = "-m", "fastcnn", "train", "lenet5", "--limit", "320", "--epochs", "1", "--save"
    code, out, err = mpi_jobs.run(2, *words, "two.safetensors", folder=tmp_path)
    assert code == 0, err
    assert out.startswith("2 ranks, exact: rank 0 on ")
    code, out, err = mpi_jobs.run(1, *words, "one.safetensors", folder=tmp_path)
    assert code == 0 and "ranks" not in out, err
    weights = [fastcnn.load_model(tmp_path / f"{name}.safetensors").get_weights() for name in ("one", "two")]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
