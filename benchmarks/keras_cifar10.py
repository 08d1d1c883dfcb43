"""The CIFAR-10 network of Keras' tutorials, trained by fastcnn.compat.keras and by Keras: accuracy on the test set, seconds.

    python benchmarks/keras_cifar10.py --data cifar-10-images.zip --output keras_cifar10

Two pairs of convolutions with 32 and 64 filters, a dense layer of 512, dropout; RMSprop at 0.001 with decay 1e-6, batches of
64, five epochs, one-hot labels (tests/programs/cifar10_cnn.py is the same as a program). Both sides train from each seed, in
turn, each training in a process of its own with the same number of threads; KERAS_BACKEND is torch unless it is set. At the
same weights both must predict the same. Seconds are those of `fit`, without validation; evaluation comes after.

The exit code is 1 if the mean accuracies differ by more than --within points.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

BATCH, EPOCHS, CHECKED = 64, 5, 32
SIDES = "fastcnn", "keras"


def network(keras, optimizer):
    """The network of either library, compiled."""
    layers = keras.layers
    found = [keras.Input((32, 32, 3))]
    for filters in (32, 64):
        found += [layers.Conv2D(filters, (3, 3), padding="same"), layers.Activation("relu"),
                  layers.Conv2D(filters, (3, 3)), layers.Activation("relu"),
                  layers.MaxPooling2D(pool_size=(2, 2)), layers.Dropout(0.25)]
    found += [layers.Flatten(), layers.Dense(512), layers.Activation("relu"), layers.Dropout(0.5), layers.Dense(10),
              layers.Activation("softmax")]
    model = keras.Sequential(found)
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def ours(seed, threads):
    """(what it is, a function that makes the network) of fastcnn.compat.keras."""
    import warnings

    import fastcnn
    from fastcnn.compat import keras

    warnings.simplefilter("ignore", DeprecationWarning)
    fastcnn.set_num_threads(threads)
    fastcnn.set_random_seed(seed)
    return f"fastcnn {fastcnn.__version__}", lambda: network(keras, keras.optimizers.RMSprop(lr=0.001, decay=1e-6))


def theirs(seed, threads):
    """The same of Keras, with whatever backend it is set to."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    name, version = keras.backend.backend(), ""
    if name == "torch":
        import torch

        torch.set_num_threads(threads)
        version = f" {torch.__version__}"
    keras.utils.set_random_seed(seed)
    rate = keras.optimizers.schedules.InverseTimeDecay
    return (f"Keras {keras.__version__} on {name}{version}",
            lambda: network(keras, keras.optimizers.RMSprop(rate(0.001, 1, 1e-6))))


def child(side, data, seed, threads, epochs):
    """One training; what came of it, with predictions at weights that both sides share."""
    with np.load(data) as arrays:
        x, y, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
        common = [arrays[f"weights_{i}"] for i in range(12)]
    x, x_test = (a.astype(np.float32) / np.float32(255) for a in (x, x_test))
    y, y_test = (np.eye(10, dtype=np.float32)[a.ravel()] for a in (y, y_test))
    what, make = (ours if side == "fastcnn" else theirs)(seed, threads)
    checked = make()
    checked.set_weights(common)
    predicted = np.asarray(checked.predict(x_test[:CHECKED], verbose=0))
    model = make()
    start = perf_counter()
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    seconds = perf_counter() - start
    loss, accuracy = (float(value) for value in model.evaluate(x_test, y_test, verbose=0))
    return {"side": side, "what": what, "seed": seed, "seconds": seconds, "accuracy": accuracy, "loss": loss,
            "training_loss": [float(value) for value in history.history["loss"]], "predicted": predicted.tolist()}


