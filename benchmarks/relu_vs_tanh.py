"""The paper's figure 1: a four-layer network on CIFAR-10 with ReLU and with tanh, until 25 % of training images are wrong.

    python benchmarks/relu_vs_tanh.py --data cifar-10-images.zip --output relu_vs_tanh

Both start from the same values, see the same images in the same order and are not regularized; each has the learning rate
that served it best: all rates train for an epoch, the worse half leaves, and so on until one is left, which goes on.

Training error is that of the network as it stands, every half epoch, on 10,000 fixed training images; where it crosses the
line is interpolated. `running_error` in the data is the error on the images of that half epoch as they were trained on, as
cuda-convnet prints it. At the end the reference in NumPy float64 must predict the same with the trained weights.

--initializer shows how much of the effect is due to the published initial values: pixels are then divided by their standard
deviation as well.
"""

import argparse
import csv
import math
import os
import zlib
from pathlib import Path
from time import perf_counter

import numpy as np

import fastcnn
from fastcnn import reference
from fastcnn.callbacks import Callback
from fastcnn.datasets import ImageFolder

ACTIVATIONS = "relu", "tanh"
NAMES = {"relu": "ReLU", "tanh": "tanh"}
PER_EPOCH = 2         # measurements
SAMPLE = 10_000       # images to measure on
INK, GREY, COLOURS = "#222222", "#8a8a8a", {"relu": "#c8442b", "tanh": "#2b5c8a"}
COLUMNS = "activation", "learning_rate", "chosen", "epoch", "error", "running_error"


def load(data, folder):
    """(images (N, 32, 32, 3) uint8, labels (N,)) of the folder or archive `data`, decoded once and kept in `folder`."""
    source = ImageFolder(data, "train", size=32, errors="raise")
    key = zlib.crc32("\n".join([os.path.abspath(data), str(os.path.getmtime(data)), *source.paths]).encode())
    kept = folder / f"pixels-{key:08x}.npy"
    if not kept.exists():
        print(f"decoding {len(source):,} images …", flush=True)
        x = np.empty((len(source), *source.shape), np.uint8)
        source.read(range(len(source)), x)
        part = kept.with_suffix(".part")
        with open(part, "wb") as file:
            np.save(file, x)
        os.replace(part, kept)
    return np.load(kept), source.labels


def prepare(x, y, limit=None, seed=0, standardize=False):
    """The first `limit` images in a random order, as floats less their mean image, and their labels."""
    order = np.random.default_rng(seed).permutation(len(x))[:limit]
    x = x[order].astype(np.float32)
    x -= x.mean(axis=0, dtype=np.float64).astype(np.float32)
    if standardize:
        x /= x.std(dtype=np.float64).astype(np.float32)
    return x, y[order]


class Run(Callback):
    """One network and its rate: trains by and by, and keeps its curve.

    Attributes:
        curve: [(epoch, error, running error)], epochs being passes over the images.
        seconds: of training, without the measurements.
    """

    def __init__(self, activation, rate, target=0.25, batch_size=128, seed=0, initializer=None, classes=10):
        self.activation, self.rate, self.target, self.batch_size = activation, rate, target, batch_size
        self.network = fastcnn.networks.cifar10(classes, activation, seed, initializer)
        self.network.compile(fastcnn.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy",
                             metrics=["accuracy"])
        self.curve, self.seconds, self.images, self.steps = [], 0.0, 0, 1

    def train(self, x, y, epochs):
        """Goes on until so many passes over the images, or the target."""
        self.steps = max(1, round(len(x) / self.batch_size / PER_EPOCH))
        self.pass_steps = math.ceil(len(x) / self.batch_size)
        if not self.done:
            self.network.fit(x, y, self.batch_size, round(epochs * self.pass_steps / self.steps), verbose=0,
                             callbacks=[self], steps_per_epoch=self.steps, resume=True,
                             validation_data=(x[:SAMPLE], y[:SAMPLE]))
        return self

    @property
    def error(self):
        """The last measurement, 1 for a network that is lost."""
        return self.curve[-1][1] if self.curve else 1.0

    @property
    def done(self):
        """Is there nothing more to do: target reached, or network lost?"""
        return bool(self.curve) and (self.error <= self.target or not math.isfinite(self.curve[-1][2]))

    def on_epoch_begin(self, epoch, logs=None):
        self.start = perf_counter()

    def on_test_begin(self, logs=None):
        self.seconds += perf_counter() - self.start

    def on_epoch_end(self, epoch, logs=None):
        lost = not math.isfinite(logs["loss"])
        running = math.nan if lost else 1 - logs["accuracy"]
        self.curve.append(((epoch + 1) * self.steps / self.pass_steps, 1.0 if lost else 1 - logs["val_accuracy"], running))
        self.images += self.steps * self.batch_size
        self.model.stop_training = self.done
        print(f"{NAMES[self.activation]}, rate {self.rate:g}: epoch {self.curve[-1][0]:.2f}, "
              + ("lost" if lost else f"training error {100 * self.error:.1f} %"), flush=True)


