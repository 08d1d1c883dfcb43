"""How the published LeNet-5's recipe was chosen: trains on MNIST's first 55,000 training images, tests on the last 5,000.

`python benchmarks/held_out_1998.py [--epochs 20] [--loss map] [--factor 1] [--mu 0.4] [--first-mu 1.68]
[--distort 2 .15 .15 .2] [--seeds 0 1 2]`
"""

import argparse
from time import perf_counter

import fastcnn
from fastcnn.callbacks import LambdaCallback
from fastcnn.images import ArrayBatches, Distortion
from fastcnn.losses import RBFMaximumAPosteriori, RBFMeanSquaredError
from fastcnn.optimizers import SDLM
from fastcnn.recipes import prepare_digits


def train(seed, given):
    """Prints both accuracies after each epoch, and the seconds so far."""
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    model = fastcnn.networks.lenet5(variant="1998", seed=seed)
    model.compile(SDLM.published(-(-55000 // given.batch_size), given.factor, mu=given.mu, first_mu=given.first_mu),
                  RBFMaximumAPosteriori() if given.loss == "map" else RBFMeanSquaredError(), metrics=["accuracy"])
    start = perf_counter()

    def show(epoch, logs):
        print(f"seed {seed}, epoch {epoch + 1}: {logs['accuracy']:.2%} of those trained on, {logs['val_accuracy']:.2%} of "
              f"the others, {perf_counter() - start:.0f} s", flush=True)

    options = {"epochs": given.epochs, "verbose": 0, "callbacks": [LambdaCallback(on_epoch_end=show)],
               "validation_data": (prepare_digits(x[55000:], "1998"), y[55000:])}
    if given.distort is None:
        model.fit(prepare_digits(x[:55000], "1998"), y[:55000], given.batch_size, **options)
        return
    translation, scaling, squeezing, shearing = given.distort
    distortion = Distortion(32, translation, scaling, squeezing, shearing, mean=20, std=200)
    model.fit(ArrayBatches(x[:55000], y[:55000], given.batch_size, distortion, seed=seed), **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--loss", choices=["map", "mse"], default="map")
    parser.add_argument("--factor", type=float, default=1.0, help="of the published learning rates")
    parser.add_argument("--mu", type=float, default=0.4)
    parser.add_argument("--first-mu", type=float, default=1.68, help="of the first epoch")
    parser.add_argument("--distort", type=float, nargs=4, metavar=("TRANSLATION", "SCALING", "SQUEEZING", "SHEARING"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    for seed in given.seeds:
        train(seed, given)


if __name__ == "__main__":
    main()
