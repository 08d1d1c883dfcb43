"""From the nodes of an ONNX graph to layers: what each takes, and what came of those before it."""

import re

import numpy as np

from fastcnn.arguments import shown
from fastcnn.io.description import Sketch
from fastcnn.io.errors import FileFormatError
from fastcnn.io.merging import merge
from fastcnn.io.onnx import constants, files, nodes
from fastcnn.io.onnx.metadata import metadata_of
from fastcnn.io.onnx.placing import Placing, Refused
from fastcnn.io.onnx.values import Value, dims_of, image, plain

_WEIGHTS = re.compile(r"(.+)[./](?:weight|kernel|gamma|alpha)(?::0)?$")  # of a layer whose name stands before
_LOST, _UNKNOWN = object(), object()  # what is given by a node that was refused; what depends on the former's shape alone
_REQUIRED = object()
_CONSTANT = constants.OPERATORS - set(nodes.TABLE) - {"Shape", "Size"}  # operators that no layer computes


class Node(Placing):
    """A node and what it takes.

    Args:
        network: a `Network`.
        proto: a NodeProto.
        inputs: arrays, `Value`s, or None in the place of what is left out.
    """

    def __init__(self, network, proto, inputs):
        super().__init__(network.sketch, f"{proto.op_type} {proto.name or ', '.join(proto.output)!r}")
        self.network, self.op, self.inputs, self.opset = network, proto.op_type, inputs, network.opset
        self.attributes = {entry.name: entry for entry in proto.attribute}
        weights = _WEIGHTS.match(proto.input[1]) if len(proto.input) > 1 else None
        self.name = weights.group(1) if weights else proto.name or None

    def attr(self, name, default=_REQUIRED):
        """An attribute: a number, a text, an array, a graph, or a list of numbers."""
        if name in self.attributes:
            value = files.package().helper.get_attribute_value(self.attributes[name])
            if hasattr(value, "data_type"):
                return self.network.arrays.read(value)
            if isinstance(value, float):
                return float(str(np.float32(value)))  # 0.9 is 0.9 again
            return value.decode() if isinstance(value, bytes) else list(value) if hasattr(value, "append") else value
        if default is _REQUIRED:
            raise ValueError(f"attribute {name!r} must be given")
        return default

    def given(self, i, name, default=None):
        """What is a constant input from some opset on, and was an attribute before."""
        if name in self.attributes:
            return self.attr(name)
        return default if i >= len(self.inputs) or self.inputs[i] is None else self.const(i)

    def axes(self):
        """The axes that a node is about, as integers; None: not given."""
        axes = self.given(1, "axes")
        return None if axes is None else [int(axis) for axis in np.reshape(axes, -1)]

    def reduced(self, rank):
        """The axes that are reduced, from 0; None: all."""
        axes = self.axes()
        return None if axes is None else tuple(axis % rank for axis in axes)

    def const(self, i):
        """Input i, an array."""
        value = self.inputs[i] if i < len(self.inputs) else None
        if not isinstance(value, np.ndarray):
            raise Refused(f"input {i} must be a constant")
        return value

    def weights(self, i, rank=None):
        """Input i, an array of float32; None: left out. rank: one axis less stands for images of one row."""
        if i >= len(self.inputs) or self.inputs[i] is None:
            return None
        value = self.const(i)
        if value.dtype.kind != "f":
            raise Refused(f"input {i} must be of floats")
        if rank is not None and value.ndim == rank - 1:
            value = value[:, :, None]
        if rank is not None and value.ndim != rank:
            raise Refused(f"input {i} must have {rank} axes, not {value.ndim}")
        return value.astype(np.float32, copy=False)

    def value(self, i=0):
        """Input i, which the network computes."""
        value = self.inputs[i] if i < len(self.inputs) else None
        if not isinstance(value, Value):
            raise Refused(f"input {i} must depend on the network's input")
        if value.pending:
            raise Refused(value.pending)
        return value

    def layer(self, kind, value, shape=None, order=None, arrays=None, **config):
        """A layer on a value, or several; the value it gives: samples of a shape whose axes lie in an order. None: as the
        value's."""
        first, taken = value[0] if isinstance(value, list) else value, value if isinstance(value, list) else [value]
        number = self.sketch.add(kind, [v.number for v in taken], arrays, self.name, self.title, **config)
        size = first.size if shape is None else tuple(shape)
        return Value(number, size, first.dims if order is None else dims_of(size, order, first.rank))

    def image(self, i=0):
        """Input i as images (rows, columns, channels) of which nodes see (N, C, H, W), or (N, C, L) as of one row."""
        value = self.value(i)
        if value.rank not in (3, 4):
            raise Refused(f"works on images, not on values of {value.rank} axes")
        return self.place(value, image(value.rank))


