"""Models as files: equal bits after loading, training goes on as if nothing happened, kills are survived."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from twin import Affine

import fastcnn
from fastcnn import layers as L
from fastcnn.io import FileFormatError
from fastcnn.optimizers import SGD, schedules


def network(*more, seed=3):
    return fastcnn.Sequential(
        [
            fastcnn.Input((12, 11, 2)),
            L.Conv2D(
                6,
                (3, 2),
                padding=((1, 0), (0, 2)),
                groups=2,
                activation={"name": "elu", "alpha": 0.5},
                kernel_initializer=fastcnn.initializers.RandomNormal(stddev=0.2),
                name="first",
            ),
            L.LocalResponseNormalization(4, 0.1, 0.6, 1.0, "mean"),
            L.MaxPooling2D(3, 2, "same", ceil_mode=True),
            L.LeakyReLU(0.1),
            L.AveragePooling2D(2, count_include_pad=True),
            L.Flatten(),
            L.Dropout(0.25, seed=5),
            L.Dense(9, activation="tanh", trainable=False),
            *more,
            L.Dense(4, activation="softmax"),
        ],
        "net",
        seed,
    )


def data(count=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 12, 11, 2)).astype(np.float32), rng.integers(0, 4, count)


def compiled(optimizer=None, *more):
    model = network(*more)
    model.compile(
        optimizer or SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3, decoupled=False),
        "sparse_categorical_crossentropy",
        metrics=["acc", "sparse_categorical_accuracy"],
    )
    return model


def same(a, b):
    return len(a.get_weights()) > 0 and all(
        np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights())
    )


def train(model, steps, first=0):
    for step in range(first, first + steps):
        model.train_on_batch(*data(seed=step))


def test_round_trip(tmp_path):
    model, x = network(), data()[0]
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert same(model, loaded) and np.array_equal(model.predict(x), loaded.predict(x))
    assert loaded.get_config() == model.get_config() and loaded.name == "net" and loaded.optimizer is None
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in model.layers]
    assert (loaded.input_shape, loaded.layers[0].name) == ((None, 12, 11, 2), "first")


@pytest.mark.parametrize(
    "build",
    [
        lambda: fastcnn.networks.lenet5(seed=1),
        lambda: fastcnn.Sequential([L.Dense(3, input_shape=(5,))]),
        lambda: fastcnn.Sequential(
            [
                L.Conv2D(3, 2, data_format="channels_first", input_shape=(2, 6, 5)),
                L.MaxPooling2D(data_format="channels_first"),
            ]
        ),
        lambda: fastcnn.Sequential(
            [
                L.ReLU(input_shape=(5, 4, 3)),
                L.ELU(0.3),
                L.Activation("leaky_relu"),
                L.Softmax(),
                L.GlobalMaxPooling2D(),
            ]
        ),
    ],
    ids=["lenet5", "dense", "channels_first", "no parameters"],
)
def test_other_models(build, tmp_path):
    model = build()
    x = np.random.default_rng(0).standard_normal((3, *model.input_shape[1:]))
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert np.array_equal(model.predict(x), loaded.predict(x)) and loaded.output_shape == model.output_shape
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3, decoupled=False),
        lambda: SGD(0.1, weight_decay=0.01),
        lambda: SGD(schedules.OneCycle(0.2, 12), momentum=0.5),
    ],
    ids=["nesterov", "plain", "schedule"],
)
def test_training_goes_on(optimizer, tmp_path):
    """n steps, a file, n steps: the bits of 2n steps; dropout, velocity and schedule included."""
    whole, half = compiled(optimizer()), compiled(optimizer())
    train(whole, 8)
    train(half, 4)
    half.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert loaded.optimizer.iterations == 4 and loaded.optimizer.get_config() == half.optimizer.get_config()
    assert loaded.metrics_names == ["loss", "acc", "sparse_categorical_accuracy"]
    assert loaded.evaluate(*data(), verbose=0) == half.evaluate(*data(), verbose=0)
    train(loaded, 4, 4)
    assert same(whole, loaded) and not same(whole, half) and loaded.optimizer.iterations == 8
    without = fastcnn.load_model(tmp_path / "m", compile=False)
    assert same(half, without) and without.optimizer is None


def test_fit_goes_on(tmp_path):
    x, y = data(50)
    whole, half = compiled(), compiled()
    whole.fit(x, y, epochs=4, verbose=0)
    half.fit(x, y, epochs=2, verbose=0)
    half.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert loaded.epochs_seen == 2
    loaded.fit(x, y, epochs=4, initial_epoch=loaded.epochs_seen, verbose=0)
    assert same(whole, loaded)


def test_saving_changes_nothing(tmp_path):
    saved, other = compiled(), compiled()
    for model in (saved, other):
        train(model, 2)
    saved.save(tmp_path / "m")
    for model in (saved, other):
        train(model, 2)
    assert same(saved, other)


# Users' own classes


def scaled(shape):
    return np.full(shape, 0.01, np.float32)


def error(y_true, y_pred):
    return np.abs(y_pred[:, 0] - y_true)


class Gain(fastcnn.layers.Layer):
    """A layer with an argument, and a parameter."""

    config = ("start",)

    def __init__(self, start=1.0, **base):
        super().__init__(**base)
        self.start = start

    def build(self, shape):
        self.gain = self.add_weight("gain", (1,), fastcnn.initializers.Constant(self.start))

    def forward(self, x, training=False):
        self.x = x
        return x * self.gain.value

    def backward(self, dy):
        self.gain.gradient[...] = np.sum(dy * self.x)
        return dy * self.gain.value


def test_custom_layers(tmp_path):
    model, x = compiled(None, Gain(2.5), Affine()), data()[0]
    train(model, 2)
    model.save(tmp_path / "m")
    with pytest.raises(FileFormatError, match=r"custom_objects=\{'Gain': its class\}"):
        fastcnn.load_model(tmp_path / "m")
    with pytest.raises(FileFormatError, match="Affine"):
        fastcnn.load_model(tmp_path / "m", custom_objects={"Gain": Gain})
    loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"Gain": Gain, "Affine": Affine})
    assert loaded.get_layer("gain").start == 2.5 and np.array_equal(model.predict(x), loaded.predict(x))
    for m in (model, loaded):
        train(m, 2, 2)
    assert same(model, loaded)


def test_custom_initializer(tmp_path):
    model = fastcnn.Sequential([L.Dense(3, kernel_initializer=scaled, input_shape=(2,))])
    model.save(tmp_path / "m")
    assert same(model, fastcnn.load_model(tmp_path / "m", custom_objects={"scaled": scaled}))


def test_custom_metric(tmp_path):
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[error, "acc"])
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"error": error})
    assert loaded.evaluate(*data(), verbose=0) == model.evaluate(*data(), verbose=0)


def test_metrics_with_arguments(tmp_path):
    """A metric is more than its name."""
    model = network()
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=[
            fastcnn.metrics.SparseTopKCategoricalAccuracy(k=2),
            fastcnn.metrics.SparseCategoricalAccuracy("right"),
        ],
    )
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert loaded.metrics_names == model.metrics_names
    assert loaded.evaluate(*data(), verbose=0) == model.evaluate(*data(), verbose=0)


def test_custom_loss_is_left_to_the_user(tmp_path):
    class Mine(fastcnn.losses.MeanSquaredError):
        kind = None

    model = fastcnn.Sequential([L.Dense(1, input_shape=(2,))], seed=0)
    model.compile(SGD(0.1, momentum=0.5), Mine(), metrics=["mae"])
    model.train_on_batch(np.ones((2, 2)), np.ones(2))
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    assert loaded.loss is None and loaded.optimizer.iterations == 1 and same(model, loaded)
    with pytest.raises(ValueError, match="loss"):
        loaded.train_on_batch(np.ones((2, 2)), np.ones(2))


class Weighted(fastcnn.losses.Loss):
    """Squared errors times a number."""

    config = ("factor",)

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, y_true, y_pred):
        return self.factor * ((y_pred - y_true) ** 2).mean(axis=1)

    def backward(self, y_true, y_pred):
        return 2 * self.factor * (y_pred - y_true) / y_pred.shape[1]


def test_custom_loss(tmp_path):
    """Given its class, training goes on with the bits of one that never stopped."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 2))
    models = []
    for _ in range(2):
        models.append(fastcnn.Sequential([L.Dense(2, input_shape=(4,))], seed=0))
        models[-1].compile(SGD(0.1, momentum=0.9), Weighted(0.25))
    whole, half = models
    whole.fit(x, y, batch_size=8, epochs=4, verbose=0)
    half.fit(x, y, batch_size=8, epochs=2, verbose=0)
    half.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m", custom_objects={"Weighted": Weighted})
    assert type(loaded.loss) is Weighted and loaded.loss.factor == 0.25
    history = loaded.fit(x, y, batch_size=8, epochs=4, verbose=0, resume=True)
    assert same(whole, loaded) and not same(whole, half) and history.history == whole.history.history
    assert fastcnn.load_model(tmp_path / "m").loss is None
    with pytest.raises(FileFormatError, match="loss must be a name or a fastcnn.losses.Loss"):
        fastcnn.load_model(tmp_path / "m", custom_objects={"Weighted": error})


