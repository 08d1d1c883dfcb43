"""Networks written as ONNX: one file, a batch of any size, names and metadata kept, checked before it is written."""

import os
from typing import NamedTuple

import numpy as np

from fastcnn import arguments
from fastcnn.configuration import __version__
from fastcnn.io.atomic import write_atomically
from fastcnn.io.description import refusal
from fastcnn.io.onnx import files, layers
from fastcnn.io.onnx.metadata import put_metadata

OPSETS = range(13, 25)  # that can be asked for


class Written(NamedTuple):
    """A value: its name; shape of a sample here; of a row that images were flattened to as ONNX does, their size."""

    name: str
    size: tuple
    flattened: tuple | None = None


class Writer:
    """A graph in the making.

    Args:
        description: a `Description` with sizes.
        opset: version of the operators.
    """

    def __init__(self, description, opset):
        self.helper, self.opset = files.package().helper, opset
        self.description, self.nodes, self.arrays, self.values = description, [], {}, {}

    def constant(self, name, array):
        """The name of an array in the file: one of int64, and all else as float32."""
        dtype = np.int64 if getattr(array, "dtype", None) == np.int64 else np.float32
        self.arrays[name] = np.asarray(array, dtype, order="C")
        return name

    def node(self, op, taken, name, **attributes):
        """A node, and the name of what it gives: the node's."""
        self.nodes.append(self.helper.make_node(op, taken, [name], name, **attributes))
        return name

    def plain(self, value, name):
        """The name of a value whose axes lie as here: an image with channels last, a row in fastcnn's order."""
        if value.flattened is not None:
            h, w, c = value.flattened
            shape = self.constant(f"{name}/image", np.array([0, c, h, w]))
            value = Written(self.node("Reshape", [value.name, shape], f"{name}/unflattened"), (h, w, c))
            return self.node("Flatten", [self.plain(value, name)], f"{name}/flattened", axis=1)
        if len(value.size) == 3:
            return self.node("Transpose", [value.name], f"{name}/last", perm=[0, 2, 3, 1])
        return value.name

    def first(self, taken, size, name):
        """The name of a value that is given with channels last, as ONNX has it."""
        if len(size) != 3:
            return self.renamed(taken, name)
        return self.node("Transpose", [taken], name, perm=[0, 3, 1, 2])

    def renamed(self, taken, name):
        """The same value under another name."""
        return taken if taken == name else self.node("Identity", [taken], name)

    def settled(self, value, name):
        """A value that is no flattened image, or no longer."""
        return value if value.flattened is None else Written(self.plain(value, name), value.size)

    def write(self, step):
        """A layer's nodes."""
        values = [self.values[number] for number in step.taken]
        if step.kind not in layers.ROWS:
            values = [self.settled(value, f"{step.name}/input{i or ''}") for i, value in enumerate(values)]
        found = layers.write(self, step, *values)
        self.values[step.given] = found if isinstance(found, Written) else Written(found, step.size)

    def input(self, step, layout):
        """An input of the graph, and what nodes see of it."""
        h, *more = step.size
        last = layout == "NHWC" and len(step.size) == 3
        shape = ["batch", *(step.size if last or len(step.size) != 3 else (more[1], h, more[0]))]
        name = self.first(step.name, step.size, f"{step.name}/first") if last else step.name
        self.values[step.given] = Written(name, step.size)
        return self.helper.make_tensor_value_info(step.name, 1, shape)

    def output(self, value, name, layout):
        """An output of the graph."""
        value = self.settled(value, f"{name}/output")
        last = layout == "NHWC" and len(value.size) == 3
        given = self.plain(value, name) if last else value.name
        shape = value.size if last or len(value.size) != 3 else (value.size[2], *value.size[:2])
        return self.helper.make_tensor_value_info(given, 1, ["batch", *shape])


def write(description, path, *, opset=13, input_layout="NCHW", logits=False, preparation=False):
    """Writes a description as an ONNX file.

    Args:
        description: a `Description` with sizes.
        path: of the file.
        opset: version of the operators, 13 to 24.
        input_layout: "NCHW" or "NHWC": how images come in, and go out if the network gives some.
        logits: leave a softmax or sigmoid at the end away.
        preparation: begin with what the metadata say of images: their mean is subtracted, and they are divided by their
            standard deviation. What comes in are bytes as floats then.

    Raises:
        ValueError: another opset or layout; layers that ONNX has no operators for: all of them are named.
        ImportError: onnx is not installed.
    """
    onnx = files.package()
    if arguments.integer("opset", opset, 1) not in OPSETS:
        raise ValueError(f"opset must be from {OPSETS[0]} to {OPSETS[-1]}. Received: {opset}")
    arguments.choice("input_layout", input_layout, ("NCHW", "NHWC"))
    logits, preparation = arguments.flag("logits", logits), arguments.flag("preparation", preparation)
    steps = list(description.steps())
    refused = [f"{step.name} ({why})" for step in steps if (why := refusal(step, layers.LAYERS, layers.REFUSED, opset))]
    if refused:
        raise ValueError(f"ONNX has no operators for {len(refused)} of {len(steps)} layers. Received: {', '.join(refused)}")
    writer, metadata = Writer(description, opset), description.metadata
    inputs = [writer.input(steps[number], input_layout) for number in description.inputs]
    if preparation:
        metadata = layers.prepare(writer, description)
    for step in steps:
        if step.given not in description.inputs:
            end = logits and step.given in description.outputs
            writer.write(layers.without_end(step) if end else step)
    names = [steps[number].name for number in description.outputs]
    outputs = [writer.output(writer.values[number], name, input_layout)
               for number, name in zip(description.outputs, names)]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in writer.arrays.items()]
    if sum(array.nbytes for array in writer.arrays.values()) > files.LARGEST:
        raise ValueError(f"a file of ONNX must take at most {files.LARGEST} bytes. Received: a model of more")
    graph = writer.helper.make_graph(writer.nodes, description.config["name"], inputs, outputs, tensors)
    sets = [writer.helper.make_opsetid("", opset)]
    model = writer.helper.make_model(graph, opset_imports=sets, producer_name="fastcnn", producer_version=__version__,
                                     ir_version=writer.helper.find_min_ir_version_for(sets))
    put_metadata(model, metadata)
    onnx.checker.check_model(model)
    write_atomically(os.fspath(path), [model.SerializeToString()])
