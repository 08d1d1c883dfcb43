"""ONNX files: their messages, and the arrays in them or beside them, looked at before memory is taken."""

import math
import os
from contextlib import contextmanager

import numpy as np

from fastcnn.arguments import shown
from fastcnn.importing import installed
from fastcnn.io.errors import FileFormatError

OPSETS = range(6, 27)  # whose operators mean what is read here
LARGEST = 2**31 - 1  # bytes of a message
_DTYPES = {1: "<f4", 2: "|u1", 3: "|i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8"}


def package():
    """The `onnx` package.

    Raises:
        ImportError: it is not installed.
    """
    return installed("onnx", "reading and writing ONNX")


@contextmanager
def explained(name):
    """A block whose errors are those of a file, which they name."""
    try:
        yield
    except FileFormatError as error:
        raise FileFormatError(f"{name}: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise FileFormatError(f"{name}: not a sound model of ONNX: {type(error).__name__}: {error}") from error


def load(path):
    """The ModelProto of a file, local functions written out.

    Raises:
        FileFormatError: it is none, or of another opset.
    """
    onnx = package()
    size = os.path.getsize(path)
    if size > LARGEST:
        raise FileFormatError(f"a model must take at most {LARGEST} bytes, with its arrays in files beside it. "
                              f"Received: {size} bytes")
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        raw = file.read()
    try:
        model = onnx.ModelProto.FromString(raw)
    except DecodeError as error:
        raise FileFormatError(f"damaged or cut off, or no model of ONNX, which it begins like: {error}") from None
    if model.functions:
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    if not model.graph.node:
        raise FileFormatError("a model must have nodes. Received: none")
    if opset(model) not in OPSETS:
        raise FileFormatError(f"the operators must be of a version from {OPSETS[0]} to {OPSETS[-1]}. Received: opset "
                              f"{opset(model)}")
    return model


def opset(model):
    """The version of ONNX' own operators in a model; 0: it has none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


class Arrays:
    """The arrays of a graph by name, each read when it is asked for.

    Args:
        graph: a GraphProto.
        folder: that files beside it must lie in.
    """

    def __init__(self, graph, folder):
        self.folder, self.tensors = folder, {tensor.name: tensor for tensor in graph.initializer}
        if graph.sparse_initializer:
            raise FileFormatError("arrays must be dense. Received: sparse_initializer")

    def __contains__(self, name):
        return name in self.tensors

    def __getitem__(self, name):
        return self.read(self.tensors[name])

    def read(self, tensor):
        """The array of a TensorProto."""
        shape, kind = tuple(tensor.dims), tensor.data_type
        if min(shape, default=0) < 0 or kind not in _DTYPES:
            raise FileFormatError(f"{tensor.name!r} must be an array of floats or integers of 8 to 64 bits. Received: data "
                                  f"type {kind}, shape {shape}")
        if tensor.data_location != 1:
            return package().numpy_helper.to_array(tensor)
        dtype = np.dtype(_DTYPES[kind])
        data = self._beside(tensor, math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
        return data.astype(dtype.newbyteorder("="), copy=False)

    def _beside(self, tensor, size):
        """Bytes of a file beside the model's: in its folder and no link out of it, as many as the file has."""
        entry = {item.key: item.value for item in tensor.external_data}
        location, folder = entry.get("location", ""), os.path.realpath(self.folder)
        path = os.path.realpath(os.path.join(folder, location))
        if not location or "\0" in location or os.path.isabs(location) or os.path.commonpath([folder, path]) != folder:
            raise FileFormatError(f"{tensor.name!r} must be in a file beside the model's. Received: {shown(location)}")
        start = int(entry.get("offset", 0))
        if not os.path.isfile(path) or start < 0 or start + size > os.path.getsize(path) \
                or int(entry.get("length", size)) != size:
            raise FileFormatError(f"{tensor.name!r} must take {size} bytes from {start} on of {location!r}. Received: "
                                  f"{os.path.getsize(path) if os.path.isfile(path) else 'no such file'}")
        return np.fromfile(path, np.uint8, size, offset=start)
