"""A fastcnn model as an ONNX model: channels first, one node a step, weights as initializers."""

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers import translation

_PLAIN = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "flatten": "Flatten", "softmax": "Softmax"}


def serialized(model, batch):
    """The model's bytes, for a fixed batch."""
    nodes, initializers, last = [], [], "x"
    for i, step in enumerate(translation.steps(model)):
        if step.kind == "dropout":
            continue
        names = [f"w{i}_{j}" for j in range(len(step.weights))]
        initializers += [numpy_helper.from_array(w, name) for w, name in zip(step.weights, names)]
        nodes.append(_node(step, [last, *names], f"y{i}"))
        last = f"y{i}"
    height, width, channels = model.input_shape[1:]
    graph = helper.make_graph(
        nodes, model.name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, height, width])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, model.output_shape[1]])], initializers)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(found)
    return found.SerializeToString()


def _node(step, inputs, output):
    options = step.options
    if step.kind == "conv":
        return helper.make_node("Conv", inputs, [output], strides=options["strides"], group=options["groups"],
                                dilations=options["dilation"], pads=[*options["padding"], *options["padding"]])
    if step.kind == "dense":
        return helper.make_node("Gemm", inputs, [output], transB=1)
    if step.kind in ("max_pool", "avg_pool"):
        kind = "MaxPool" if step.kind == "max_pool" else "AveragePool"
        return helper.make_node(kind, inputs, [output], kernel_shape=options["size"], strides=options["strides"])
    if step.kind == "lrn":
        return helper.make_node("LRN", inputs, [output], size=options["size"], alpha=options["divided_alpha"],
                                beta=options["beta"], bias=options["k"])
    return helper.make_node(_PLAIN[step.kind], inputs, [output], **({"axis": 1} if step.kind == "softmax" else {}))
