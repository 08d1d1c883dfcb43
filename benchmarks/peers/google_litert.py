"""LiteRT (once TensorFlow Lite) on the CPU, whose kernels are XNNPACK's, in float32; litert_converter.py makes its model."""

import importlib.util
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

import fastcnn
from benchmarks.jobs import ROOT
from benchmarks.peers import translation

_MOST = 10**8  # weights: the converter takes eighty bytes for each, VGG-16 11 GB

if importlib.util.find_spec("tensorflow") is None:
    raise ModuleNotFoundError("tensorflow, which converts for LiteRT", name="tensorflow")


def forward(model, x):
    """Probabilities of a batch."""
    network = Interpreter(model_content=_converted(model, x.shape), num_threads=fastcnn.get_num_threads())
    network.allocate_tensors()
    given, wanted = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def call():
        network.set_tensor(given, x)
        network.invoke()
        return network.get_tensor(wanted)

    return call


def _converted(model, shape):
    if model.count_params() > _MOST:
        raise NotImplementedError(f"LiteRT's converter takes too much memory for {model.count_params():,} weights")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "steps").write_bytes(pickle.dumps((shape, translation.steps(model))))
        run = subprocess.run([sys.executable, "-m", "benchmarks.peers.litert_converter", folder], cwd=ROOT,
                             capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"the converter ended with {run.returncode}: {run.stderr.strip()[-100:]}")
        return Path(folder, "model.tflite").read_bytes()
