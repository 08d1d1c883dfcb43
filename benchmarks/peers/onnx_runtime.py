"""ONNX Runtime on the CPU, all its graph optimizations."""

import onnxruntime

import fastcnn
from benchmarks.peers import onnx_graph, translation


def forward(model, x):
    """Probabilities of a batch that lies in its order already."""
    return _session(onnx_graph.serialized(model, len(x)), x)


def imported(path, x):
    """The same, by the network of a file."""
    with open(path, "rb") as file:
        return _session(file.read(), x)


def _session(raw, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = fastcnn.get_num_threads(), 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: translation.channels_first(x)}
    return lambda: session.run(None, given)[0]
