"""Group "images": augmentation of an AlexNet batch; with --photographs also decoding, and batches by threads.

128 images, 256 → 227, mean, deviation, flips: compared with the NumPy float64 reference on a few images, then timed in turn
with NumPy doing the same in float32.
"""

import statistics
import time
from functools import partial

import numpy as np

import fastcnn
from benchmarks.jobs import Job, WrongResult, timed
from benchmarks.timing import quartiles
from fastcnn import ops, reference

MEAN, STD = np.float32([123.7, 116.3, 103.5]), np.float32([58.4, 57.1, 57.4])
BATCH = 128


def jobs(settings):
    """Augmentation alone, mixing pairs; and, with photographs, decoding and batches."""
    found = [Job("images", "augment", partial(_augment, False), batch=BATCH),
             Job("images", "augment_and_mix", partial(_augment, True), batch=BATCH)]
    if settings.photographs:
        found.append(Job("images", "decode", _decode))
        found += [Job("images", f"batches.{workers}_workers", partial(_batches, workers)) for workers in (1, 2)]
    return found


def _numpys(x, out):
    """The same work in NumPy: random crops and flips, an image at a time."""
    rng = np.random.default_rng(0)
    for image, y in zip(x, out):
        top, left = rng.integers(0, 30, 2)
        crop = image[top:top + 227, left:left + 227]
        np.subtract(crop[:, ::-1] if rng.random() < 0.5 else crop, MEAN, out=y)
        y /= STD


def _augment(mix, settings):
    """In turn with NumPy, which does not mix."""
    x = np.random.default_rng(0).integers(0, 256, (BATCH, 256, 256, 3), np.uint8)
    out = np.empty((BATCH, 227, 227, 3), np.float32)
    options = {"crop": 227, "position": "random", "flip": "random", "mean": MEAN, "scale": 1 / STD, "seed": 1}
    if not np.allclose(ops.augment(x[:3], **options), reference.augment(x[:3], **options), atol=1e-5):
        raise WrongResult("augmented images")
    if mix:
        options.update(partner=np.arange(BATCH)[::-1], weight=0.3)
    result = settings.in_turn({"fastcnn": lambda: ops.augment(x, **options, out=out),
                               **({} if mix else {"numpy": lambda: _numpys(x, out)})})
    return timed(BATCH, result)


def _source(settings):
    return fastcnn.datasets.ImageFolder(settings.photographs)


def _decode(settings):
    """One thread, about 200 images."""
    source, seconds = _source(settings), []
    source[0]
    for i in range(0, len(source), max(1, len(source) // 200)):
        start = time.perf_counter()
        source[i]
        seconds.append(1 / (time.perf_counter() - start))
    return {"unit": "images/s", "ours": statistics.median(seconds), "quartiles": quartiles(seconds)}


def _batches(workers, settings):
    """Ten batches, from file to float32."""
    source = _source(settings)
    augment = fastcnn.images.Augmentation(227, mean=MEAN, std=STD)
    batches = fastcnn.images.ImageBatches(source, BATCH, augment, workers=workers)
    start, count = time.perf_counter(), 0
    for number, (_, y) in enumerate(batches.epoch(0)):
        count += len(y)
        if number == 9:
            break
    return {"unit": "images/s", "ours": count / (time.perf_counter() - start)}
