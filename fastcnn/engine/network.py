"""A network as the engine sees it: values with numbers, and nodes that read some and write one."""

from collections import Counter

from fastcnn import _ops
from fastcnn.engine.nodes import BEFORE, LossNode, Node, PythonNode

SQUASHING = "softmax", "log_softmax", "sigmoid", "hard_sigmoid"  # what scores are squashed by, at a network's end


class Network:
    """Nodes in an order in which they can run; a value is made before it is read.

    Args:
        nodes: of every layer's call.
        sizes: floats per image of each value.
        inputs, outputs: numbers of values.
        watched: numbers of values that someone wants to see: nothing is fused across them.
        training: whether layers compute as in training.
        losses: `LossNode`s.
    """

    def __init__(self, nodes, sizes, inputs, outputs, training=False, watched=(), losses=()):
        self.nodes, self.sizes, self.inputs, self.outputs, self.training = nodes, sizes, inputs, outputs, training
        self.watched, self.losses = frozenset(watched), list(losses)

    def with_nodes(self, nodes):
        """The same values, made by other nodes."""
        return Network(nodes, self.sizes, self.inputs, self.outputs, self.training, self.watched, self.losses)

    def value(self, size):
        """The number of a new value."""
        self.sizes.append(size)
        return len(self.sizes) - 1

    def wiring(self):
        """Who makes and who reads which value, as of now."""
        return Wiring(self)


class Wiring:
    """Makers and readers of the values of a network.

    Attributes:
        makers: {value: places of the nodes that write it}.
        reading: {value: places of the nodes that read it}.
        readers: {value: number of those, of losses that read it, and of users: of outputs and what is watched}.
    """

    def __init__(self, network):
        self.makers, self.reading, self.readers = {}, {}, Counter(network.outputs)
        self.readers.update(network.watched)
        for place, node in enumerate(network.nodes):
            self.makers.setdefault(node.y, []).append(place)
            for x in node.xs:
                self.reading.setdefault(x, []).append(place)
            self.readers.update(node.xs)
        self.readers.update(loss.x for loss in network.losses)

    def maker(self, value):
        """The place of the only node that writes a value; None: there is no such."""
        places = self.makers.get(value, ())
        return places[0] if len(places) == 1 else None

    def before(self, node):
        """The place of the node that wrote what this one reads, if that is one value that nobody else writes or reads."""
        if len(node.xs) != 1 or self.readers[node.xs[0]] != 1:
            return None
        return self.maker(node.xs[0])


def lower(calls, inputs, outputs, training=False, watched=()):
    """(network, {key: number of its value}) of layers that are called one after the other.

    Args:
        calls: (layer, keys of the values it takes, key of the value it gives), in an order in which they can run. A key is
            anything that can be one of a dictionary's.
        inputs: {key: floats per image}, in order.
        outputs: keys.
        training: as layers compute then.
        watched: keys of values to keep.
    """
    sizes, number, nodes = list(inputs.values()), {key: i for i, key in enumerate(inputs)}, []
    network = Network(nodes, sizes, list(number.values()), [], training)
    called = Counter(layer for layer, _, _ in calls)
    for layer, taken, given in calls:
        xs = [number[key] for key in taken]
        if layer.training_only and not training:
            number[given] = xs[0]
            continue
        made = layer.training_nodes() if training else layer.nodes()
        if made is None:
            number[given] = network.value(_floats(layer.output_size))
            nodes.append(PythonNode(layer, tuple(xs), number[given], called[layer] > 1))
            continue
        last = xs[0]
        for node in made:
            node.layer = layer
            node.xs = tuple(last if x == BEFORE else xs[x] for x in node.xs)
            node.y = last = last if node.same else network.value(node.op.out_size)
            nodes.append(node)
        number[given] = last
    for key in outputs:
        value = number[key]
        if value in network.inputs or value in network.outputs:  # each output is an array of its own
            value = _copied(network, value)
        network.outputs.append(value)
    network.watched = frozenset(number[key] for key in watched)
    return network, number


def _floats(size):
    total = 1
    for n in size:
        total *= n
    return total


def _copied(network, value):
    node = Node(_ops.plain("activation", 1, network.sizes[value]), xs=(value,))
    node.y = network.value(network.sizes[value])
    network.nodes.append(node)
    return node.y


def unsquashed(network):
    """The network without the squashing at its end: its first output is what would be squashed."""
    place = network.wiring().maker(network.outputs[0])
    node = None if place is None else network.nodes[place]
    if node is None or node.op is None:
        return network
    nodes, outputs = list(network.nodes), list(network.outputs)
    if node.op.name in SQUASHING or node.op.name == "activation" and node.op.activation in SQUASHING:
        del nodes[place]
        outputs[0] = node.xs[0]
    elif node.op.activation in SQUASHING:
        nodes[place] = node.with_op(node.op.with_activation("linear"))
    network = network.with_nodes(nodes)
    network.outputs = outputs
    return network


def attach(network, losses, sparse, wanted=()):
    """The network with a loss at each output that has one. A softmax that nobody else reads and its cross-entropy are one
    op, which makes the predictions too, but no gradient of them.

    Args:
        losses: a `Loss` or None for each output.
        sparse: whether its targets are labels.
        wanted: values whose gradients are asked for.
    """
    found = []
    for value, loss, labels in zip(network.outputs, losses, sparse):
        if loss is None:
            continue
        wiring, x, y, kind = network.wiring(), value, None, loss.kind
        maker = wiring.maker(value)
        softmax = None if maker is None else network.nodes[maker]
        if (kind == "categorical_cross_entropy" and softmax is not None and softmax.op is not None
                and softmax.op.name == "softmax" and softmax.op.in_shape[0] == 1 and value not in wanted
                and wiring.readers[value] == 1 + (value in network.watched)):
            network = network.with_nodes(network.nodes[:maker] + network.nodes[maker + 1:])
            x, y, kind = softmax.xs[0], value, "softmax_cross_entropy"
        elif kind == "softmax_cross_entropy":  # predictions stay logits
            y = network.value(network.sizes[value])
        op = None if kind is None else _ops.loss(kind, network.sizes[x], labels, **loss.constants)
        found.append(LossNode(loss, op, x, y))
    network.losses = found
    return network
