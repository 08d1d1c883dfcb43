"""Times augmentation, and with images also decoding and batches. `python benchmarks/images.py [photos.zip [folder]]`

An AlexNet batch (128 images, 256 → 227, mean, deviation, flips) is compared with the NumPy float64 reference on a few
images, then timed in turn with NumPy doing the same in float32, and with writing the result alone.
"""

import sys
import time

import numpy as np
from timing import in_turn

import fastcnn
from fastcnn import ops, reference

MEAN, STD = np.float32([123.7, 116.3, 103.5]), np.float32([58.4, 57.1, 57.4])


def numpys(x, out):
    """The same work in NumPy: random crops and flips, an image at a time."""
    rng = np.random.default_rng(0)
    for image, y in zip(x, out):
        top, left = rng.integers(0, 30, 2)
        crop = image[top:top + 227, left:left + 227]
        np.subtract(crop[:, ::-1] if rng.random() < 0.5 else crop, MEAN, out=y)
        y /= STD


def augmentation():
    """Batches from memory."""
    x = np.random.default_rng(0).integers(0, 256, (128, 256, 256, 3), np.uint8)
    out = np.empty((128, 227, 227, 3), np.float32)
    options = {"crop": 227, "position": "random", "flip": "random", "mean": MEAN, "scale": 1 / STD, "seed": 1}
    partner = np.arange(128)[::-1]
    assert np.allclose(ops.augment(x[:3], **options), reference.augment(x[:3], **options), atol=1e-5)
    results = in_turn({
        "augment": lambda: ops.augment(x, **options, out=out),
        "augment, one thread": lambda: one_thread(lambda: ops.augment(x, **options, out=out)),
        "augment and mix": lambda: ops.augment(x, **options, partner=partner, weight=0.3, out=out),
        "NumPy": lambda: numpys(x, out),
        "fill": lambda: out.fill(0),
    })
    for name, result in results.items():
        print(f"{name:20} {result}")


def one_thread(call):
    """Calls with one thread."""
    with fastcnn.num_threads(1):
        call()


def files(path, folder):
    """Decoding, alone and in batches by threads."""
    source = fastcnn.datasets.ImageFolder(path, folder)
    few = range(0, len(source), max(1, len(source) // 200))
    source[0]
    start = time.perf_counter()
    for i in few:
        source[i]
    print(f"decode, one thread   {(time.perf_counter() - start) / len(few) * 1e3:.2f} ms an image ({len(few)} images)")
    augment = fastcnn.images.Augmentation(227, mean=MEAN, std=STD)
    for workers in (1, 2):
        batches = fastcnn.images.ImageBatches(source, 128, augment, workers=workers)
        start, count = time.perf_counter(), 0
        for number, (_, y) in enumerate(batches.epoch(0)):
            count += len(y)
            if number == 9:
                break
        print(f"batches, {workers} workers   {(time.perf_counter() - start) / count * 1e3:.2f} ms an image")


if __name__ == "__main__":
    augmentation()
    if len(sys.argv) > 1:
        files(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
