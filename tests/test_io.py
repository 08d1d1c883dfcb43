"""The file format refuses all that is not exactly right; a file is replaced as a whole or not at all."""

import doctest
import errno
import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

import fastcnn.io
from fastcnn.io import FileFormatError, formats, load_file, save_file, write_atomically
from fastcnn.io.atomic import replacing
from fastcnn.io.recognize import recognize

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 4)]
posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and signals of POSIX")


def random_array(rng, shape, dtype):
    """Every bit pattern of the dtype, so that NaN payloads and signed zeros are among them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)


def small_tensors():
    return {"w": np.array([[1.5, -2.0]], np.float32), "on": np.array([True, False]), "n": np.array(7)}


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def container(header, data=b"", length=None):
    """The bytes of a file with any header, right or wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="U8", shape=(4,), data_offsets=(0, 4)):
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


def test_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {f"{d} {s} é\"\\": random_array(rng, s, d) for d in DTYPES for s in SHAPES}
    metadata = {"": "empty", "ключ": 'a "quoted"\nline', "epoch": "7"}
    save_file(tensors, tmp_path / "all.safetensors", metadata)
    loaded, loaded_metadata = load_file(tmp_path / "all.safetensors")
    assert list(loaded) == list(tensors) and loaded_metadata == metadata
    for name, array in tensors.items():
        assert same_bits(loaded[name], array), name
        assert loaded[name].flags.aligned and loaded[name].flags.writeable and loaded[name].flags.c_contiguous


def test_no_tensors_and_no_metadata(tmp_path):
    save_file({}, tmp_path / "empty")
    assert load_file(tmp_path / "empty") == ({}, {})


def test_any_layout_and_byte_order(tmp_path):
    base = np.arange(120, dtype=np.int32).reshape(4, 5, 6)
    tensors = {
        "transposed": base.T, "strided": base[::2, ::-1, 1::3], "fortran": np.asfortranarray(base),
        "repeated": np.broadcast_to(base[0, 0], (3, 6)), "one": base.reshape(-1)[::120], "scalar": base.sum(),
        "big": base.astype(">i4"), "big strided": base.astype(">f8")[:, ::2], "read only": base.copy(),
    }
    tensors["read only"].flags.writeable = False
    save_file(tensors, tmp_path / "file")
    loaded, _ = load_file(tmp_path / "file")
    for name, array in tensors.items():
        assert same_bits(loaded[name], array.astype(array.dtype.newbyteorder("="))), name
    loaded["repeated"][:] = -1  # one's own copy: no neighbour changes
    assert same_bits(loaded["fortran"], base)


def test_data_are_aligned_in_the_file(tmp_path):
    save_file({"a": np.ones(3, "u1"), "b": np.ones(3, "f8"), "c": np.ones(1, "i2")}, tmp_path / "f")
    raw = (tmp_path / "f").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert (8 + length) % 64 == 0
    assert [header[name]["data_offsets"] for name in "abc"] == [[26, 29], [0, 24], [24, 26]]


def test_one_copy_in_memory(tmp_path):
    array = np.ones(1 << 20, np.float64)
    assert peak_memory(lambda: save_file({"a": array}, tmp_path / "f")) < 1 << 19
    assert peak_memory(lambda: load_file(tmp_path / "f")) < array.nbytes + (1 << 19)


def peak_memory(call):
    call()  # imports are not counted
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_safetensors_package_agrees(tmp_path):
    theirs = pytest.importorskip("safetensors.numpy")
    opened = pytest.importorskip("safetensors").safe_open
    rng = np.random.default_rng(1)
    tensors = {f"{d}{s}": random_array(rng, s, d) for d in DTYPES for s in SHAPES}
    save_file(tensors, tmp_path / "ours", {"by": "fastcnn"})
    read = theirs.load_file(tmp_path / "ours")
    assert read.keys() == tensors.keys() and all(same_bits(read[n], tensors[n]) for n in tensors)
    with opened(tmp_path / "ours", framework="np") as file:
        assert file.metadata()["by"] == "fastcnn" and len(file.metadata()["sha256"]) == 64

    theirs.save_file(tensors, tmp_path / "theirs", metadata={"by": "them"})
    read, metadata = load_file(tmp_path / "theirs", verify=False)
    assert metadata == {"by": "them"} and read.keys() == tensors.keys()
    assert all(same_bits(read[n], tensors[n]) for n in tensors)
    with pytest.raises(FileFormatError, match=r"theirs: it has no checksum.*told not to verify.*Received: "):
        load_file(tmp_path / "theirs")


