"""MNIST is the MNIST everyone knows; IDX files give back what was written, or are refused cheaply."""

import doctest
import gzip
import io
import os
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from fastcnn.datasets import idx, mnist
from fastcnn.datasets.idx import IdxError, read_idx, write_idx
from fastcnn.datasets.idx_set import read_idx_set

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]
CODES = dict(zip(DTYPES, [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E], strict=True))
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def file_of(*dimensions, data=b"", code=0x08, ndim=None):
    """The bytes of an IDX file with any header, right or wrong."""
    head = bytes([0, 0, code, len(dimensions) if ndim is None else ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in dimensions) + data


@pytest.fixture(scope="module")
def digits():
    return mnist.load_data()


def test_mnist_shapes(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert [a.shape for a in (x_train, y_train)] == [(60000, 28, 28), (60000,)]
    assert [a.shape for a in (x_test, y_test)] == [(10000, 28, 28), (10000,)]
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8 and array.flags.writeable and array.flags.c_contiguous


def test_mnist_labels(digits):
    (_, y_train), (_, y_test) = digits
    assert np.bincount(y_train).tolist() == TRAIN_COUNTS
    assert np.bincount(y_test).tolist() == TEST_COUNTS
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]


def test_mnist_pixels(digits):
    (x_train, _), (x_test, _) = digits
    assert round(float(x_train.mean()) / 255, 4) == 0.1307
    assert round(float(x_train.std()) / 255, 4) == 0.3081
    # A digit is drawn in the middle, so the frame of four pixels is almost empty unless rows are mixed up.
    for x in (x_train, x_test):
        frame = x.copy()
        frame[:, 4:-4, 4:-4] = 0
        assert frame.mean() < 0.05 * x.mean() and x.max() == 255


def test_mnist_loads_anew(digits):
    (again, _), _ = mnist.load_data()
    assert not np.shares_memory(again, digits[0][0])


def test_submodules_are_imported_on_first_use():
    code = (
        "import sys, fastcnn.datasets as d\n"
        "early = [m for m in sys.modules if m.startswith('fastcnn.datasets.')]\n"
        "assert not early, early\n"
        "assert d.mnist.load_data and d.idx.read_idx\n"
        "assert {'idx', 'mnist'} <= set(dir(d)) and not hasattr(d, 'no')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path, dtype, name):
    rng = np.random.default_rng(2)
    for shape in [(0,), (1,), (7,), (3, 0, 2), (2, 3, 4), (1, 2, 1, 2, 1, 2, 1, 2), (70_001, 5)]:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        array = np.frombuffer(rng.bytes(size), dtype).reshape(shape)  # NaN payloads and signed zeros included
        write_idx(tmp_path / name, array)
        loaded = read_idx(tmp_path / name)
        assert same_bits(loaded, array), shape
        assert loaded.dtype.isnative and loaded.flags.writeable and loaded.flags.aligned
        raw = (tmp_path / name).read_bytes()
        plain = gzip.decompress(raw) if name.endswith("gz") else raw
        assert plain == file_of(*shape, data=array.astype(f">{dtype}").tobytes(), code=CODES[dtype])


def test_any_layout_and_byte_order(tmp_path):
    base = np.arange(120, dtype=np.int32).reshape(4, 5, 6)
    one = base.reshape(-1)[::120]
    for array in (base.T, base[::2, ::-1, 1::3], np.asfortranarray(base), base.astype(">i4"), one):
        write_idx(tmp_path / "f", array)
        assert same_bits(read_idx(tmp_path / "f"), array.astype(np.int32))


def test_content_not_name_tells_gzip(tmp_path):
    raw = file_of(3, data=b"abc")
    (tmp_path / "plain.gz").write_bytes(raw)
    (tmp_path / "packed").write_bytes(gzip.compress(raw))
    for source in (tmp_path / "plain.gz", str(tmp_path / "packed"), os.fsencode(tmp_path / "packed"),
                   io.BytesIO(raw), io.BytesIO(gzip.compress(raw))):  # fmt: skip
        assert read_idx(source).tolist() == [97, 98, 99]
    with open(tmp_path / "packed", "rb") as file:
        assert read_idx(file).tolist() == [97, 98, 99] and not file.closed


def test_a_gzip_file_may_have_several_members(tmp_path):
    """As `cat a.gz b.gz`, pigz and bgzip make them."""
    raw = file_of(2, 3, data=b"abcdef")
    for cuts in ([5], [1, 2, 3, 9], [0, 0, 14], list(range(1, 14))):
        pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)])]
        (tmp_path / "f.gz").write_bytes(b"".join(map(gzip.compress, pieces)))
        assert read_idx(tmp_path / "f.gz").tolist() == [[97, 98, 99], [100, 101, 102]], cuts


