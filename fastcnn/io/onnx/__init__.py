"""Models of ONNX, read and written. The `onnx` package parses, builds and checks the files; it runs nothing."""

import os

from fastcnn.io.errors import FileFormatError
from fastcnn.io.onnx import files
from fastcnn.io.onnx.files import package as needed  # noqa: F401
from fastcnn.io.onnx.network import Network
from fastcnn.io.onnx.values import image, plain
from fastcnn.io.onnx.writing import write as write


def read(path):
    """The description of a network for images in an ONNX file.

    Nodes become layers. Shapes are computed for a batch of any size; what does not depend on the input is computed at once;
    turned axes are followed instead of turned, so that images have channels last here and kernels lie accordingly.

    Args:
        path: of the file. Arrays that it keeps in files of their own must lie beside it.

    Raises:
        FileFormatError: the file is damaged, or has nodes for which there are no layers: all of them are named.
        ImportError: onnx is not installed.
    """
    name = os.fsdecode(path)
    with files.explained(name):
        model = files.load(path)
        arrays = files.Arrays(model.graph, os.path.dirname(os.path.realpath(name)))
        found = _description(model, arrays, image)
        if _turns(found):  # then images may have come with channels last
            found = min(found, _description(model, arrays, plain), key=_turns)
        return found


def _turns(description):
    """How often values are moved."""
    return [entry["class_name"] for entry in description.config["layers"]].count("Permute")


def _description(model, arrays, order):
    network = Network(model, arrays, order)
    network.run()
    if network.refused:
        wrong = "; ".join(f"{node} ({reason})" for node, reason in network.refused)
        raise FileFormatError(f"there are no layers for {len(network.refused)} of {network.count} nodes. Received: {wrong}")
    return network.description()
