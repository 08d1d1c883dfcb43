"""MNN on the CPU, from the same ONNX model, which its own converter converts, in float32."""

import ctypes
import os
import sys
from contextlib import contextmanager

import fastcnn
from benchmarks.peers import onnx_graph, translation

# not MNN.tools.mnnconvert, which installs a package and tells others of the conversion
_CONVERTER = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", "-f", "ONNX",
              "--modelFile", "model.onnx", "--MNNModel", "model.mnn"]
_RELEASE = 1  # a session whose steps nobody watches
# a hint and its value: Winograd's algorithm in small units; in large ones only VGG-16 is quicker, by a quarter, and
# predictions of ResNet-18, VGG-16 and GoogLeNet err by 3e-4 to 1.5e-3 of the largest
_WINOGRAD = 3, 1


@contextmanager
def _aside():
    """What the library prints goes to standard error: standard output may be for rows."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


with _aside():
    import MNN


def forward(model, x):
    """Probabilities of a batch that lies in its order already."""
    with _aside():
        network = onnx_graph.converted(model, len(x), _CONVERTER, lambda folder: MNN.Interpreter(str(folder / "model.mnn")))
        network.setSessionMode(_RELEASE)
        network.setSessionHint(*_WINOGRAD)
        session = network.createSession({"backend": "CPU", "numThread": fastcnn.get_num_threads(), "precision": "high"})
    given, wanted = network.getSessionInput(session), network.getSessionOutput(session)
    images = translation.channels_first(x)
    batch = MNN.Tensor(images.shape, MNN.Halide_Type_Float, images, MNN.Tensor_DimensionType_Caffe)

    def call():
        given.copyFrom(batch)  # each time, as the session uses that memory again
        network.runSession(session)
        return wanted.getNumpyData()

    return call