def test_misaligned_data_of_other_tools(tmp_path):
    header = {"a": entry("U8", [1], [0, 1]), "b": entry("F32", [2], [1, 9])}
    (tmp_path / "f").write_bytes(container(header, b"\7" + np.array([1, -2], "<f4").tobytes()))
    array = load_file(tmp_path / "f", verify=False)[0]["b"]
    assert array.flags.aligned and array.tolist() == [1, -2]


@pytest.mark.parametrize("change", [0x80, *(pytest.param(bit, marks=pytest.mark.long) for bit in (0x01, 0x20))])
def test_every_changed_byte_is_refused(change, tmp_path):
    path = tmp_path / "f"
    save_file(small_tensors(), path, {"epoch": "7"})
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :])
        with pytest.raises(FileFormatError, match="Received: "):
            load_file(path)
    path.write_bytes(raw)
    assert load_file(path)[1] == {"epoch": "7"}


@pytest.mark.parametrize("verify", [True, False])
def test_every_truncation_is_refused(tmp_path, verify):
    path = tmp_path / "f"
    save_file(small_tensors(), path)
    raw = path.read_bytes()
    for wrong in [raw[:size] for size in range(len(raw))] + [raw + b"\0", raw + raw]:
        path.write_bytes(wrong)
        with pytest.raises(FileFormatError, match="Received: "):
            load_file(path, verify=verify)


