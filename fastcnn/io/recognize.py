"""What a file is that was taken for a model, by its content: who reads it, and the words of an error."""

import os
import re

_WEIGHTS = "in Keras, np.savez('weights.npz', *model.get_weights()) writes what set_weights takes here"
_TORCH = "safetensors.torch.save_file writes what fastcnn.io.load_file reads"
_HEAD = 2048  # bytes that are looked at
_SIGNATURES = [  # first bytes: what they begin
    (b"\x93NUMPY", "an array of NumPy (.npy), which numpy.load reads"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS in the file's place: git lfs pull brings the file"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", f"a file of torch.save; {_TORCH}"),
    (b"GGUF", "a GGUF file, of language models"), (b"%PDF", "a PDF document"), (b"MATLAB 5.0", "a file of MATLAB"),
    (b"\xff\xd8\xff", "a JPEG picture"), (b"\x89PNG\r\n\x1a\n", "a PNG picture"), (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"), (b"II*\0", "a TIFF picture"), (b"MM\0*", "a TIFF picture"),
    (b"\0\0\x08\x01", "labels in MNIST's format (IDX)"), (b"\0\0\x08\x03", "images in MNIST's format (IDX)"),
    (b"\x1f\x8b", "a gzip archive"), (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"),
    (b"(\xb5/\xfd", "a Zstandard archive"), (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"),
]
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # of texts: UTF-8's, UTF-16's


def recognize(path):
    """Words for what a file is; None: nothing that is known here.

    Args:
        path: of a file or folder.

    Example:
        >>> _ = open("page.safetensors", "wb").write(b"<!DOCTYPE html><html><title>404</title>")
        >>> recognize("page.safetensors")
        'a page of the web (HTML): what was downloaded is not the file but a page about it'
    """
    if os.path.isdir(path):
        saved = os.path.exists(os.path.join(os.fsdecode(path), "saved_model.pb"))
        return f"TensorFlow's SavedModel, a folder; {_WEIGHTS}" if saved else "a folder"
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if _is_hdf5(head):
        return "an HDF5 file, in which Keras writes models and weights (.h5); load_model reads it with h5py"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip(path, head)
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5") and head[2:3] != b"\0":
        return "a pickle, as joblib and torch.save write; it may run any code when it is read, so it is not read here"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return "a HEIC or AVIF picture, or a film"
    if head[4:8] == b"TFL3":
        return "a model of TensorFlow Lite"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if _is_onnx(path, head):
        return "a model of ONNX, which onnxruntime runs"
    return _text(head)


def module_of(path):
    """The name of the module here that reads a file of another program; None: there is none, or it is a folder."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    return next((name for name, is_its in _MODULES.items() if is_its(path, head)), None)


def _is_hdf5(head):
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:520], head[1024:1032])


def _names(path, head):
    """Names in a zip archive; None: it is none, or damaged."""
    import zipfile

    if not head.startswith((b"PK\3\4", b"PK\5\6")):
        return None
    try:
        with zipfile.ZipFile(os.fsdecode(path)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return None


def _zip(path, head):
    """Of an archive, by what is in it."""
    names = _names(path, head)
    if names is None:
        return "a damaged zip archive"
    if "model.weights.h5" in names:
        return "a Keras archive (.keras); load_model reads it with h5py"
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return "a file of torch.save; fastcnn.io.torch.load puts it into a model"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy (.npz), which numpy.load reads and set_weights takes"
    return "a zip archive"


def _is_onnx(path, head):
    """A protobuf message whose first field is a small version, and whose next is another of a model's."""
    return len(head) > 3 and head[0] == 0x08 and 1 <= head[1] < 0x20 and head[2] in b"\x12\x1a\x22\x28\x32\x3a\x42"


def _is_keras(path, head):
    return _is_hdf5(head) or "model.weights.h5" in (_names(path, head) or ())


def _is_torch(path, head):
    return any(name.rpartition("/")[2] == "data.pkl" for name in _names(path, head) or ())


def _is_caffe(path, head):
    """A network's name and then layers or inputs, as text or as a protobuf message."""
    if re.match(rb"(\s|#[^\n]*\n)*(name|input|layers?)\s*[:{]", head):
        return True
    end = 2 + head[1] if head[:1] == b"\n" and b"" < head[1:2] < b"\x80" else 0
    return head[end:end + 1] in (b"\x12", b"\x1a") and end > 0 or head[end:end + 2] == b"\xa2\x06"


# module: does it read the file of a path, that begins so?
_MODULES = {"onnx": _is_onnx, "keras": _is_keras, "torch": _is_torch, "caffe": _is_caffe}


def _text(head):
    """Of a text, by how it begins."""
    marked = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    try:
        text = head.decode("utf-16" if len(marked) == 2 else "utf-8-sig", "strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    start = text.strip()[:40]
    if not start or not all(letter.isprintable() or letter in "\r\n\t" for letter in text):
        return None
    if start.lower().startswith(("<!doctype html", "<html", "<head")):
        return "a page of the web (HTML): what was downloaded is not the file but a page about it"
    if start.startswith(("{", "[")):
        return "a JSON text, maybe an architecture without weights (Sequential.from_config)"
    first = start.splitlines()[0][:30]
    return f"an XML text, {first!r}" if start.startswith("<") else f"a text that begins {first!r}"