def race(runs, x, y, epochs):
    """Trains all for an epoch, keeps the better half, and so on; the one that is left trains to the end.

    Returns:
        the winner. Of runs that reach the target in the same epoch the earliest wins.
    """
    left, passes = list(runs), 0
    while len(left) > 1 and passes < epochs:
        passes += 1
        for run in left:
            run.train(x, y, passes)
        left = sorted(left, key=lambda run: (crossing(run.curve, run.target) or math.inf, run.error))[:len(left) // 2]
    return left[0].train(x, y, epochs)


def crossing(curve, target, column=1):
    """Where a curve first falls to the target: epochs, between two measurements on a straight line; None: nowhere."""
    before = None
    for point in curve:
        epoch, error = point[0], point[column]
        if error <= target:
            if before is None:
                return epoch
            return before[0] + (epoch - before[0]) * (before[1] - target) / (before[1] - error)
        before = epoch, error
    return None


def check(run, x):
    """The trained network must predict what the reference does."""
    w = [a.astype(np.float64) for a in run.network.get_weights()]
    squash = getattr(reference, run.activation)
    pool = {"strides": 2, "ceil_mode": True}
    h = reference.max_pool2d(squash(reference.conv2d(x, w[0], w[1], padding=2)), 3, **pool)
    for kernel, bias in ((w[2], w[3]), (w[4], w[5])):
        h = reference.avg_pool2d(squash(reference.conv2d(h, kernel, bias, padding=2)), 3, **pool)
    expected = reference.softmax(reference.dense(h.reshape(len(x), -1), w[6], w[7]))
    assert np.allclose(run.network.predict(x), expected, rtol=0, atol=1e-3, equal_nan=True), "wrong predictions"


def write(path, runs, winners):
    """All curves as CSV."""
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for run in runs:
            for epoch, error, running in run.curve:
                rows.writerow([run.activation, f"{run.rate:g}", int(run in winners), f"{epoch:.4f}", f"{error:.4f}",
                               f"{running:.4f}"])


def draw(path, winners, target, images, tried):
    """The figure: two curves, the line they fall to, and where.

    Args:
        path: of the PNG.
        winners: a `Run` of each activation.
        target: the error at which the line is drawn.
        images, tried: numbers of training images and of learning rates, for the line below the title.

    Raises:
        ImportError: matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.5), dpi=200, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.12, 0.87, 0.70))
    end = 1.06 * max(run.curve[-1][0] for run in winners)
    axes.axhline(100 * target, color=GREY, linewidth=0.8, zorder=1)
    axes.text(end, 100 * target + 1, f"{100 * target:.0f} %", color=GREY, ha="right", va="bottom", fontsize=9)
    ends = [crossing(run.curve, target) for run in winners]
    close = None not in ends and abs(ends[0] - ends[1]) < 0.35 * end
    for i, (run, at) in enumerate(zip(winners, ends)):
        colour = COLOURS[run.activation]
        axes.plot([point[0] for point in run.curve], [100 * point[1] for point in run.curve], color=colour, linewidth=2.2,
                  linestyle="-" if run.activation == "relu" else (0, (4, 1.5)), zorder=3)
        x, y, offset = run.curve[-1][0], 100 * run.error, 46
        if at is not None:
            x, y, offset = at, 100 * target, -50 if close and i else -12
            axes.plot([x], [y], "o", color=colour, markersize=7, markeredgecolor="white", zorder=4)
        side = "right" if x > 0.75 * end else "left" if x < 0.12 * end else "center"
        place = {"xytext": (6 if side == "right" else 0, offset), "textcoords": "offset points", "ha": side, "va": "top"}
        axes.annotate(NAMES[run.activation], (x, y), color=colour, fontsize=12, weight="bold", **place)
        place["xytext"] = place["xytext"][0], offset - 15
        axes.annotate(f"{x:.1f} epochs, rate {run.rate:g}", (x, y), color=colour, fontsize=9, **place)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 10 * math.ceil(10 * max(point[1] for run in winners for point in run.curve)))
    axes.set_xlabel("epochs", color=INK)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes.tick_params(colors=INK, length=3)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("bottom", "left"))
        spine.set_color(GREY)
    figure.text(0.02, 0.94, title(winners, target), color=INK, fontsize=13, weight="bold", va="center")
    what = f"Four-layer network, {images:,} images of CIFAR-10, no regularization, best of {tried} rates each"
    figure.text(0.02, 0.885, what, color=INK, fontsize=8.5, va="center")
    figure.savefig(path)


def title(winners, target):
    """What the figure says."""
    line = f"{100 * target:.0f} % training error"
    first, second = sorted(winners, key=lambda run: crossing(run.curve, target) or math.inf)
    a, b = crossing(first.curve, target), crossing(second.curve, target)
    if not a:
        return f"ReLU and tanh on their way to {line}"
    first, second = NAMES[first.activation], NAMES[second.activation]
    return f"{first} reaches {line}" + (f" {b / a:.1f} times sooner than {second}" if b else f", {second} does not")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder or zip archive with train/<class>/*.jpg")
    parser.add_argument("--output", type=Path, required=True, help="folder for the curves, the figure and decoded images")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[0.001, 0.003, 0.01, 0.03], metavar="RATE",
                        help="that each activation tries (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=60, help="that no network goes beyond (default: %(default)s)")
    parser.add_argument("--error", type=float, default=0.25, help="to reach (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="train on so many images, for a quick try")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--initializer", help="of all kernels, instead of the published values")
    given = parser.parse_args(arguments)
    if given.threads is not None:
        fastcnn.set_num_threads(given.threads)
    given.output.mkdir(parents=True, exist_ok=True)
    x, y = prepare(*load(given.data, given.output), given.limit, given.seed, given.initializer is not None)
    runs, winners = [], []
    for activation in ACTIVATIONS:
        tried = [Run(activation, rate, given.error, seed=given.seed, initializer=given.initializer)
                 for rate in given.learning_rates]
        runs += tried
        try:
            winners.append(race(tried, x, y, given.epochs))
        finally:  # an interrupted measurement is one as well
            write(given.output / "relu_vs_tanh.csv", runs, winners)
        check(winners[-1], x[:50])
    report(winners, given, len(x))


def report(winners, given, images):
    """What was found, printed and drawn."""
    print()
    reached = {}
    for run in winners:
        at, running = (crossing(run.curve, run.target, column) for column in (1, 2))
        reached[run.activation] = at
        edge = len(given.learning_rates) > 1 and run.rate in (min(given.learning_rates), max(given.learning_rates))
        print(f"{NAMES[run.activation]}, rate {run.rate:g}{', the last of those tried' if edge else ''}: "
              f"{100 * run.target:.0f} % training error "
              + (f"after {at:.2f} epochs" if at else f"not in {run.curve[-1][0]:.1f} epochs, {100 * run.error:.1f} %")
              + (f" (running error: {running:.2f})" if running else f" (running error: {100 * run.curve[-1][2]:.1f} %)")
              + f"; {run.images / run.seconds:,.0f} images/s")
    if all(reached.values()):
        print(f"{reached['tanh'] / reached['relu']:.1f} times as many epochs with tanh as with ReLU")
    print(f"curves: {given.output / 'relu_vs_tanh.csv'}")
    try:
        draw(given.output / "relu_vs_tanh.png", winners, given.error, images, len(given.learning_rates))
        print(f"figure: {given.output / 'relu_vs_tanh.png'}")
    except ImportError:
        print("figure: not drawn, matplotlib is missing (pip install matplotlib)")


if __name__ == "__main__":
    main()
