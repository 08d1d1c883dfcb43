"""The same bits at any number of threads and in every run: weights after `fit`, and predictions."""

import hashlib
import os

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L

FULL = os.environ.get("FASTCNN_FULL_TESTS") == "1"
COUNT = 60_000 if FULL else 2_500  # MNIST images of the epoch; both leave a short last batch


def digest(model):
    """SHA-256 over all weights."""
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


@pytest.fixture(scope="module")
def mnist():
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    return (x[:COUNT, ..., None] / 255).astype(np.float32), y[:COUNT]


def lenet(seed):
    return fastcnn.networks.lenet5(seed=seed)


def everything(seed):
    """Dropout, LRN, overlapping max-pooling, groups, strides, large convolution and dense weights."""
    return fastcnn.Sequential(
        [
            L.Conv2D(16, 5, strides=2, padding="same", activation="relu", input_shape=(28, 28, 1)),
            L.LocalResponseNormalization(),
            L.MaxPooling2D(3, 2),
            L.Conv2D(160, 3, padding="same", groups=2, activation="relu"),
            L.LocalResponseNormalization(4, alpha_mode="mean"),
            L.Conv2D(48, 3, padding="same", activation="elu"),
            L.Flatten(),
            L.Dense(300, activation="relu"),
            L.Dropout(0.5),
            L.Dense(10, activation="softmax"),
        ],
        seed=seed,
    )


NETWORKS = {"lenet5": (lenet, COUNT), "everything": (everything, 10_000 if FULL else 700)}


def trained(name, mnist, threads, seed=1):
    build, count = NETWORKS[name]
    with fastcnn.num_threads(threads):
        model = build(seed)
        model.compile(
            fastcnn.optimizers.SGD(0.02, momentum=0.9, weight_decay=5e-4, decoupled=False),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(
            mnist[0][:count], mnist[1][:count], batch_size=96, verbose=0, validation_split=0.1
        ).history
    return digest(model), history


@pytest.fixture(scope="module")
def alone(mnist):
    """What one thread makes of each network."""
    return {name: trained(name, mnist, 1) for name in NETWORKS}


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_fit(name, threads, mnist, alone):
    """Again with one thread, and with more: weights and History."""
    assert trained(name, mnist, threads) == alone[name]


def test_it_learns(alone):
    """What is repeated is training, not noise."""
    assert alone["lenet5"][1]["val_accuracy"][0] > (0.95 if FULL else 0.6)


@pytest.mark.parametrize("name", NETWORKS)
def test_other_seeds_differ(name, mnist, alone):
    assert trained(name, mnist, 2, seed=2)[0] != alone[name][0]


def test_wide_network_is_wide():
    """The second network takes the paths that it is meant to: large weights and small ones."""
    ops = [op for op in everything(0)._plan("predict", 96).ops if op.w_size]
    assert [(op.name, op.partial, op.wide) for op in ops] == [
        ("conv2d", True, False),
        ("conv2d", True, False),
        ("conv2d", False, False),
        ("dense", False, True),
        ("dense", False, False),
    ]


def test_dropout_differs_from_step_to_step_only():
    """The masks of one seed: the same in each run, other ones at each step."""

    def losses():
        model = fastcnn.Sequential([L.Dense(500, input_shape=(20,)), L.Dropout(0.5), L.Dense(1)], seed=3)
        model.compile(fastcnn.optimizers.SGD(0.0), "mse")
        return [model.train_on_batch(np.ones((4, 20)), np.zeros(4)) for _ in range(4)]

    assert losses() == losses() and len(set(losses())) == 4


@pytest.mark.parametrize("batch", [1, 3, 33, 257])
@pytest.mark.parametrize("name", NETWORKS)
def test_predict(name, batch, mnist):
    model, x = NETWORKS[name][0](5), mnist[0][:batch]
    model.compile("sgd", "sparse_categorical_crossentropy")
    results = []
    for threads in (1, 2, 3, 7, 1):
        with fastcnn.num_threads(threads):
            results.append(
                (
                    model.predict(x, batch_size=batch).tobytes(),
                    model.predict(x, batch_size=20).tobytes(),
                    model.evaluate(x, mnist[1][:batch], verbose=0),
                )
            )
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2, 5, 16, 50])
def test_steps_on_batches_of_any_size(batch, threads, mnist):
    """Fewer chunks than threads, and more."""

    def steps(threads):
        with fastcnn.num_threads(threads):
            model = everything(1)
            model.compile(fastcnn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
            for i in range(3):
                model.train_on_batch(
                    mnist[0][i * batch : (i + 1) * batch], mnist[1][i * batch : (i + 1) * batch]
                )
        return digest(model)

    assert steps(threads) == steps(1)


SCALAR = """
import sys
import numpy as np, fastcnn
from fastcnn import _ops

assert _ops.active_isa() == "scalar"
model = fastcnn.networks.lenet5(seed=1)
data = np.load(sys.argv[1])
model.compile(fastcnn.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
losses = [model.train_on_batch(data["x"], data["y"]) for _ in range(3)]
np.savez(sys.argv[2], y=model.predict(data["x"]), losses=losses)
"""


def test_scalar_kernels_agree(run_python, tmp_path, mnist):
    """Another instruction set rounds otherwise, but computes the same."""
    x, y = mnist[0][:64], mnist[1][:64]
    np.savez(tmp_path / "in.npz", x=x, y=y)
    run = run_python("-c", SCALAR, tmp_path / "in.npz", tmp_path / "out.npz", FASTCNN_ISA="scalar")
    assert run.returncode == 0, run.stderr
    theirs = np.load(tmp_path / "out.npz")
    model = lenet(1)
    model.compile(fastcnn.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(theirs["losses"], losses, rtol=0, atol=1e-4)
    np.testing.assert_allclose(theirs["y"], model.predict(x), rtol=0, atol=1e-4)


def test_number_of_threads_from_the_environment(run_python):
    """FASTCNN_NUM_THREADS changes speed alone."""
    code = (
        "import fastcnn, hashlib, numpy as np; m = fastcnn.networks.lenet5(seed=1); m.compile('sgd', 'mse'); "
        "r = np.random.default_rng(0); m.fit(r.random((200, 28, 28)), r.random((200, 10)), verbose=0); "
        "print(fastcnn.get_num_threads(), hashlib.sha256(m.weights[0].tobytes()).hexdigest())"
    )
    runs = [run_python("-c", code, FASTCNN_NUM_THREADS=str(n)).stdout.split() for n in (1, 2, 5)]
    assert [run[0] for run in runs] == ["1", "2", "5"] and len({run[1] for run in runs}) == 1
