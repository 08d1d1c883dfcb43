"""A program as users write it, which type checkers find nothing wrong with, and which runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastcnn
from fastcnn import Input, Model, Sequential, layers, losses, metrics, ops, optimizers, reference, vis
from fastcnn.callbacks import Callback, CSVLogger, EarlyStopping, History, LambdaCallback, ModelCheckpoint
from fastcnn.datasets import ImageArray, ImageFolder, mnist, split
from fastcnn.images import ArrayBatches, Augmentation, Distortion, ImageBatches, Preparation, predict_batches
from fastcnn.initializers import HeNormal, Initializer
from fastcnn.layers import Add, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D, Layer, MaxPooling2D

rng = np.random.default_rng(0)
fastcnn.set_random_seed(0)
fastcnn.set_num_threads(2)

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, x_test = x_train[:256, ..., None] / 255, x_test[:64, ..., None] / 255
y_train, y_test = y_train[:256], y_test[:64]


# Own parts, with annotations and without

class Shrink(Layer):
    config = ("start",)

    def __init__(self, start=0.1, **base):
        super().__init__(**base)
        self.start = start

    def build(self, shape):
        self.threshold = self.add_weight("threshold", shape[-1:], fastcnn.initializers.Constant(self.start))

    def forward(self, x, training=False):
        t = self.threshold.value
        self.passed = np.sign(x) * (np.abs(x) > t)
        return self.passed * (np.abs(x) - t)

    def backward(self, dy):
        self.threshold.gradient[...] = -(dy * self.passed).sum(axis=tuple(range(dy.ndim - 1)))
        return dy * np.abs(self.passed)


class Sides(Layer):
    """Left and right halves, added."""

    merges = True
    config = ("weight",)

    def __init__(self, weight: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        self.weight = weight

    def build(self, shape: list[tuple[int, ...]]) -> None:
        self.output_size = shape[0]

    def forward(self, x: list[np.ndarray], training: bool = False) -> np.ndarray:
        return x[0] + self.weight * x[1]

    def backward(self, dy: np.ndarray) -> list[np.ndarray]:
        return [dy, self.weight * dy]


class LogCosh(losses.Loss):
    name = "log_cosh"

    def forward(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        d = np.abs(y_pred - y_true)
        return (d + np.log1p(np.exp(-2 * d)) - np.log(2)).sum(axis=1)

    def backward(self, y_true, y_pred):
        return np.tanh(y_pred - y_true)


class WorstError(metrics.Metric):
    direction = "min"

    def reset_state(self):
        self.worst = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(np.abs(y_pred - y_true).max()))

    def result(self) -> float:
        return self.worst


class Rates(Callback):
    state = ("rates",)

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_epoch_end(self, epoch, logs=None):
        self.rates.append(self.model.optimizer.learning_rate)
        if logs["loss"] < 1e-3:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        print(self.params["epochs"], logs)


class Halves(Initializer):
    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> np.ndarray:
        return np.full(shape, 0.5, np.float32)


class Batches:
    """A sequence of batches, as Keras' programs have it."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        return x_train[32 * i:32 * i + 32], y_train[32 * i:32 * i + 32]


def endless(size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        chosen = rng.integers(0, len(x_train), size)
        yield x_train[chosen], y_train[chosen]


# A chain

model = Sequential([
    Conv2D(8, (5, 5), padding="same", activation="relu", kernel_initializer=HeNormal(seed=1), kernel_regularizer="l2",
           input_shape=(28, 28, 1), name="conv"),
    layers.BatchNormalization(),
    MaxPooling2D(2, strides=[2, 2]),
    Shrink(name="shrink"),
    Conv2D(8, 3, strides=2, padding=((1, 0), (1, 0)), use_bias=False, trainable=True),
    layers.PReLU(shared_axes=[1, 2]),
    Flatten(),
    Dropout(0.25, seed=3),
], seed=1)
model.add(Dense(10, activation="softmax", kernel_constraint=fastcnn.constraints.MaxNorm(3.0),
                learning_rate_multiplier={"bias": 2.0}))
model.summary(print_fn=lambda line: None, line_length=80)
schedule = optimizers.schedules.CosineDecay(0.05, decay_steps=16, warmup_target=0.1, warmup_steps=4)
model.compile(optimizers.SGD(schedule, momentum=0.9, nesterov=True, clipnorm=1.0, weight_decay=1e-4, decoupled=False),
              losses.SparseCategoricalCrossentropy(label_smoothing=0.1),
              metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(k=3)])
