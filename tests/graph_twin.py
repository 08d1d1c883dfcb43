"""A network with branches in float64, written from `fastcnn.reference`: values, and gradients of all weights and inputs."""

import numpy as np
from twin import loss_functions, margin_of, run_layer

from fastcnn.model.base import BaseModel


def _sum(xs):
    return sum(xs), lambda dy: [dy] * len(xs)


def _product(xs):
    others = [np.prod([x for j, x in enumerate(xs) if j != i], axis=0) for i in range(len(xs))]
    return np.prod(xs, axis=0), lambda dy: [dy * other for other in others]


def _extreme(pick):
    """Of equal ones the first takes the gradient: as each pair is compared in turn."""
    def run(xs):
        y, owner = xs[0], np.zeros(xs[0].shape, int)
        for i, x in enumerate(xs[1:], 1):
            y, owner = np.where(pick(x, y), x, y), np.where(pick(x, y), i, owner)
        return y, lambda dy: [dy * (owner == i) for i in range(len(xs))]

    return run


def _concatenate(layer, xs):
    axis = layer.along + 1
    ends = np.cumsum([x.shape[axis] for x in xs])[:-1]
    return np.concatenate(xs, axis), lambda dy: np.split(dy, ends, axis)


_MERGES = {
    "Add": lambda layer, xs: _sum(xs),
    "Subtract": lambda layer, xs: (xs[0] - xs[1], lambda dy: [dy, -dy]),
    "Average": lambda layer, xs: (sum(xs) / len(xs), lambda dy: [dy / len(xs)] * len(xs)),
    "Multiply": lambda layer, xs: _product(xs),
    "Maximum": lambda layer, xs: _extreme(np.greater)(xs),
    "Minimum": lambda layer, xs: _extreme(np.less)(xs),
    "Concatenate": _concatenate,
}


class GraphTwin:
    """The same weights; layers compute as in training, or not."""

    def __init__(self, model, training=True, step=0):
        self.model, self.training, self.step = model, training, step
        self.weights = {p: p.value.astype(np.float64) for p in model.parameters}

    def _call(self, layer, xs):
        """([y of each output], backward: its gradients → those of xs; weights' are added to self.gradients)."""
        if isinstance(layer, BaseModel):
            inner = {id(s): x for s, x in zip(layer.graph.inputs, xs)}
            ys, back = self._run(layer.graph, inner)
            return ys, lambda dys: [back(dys).get(id(s), 0.0) for s in layer.graph.inputs]
        if type(layer).__name__ in _MERGES:
            y, back = _MERGES[type(layer).__name__](layer, xs)
            return [y], lambda dys: back(dys[0])
        y, back = run_layer(layer, xs[0], [self.weights[p] for p in layer.parameters], self.training, self.step)

        def backward(dys):
            dx, *gradients = back(dys[0])
            for p, gradient in zip(layer.parameters, gradients):
                if layer.trainable:
                    self.gradients[p] = self.gradients.get(p, 0.0) + gradient
            return [dx]

        return [y], backward

    def _run(self, graph, values):
        calls, symbols = [], graph.given()
        for call in graph.order:
            ys, back = self._call(call.layer, [values[id(s)] for s in call.inputs])
            given = symbols[call]
            for symbol in given:
                values[id(symbol)] = ys[symbol.index]
            calls.append((call, given, len(ys), back))

        def backward(dys):
            found = {}
            for symbol, dy in zip(graph.outputs, dys):
                found[id(symbol)] = found.get(id(symbol), 0.0) + dy
            for call, given, count, back in reversed(calls):
                own = [0.0] * count
                for symbol in given:
                    own[symbol.index] = found.get(id(symbol), np.zeros_like(values[id(symbol)]))
                for symbol, dx in zip(call.inputs, back(own)):
                    found[id(symbol)] = found.get(id(symbol), 0.0) + dx
            return found

        self.values = values
        return [values[id(s)] for s in graph.outputs], backward

    def predict(self, xs):
        """Values of the outputs."""
        return self._run(self.model.graph, {id(s): np.asarray(x, np.float64)
                                            for s, x in zip(self.model.graph.inputs, xs)})[0]

    def margin(self, xs):
        """How far a batch is from a kink."""
        self.predict(xs)
        return min(margin_of(call.layer, self.values[id(call.inputs[0])], [self.weights[p] for p in call.layer.parameters])
                   for call in self.model.graph.order)

    def gradients_of(self, xs, targets):
        """(mean loss, {parameter: gradient}, gradients of the inputs) by the model's own losses."""
        self.gradients, total, dys, n = {}, 0.0, [], len(xs[0])
        graph = self.model.graph
        ys, backward = self._run(graph, {id(s): np.asarray(x, np.float64) for s, x in zip(graph.inputs, xs)})
        for head, y, target in zip(self.model._heads, ys, targets):
            if head.loss is None:
                dys.append(np.zeros_like(y))
                continue
            forward, derive = loss_functions(head.loss)
            total += head.weight * forward(y, target).mean()
            dys.append(derive(np.full(n, head.weight / n), y, target))
        found = backward(dys)
        return total, self.gradients, [found.get(id(s), 0.0) for s in graph.inputs]
