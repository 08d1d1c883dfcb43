"""Trains `fastcnn train lenet5`'s recipe from several seeds. `python benchmarks/lenet5_seeds.py [--seeds 5] [--held-out]`

With --held-out it trains on the first 55,000 training images and tests on the last 5,000: how the recipe was chosen.
"""

import argparse
from time import perf_counter

import fastcnn
from fastcnn.optimizers import SGD, schedules
from fastcnn.recipes import prepare_digits, train_lenet5


def held_out(seed, epochs, batch_size, peak, weight_decay):
    """(accuracy on the last 5,000 training images, seconds)."""
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    x = prepare_digits(x)
    model = fastcnn.networks.lenet5(seed=seed)
    rate = schedules.OneCycle(peak, epochs * -(-55000 // batch_size))
    model.compile(SGD(rate, momentum=0.9, weight_decay=weight_decay, decoupled=False), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    start = perf_counter()
    model.fit(x[:55000], y[:55000], batch_size, epochs, verbose=0)
    return model.evaluate(x[55000:], y[55000:], verbose=0)[1], perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--peak", type=float, default=0.05)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    given = parser.parse_args()
    for seed in range(given.seeds):
        if given.held_out:
            accuracy, seconds = held_out(seed, given.epochs, given.batch_size, given.peak, given.weight_decay)
        else:
            trained = train_lenet5(seed=seed, verbose=0)
            accuracy, seconds = trained.accuracy, trained.train_seconds
        print(f"seed {seed}: accuracy {accuracy:.2%}, trained in {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