rates = Rates()
history: History = model.fit(x_train, y_train, batch_size=64, epochs=2, verbose=0, validation_split=0.25, callbacks=[
    rates, EarlyStopping("val_loss", patience=3, restore_best_weights=True), CSVLogger("log.csv", append=False),
    ModelCheckpoint("best-{epoch:02d}.safetensors", save_best_only=True, mode="min"),
    LambdaCallback(on_epoch_end=lambda epoch, logs: None, on_test_begin=lambda logs: None)],
    class_weight={i: 1 + (i == 8) for i in range(10)})
best = min(history.history["val_loss"])
model.fit(Batches(), epochs=1, verbose=0, callbacks=Rates(), validation_data=(x_test, y_test))
model.fit(endless(32), steps_per_epoch=2, epochs=4, initial_epoch=3, verbose=0)
loss, accuracy, top = model.evaluate(x_test, y_test, verbose=0)
answers = model.predict(x_test, batch_size=32).argmax(axis=1)
right = (model.predict_classes(x_test) == y_test).mean()
print(f"{best:.3f} {loss:.3f} {accuracy:.0%} {right:.0%} {np.bincount(answers, minlength=10).max()}")

model.optimizer.learning_rate = 0.01
model.get_layer("conv").trainable = False
kernel = model.layers[0].kernel.value
model.layers[-1].bias.value = np.zeros(10)
body = Sequential(model.layers[:-1] + [Dense(5)])
dense = Dense(3, input_shape=(4,))
dense.build_for((4,))
dense.kernel.value = np.ones((4, 3), np.float32)
dense.activation = "tanh"
model.set_weights([w * 0.5 for w in model.get_weights()])
model.metadata["class_names"] = [str(i) for i in range(10)]
model.save(Path("model.safetensors"))
again = fastcnn.load_model("model.safetensors", custom_objects={"Shrink": Shrink})
again.pop()
again.add(Dense(2, name="new"))
print(model.count_params(), again.output_shape[-1], kernel.shape, model.input_shape[1:])
with fastcnn.num_threads(1), fastcnn.config_context(exact=True):
    model.half_weights("float16")
    model.quantize(None)
    ranges: dict[str, tuple[float, float]] = model.quantized
    print(ranges)


# Branches

def block(x, filters, strides=1, activation="relu"):
    y = Conv2D(filters, 3, strides=strides, padding="same", activation=activation)(x)
    y = Conv2D(filters, 3, padding="same")(y)
    around = x if strides == 1 else Conv2D(filters, 1, strides=strides)(x)
    return layers.ReLU()(Add()([y, around]))


image = Input((28, 28, 1), name="image")
x = Conv2D(4, 3, activation="relu")(image)
for filters in (4, 8):
    x = block(x, filters, strides=2)
