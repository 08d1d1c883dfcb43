"""A fastcnn model as an ONNX model: channels first, one node a step, weights as initializers."""

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers import converting, translation

_OPERATORS = {"conv": "Conv", "dense": "Gemm", "batch_norm": "BatchNormalization", "max_pool": "MaxPool",
              "avg_pool": "AveragePool", "global_pool": "GlobalAveragePool", "lrn": "LRN", "add": "Add", "concat": "Concat",
              "relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "flatten": "Flatten", "softmax": "Softmax"}


def serialized(model, batch):
    """The model's bytes, for a fixed batch."""
    nodes, initializers, values = [], [], {-1: "x"}
    for i, step in enumerate(translation.steps(model)):
        taken, values[i] = [values[place] for place in step.inputs], f"y{i}"
        if step.kind == "dropout":
            values[i] = taken[0]
            continue
        arrays = [*step.weights, *step.statistics]
        names = [f"w{i}_{j}" for j in range(len(arrays))]
        initializers += [numpy_helper.from_array(w, name) for w, name in zip(arrays, names)]
        given = f"map{i}" if step.kind == "global_pool" else values[i]
        nodes.append(helper.make_node(_OPERATORS[step.kind], [*taken, *names], [given], **_attributes(step)))
        if given != values[i]:
            nodes.append(helper.make_node("Flatten", [given], [values[i]]))
    height, width, channels = model.input_shape[1:]
    graph = helper.make_graph(
        nodes, model.name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, height, width])],
        [helper.make_tensor_value_info(values[i], TensorProto.FLOAT, [batch, model.output_shape[1]])], initializers)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(found)
    return found.SerializeToString()


def converted(model, batch, command, read):
    """What `read(folder)` finds in the folder, a temporary one, in which a converter found these bytes as "model.onnx"."""
    return converting.converted("model.onnx", serialized(model, batch), command, read)


def _attributes(step):
    options = step.options
    if step.kind == "conv":
        return {"strides": options["strides"], "group": options["groups"], "dilations": options["dilation"],
                "pads": [*options["padding"], *options["padding"]]}
    if step.kind in ("max_pool", "avg_pool"):
        return {"kernel_shape": options["size"], "strides": options["strides"], "ceil_mode": int(options["ceil_mode"]),
                "pads": [*options["padding"], *options["padding"]]}
    if step.kind == "lrn":
        return {"size": options["size"], "alpha": options["divided_alpha"], "beta": options["beta"], "bias": options["k"]}
    return {"dense": {"transB": 1}, "batch_norm": {"epsilon": options.get("epsilon")}, "concat": {"axis": 1},
            "softmax": {"axis": 1}}.get(step.kind, {})
