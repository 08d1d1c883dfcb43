"""Group "imported": networks read from ONNX files, here and in ONNX Runtime, in turn.

The files are those that `export` writes of the networks of the group "networks". Before anything is timed, predictions of
what was read are compared with the network's that was written, and ONNX Runtime's of the file with ours.
"""

import importlib.util
import os
import tempfile
from functools import partial

import fastcnn
from benchmarks import expected, networks, peers
from benchmarks.jobs import Job

WORKS = "alexnet", "resnet18", "googlenet", "squeezenet"
BATCHES = 1, 16


def jobs(settings):
    """Each network and batch; none where onnx is not installed."""
    if importlib.util.find_spec("onnx") is None:
        return []
    return [Job("imported", work, partial(_measure, work, batch), "forward", batch)
            for work in WORKS for batch in settings.batches or BATCHES]


def contestants(work, batch, settings):
    """({name: callable} of ours and of those peers that run ONNX files, {name: {"error": why not}} of the others)."""
    original = networks.network(work)
    x, _ = networks.batch_of(original, batch)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{work}.onnx")
        original.export(path)
        model = fastcnn.load_model(path)
        predictions = model.predict_on_batch(x)
        expected.check_predictions(predictions, original.predict_on_batch(x), f"{work}, read back", 2e-5)
        found, missing = {"fastcnn": partial(model.predict_on_batch, x)}, {}
        if "onnxruntime" in settings.peers:
            try:
                settings.at("onnxruntime")
                from benchmarks.peers import onnx_runtime

                call = onnx_runtime.imported(path, x)
                expected.check_predictions(call(), predictions, "onnxruntime")
                found["onnxruntime"] = call
            except Exception as error:  # noqa: BLE001  a peer that cannot is no reason to stop
                missing["onnxruntime"] = {"error": peers.reason(error)}
            settings.at(None)
    return found, missing


def _measure(work, batch, settings):
    return networks.in_turn(batch, settings, *contestants(work, batch, settings))