features = GlobalAveragePooling2D()(x)
sides = Sides(0.5)([Dense(6)(features), Dense(6)(features)])
digit, even = Dense(10, activation="softmax")(sides), Dense(1, activation="sigmoid")(sides + Dense(6)(features))
graph = Model(image, {"digit": digit, "even": even}, name="graph")
graph.compile("adam", {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"},
              metrics={"digit": ["accuracy"]}, loss_weights={"even": 0.5})
targets = {"digit": y_train, "even": (y_train % 2 == 0).astype("float32")}
graph.fit(x_train, targets, epochs=1, verbose=0)
both = graph.predict(x_test)
print(both["digit"].shape, [symbol.shape for symbol in graph.outputs], graph.output_names)
inner = Model(graph.input, graph.get_layer(index=1).output)
activity = inner(x_test[:2])
print(activity.shape, inner(Input((28, 28, 1))).shape)


# A loop of one's own

small = Sequential([Input((28, 28, 1)), Flatten(), Dense(10)])
small.compile(optimizers.AdamW(1e-3, weight_decay=0.01), losses.SparseCategoricalCrossentropy(from_logits=True))
for first in range(0, 64, 32):
    cost, gradients = small.gradients(x_train[first:first + 32], y_train[first:first + 32])
    gradients = {name: gradient.clip(-1, 1) for name, gradient in gradients.items()}
    small.optimizer.apply(small, gradients)
    print(f"{cost:.2f}", max(float(np.abs(gradient).max()) for gradient in gradients.values()))
with small.watch("dense") as watched:
    small.train_on_batch(x_train[:8], y_train[:8])
    print(watched["dense"].output.mean())
fit = Sequential([Dense(1, input_shape=(3,), kernel_initializer=Halves())])
fit.compile("sgd", LogCosh(), metrics=[WorstError()])
fit.fit(np.ones((8, 3)), np.zeros((8, 1)), epochs=1, verbose=0)
offs = fastcnn.check_gradients(Shrink(), rng.standard_normal((5, 4)))
print(sorted(offs), fastcnn.compare("relu", x_test).error)


# Arrays

y = ops.conv2d(x_test, rng.standard_normal((3, 3, 1, 4)), strides=(2, 2), padding="same")
dx, dkernel = ops.conv2d_backward(y, x_test, np.ones((3, 3, 1, 4)), strides=2, padding="same")
same = np.allclose(ops.softmax([[1.0, 2.0]]), reference.softmax([[1.0, 2.0]]), atol=1e-6)
out = Dense(3)(np.ones((2, 4)))
print(dx.shape, dkernel.dtype, same, out.sum() + losses.mean_squared_error(out, np.zeros((2, 3))).max())
fastcnn.io.save_file({"y": y}, "y.safetensors", {"made": "here"})
tensors, notes = fastcnn.io.load_file("y.safetensors")
print(tensors["y"].shape, notes["made"])


# Photographs

pixels = rng.integers(0, 256, (12, 40, 40, 3), dtype=np.uint8)
source = ImageArray(pixels, np.arange(12) % 3, class_names=["a", "b", "c"])
training, validation = split(source, fraction=0.25)
augmentation = Augmentation(crop=32, mean=127.5, std=64, lighting=0.0)
batches = ImageBatches(training, batch_size=4, augmentation=augmentation, mixup=0.2, workers=1)
network = fastcnn.networks.resnet(20, classes=3, cifar=True, width=0.25)
network.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
network.fit(batches, epochs=1, verbose=0,
            validation_data=ImageBatches(validation, 4, augmentation.evaluation(), shuffle=False, one_hot=True))
for numbers, found in predict_batches(network, source, augmentation.evaluation()):
    print([source.class_names[i] for i in found.argmax(axis=1)], numbers.shape)
Preparation(40, augmentation.evaluation(), ["a", "b", "c"]).put(network)
print(Preparation.of(network).shape)
lenet = fastcnn.networks.lenet5(variant="relu", seed=0)
lenet.compile("sgd", "sparse_categorical_crossentropy")
lenet.fit(ArrayBatches(x_train.astype(np.float32), y_train, 32, Distortion(translation=2.0)), verbose=0)


def folder_of(path: str) -> list[str]:
    photographs = ImageFolder(path, folder="train", size=64)
    print(len(photographs.class_names), photographs[0][0].shape)
    return photographs.class_names


# Plots

def plots(folder: Path) -> None:
    history.plot(names=["loss"]).savefig(folder / "history.png")
    for name, figure in {"filters": vis.filters(model, layer="conv"), "graph": vis.graph(graph),
                         "confusion": vis.confusion_matrix(y_test, answers, normalize=True),
                         "saliency": vis.saliency(lenet, x_test[:2])}.items():
        figure.savefig(folder / f"{name}.png", dpi=50)
