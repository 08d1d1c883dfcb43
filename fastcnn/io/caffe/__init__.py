"""Networks of Caffe, read: a .prototxt with the architecture, a .caffemodel with arrays, of either of its two generations.

Caffe rounds the sizes of poolings up, divides α by a normalization's size, and takes images of blue, green, red from 0 to
255 less a mean: first kernels are turned to red, green, blue, and the mean becomes the model's `Preparation`. It needs onnx,
for its protobuf.
"""

import os

from fastcnn.io.caffe import schema
from fastcnn.io.caffe.network import Network
from fastcnn.io.errors import FileFormatError

_LONGEST = 1 << 22  # bytes of a text


def read(path, other=None):
    """A network's `Description`.

    Args:
        path: of the .prototxt or of the .caffemodel.
        other: the other of the two; None: of the same name beside it, or deploy.prototxt. A .caffemodel alone does where
            its data layers say how large images are.

    Raises:
        FileFormatError: damaged files; layers that fastcnn does not have: all of them are named; or no second file.
        ImportError: onnx is not installed.
    """
    stem = os.path.splitext(os.fsdecode(path))[0]
    is_text = _is_text(path)
    deploy = os.path.join(os.path.dirname(stem), "deploy.prototxt")
    beside = [f"{stem}.caffemodel"] if is_text else [f"{stem}.prototxt", deploy]
    other = other or next((name for name in beside if os.path.isfile(name)), None)
    if is_text and other is None:
        raise FileFormatError(f"{os.fsdecode(path)}: must have its arrays beside it. Received: no file {beside[0]}")
    first = parse(path)
    second = first if other is None else parse(other)
    text, binary = (first, second) if is_text else (second, first)
    try:
        return Network(text, binary).description()
    except FileFormatError as error:
        raise FileFormatError(f"{os.fsdecode(path)}: {error}") from None
    except (ValueError, KeyError, IndexError, TypeError, ZeroDivisionError, OverflowError) as error:
        text = f"{os.fsdecode(path)}: the network is damaged: {type(error).__name__}: {error}"
        raise FileFormatError(text[:400]) from None


def parse(path, kind="NetParameter"):
    """The message in a file, a text or binary.

    Raises:
        FileFormatError: it is damaged.
    """
    found = schema.message(kind)
    from google.protobuf import message, text_format

    try:
        with open(path, "rb") as file:
            content = file.read()
        if _is_text(path):
            if len(content) > _LONGEST:
                raise FileFormatError(f"a text must have at most {_LONGEST} bytes. Received: {len(content)}")
            text_format.Parse(content.decode(), found, allow_unknown_field=True)
        else:
            found.ParseFromString(content)
    except (message.Error, text_format.ParseError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{os.fsdecode(path)}: must be a network of Caffe. Received: {error}"[:400]) from None
    return found


def _is_text(path):
    with open(path, "rb") as file:
        head = file.read(512)
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head)