def test_equal_arrays_make_equal_files(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(1000, dtype=np.int16))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_every_truncation_is_refused(tmp_path):
    raw = file_of(2, 3, data=b"abcdef")
    for whole in (raw, gzip.compress(raw)):
        for size in range(len(whole)):
            (tmp_path / "f").write_bytes(whole[:size])
            for source in (tmp_path / "f", io.BytesIO(whole[:size])):
                with pytest.raises(IdxError, match="Received: "):
                    read_idx(source)


def test_every_bit_of_a_compressed_body_counts():
    raw = gzip.compress(file_of(100, data=bytes(range(100))), mtime=0)
    for at in range(10, len(raw)):  # behind gzip's own header, whose time stamp and flags nothing protects
        for bit in range(8):
            damaged = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
            try:
                array = read_idx(io.BytesIO(damaged))
            except IdxError:
                continue
            assert array.tolist() == list(range(100)), (at, bit)  # unused padding bits of deflate


PACKED = gzip.compress(file_of(3, data=b"abc"))
BOMB = gzip.compress(file_of(10, data=bytes(50_000_000)))
LIAR = gzip.compress(file_of(40_000_000, data=np.random.default_rng(3).bytes(40_000)))
HOSTILE = {
    "empty": (b"", "first four bytes"),
    "cut magic": (b"\0\0\x08", "first four bytes.*Received: 3"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "two zero bytes.*PNG"),
    "little-endian magic": (b"\x01\x08\0\0" + bytes(9), "two zero bytes"),
    "type 0": (file_of(1, data=b"1", code=0), "0x08 uint8, 0x09 int8.*Received: 0x00"),
    "type 10": (file_of(1, data=b"1", code=10), "type must be.*Received: 0x0a"),
    "type 255": (file_of(1, data=b"1", code=255), "type must be.*Received: 0xff"),
    "no dimensions": (file_of(data=b"1"), "1 to 8.*Received: 0"),
    "9 dimensions": (file_of(*[1] * 9, data=b"1"), "1 to 8.*Received: 9"),
    "255 dimensions": (file_of(*[1] * 255, data=b"1"), "1 to 8.*Received: 255"),
    "cut dimensions": (file_of(3, ndim=2), "dimensions must take 8 bytes.*Received: 4"),
    "2**40 bytes": (file_of(2**20, 2**20, data=b"few"), "must take 1099511627776 bytes"),
    "4 GB": (file_of(2**32 - 1, data=b"few"), "must take 4294967295 bytes"),
    "wraps to 0": (file_of(2**31, 2**31, 4), "overflow"),
    "wraps beside 0": (file_of(0, 2**31, 2**31, 4), "overflow"),
    "one byte missing": (file_of(2, 3, data=b"12345"), "must take 6 bytes.*Received: (at most )?5"),
    "one byte left over": (file_of(2, 3, data=b"1234567"), "must end after the 6 bytes"),
    "much left over": (file_of(1, data=bytes(3_000_000)), "must end after the 1 bytes"),
    "float cut": (file_of(2, data=b"1234567", code=0x0D), "float32 of shape .2,. must take 8 bytes"),
    "gzip of nothing": (gzip.compress(b""), "first four bytes"),
    "gzip of gzip": (gzip.compress(gzip.compress(file_of(1, data=b"1"))), "two zero bytes"),
    "gzip of 2**40 bytes": (gzip.compress(file_of(2**20, 2**20, data=b"few")), "must take 1099511627776"),
    "gzip of 40 KB, not MB": (LIAR, "must take 40000000 bytes. Received: 40000, then"),
    "gzip bomb": (BOMB, "must end after the 10 bytes"),
    "gzip magic alone": (b"\x1f\x8b", "complete"),
    "gzip cut": (PACKED[:-9], "complete|must take"),
    "gzip without trailer": (PACKED[:-8], "complete"),
    "gzip of wrong CRC": (PACKED[:-8] + b"1234\x0b\0\0\0", "damaged.*data check"),
    "gzip of wrong length": (PACKED[:-4] + b"\x0c\0\0\0", "damaged.*length check"),
    "gzip of other method": (b"\x1f\x8b\x07" + bytes(30), "damaged"),
    "gzip, then more": (PACKED + b"\0", "end with its gzip stream"),
    "gzip, then zeros": (PACKED + b"\0" * 9, "end with its gzip stream"),
    "gzip, then gzip": (PACKED * 2, "must end after the 3 bytes"),
    "gzip, then half of one": (PACKED + PACKED[:-9], "must end after|complete"),
    "half a stream in two": (gzip.compress(file_of(4, data=b"ab")) + gzip.compress(b"c"), "must take 4 bytes. Received: 3"),
}  # fmt: skip


