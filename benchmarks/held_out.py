"""How LeNet-5's recipes were chosen: trains on the first 55,000 training images of MNIST and tests on the last 5,000.

`python benchmarks/held_out.py [--epochs 8] [--batch-size 32] [--peak 0.05] [--weight-decay 5e-4]
[--warmup 0.3] [--variant tanh] [--pooling average] [--seeds 5]`
"""

import argparse
from time import perf_counter

import fastcnn
from fastcnn.layers import AveragePooling2D, MaxPooling2D
from fastcnn.optimizers import SGD, schedules
from fastcnn.recipes import prepare_digits


def network(variant, pooling, seed):
    """LeNet-5, with max pooling in place of its own if `pooling` is "max"."""
    model = fastcnn.networks.lenet5(variant=variant, seed=seed)
    if pooling == "average":
        return model
    layers = [MaxPooling2D(name=layer.name) if isinstance(layer, AveragePooling2D)
              else type(layer).from_config(layer.get_config()) for layer in model.layers]
    return fastcnn.Sequential(layers, name=model.name, seed=seed)


def train(seed, epochs, batch_size, peak, weight_decay, warmup, variant, pooling):
    """(accuracy on the last 5,000 training images after each epoch, seconds in all)."""
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    x = prepare_digits(x)
    model = network(variant, pooling, seed)
    rate = schedules.OneCycle(peak, epochs * -(-55000 // batch_size), warmup)
    model.compile(SGD(rate, momentum=0.9, weight_decay=weight_decay, decoupled=False), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    start = perf_counter()
    history = model.fit(x[:55000], y[:55000], batch_size, epochs, verbose=0, validation_data=(x[55000:], y[55000:]))
    return history.history["val_accuracy"], perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--peak", type=float, default=0.05)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--variant", default="tanh")
    parser.add_argument("--pooling", choices=["average", "max"], default="average")
    given = parser.parse_args()
    for seed in range(given.seeds):
        accuracy, seconds = train(seed, given.epochs, given.batch_size, given.peak, given.weight_decay,
                                  given.warmup, given.variant, given.pooling)
        print(f"seed {seed}: {', '.join(f'{a:.2%}' for a in accuracy)} in {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