class Network:
    """A network in the making.

    Args:
        model: a ModelProto.
        arrays: `files.Arrays` of its graph.
        order: of the axes of images that come in: `image` or `plain`.

    Attributes:
        refused: [(node, why)] of those for which there are no layers.
    """

    def __init__(self, model, arrays, order=image):
        self.model, self.graph, self.arrays, self.opset = model, model.graph, arrays, files.opset(model)
        self.sketch, self.refused, self.values, self.order = Sketch(model.graph.name), [], {}, order
        self.batch, self.inputs, self.outputs, self.notes, self.count = None, [], [], [], len(model.graph.node)

    def run(self):
        """Reads all nodes that the outputs depend on."""
        needed, used = {output.name for output in self.graph.output}, []
        for proto in reversed(self.graph.node):
            if needed & set(proto.output):
                needed.update(proto.input, *map(_captured, proto.attribute))
                used.append(proto)
        for entry in self.graph.input:
            if entry.name in needed and entry.name not in self.arrays:
                self._begin(entry)
        for proto in reversed(used):
            self._step(proto, needed)
        for output in self.graph.output:
            self._finish(output.name)

    def _begin(self, entry):
        kind, dims = entry.type.tensor_type.elem_type, entry.type.tensor_type.shape.dim
        shape = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in dims]
        if kind != 1 or len(shape) < 2 or min(shape[1:]) < 1:
            seen = [dim.dim_param or dim.dim_value for dim in dims]
            raise FileFormatError(f"input {entry.name!r} must be of float32, a batch of samples of known size. Received: "
                                  f"data type {kind}, shape {seen}")
        self.batch = self.batch or shape[0] or None
        order = self.order(len(shape)) if len(shape) == 4 else plain(len(shape))
        size = tuple(shape[seen] for seen in order)
        origin = f"input {entry.name!r}{_order(order)}"
        number = self.sketch.add("InputLayer", (), None, entry.name, origin, shape=list(size))
        self.inputs.append(number)
        self.values[entry.name] = Value(number, size, dims_of(size, order, len(shape)))

    def _get(self, name):
        if not name:
            return None
        if name not in self.values and name in self.arrays:
            self.values[name] = self.arrays[name]
        if name not in self.values:
            raise FileFormatError(f"nodes must take what is given before them. Received: {shown(name)}")
        return self.values[name]

    def _step(self, proto, needed):
        inputs = [self._get(name) for name in proto.input]
        node, lost = Node(self, proto, inputs), [value for value in inputs if value is _LOST or value is _UNKNOWN]
        given = [_LOST if (not lost or _LOST in lost) and node.op != "Shape" else _UNKNOWN] * len(proto.output)
        known = proto.domain in ("", "ai.onnx") and (node.op in nodes.TABLE or node.op in constants.OPERATORS or
                                                     node.op in ("Constant", "If"))
        try:
            if not known:
                raise Refused(f"of {proto.domain}" if proto.domain else "not known here")
            if inputs and inputs[0] is _LOST and node.op in _CONSTANT:
                raise Refused("of values that the network computes")
            if not lost:
                given[:1] = [self._result(node, needed)]
                more = [name for name in proto.output[1:] if name in needed]
                if more:
                    raise Refused(f"its output {more[0]!r} is needed")
        except Refused as error:
            self.refused.append((node.title, str(error)))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"{node.title}: {error}") from error
        self.values.update(zip(proto.output, given))

    def _result(self, node, needed):
        fixed = all(value is None or isinstance(value, np.ndarray) for value in node.inputs)
        if node.op == "Constant":
            return nodes.constant(node)
        if node.op == "If":
            return self._branch(node, needed)
        if node.op in constants.OPERATORS and fixed:
            return np.asarray(constants.fold(node))
        if node.op == "Shape":
            shape = np.array(node.inputs[0].shape, np.int64)
            return shape[node.attr("start", 0):node.attr("end", None)]
        if fixed or node.op not in nodes.TABLE:
            raise Refused("of constants alone" if fixed else "of values that the network computes")
        return nodes.TABLE[node.op](node)

    def _branch(self, node, needed):
        """What a branch gives that is known to be taken."""
        graph = node.attr("then_branch" if bool(node.const(0).reshape(())) else "else_branch")
        for tensor in graph.initializer:
            self.values[tensor.name] = self.arrays.read(tensor)
        for proto in graph.node:
            self._step(proto, {*needed, *(output.name for output in graph.output)})
        return self._get(graph.output[0].name)

    def description(self):
        """What has been read."""
        outputs = merge(self.sketch, self.outputs)
        return self.sketch.description(self.inputs, outputs, metadata_of(self.model), self.notes)

    def _finish(self, name):
        """Takes an output: images and maps have channels last, all else lies as in the file."""
        value = self._get(name)
        if value is _LOST or value is _UNKNOWN:
            return
        if not isinstance(value, Value):
            raise FileFormatError(f"the outputs must depend on the input. Received: {shown(name)}")
        orders = [image(4), plain(4)] if value.rank == 4 else [plain(value.rank)]
        end = Placing(self.sketch, f"output {name!r}")
        try:
            value = end.place(value, value.order if value.order in orders else orders[0])
        except Refused as error:
            return self.refused.append((end.title, str(error)))
        if value.number in self.inputs:
            value = value._replace(number=self.sketch.add("Activation", [value.number], activation="linear"))
        self.notes.append(f"{end.title}{_order(value.order)}")
        self.outputs.append(value.number)


def _order(order):
    """Words for where the file's axes are here."""
    return "" if order == plain(len(order) + 1) else f", its axes in the order {(0, *order)}"


def _captured(attribute):
    """Names of values that a branch takes from the graph around it, and more."""
    found = set()
    for proto in attribute.g.node:
        found.update(proto.input, *map(_captured, proto.attribute))
    return found