@pytest.mark.parametrize("source", ["path", "file"])
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_without_memory(tmp_path, case, source):
    raw, reason = HOSTILE[case]
    path = tmp_path / "hostile.file"
    path.write_bytes(raw)
    with pytest.raises(IdxError):
        read_idx(path)  # imports are not counted
    tracemalloc.start()
    try:
        with open(path, "rb") as file, pytest.raises(IdxError, match=r"hostile\.file: ") as refusal:
            read_idx(path if source == "path" else file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusal.match(rf"{reason}") and refusal.match("Received: ")
    assert peak < 2_000_000


def test_a_promise_beyond_the_file_is_refused_before_it_is_read(tmp_path):
    raw = file_of(2**30, data=bytes(1000))
    for content, held in [(raw, 1000), (gzip.compress(raw), 1032 * len(gzip.compress(raw)))]:
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(IdxError, match=f"must take {2**30} bytes. Received: at most {held} bytes"):
            read_idx(tmp_path / "f")


def test_memory_of_a_good_file(tmp_path):
    array = np.arange(2_000_000, dtype=np.int32)
    for name in ("f", "f.gz"):
        write_idx(tmp_path / name, array)
        tracemalloc.start()
        try:
            read_idx(tmp_path / name)
            assert tracemalloc.get_traced_memory()[1] < 1.5 * array.nbytes
        finally:
            tracemalloc.stop()


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "missing")
    with pytest.raises(TypeError, match="path or a binary file.*Received: int"):
        read_idx(3)
    with pytest.raises(TypeError, match="binary file.*Received: .*str"):
        read_idx(io.StringIO("text"))


@pytest.mark.parametrize(
    "array, error, reason",
    [
        ([1, 2], TypeError, "Received: list"),
        (np.zeros(2, np.int64), TypeError, "0x08 uint8.*Received: int64"),
        (np.zeros(2, bool), TypeError, "Received: bool"),
        (np.zeros(2, np.uint16), TypeError, "Received: uint16"),
        (np.zeros((), np.uint8), ValueError, r"Received: shape \(\)"),
        (np.zeros((1,) * 9, np.uint8), ValueError, "1 to 8 dimensions"),
        (np.zeros((0, 2**32), np.uint8), ValueError, r"below 2\*\*32"),
    ],
)
def test_what_cannot_be_written(tmp_path, array, error, reason):
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(error, match=reason):
        write_idx(tmp_path / "f", array)
    assert (tmp_path / "f").read_bytes() == b"old"


# Sets of four files, under all their names, and Keras' .npz


SHAPES = (5, 28, 28), (5,), (3, 28, 28), (3,)
ARRAYS = [np.random.default_rng(i).integers(0, 10, shape, np.uint8) for i, shape in enumerate(SHAPES)]
PARTS = ("train", "images"), ("train", "labels"), ("t10k", "images"), ("t10k", "labels")
SPELLINGS = ["{part}-{kind}-idx{n}-ubyte.gz", "{part}-{kind}-idx{n}-ubyte", "{part}-{kind}.idx{n}-ubyte",
             "{part}-{kind}.idx{n}-ubyte.gz", "{part}-{kind}-idx{n}-ubyte/{part}-{kind}-idx{n}-ubyte",
             "raw/{part}_{kind}.idx{n}.ubyte", "emnist-digits-{part}-{kind}-idx{n}-ubyte.gz"]