HUGE = 2**62
HOSTILE = {
    "empty": (b"", "8-byte length"),
    "length of 2**64 - 1": (b"\xff" * 8 + b"{}", "at most 2 bytes"),
    "length of 99 MB": (container(b"{}", length=99_000_000), "at most 2 bytes"),
    "length in the data": (container(b"{}", b"  ", length=5), "at most 4 bytes"),
    "no header": (container(b"", b"{}"), "begin with"),
    "pickle": (container(b"\x80\x04\x95."), "begin with"),
    "list": (container(b"[]"), "begin with"),
    "leading space": (container(b" {}"), "begin with"),
    "cut JSON": (container(b'{"a":'), "valid JSON"),
    "two objects": (container(b"{}{}"), "valid JSON"),
    "python": (container(b"{'a': 1}"), "valid JSON"),
    "not UTF-8": (container(b'{"\xff": 1}'), "UTF-8"),
    "lone surrogate in a name": (container(b'{"\\ud800": {}}'), "UTF-8"),
    "lone surrogate in metadata": (container(b'{"__metadata__": {"a": "\\udfff"}}'), "UTF-8"),
    "deep lists": (container(b'{"a":' + b"[" * 200_000), "nested so deeply"),
    "deep objects": (container(b'{"a":' * 200_000), "nested so deeply"),
    "endless integer": (container(b'{"a": ' + b"9" * 1_000_000 + b"}"), "fit 64 bits"),
    "name twice": (container(b'{"a": {}, "a": {}}'), "'a' twice"),
    "key twice": (container(b'{"a": {"dtype": "U8", "dtype": "I8"}}'), "'dtype' twice"),
    "metadata twice": (container(b'{"__metadata__": {}, "__metadata__": {}}'), "twice"),
    "metadata list": (container({"__metadata__": []}), "map strings to strings"),
    "metadata number": (container({"__metadata__": {"a": 1}}), "map strings to strings"),
    "entry list": (container({"a": []}), "exactly dtype, shape and data_offsets"),
    "entry without shape": (container({"a": {"dtype": "U8", "data_offsets": [0, 0]}}), "exactly dtype"),
    "entry with more": (container({"a": {**entry(), "pickle": ""}}, b"1234"), "exactly dtype"),
    "dtype unknown": (container({"a": entry("BF16", [2])}, b"1234"), "F64, F32.*'BF16'"),
    "dtype object": (container({"a": entry("O")}, b"1234"), "dtype must be"),
    "dtype list": (container({"a": entry(["U8"])}, b"1234"), "dtype must be"),
    "shape number": (container({"a": entry(shape=4)}, b"1234"), "shape must be"),
    "shape negative": (container({"a": entry(shape=[-4])}, b"1234"), "shape must be"),
    "shape twice negative": (container({"a": entry(shape=[-2, -2])}, b"1234"), "shape must be"),
    "shape float": (container({"a": entry(shape=[4.0])}, b"1234"), "shape must be"),
    "shape bool": (container({"a": entry(shape=[True, 4])}, b"1234"), "shape must be"),
    "shape NaN": (container({"a": entry(shape=[float("nan")])}, b"1234"), "shape must be"),
    "shape beyond 64 bits": (container({"a": entry(shape=[2**63])}, b"1234"), "shape must be"),
    "shape of 33 dimensions": (container({"a": entry("U8", [1] * 33, [0, 1])}, b"1"), "at most 32"),
    "shape wraps to 4": (container({"a": entry(shape=[HUGE, 4, 4])}, b"1234"), "fit 64 bits"),
    "shape wraps beside 0": (container({"a": entry("F64", [0, HUGE], [0, 0])}), "fit 64 bits"),
    "shape beyond the file": (container({"a": entry("U8", [2**40], [0, 2**40])}, b"1"), "must take"),
    "shape and offsets differ": (container({"a": entry("U16")}, b"1234"), r"span 8 bytes.*\[0, 4\]"),
    "offsets descend": (container({"a": entry(data_offsets=[4, 0])}, b"1234"), "two ascending"),
    "offsets negative": (container({"a": entry(data_offsets=[-4, 0])}, b"1234"), "two ascending"),
    "offsets of three": (container({"a": entry(data_offsets=[0, 4, 4])}, b"1234"), "two ascending"),
    "hole before": (container({"a": entry(data_offsets=[1, 5])}, b"12345"), "at 0.*Received: 1"),
    "hole between": (container({"a": entry(), "b": entry("U8", [4], [5, 9])}, b"1" * 9), "at 4.*Received: 5"),
    "overlap": (container({"a": entry(), "b": entry("U8", [4], [3, 7])}, b"1" * 7), "at 4.*Received: 3"),
    "same bytes": (container({"a": entry(), "b": entry()}, b"1234"), "at 4.*Received: 0"),
    "data missing": (container({"a": entry()}, b"123"), "must take 4 bytes.*Received: 3"),
    "data left over": (container({"a": entry()}, b"12345"), "must take 4 bytes.*Received: 5"),
    "bool of 2": (container({"a": entry("BOOL")}, b"\0\1\2\0"), "0 or 1. Received: 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_without_memory(tmp_path, case):
    raw, reason = HOSTILE[case]
    (tmp_path / "hostile.file").write_bytes(raw)

    def load():
        with pytest.raises(FileFormatError, match=rf"(?s)hostile\.file: .*{reason}") as refusal:
            load_file(tmp_path / "hostile.file", verify=False)
        assert "Received: " in str(refusal.value) and len(str(refusal.value)) < 500

    assert peak_memory(load) < 400_000 + 8 * len(raw)


def zipped(*names):
    """An archive of some names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return file.getvalue()


FOREIGN = {  # what is given for a model: (its bytes, what is said of it)
    "m.h5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "an HDF5 file, in which Keras writes .*load_model"),
    "user block.h5": (b"\0" * 512 + b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "an HDF5 file"),
    "m.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras archive .*load_model"),
    "m.pt": (zipped("m/data.pkl", "m/data/0"), "a file of torch.save; fastcnn.io.torch.load"),
    "old.pt": (pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2), "a file of torch.save"),
    "w.npz": (zipped("arr_0.npy", "arr_1.npy"), r"arrays of NumPy \(.npz\)"),
    "photos.zip": (zipped("a/1.jpg"), "a zip archive"),
    "cut.zip": (zipped("a/1.jpg")[:-9], "a damaged zip archive"), "empty.zip": (zipped(), "a zip archive"),
    "m.pkl": (pickle.dumps({"w": np.zeros(3)}), "a pickle, as joblib"), "m2.pkl": (pickle.dumps([1], 2), "a pickle"),
    "w.npy": (b"\x93NUMPY\1\0v\0" + b" " * 200, "an array of NumPy"),
    "m.onnx": (b"\x08\x0a\x12\x07pytorch\x1a\x052.3.0:\xff", "a model of ONNX"),
    "m2.onnx": (b"\x08\x07:\x90\x01", "a model of ONNX"), "m.tflite": (b"\x1c\0\0\0TFL3" + b"\0" * 99, "TensorFlow Lite"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 1\n", "Git LFS .*git lfs pull"),
    "page": (b"\n  <!doctype HTML>\n<html>" + b"x" * 4000, "a page of the web"),
    "page2": (b"<html lang=en>", "a page of the web"),
    "marked page": ("\ufeff<html>".encode(), "a page of the web"),
    "wide page": ("<html>caf\xe9".encode("utf-16"), "a page of"),
    "a.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 99, "a JPEG picture"),
    "a.png": (b"\x89PNG\r\n\x1a\n0", "a PNG picture"),
    "a.gif": (b"GIF89a12", "a GIF picture"), "a.webp": (b"RIFF\1\2\3\4WEBPVP8 ", "a WebP picture"),
    "a.heic": (b"\0\0\0\x18ftypheic", "a HEIC or AVIF picture"), "a.tif": (b"II*\0\x08\0\0\0", "a TIFF picture"),
    "train-images-idx3-ubyte": (b"\0\0\x08\x03\0\0\xea\x60", "MNIST's format"),
    "m.gguf": (b"GGUF\3\0\0\0", "a GGUF file"),
    "m.gz": (b"\x1f\x8b\x08\0\0\0\0\0", "a gzip archive"), "m.xz": (b"\xfd7zXZ\0\0\0", "an xz archive"),
    "m.tar": (b"m\0" + b"\0" * 255 + b"ustar\0", "a tar archive"), "a.pdf": (b"%PDF-1.7 ", "a PDF document"),
    "m.json": (b'{"class_name": "Sequential"}', "a JSON text"), "list.json": (b"[1, 2, 3, 4]", "a JSON text"),
    "a.svg": (b"<svg xmlns='http://'></svg>", "an XML text, .<svg"),
    "log.csv": (b"epoch,loss\n0,0.5\n", "begins 'epoch,loss'"),
    "notes.txt": ("caf\xe9 cr\xe8me".encode(), "begins 'caf\xe9 cr\xe8me'"),
    "utf8 cut": (("\xe9" * 3000).encode()[:2049 + 1000], "a text that begins"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_a_file_is_instead(name, tmp_path):
    raw, what = FOREIGN[name]
    (tmp_path / name).write_bytes(raw)
    reads = [load_file, lambda path: load_file(os.fsencode(path), verify=False)]
    for read in reads if formats.reader(tmp_path / name) else [*reads, fastcnn.load_model]:
        with pytest.raises(FileFormatError, match=what) as error:
            read(tmp_path / name)
        words = str(error.value)
        assert name in words and "Received: " in words and "verify=False" not in words and len(words) < 400


def test_of_what_is_not_known_the_beginning_is_told(tmp_path):
    """Numbers that are no lengths say little to whoever has taken another file."""
    for raw in (b"\x01\x02\x03\xf0\x05\x06\x07\x08" * 9, b"\x7fELF\2\1\1\0" * 2, b"MZ\x90\0", b"\0" * 99, b""):
        (tmp_path / "f").write_bytes(raw)
        with pytest.raises(FileFormatError, match="must be a file that save or save_file wrote, and whole; the ") as error:
            load_file(tmp_path / "f")
        assert str(error.value).endswith(f"bytes, in a file that begins {raw[:8]!r}") or raw[:1] == b"\0"
        assert recognize(tmp_path / "f") is None


def test_a_folder_in_the_place_of_a_file(tmp_path):
    with pytest.raises(FileFormatError, match="Received: a folder$"):
        load_file(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(FileFormatError, match="TensorFlow's SavedModel, a folder; in Keras"):
        fastcnn.load_model(tmp_path)


def test_files_of_other_tools_are_no_models(tmp_path):
    """No advice that `load_model` could not follow."""
    (tmp_path / "f").write_bytes(container({"a": entry()}, b"1234"))
    with pytest.raises(FileFormatError, match="it has no checksum") as error:
        fastcnn.load_model(tmp_path / "f")
    assert "verify=False" not in str(error.value)


@pytest.mark.parametrize("digest", ["", "0" * 63, "A" * 64, "é" * 32, "\\u0061" + "0" * 63])
def test_malformed_checksums_are_refused(tmp_path, digest):
    (tmp_path / "f").write_bytes(container(b'{"__metadata__": {"sha256": "%s"}}' % digest.encode()))
    with pytest.raises(FileFormatError, match="64 lower-case hexadecimal"):
        load_file(tmp_path / "f")
    assert load_file(tmp_path / "f", verify=False) == ({}, {})


@pytest.mark.parametrize("more", [b"", b"\0", b"\n", b"\x12", b"K", b"\xff"])
def test_files_of_one_and_two_bytes(more, tmp_path):
    """Whoever looks what a file is must not look beyond its end."""
    path = tmp_path / "model"
    for first in range(256):
        path.write_bytes(bytes([first]) + more)
        with pytest.raises(FileFormatError, match="model: "):
            fastcnn.load_model(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "missing")
    with pytest.raises(FileFormatError, match="Received: a folder"):
        load_file(tmp_path)


@pytest.mark.parametrize(
    "tensors, metadata, error, reason",
    [
        ([np.ones(2)], None, TypeError, "dict"),
        ({1: np.ones(2)}, None, TypeError, "name"),
        ({"a": [1.0]}, None, TypeError, "NumPy array.*list"),
        ({"a": np.ones(2, complex)}, None, TypeError, "complex128"),
        ({"a": np.array([None])}, None, TypeError, "object"),
        ({"a": np.array(["text"])}, None, TypeError, "<U4"),
        ({"a": np.zeros(2, "f4,i4")}, None, TypeError, "dtype"),
        ({"__metadata__": np.ones(2)}, None, ValueError, "__metadata__"),
        ({"\ud800": np.ones(2)}, None, ValueError, "UTF-8"),
        ({}, {"epoch": 7}, TypeError, "str to str"),
        ({}, "text", TypeError, "str to str"),
        ({}, {"sha256": "0" * 64}, ValueError, "sha256"),
    ],
)
def test_wrong_arguments_leave_the_file_alone(tmp_path, tensors, metadata, error, reason):
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(error, match=reason) as refusal:
        save_file(tensors, tmp_path / "f", metadata)
    assert "Received: " in str(refusal.value)
    assert (tmp_path / "f").read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_write_accepts_any_bytes(tmp_path):
    chunks = [b"a", bytearray(b"b"), memoryview(b"c"), np.frombuffer(b"d", "u1"), b"", np.empty((0, 2), "u1")]
    for path in (tmp_path / "f", str(tmp_path / "f"), os.fsencode(tmp_path / "f")):
        write_atomically(path, iter(chunks))
        assert (tmp_path / "f").read_bytes() == b"abcd"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_nothing(tmp_path, error):
    def chunks():
        yield b"new" * 100_000
        assert len(os.listdir(tmp_path)) == 2  # the temporary stands beside the file
        raise error

    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(error):
        write_atomically(tmp_path / "f", chunks())
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "f", ["text"])
    assert (tmp_path / "f").read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


@posix
def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def log_fsync(descriptor):
        events.append("directory" if os.path.isdir(descriptor) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("replace"), replace(*names)))
    write_atomically(tmp_path / "f", [b"12345"])
    assert events == [5, "replace", "directory"]


@posix
def test_permissions(tmp_path):
    path, mask = tmp_path / "f", os.umask(0o027)
    try:
        write_atomically(path, [b"new"])
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o606)
        write_atomically(path, [b"newer"])
        assert path.stat().st_mode & 0o777 == 0o606
    finally:
        os.umask(mask)


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    for name in ("link", "link to link"):
        (tmp_path / name).symlink_to("real/f" if name == "link" else "link")
        write_atomically(tmp_path / name, [name.encode()])  # the first time, the link points nowhere
        assert (tmp_path / name).is_symlink() and (tmp_path / "real/f").read_bytes() == name.encode()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError) as refusal:
        write_atomically(tmp_path / "loop", [b"new"])
    assert refusal.value.errno == errno.ELOOP and (tmp_path / "loop").is_symlink()


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="directory.*missing'"):
        write_atomically(tmp_path / "missing" / "f", [b"new"])
    with pytest.raises(NotADirectoryError, match="directory.*f'"):
        write_atomically(tmp_path / "f" / "g", [b"new"])
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, [b"new"])
    with pytest.raises(OSError, match="regular file"):
        write_atomically(os.devnull, [b"new"])
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(not getattr(os, "geteuid", int)(), reason="nothing is write-protected from root")
def test_write_protection_is_respected(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "f").chmod(0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        write_atomically(tmp_path / "f", [b"new"])
    assert (tmp_path / "f").read_bytes() == b"old"


KILLER = """
import json, os, random, signal, sys, time, types

package = types.ModuleType("fastcnn")  # only fastcnn.io: no threads are running when this process forks
package.__path__ = [sys.argv[1]]
sys.modules["fastcnn"] = package
import numpy as np
from fastcnn.io import load_file, save_file

path, kills = sys.argv[2], int(sys.argv[3])
contents = {w: {f"{w}{i}": np.full(16_384, ord(w) + i, np.float32) for i in range(4)} for w in "AB"}
save = lambda count: save_file(contents["AB"[count % 2]], path, {"which": "AB"[count % 2]})
clock, seen, interrupted = random.Random(0), {"A": 0, "B": 0}, 0
save(0)
started = time.perf_counter()
save(0)
span = time.perf_counter() - started
for count in range(kills):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            while True:
                save(count)
                os.write(tell, b".")
                count += 1
        finally:
            os._exit(1)
    os.close(tell)
    os.read(ready, 1)
    time.sleep(clock.uniform(0, 3 * span))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "the child failed by itself"
    os.close(ready)
    tensors, metadata = load_file(path)
    wanted = contents[metadata["which"]]
    assert list(tensors) == list(wanted) and all((tensors[n] == wanted[n]).all() for n in wanted)
    seen[metadata["which"]] += 1
    left = [name for name in os.listdir(os.path.dirname(path)) if name.endswith(".tmp")]
    assert len(left) <= 1, "the next save has not swept them"
    interrupted += len(left)
print(json.dumps([seen, interrupted]))
"""


@posix
def test_killed_200_times_the_file_is_old_or_new(tmp_path):
    package = os.path.dirname(os.path.dirname(fastcnn.io.__file__))
    command = [sys.executable, "-c", KILLER, package, str(tmp_path / "f"), "200"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    seen, interrupted = json.loads(run.stdout)
    assert sum(seen.values()) == 200 and min(seen.values()) > 0
    assert interrupted > 0  # else no kill fell into a write, and nothing was tested


@posix
def test_temporaries_of_killed_saves_are_swept(tmp_path, run_python):
    """By the next save into the directory, whatever its name; not those that are being written, nor what others have."""
    code = "import os, sys, fastcnn.io.atomic as a\nwith a.replacing(sys.argv[1]): os.kill(os.getpid(), 9)"
    for name in "a.safetensors", "b" * 200, "a line\nbreak":
        assert run_python("-c", code, tmp_path / name).returncode == -9
        assert len(list(tmp_path.glob(".*.fastcnn.tmp"))) == 1  # its own: that of the one before is gone
    others = {".a.tmp", ".a.safetensors.0123456789abcdef.tmp", "a.0123456789abcdef.fastcnn.tmp"}
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").mkdir()
    write_atomically(tmp_path / "elsewhere" / "a", [b""])
    assert len(list(tmp_path.glob(".*.tmp"))) == 3
    with replacing(tmp_path / "new") as file:
        file.write(b"one")
        write_atomically(tmp_path / "new", [b"two"])
        write_atomically(tmp_path / "other", [b"three"])
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "new", "other", *others}
    assert (tmp_path / "new").read_bytes() == b"one"


@posix
def test_a_temporary_that_is_swept_before_it_is_locked(tmp_path, monkeypatch):
    """Another one takes its place."""
    import fcntl

    lock, swept = fcntl.flock, []

    def late(descriptor, how):
        if not swept:
            swept.extend(tmp_path.glob(".*.tmp"))
            swept[0].unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_atomically(tmp_path / "f", [b"new"])
    assert len(swept) == 1 and os.listdir(tmp_path) == ["f"] and (tmp_path / "f").read_bytes() == b"new"


@pytest.mark.parametrize("module", ["atomic", "safetensors"])
def test_docstring_examples(tmp_path, monkeypatch, module):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(getattr(fastcnn.io, module))
    assert result.attempted > 0 and result.failed == 0