def run(side, data, seed, threads, epochs):
    """A training in a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), "--child", side, "--arrays", str(data), "--seed", str(seed),
               "--threads", str(threads), "--epochs", str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{side}, seed {seed}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no message'}")
    return json.loads(done.stdout.splitlines()[-1])


def prepare(data, folder, limit=None):
    """The path of a file with images, labels and common weights, made once for each data set and limit."""
    path = folder / ("cifar10.npz" if limit is None else f"cifar10-{limit}.npz")
    if not path.exists():
        from fastcnn.compat import keras
        from fastcnn.datasets import cifar10

        (x_train, y_train), (x_test, y_test) = cifar10.load_data(data)
        rng, weights = np.random.default_rng(0), network(keras, "sgd").get_weights()
        weights = {f"weights_{i}": rng.normal(0, (2 / max(w[..., 0].size, 1))**0.5 if w.ndim > 1 else 0.1, w.shape)
                   .astype(np.float32) for i, w in enumerate(weights)}
        part = path.with_suffix(".part.npz")
        np.savez(part, x_train=x_train[:limit], y_train=y_train[:limit], x_test=x_test[:limit], y_test=y_test[:limit],
                 **weights)
        os.replace(part, path)
    return path


def check(results):
    """At the same weights all sides must predict the same."""
    first, *others = (np.array(result["predicted"]) for result in results)
    for other in others:
        assert np.abs(other - first).max() <= 1e-4, f"wrong predictions: {np.abs(other - first).max():.2g} apart"


def line(result):
    """A training in words."""
    return (f"{result['what']}, seed {result['seed']}: {100 * result['accuracy']:.2f} % of the test set, loss "
            f"{result['loss']:.4f}, {result['seconds']:.1f} s")


def report(results, within):
    """Prints means and ratios; returns whether the accuracies agree."""
    sides = {side: [r for r in results if r["side"] == side] for side in SIDES}
    for found in sides.values():
        if found:
            accuracies = [100 * r["accuracy"] for r in found]
            print(f"{found[0]['what']}: {statistics.mean(accuracies):.2f} % ({min(accuracies):.2f}–{max(accuracies):.2f}, "
                  f"{len(found)} seeds), {statistics.median(r['seconds'] for r in found):.1f} s (median)")
    if not all(sides.values()):
        return True
    ratios = [theirs["seconds"] / ours["seconds"] for ours, theirs in zip(*sides.values())]
    apart = 100 * (statistics.mean(r["accuracy"] for r in sides["fastcnn"])
                   - statistics.mean(r["accuracy"] for r in sides["keras"]))
    agree = abs(apart) <= within
    print(f"{apart:+.2f} points ({'within' if agree else 'beyond'} {within:g}); Keras takes {statistics.median(ratios):.2f} "
          f"times as long ({min(ratios):.2f}–{max(ratios):.2f})")
    return agree


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="CIFAR-10, as fastcnn.datasets.cifar10.load_data takes it")
    parser.add_argument("--output", type=Path, help="folder for decoded images and results.jsonl")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each side (default: %(default)s)")
    parser.add_argument("--keras-seeds", type=int, help="trainings of Keras, if not as many; 0: none")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="(default: %(default)s)")
    parser.add_argument("--within", type=float, default=1.5, help="points between mean accuracies (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="so many images of each part, for a quick try")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                        else os.cpu_count(), help="(default: %(default)s)")
    for name, kind in (("--child", str), ("--arrays", str), ("--seed", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        print(json.dumps(child(given.child, given.arrays, given.seed, given.threads, given.epochs)))
        return 0
    if given.data is None or given.output is None:
        parser.error("--data and --output are needed")
    given.output.mkdir(parents=True, exist_ok=True)
    data, results = prepare(given.data, given.output, given.limit), []
    keras_seeds = given.seeds if given.keras_seeds is None else given.keras_seeds
    with open(given.output / "results.jsonl", "w") as file:
        for seed in range(max(given.seeds, keras_seeds)):
            for side, seeds in zip(SIDES, (given.seeds, keras_seeds)):
                if seed < seeds:
                    results.append(run(side, data, seed, given.threads, given.epochs))
                    print(line(results[-1]), flush=True)
                    file.write(json.dumps({k: v for k, v in results[-1].items() if k != "predicted"}) + "\n")
                    file.flush()
                    check(results)
    return 0 if report(results, given.within) else 1


if __name__ == "__main__":
    sys.exit(main())