def write_set(folder, spelling, test="t10k"):
    for (part, kind), array in zip(PARTS, ARRAYS):
        name = spelling.format(part=part.replace("t10k", test), kind=kind, n=array.ndim)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_idx(folder / name, array)
    return folder


def is_ours(data):
    return all(np.array_equal(a, b) for a, b in zip((*data[0], *data[1]), ARRAYS))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_a_set_under_any_of_its_names(tmp_path, spelling, test):
    folder = write_set(tmp_path / "set", spelling, test)
    assert is_ours(mnist.load_data(folder)) and is_ours(read_idx_set(str(folder)))
    for kind in "zip", "gztar":
        assert is_ours(mnist.load_data(shutil.make_archive(tmp_path / "set", kind, folder)))


def test_a_folder_of_several_sets(tmp_path):
    for name in "letters", "digits":
        write_set(tmp_path, f"emnist-{name}-{{part}}-{{kind}}-idx{{n}}-ubyte")
    with pytest.raises(ValueError, match="several sets.*emnist-digits-train-images.* Received: emnist-digits-, emnist-lett"):
        mnist.load_data(tmp_path)
    assert is_ours(mnist.load_data(tmp_path / "emnist-letters-train-images-idx3-ubyte"))


def test_sets_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte.gz"):
        mnist.load_data(tmp_path)
    folder = write_set(tmp_path / "set", SPELLINGS[0])
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert read_idx_set(folder)[1] is None
    with pytest.raises(ValueError, match="images and labels to test on"):
        mnist.load_data(folder)
    write_idx(folder / "train-labels-idx1-ubyte.gz", ARRAYS[3])
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte.gz: must hold 5 labels.*Received: uint8 of shape \(3,\)"):
        mnist.load_data(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"")
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz: its first four bytes"):
        mnist.load_data(folder)


def test_keras_npz(tmp_path):
    names = ["x_train", "y_train", "x_test", "y_test"]
    np.savez_compressed(tmp_path / "mnist.npz", **dict(zip(names, ARRAYS)))
    assert is_ours(mnist.load_data(tmp_path / "mnist.npz"))
    data = (tmp_path / "mnist.npz").read_bytes()
    (tmp_path / "damaged.npz").write_bytes(data[:300] + bytes(60) + data[360:])
    np.savez(tmp_path / "other.npz", x=ARRAYS[0])
    np.savez(tmp_path / "objects.npz", **dict.fromkeys(names, np.array([{}])))
    np.savez(tmp_path / "shapes.npz", **dict(zip(names, ARRAYS[::-1])))
    for name, reason in ("damaged", "intact"), ("other", "x_train, y_train.*Received: x"), ("objects", "allow_pickle"), \
            ("shapes", "uint8 images"):
        with pytest.raises(ValueError, match=rf"{name}\.npz: .*{reason}"):
            mnist.load_data(tmp_path / f"{name}.npz")


def test_keras_own_arguments(tmp_path, monkeypatch):
    """`load_data(path="mnist.npz")` is in every tutorial: there, no such file need be."""
    from fastcnn.compat import keras

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    bundled = keras.datasets.mnist.load_data(path="mnist.npz")
    assert bundled[0][0].shape == (60000, 28, 28) and (keras.datasets.mnist.load_data()[1][1] == bundled[1][1]).all()
    (tmp_path / ".keras" / "datasets").mkdir(parents=True)
    np.savez(tmp_path / ".keras" / "datasets" / "mnist.npz", **dict(zip(["x_train", "y_train", "x_test", "y_test"], ARRAYS)))
    assert is_ours(keras.datasets.mnist.load_data("mnist.npz"))


@pytest.mark.parametrize("module", [idx, mnist], ids=["idx", "mnist"])
def test_docstring_examples(tmp_path, monkeypatch, module):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0
