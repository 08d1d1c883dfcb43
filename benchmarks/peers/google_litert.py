"""LiteRT (once TensorFlow Lite) on the CPU, whose kernels are XNNPACK's, in float32; litert_converter.py makes its model."""

import importlib.util
import pickle
import sys
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

import fastcnn
from benchmarks.peers import converting, translation

_CONVERTER = [sys.executable, str(Path(__file__).resolve().with_name("litert_converter.py"))]
_MOST = 10**8  # weights: the converter takes eighty bytes for each, VGG-16 11 GB

if importlib.util.find_spec("tensorflow") is None:
    raise ModuleNotFoundError("tensorflow, which converts for LiteRT", name="tensorflow")


def forward(model, x):
    """Probabilities of a batch."""
    if model.count_params() > _MOST:
        raise NotImplementedError(f"LiteRT's converter takes too much memory for {model.count_params():,} weights")
    work = pickle.dumps((x.shape, [vars(step) for step in translation.steps(model)]))
    content = converting.converted("steps", work, _CONVERTER, lambda folder: (folder / "model.tflite").read_bytes())
    network = Interpreter(model_content=content, num_threads=fastcnn.get_num_threads())
    network.allocate_tensors()
    given, wanted = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def call():
        network.set_tensor(given, x)
        network.invoke()
        return network.get_tensor(wanted)

    return call
