"""How well `fastcnn train photos` learns from few photographs: of a folder or archive with "train" and "val", some classes
and some photographs of each are drawn, and what was learnt from them is tested on others.

`python -m benchmarks.photos flowers.zip [--classes 3] [--per-class 40] [--tested 100] [--draws 5] [--weights none] …`

Each draw has its own classes and photographs, both to train on and to test on; a fifth of those to train on is held out to
choose the epoch by, as the recipe does, and nothing is chosen by those to test on. Without --classes and --per-class all
of "train" is trained on, and all of "val" tested on.
"""

import argparse
from time import perf_counter

import numpy as np

from fastcnn import recipes
from fastcnn.datasets import ImageArray, ImageFolder
from fastcnn.images import Augmentation, predict


def loaded(path, part, size):
    """(bytes, labels, names) of a part."""
    source = ImageFolder(path, folder=part, size=size)
    x = np.empty((len(source), *source.shape), np.uint8)
    good = source.read(range(len(source)), x)
    return x[good], source.labels[good], source.class_names


def drawn(train, test, classes, per_class, tested, seed):
    """Sources of a draw: to train on, to test on."""
    rng, names = np.random.default_rng(seed), train[2]
    kept = rng.permutation(len(names))[:classes or len(names)]
    sources = []
    for (x, y, _), each in (train, per_class), (test, None):
        numbers = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:each] for label in kept])
        if each is None and tested:
            numbers = rng.permutation(numbers)[:tested]
        places = np.searchsorted(np.sort(kept), y[numbers])
        sources.append(ImageArray(x[numbers], places, [names[label] for label in np.sort(kept)]))
    return sources


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--classes", type=int)
    parser.add_argument("--per-class", type=int)
    parser.add_argument("--tested", type=int)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--weights", choices=["cifar10", "none"], default="cifar10")
    for name, kind in (("size", int), ("epochs", int), ("batch_size", int), ("learning_rate", float), ("mixup", float)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    given = parser.parse_args()
    options = {name: value for name in ("size", "epochs", "batch_size", "learning_rate", "mixup")
               if (value := getattr(given, name)) is not None}
    size = options.setdefault("size", 64)
    train, test = (loaded(given.data, part, size + size // 8) for part in ("train", "val"))
    shares = []
    for seed in range(given.first_seed, given.first_seed + given.draws):
        training, others = drawn(train, test, given.classes, given.per_class, given.tested, seed)
        start = perf_counter()
        found = recipes.train_photos(training, seed=seed, weights=None if given.weights == "none" else given.weights,
                                     verbose=0, **options)
        seconds = perf_counter() - start
        augmentation = Augmentation.from_config(found.model.metadata["training"]["augmentation"])
        right = [float((predict(found.model, others, augmentation, crops).argmax(1) == others.labels).mean())
                 for crops in (1, 10)]
        shares.append(right)
        print(f"draw {seed}: {', '.join(training.class_names)}; {len(training)} images, {seconds:.0f} s; of {len(others)} "
              f"others {100 * right[0]:.1f} % right, {100 * right[1]:.1f} % over ten crops (held out: "
              f"{100 * found.accuracy:.1f} %)", flush=True)
    print(f"mean of {len(shares)}: {100 * np.mean(shares, axis=0)[0]:.1f} %, {100 * np.mean(shares, axis=0)[1]:.1f} % over "
          "ten crops")


if __name__ == "__main__":
    main()