# Other readers, and kills


def test_the_safetensors_package_reads_the_weights(tmp_path):
    theirs = pytest.importorskip("safetensors.numpy")
    model = compiled()
    train(model, 1)
    model.save(tmp_path / "m")
    tensors = theirs.load_file(tmp_path / "m")
    names = [f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters]
    assert set(tensors) == set(names) | {f"optimizer/velocity/{name}" for name in names}
    assert all(np.array_equal(tensors[name], w) for name, w in zip(names, model.get_weights()))


KILLER = """
import json, os, random, signal, sys, time
import numpy as np, fastcnn
from fastcnn import layers as L

folder, kills = sys.argv[1], int(sys.argv[2])
path = os.path.join(folder, "m.safetensors")
models = {}
for value in (1.0, 2.0):
    models[value] = fastcnn.Sequential([L.Dense(100, input_shape=(250,)), L.Dense(10)], seed=0)
    models[value].set_weights([np.full_like(w, value) for w in models[value].get_weights()])
save = lambda count: models[1.0 + count % 2].save(path)
clock, seen, left = random.Random(0), {1.0: 0, 2.0: 0}, 0
save(0)
started = time.perf_counter()
save(0)
span = time.perf_counter() - started
for count in range(kills):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            while True:
                save(count)
                os.write(tell, b".")
                count += 1
        finally:
            os._exit(1)
    os.close(tell)
    os.read(ready, 1)
    time.sleep(clock.uniform(0, 3 * span))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "the child failed by itself"
    os.close(ready)
    values = {float(v) for w in fastcnn.load_model(path).get_weights() for v in (w.min(), w.max())}
    assert len(values) == 1
    seen[values.pop()] += 1
    others = [name for name in os.listdir(folder) if name != "m.safetensors"]
    assert len(others) <= 1, "one writer was killed, so one temporary file at most is left"
    left += len(others)
    for name in others:
        os.unlink(os.path.join(folder, name))
save(0)
print(json.dumps([list(seen.values()), left, os.listdir(folder)]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_200_times_the_model_is_whole(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), "200"],
        capture_output=True,
        text=True,
        timeout=900,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    seen, left, names = json.loads(run.stdout)
    assert sum(seen) == 200 and min(seen) > 0 and left > 0, "no kill fell into a write: nothing was tested"
    assert names == ["m.safetensors"]
