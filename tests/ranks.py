"""Processes of a job as threads of this one, for tests: the interface of `fastcnn.distributed.MPI`, and what they train."""

import hashlib
import threading

import numpy as np
from test_constraints import Scale

import fastcnn
from fastcnn import layers as L


class Rank:
    """One of several that train together, each in a thread of its own.

    Args:
        shared: of all of them: a dictionary with their number, a barrier, and room for what they show each other.
        rank: its number.
        exact: as of `MPI`.
    """

    def __init__(self, shared, rank, exact=True):
        self.shared, self.rank, self.exact, self.size, self.begun = shared, rank, exact, shared["size"], []

    def agree(self, value):
        self.shared["barrier"].wait()
        self.shared[self.rank] = value
        self.shared["barrier"].wait()
        return [self.shared[rank] for rank in range(self.size)]

    def gather(self, parts):
        for rank, others in enumerate(self.agree(parts)):
            for (mine, ranges), (theirs, _) in zip(parts, others, strict=True):
                first, last = ranges[rank]
                if rank != self.rank:
                    mine[first:last] = theirs[first:last]
        self.shared["barrier"].wait()

    def add(self, arrays):
        found = [[array.copy() for array in each] for each in self.agree(arrays)]
        self.shared["barrier"].wait()
        while len(found) > 1:
            found = [[a + b for a, b in zip(*pair)] for pair in zip(found[::2], found[1::2])]
        for array, total in zip(arrays, found[0]):
            array[...] = total

    def begin(self, arrays):
        self.begun.append(arrays)

    def end(self):
        for arrays in self.begun:
            found = [[array.copy() for array in each] for each in self.agree(arrays)]
            self.shared["barrier"].wait()
            for i, array in enumerate(arrays):
                array[...] = np.sum([each[i] for each in found], axis=0)
        self.begun = []

    def fail(self, error):
        self.shared["barrier"].abort()


def together(size, work, exact=True):
    """What `work(rank)` returns in each of so many threads."""
    shared, found = {"size": size, "barrier": threading.Barrier(size, timeout=900)}, [None] * size

    def run(i):
        try:
            with fastcnn.num_threads(1):
                found[i] = work(Rank(shared, i, exact))
        except BaseException as error:  # noqa: BLE001
            found[i] = error
            shared["barrier"].abort()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broken = [error for error in found if isinstance(error, BaseException)]
    for error in sorted(broken, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return found


# Networks


def lenet5(seed=1):
    """LeNet-5, in lanes, with dropout added."""
    return fastcnn.Sequential([
        L.Conv2D(6, 5, padding="same", activation="tanh", input_shape=(28, 28, 1)), L.AveragePooling2D(2),
        L.Conv2D(16, 5, activation="tanh"), L.AveragePooling2D(2), L.Flatten(), L.Dense(120, activation="tanh"),
        L.Dropout(0.25), L.Dense(84, activation="tanh"), L.Dense(10, activation="softmax")], seed=seed)


def alexnet(seed=1):
    """AlexNet in small, with batch normalization: large kernels and small, a dense layer too large for the cache."""
    return fastcnn.Sequential([
        L.Conv2D(24, 5, strides=2, padding="same", activation="relu", input_shape=(28, 28, 1)), L.BatchNormalization(),
        L.MaxPooling2D(3, 2), L.Conv2D(160, 3, padding="same", activation="relu"), L.BatchNormalization(),
        L.Conv2D(96, 3, padding="same", activation="relu", kernel_regularizer=fastcnn.regularizers.L2(1e-4)), L.Flatten(),
        L.Dense(128, activation="relu"), L.Dropout(0.5), L.Dense(10, activation="softmax")], seed=seed)


def resnet(seed=1):
    """A residual network for small images."""
    return fastcnn.networks.resnet(20, 10, cifar=True, input_shape=(28, 28, 1), width=0.5, seed=seed)


def python(seed=1):
    """A layer and a loss in Python, a layer that is used twice, slopes and a scale that are learnt."""
    twice = L.Conv2D(8, 3, padding="same")
    x = fastcnn.Input((28, 28, 1))
    y = L.PReLU()(L.Conv2D(8, 5, strides=2)(x))
    y = L.Add()([twice(y), twice(Scale()(y))])
    y = L.GaussianNoise(0.1)(L.LayerNormalization()(y))
    return fastcnn.Model(x, L.Dense(10, activation="softmax")(L.Flatten()(L.MaxPooling2D(3)(y))), seed=seed)


NETWORKS = {network.__name__: network for network in (lenet5, alexnet, resnet, python)}


def data(count=300):
    """The first MNIST images and their labels, with noise: on a ground of zeros rounding decides what ReLU lets through."""
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    noise = np.random.default_rng(0).normal(0, 0.2, (count, 28, 28, 1))
    return (x[:count, ..., None] / 255 + noise).astype(np.float32), y[:count]


def digest(model):
    """SHA-256 over all weights."""
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


def gradient(name, ranks=None):
    """What a first step on 64 images makes of all velocities: the gradient, as a vector."""
    model, (x, y) = NETWORKS[name](), data(64)
    model.compile(fastcnn.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy")
    model.fit(x, y, 64, verbose=0, distribute=ranks)
    return np.concatenate([velocity.ravel() for p in model.parameters for velocity in model._states.of(p)])


def trained(name, ranks=None, epochs=2, batch_size=64, rate=0.02, **options):
    """(model, History's numbers) after some epochs with an uneven last batch."""
    model, (x, y) = NETWORKS[name](), data()
    optimizer = options.pop("optimizer", None) or fastcnn.optimizers.SGD(rate, momentum=0.9, weight_decay=5e-4)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size, epochs, verbose=0, validation_data=(x[:100], y[:100]), distribute=ranks,
                        **options).history
    return model, history
