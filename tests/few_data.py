"""The data sets that pages of documentation load, in their real formats, but of few images."""

import gzip
import hashlib
import io
import struct
import zipfile

import numpy as np

from fastcnn.datasets import cifar10, cifar100, download, fashion_mnist, mnist

DIGITS = 4000, 1000  # training and test images of MNIST: the first ones
CLOTHES = 200, 100
PER_BATCH = 60       # of CIFAR-10: a batch for testing, five for training
HUNDRED = 200, 100   # of CIFAR-100
FLOWERS = "daisy", "dandelion", "roses", "sunflowers", "tulips"


def idx(array):
    """An IDX file, compressed."""
    return gzip.compress(struct.pack(f">2xBB{array.ndim}I", 8, array.ndim, *array.shape) + array.tobytes(), 1)


def blobs(n, size, classes, seed):
    """n pictures, (n, size, size, 3) uint8, that tell their classes by colour, and labels as many of each class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    colours = np.random.default_rng(9).integers(40, 216, (classes, 3))
    x = colours[labels, None, None] + rng.normal(0, 30, (n, size, size, 3))
    return x.clip(0, 255).astype(np.uint8), labels


def write(folder):
    """Writes MNIST's first digits and made-up clothes and things below a folder."""
    for (images, labels), part, n in zip(mnist.load_data(), ("train", "t10k"), DIGITS):
        _put(folder / "mnist" / f"{part}-images-idx3-ubyte.gz", idx(images[:n]))
        _put(folder / "mnist" / f"{part}-labels-idx1-ubyte.gz", idx(labels[:n]))
    for seed, (part, n) in enumerate(zip(("train", "t10k"), CLOTHES)):
        x, labels = blobs(n, 28, 10, seed)
        _put(folder / "fashion-mnist" / f"{part}-images-idx3-ubyte.gz", idx(x[..., 0]))
        _put(folder / "fashion-mnist" / f"{part}-labels-idx1-ubyte.gz", idx(labels.astype(np.uint8)))
    for i, name in enumerate([*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]):
        x, labels = blobs(PER_BATCH, 32, 10, i)
        rows = [labels[:, None], x.transpose(0, 3, 1, 2).reshape(PER_BATCH, -1)]
        _put(folder / "cifar-10-batches-bin" / name, np.concatenate(rows, axis=1).astype(np.uint8).tobytes())
    for name, n in zip(("train.bin", "test.bin"), HUNDRED):
        x, labels = blobs(n, 32, 100, n)
        rows = [labels[:, None] // 5, labels[:, None], x.transpose(0, 3, 1, 2).reshape(n, -1)]
        _put(folder / "cifar-100-binary" / name, np.concatenate(rows, axis=1).astype(np.uint8).tobytes())


def _put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def offer(folder, monkeypatch):
    """Lets `load_data` find what `write` wrote, for as long as monkeypatch lasts."""
    monkeypatch.setenv("FASTCNN_DATA", str(folder))
    monkeypatch.setattr(mnist, "_FOLDER", str(folder / "mnist"))
    monkeypatch.setattr(cifar10, "_PER_BATCH", PER_BATCH)
    monkeypatch.setattr(cifar100, "_COUNTS", HUNDRED)
    shapes = [(n, *size) for n in CLOTHES for size in ((28, 28), ())]
    monkeypatch.setattr(fashion_mnist, "_SHAPES", tuple(shapes))
    contents = {remote.name: (folder / "fashion-mnist" / remote.name).read_bytes() for remote in fashion_mnist._FILES}
    monkeypatch.setattr(fashion_mnist, "_FILES", tuple(
        download.RemoteFile(name, len(content), hashlib.sha256(content).hexdigest(), ())
        for name, content in contents.items()))


def write_photographs(folder, per_class=(4, 2)):
    """Writes flowers/{train,val}/{class}/{n}.jpg, flowers.zip of the same, and photo.jpg. Without Pillow the files are
    empty: who opens them is told what is missing before that matters."""
    for part, n in zip(("train", "val"), per_class):
        x, labels = blobs(n * len(FLOWERS), 96, len(FLOWERS), n)
        for i, (pixels, label) in enumerate(zip(x, labels)):
            _put(folder / "flowers" / part / FLOWERS[label] / f"{i}.jpg", _jpeg(pixels[: 72 + i]))
    _put(folder / "photo.jpg", _jpeg(x[0]))
    with zipfile.ZipFile(folder / "flowers.zip", "w") as archive:
        for path in sorted((folder / "flowers").rglob("*.jpg")):
            archive.write(path, path.relative_to(folder / "flowers"))


def _jpeg(pixels):
    try:
        from PIL import Image
    except ImportError:
        return b""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()
