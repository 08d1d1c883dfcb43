"""CIFAR-10 in all its forms, with 20 images per batch instead of 10,000, and files that are not what they should be."""

import gzip
import io
import pickle
import shutil
import struct
import tarfile
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

import fastcnn
from fastcnn.datasets import cifar, cifar10, cifar100, download
from fastcnn.datasets.python_batch import read_batch

N = 20
RNG = np.random.default_rng(0)
PIXELS = [RNG.integers(0, 256, (N, 3072), np.uint8) for _ in range(6)]
LABELS = [RNG.permutation(np.repeat(np.arange(10), N // 10)) for _ in range(6)]


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(cifar10, "_PER_BATCH", N)
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "data"))


def put(number):
    return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)


def text(value):
    value = value.encode()
    return b"U" + bytes([len(value)]) + value


def python_batch(pixels, labels, title="training batch 1 of 5", kind="u1", shape=None, data=None):
    """A batch as Python 2's cPickle wrote it, protocol 2."""
    data = pixels.tobytes() if data is None else data
    h, w = shape or pixels.shape
    return b"".join([
        b"\x80\x02}", put(1), b"(", text("batch_label"), put(2), text(title), put(3),
        text("labels"), put(4), b"]", put(5), b"(", *(b"K" + bytes([v]) for v in labels), b"e",
        text("data"), put(6), b"cnumpy.core.multiarray\n_reconstruct\n", put(7), b"cnumpy\nndarray\n", put(8), b"K\0\x85",
        text("b"), b"\x87R", put(9), b"(K\1M", struct.pack("<H", h), b"M", struct.pack("<H", w), b"\x86", put(10),
        b"cnumpy\ndtype\n", put(11), text(kind), b"K\0K\1\x87R", put(12), b"(K\3", text("|"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T", struct.pack("<i", len(data)), data, b"tb", text("filenames"),
        put(300), b"]", put(301), b"(", *(text(f"thing_{i}.png") + put(302 + i) for i in range(h)), b"eu."])


def binary_batch(pixels, labels):
    return np.concatenate([np.asarray(labels, np.uint8)[:, None], pixels], axis=1).tobytes()


VERSIONS = {"cifar-10-batches-bin": (".bin", binary_batch), "cifar-10-batches-py": ("", python_batch)}


def batches(version, pixels=PIXELS, labels=LABELS):
    suffix, encode = VERSIONS[version]
    names = [*(f"data_batch_{i}{suffix}" for i in range(1, 6)), f"test_batch{suffix}"]
    return {name: encode(x, y) for name, x, y in zip(names, pixels, labels)}


def unpacked(folder, files):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def archive(path, files, top, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, data in {"readme.html": b"<html>", **files}.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def right(data):
    (x_train, y_train), (x_test, y_test) = data
    assert x_train.shape == (5 * N, 32, 32, 3) and x_test.shape == (N, 32, 32, 3)
    assert y_train.shape == (5 * N, 1) and y_test.shape == (N, 1)
    assert all(a.dtype == np.uint8 and a.flags.writeable for a in (x_train, y_train, x_test, y_test))
    expected = np.concatenate(PIXELS).reshape(-1, 3, 32, 32)
    assert np.array_equal(np.concatenate([x_train, x_test]).transpose(0, 3, 1, 2), expected)
    assert np.array_equal(np.concatenate([y_train, y_test])[:, 0], np.concatenate(LABELS))
    return True


@pytest.mark.parametrize("version", VERSIONS)
def test_folders_and_archives(tmp_path, version):
    files = batches(version)
    folder = unpacked(tmp_path / version, files)
    assert right(cifar10.load_data(folder)) and right(cifar10.load_data(tmp_path))
    for name, mode in (("any.tar.gz", "w:gz"), ("plain.tar", "w")):
        assert right(cifar10.load_data(str(archive(tmp_path / name, files, version, mode))))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("top", ["", "{}/", "cifar/{}/", "somewhere/"])
def test_zips(tmp_path, version, top):
    """As the official archives are passed around, packed anew."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in {"readme.html": b"<html>", **batches(version)}.items():
            file.writestr(top.format(version) + name, data)
    assert right(cifar10.load_data(tmp_path / "a.zip"))


def test_a_zip_with_a_password_says_so(tmp_path):
    path = shutil.make_archive(tmp_path / "a", "zip", unpacked(tmp_path / "f", batches("cifar-10-batches-py")))
    data = bytearray(open(path, "rb").read())
    at = -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 8] |= 1
    open(path, "wb").write(data)
    with pytest.raises(ValueError, match=r"a\.zip.data_batch_1: with a password"):
        cifar10.load_data(path)


def test_labels_feed_a_model():
    (x, y), _ = (PIXELS[0].reshape(-1, 32, 32, 3), LABELS[0][:, None]), None
    model = fastcnn.Sequential([fastcnn.Input((32, 32, 3)), fastcnn.layers.Flatten(), fastcnn.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x / 255, y, verbose=0).history["accuracy"][0] <= 1


def test_the_data_folder(tmp_path, monkeypatch):
    """Unpacked folders first, then archives, whose digest is checked; then a download of the python version."""
    data = tmp_path / "data"
    remotes = []
    for version, official in zip(VERSIONS, cifar10._ARCHIVES):
        content = archive(tmp_path / official.name, batches(version), version).read_bytes()
        digest = download.hashlib.sha256(content).hexdigest()
        remotes.append(download.RemoteFile(official.name, len(content), digest, ((tmp_path / official.name).as_uri(),)))
    monkeypatch.setattr(cifar10, "_ARCHIVES", tuple(remotes))
    assert right(cifar10.load_data())
    assert [path.name for path in data.iterdir()] == ["cifar-10-python.tar.gz"]
    assert right(cifar10.load_data()) and right(cifar10.load_data(data))
    (data / "cifar-10-binary.tar.gz").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz: must have [\d,]+ bytes. Received: 7"):
        cifar10.load_data()
    unpacked(data / "cifar-10-batches-bin", batches("cifar-10-batches-bin"))
    assert right(cifar10.load_data())


def test_official_addresses():
    for remote in cifar10._ARCHIVES:
        assert remote.urls and all(url.startswith("https://") and remote.name in url for url in remote.urls)
        assert len(remote.sha256) == 64 and remote.size > 170_000_000


def test_without_a_network(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(cifar10, "_ARCHIVES", tuple(
        download.RemoteFile(r.name, r.size, r.sha256, ("http://127.0.0.1:9/" + r.name,)) for r in cifar10._ARCHIVES))
    with pytest.raises(download.DownloadError, match=r"(?s)127\.0\.0\.1:9/cifar-10-python\.tar\.gz.*by hand.*6d958be07"):
        cifar10.load_data()


# Files that are not what they should be


def test_missing_batches_are_named(tmp_path):
    files = batches("cifar-10-batches-bin")
    del files["data_batch_3.bin"], files["test_batch.bin"]
    for path in (unpacked(tmp_path / "f", files), archive(tmp_path / "a.tar.gz", files, "cifar-10-batches-bin")):
        with pytest.raises(ValueError, match=rf"{path.name}: must hold .* Received: no data_batch_3.bin, test_batch.bin"):
            cifar10.load_data(path)
    with pytest.raises(FileNotFoundError):
        cifar10.load_data(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: must hold the folders train and test, .*or data_batch_1.bin"):
        cifar10.load_data(tmp_path / "empty")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("change", ["cut", "longer", "label", "much"])
def test_a_wrong_batch_is_named(tmp_path, version, change):
    files = batches(version)
    name = sorted(files)[1]
    encode = VERSIONS[version][1]
    files[name] = {"cut": files[name][:-1], "longer": files[name] + b"\0", "much": files[name] + bytes(100_000),
                   "label": encode(PIXELS[1], [10, *LABELS[1][1:]])}[change]
    reason = {"label": r"labels must lie from 0 to 9. Received: 0 … 10"}.get(change, "must|exhausted")
    for path in (unpacked(tmp_path / "f", files), archive(tmp_path / "a.tar.gz", files, version)):
        with pytest.raises(ValueError, match=rf"{path.name}.(.*.)?{name}: .*({reason})"):
            cifar10.load_data(path)


def test_a_batch_twice_is_noticed(tmp_path):
    labels = [*LABELS[:4], np.zeros(N, int), LABELS[5]]
    with pytest.raises(ValueError, match=r"each class must have 10 training images. Received: \[28, 8"):
        cifar10.load_data(unpacked(tmp_path / "f", batches("cifar-10-batches-bin", labels=labels)))


def test_damaged_archives(tmp_path):
    whole = archive(tmp_path / "a.tar.gz", batches("cifar-10-batches-bin"), "cifar-10-batches-bin").read_bytes()
    cut = gzip.compress(gzip.decompress(whole)[:100_000])
    for i, content in enumerate([whole[:-1], whole[:-9], whole[:len(whole) // 2], whole[:10], b"", b"no archive", cut,
                                 whole[:-5] + b"?????", gzip.compress(b"no archive")]):
        (tmp_path / f"{i}.tar.gz").write_bytes(content)
        with pytest.raises(ValueError, match=rf"{i}\.tar\.gz: must"):
            cifar10.load_data(tmp_path / f"{i}.tar.gz")


def test_an_archive_of_endless_zeros(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "LARGEST", 1 << 20)
    head = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    head.size = 1 << 40
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(head.tobuf() + bytes(3_000_000)))
    with pytest.raises(ValueError, match="more than 1,048,576 bytes"):
        cifar10.load_data(tmp_path / "a.tar.gz")


# Pickles


BATCH = python_batch(PIXELS[0], LABELS[0])


def test_a_batch_as_pickle_reads_it():
    whole = pickle.loads(BATCH, encoding="latin-1")
    pixels, labels = read_batch(BATCH)
    assert np.array_equal(pixels, whole["data"]) and np.array_equal(pixels, PIXELS[0]) and labels == whole["labels"]


@pytest.mark.parametrize("key", [str, str.encode], ids=["text", "bytes"])
@pytest.mark.parametrize("own", [True, False], ids=["own memory", "view"])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_batches_that_python_3_wrote(protocol, own, key):
    """Whoever reads a batch and pickles it again gets another program of instructions for the same content."""
    pixels = PIXELS[0] if own else np.frombuffer(PIXELS[0].tobytes(), np.uint8).reshape(PIXELS[0].shape)
    batch = {"batch_label": "training batch 1 of 5", "labels": LABELS[0].tolist(), "data": pixels,
             "filenames": [key(f"thing_{i}.png") for i in range(N)]}
    found, labels = read_batch(pickle.dumps({key(name): value for name, value in batch.items()}, protocol))
    assert np.array_equal(found, PIXELS[0]) and labels == LABELS[0].tolist()


def test_arrays_that_are_none():
    for bad in (PIXELS[0].astype(np.int16), PIXELS[0].astype(object), np.asfortranarray(PIXELS[0]), PIXELS[0][0]):
        for protocol in range(2, 6):
            with pytest.raises(ValueError, match="array|instructions|names"):
                read_batch(pickle.dumps({"data": bad, "labels": [1]}, protocol))


class Evil:
    def __reduce__(self):
        return (exec, ("open('evil', 'w')",))


NESTED = b"K\1" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(24))  # a tuple of 2²⁴ numbers, two by two

HOSTILE = {
    "nothing": (b"", "exhausted"),
    "no pickle": (b"PNG?", "newline"),
    "a call": (pickle.dumps(Evil(), 2), "names must be .*Received: __builtin__ exec"),
    "a call, today's": (pickle.dumps(Evil(), 4), "names must be .*Received: builtins exec"),
    "a call of the newest": (pickle.dumps(Evil(), 5), "names must be .*Received: builtins exec"),
    "a name without a module": (b"\x80\x04N\x8c\4exec\x93.", "names must be .*Received: on exec"),
    "a name of tuples": (b"\x80\x04" + NESTED + b"\x8c\4exec\x93.", "names must be those of NumPy's arrays"),
    "a buffer from elsewhere": (b"\x80\x05\x97.", "instructions must be those of a batch. Received: NEXT_BUFFER"),
    "an array of a buffer of few": (b"\x80\x05\x8c\x12numpy.core.numeric\x8c\x0b_frombuffer\x93(C\3few\x8c\5numpy\x8c\5dtype"
                                    b"\x93\x8c\2u1\x89\x88\x87RK\4K\4\x86\x8c\1CtR.", "with as many as its shape says"),
    "bytes of a codec": (b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0hex\x86R.", "calls must make an array of bytes"),
    "marks without end": (b"(" * 35_000_000, "marks must be at most 16 deep"),
    "constants without end": (b"\x80\x02" + b"N" * 35_000_000, "at most 300,000 instructions"),
    "lists without end": (b"\x80\x02" + b"]" * 35_000_000, "at most 300,000 instructions"),
    "texts without end": (b"\x80\x02" + b"U\0q\1" * 8_000_000, "at most 300,000 instructions"),
    "a call within": (BATCH.replace(b"cnumpy\ndtype\n", b"cos\nsystem\n"), "Received: os system"),
    "the name of a name": (b"\x80\x02cnumpy\nndarray\n.", "must hold an array"),
    "another call": (b"\x80\x02cnumpy\nndarray\nK\1\x85R.", "calls must make an array of bytes"),
    "a call of text": (b"\x80\x02U\2osK\1\x85R.", "calls must make an array of bytes"),
    "objects": (python_batch(PIXELS[0], LABELS[0], kind="O8"), "calls must make an array of bytes"),
    "too few bytes": (python_batch(PIXELS[0], LABELS[0], data=b"few"), "with as many as its shape says"),
    "a huge shape": (python_batch(PIXELS[0], [1], shape=(60000, 60000), data=b"few"), "with as many as its shape says"),
    "a list": (pickle.dumps([1, 2], 2), "must hold an array 'data' and a list 'labels'. Received: list"),
    "other keys": (pickle.dumps({1: 2}, 2), "Received: 1"),
    "labels of text": (BATCH.replace(b"K" + bytes([LABELS[0][0]]), b"U\0", 1), "labels must be int"),
    "a mark too many": (b"\x80\x02(}.", "end with one value"),
    "a mark too few": (b"\x80\x02K\1t.", "make sense. Received: IndexError at byte 4"),
    "a missing number": (b"\x80\x02h\7.", "make sense. Received: KeyError at byte 2"),
    "a large number": (b"\x80\x02}r\xff\xff\xff\x7f.", "must hold an array"),
    "a state for a list": (b"\x80\x02]K\1b.", "only an array has a state. Received: list"),
    "an item for a number": (b"\x80\x02K\1K\1a.", "a list must be added to. Received: int"),
    "half an item": (b"\x80\x02}(K\1u.", "argument 2 is shorter"),
    "a key that is a list": (b"\x80\x02}]K\1s.", "make sense. Received: TypeError"),
    "a key without end": (b"\x80\x02}" + NESTED + b"K\1s.", "no keys that are tuples"),
    "a call without end": (b"\x80\x02" + NESTED + b")R.", "calls must make an array of bytes"),
    "a shape without end": (BATCH.replace(b"M%sM%s\x86" % tuple(struct.pack("<H", n) for n in PIXELS[0].shape),
                                          NESTED + b"\x85"), "with as many as its shape says"),
    "a promise": (b"\x80\x02T\xff\xff\xff\x7fabc.", "expected 2147483647 bytes"),
    "two values": (b"\x80\x02}}.", "end with one value. Received: 0 bytes and 2 values"),
    "more behind it": (b"\x80\x02}.}", "end with one value. Received: 1 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw, reason = HOSTILE[case]
    read_batch(BATCH)  # imports are not counted
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=reason):
            read_batch(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (50_000_000 if "without end" in case else 1_000_000) and not (tmp_path / "evil").exists()


def test_long_hostile_pickles_end_soon():
    """Not after a minute and gigabytes: this one had 50 s and 2.4 GB. (Processor time: other jobs do not count.)"""
    started = time.process_time()
    with pytest.raises(ValueError):
        read_batch(b"(" * 35_000_000)
    assert time.process_time() - started < 1


def test_every_truncation_of_a_batch_is_refused():
    raw = python_batch(PIXELS[0][:2], LABELS[0][:2])
    ends = [*range(300), *range(300, len(raw) - 300, 97), *range(len(raw) - 300, len(raw))]
    for end in ends:
        with pytest.raises(ValueError):
            read_batch(raw[:end])


# Images


@pytest.fixture
def images(tmp_path):
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for i, part in enumerate(["train", "test"]):
        for label, name in enumerate(cifar10.CLASS_NAMES):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for j in range(3 - i):
                image = Image.fromarray(np.full((32, 32, 3), (label, j, i), np.uint8))
                image.save(tmp_path / f"images/{part}/{name}/{j}.png")
    return tmp_path / "images"


def test_images(images, tmp_path):
    import shutil

    (x_train, y_train), (x_test, y_test) = cifar10.load_data(images)
    assert x_train.shape == (30, 32, 32, 3) and y_train.shape == (30, 1) and x_test.shape == (20, 32, 32, 3)
    for i, (x, y) in enumerate([(x_train, y_train), (x_test, y_test)]):
        assert np.array_equal(x[:, 5, 5, 0], y[:, 0]) and (x[..., 2] == i).all() and y.dtype == np.uint8
        assert np.bincount(y[:, 0]).tolist() == [3 - i] * 10 and (np.diff(y[:, 0].astype(int)) < 0).any(), "mixed"
    zipped = cifar10.load_data(shutil.make_archive(tmp_path / "images", "zip", images))
    assert all(np.array_equal(a, b) for a, b in zip(zipped[0] + zipped[1], (x_train, y_train, x_test, y_test)))


def test_images_of_other_classes(images):
    (images / "train" / "cat").rename(images / "train" / "lion")
    with pytest.raises(ValueError, match=r"classes must be folders of .*Received: \['cat'\]"):
        cifar10.load_data(images)


# CIFAR-100


FINE = [RNG.permutation(np.repeat(np.arange(100), n // 100)) for n in (200, 100)]
COARSE = [labels // 5 for labels in FINE]
IMAGES = [RNG.integers(0, 256, (len(labels), 3072), np.uint8) for labels in FINE]


def hundred(version):
    """{name: bytes} of CIFAR-100's two files."""
    if version == "cifar-100-binary":
        return {f"{part}.bin": np.concatenate([coarse[:, None], fine[:, None], pixels], axis=1).astype(np.uint8).tobytes()
                for part, coarse, fine, pixels in zip(("train", "test"), COARSE, FINE, IMAGES)}
    return {part: pickle.dumps({"filenames": ["a"] * len(fine), "batch_label": part, "data": pixels,
                                "fine_labels": fine.tolist(), "coarse_labels": coarse.tolist()}, 4)
            for part, coarse, fine, pixels in zip(("train", "test"), COARSE, FINE, IMAGES)}


@pytest.mark.parametrize("version", ["cifar-100-binary", "cifar-100-python"])
def test_cifar100(tmp_path, monkeypatch, version):
    monkeypatch.setattr(cifar100, "_COUNTS", (200, 100))
    files = hundred(version)
    folder = unpacked(tmp_path / "data" / version, files)
    places = [folder, tmp_path / "data", archive(tmp_path / "a.tar.gz", files, version), None,
              shutil.make_archive(tmp_path / "b", "zip", tmp_path / "data")]
    for place in places:
        for mode, wanted in ("fine", FINE), ("coarse", COARSE):
            found = cifar100.load_data(place, label_mode=mode)
            for (x, y), pixels, labels in zip(found, IMAGES, wanted):
                assert x.dtype == y.dtype == np.uint8 and np.array_equal(y[:, 0], labels)
                assert np.array_equal(x.transpose(0, 3, 1, 2).reshape(len(x), -1), pixels)
    (folder / sorted(files)[0]).unlink()
    with pytest.raises(ValueError, match=f"must hold .*Received: no {sorted(files)[0]}"):
        cifar100.load_data(folder)


def test_cifar100_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar100, "_COUNTS", (200, 100))
    for call, reason in (lambda: cifar100.load_data(label_mode="middle"), "'fine', 'coarse'. Received: 'middle'"), \
            (lambda: cifar100.load_data(tmp_path), r"must hold train\.bin and test\.bin, or train and test"):
        with pytest.raises(ValueError, match=reason):
            call()
    folder = unpacked(tmp_path / "f", {**hundred("cifar-100-python"), "train": python_batch(IMAGES[0], FINE[0])})
    with pytest.raises(ValueError, match="train: it must hold an array 'data' and a list 'fine_labels'. Received: batch"):
        cifar100.load_data(folder)


def test_cifar100_names_and_addresses():
    assert len(cifar100.CLASS_NAMES) == len(set(cifar100.CLASS_NAMES)) == 100 and len(cifar100.COARSE_NAMES) == 20
    assert list(cifar100.CLASS_NAMES) == sorted(cifar100.CLASS_NAMES)
    assert list(cifar100.COARSE_NAMES) == sorted(cifar100.COARSE_NAMES)
    for remote in cifar100._ARCHIVES:
        assert remote.urls and all(remote.name in url for url in remote.urls) and len(remote.sha256) == 64


def test_cifar100_in_the_backends_format(tmp_path, monkeypatch):
    from fastcnn.compat import keras

    monkeypatch.setattr(cifar100, "_COUNTS", (200, 100))
    folder = unpacked(tmp_path / "cifar-100-python", hundred("cifar-100-python"))
    keras.backend.set_image_data_format("channels_first")
    try:
        (x, y), _ = keras.datasets.cifar100.load_data(label_mode="coarse", path=folder)
    finally:
        keras.backend.set_image_data_format("channels_last")
    assert x.shape == (200, 3, 32, 32) and np.array_equal(y[:, 0], COARSE[0])
