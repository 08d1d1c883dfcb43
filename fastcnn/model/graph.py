"""How the layers of a model are connected: what lies between its inputs and its outputs."""

from fastcnn import arguments
from fastcnn.layers.base import Layer
from fastcnn.layers.input import InputLayer
from fastcnn.layers.symbols import Symbol


class Graph:
    """The calls of layers that lead from some symbols to others.

    Args:
        inputs, outputs: lists of `Symbol`s.

    Attributes:
        calls: in the order in which they were made; those of inputs among them.
        layers: each once, in the order of their first calls.

    Raises:
        ValueError: an output that depends on an input that is not given, or an input that no output depends on.
    """

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = list(inputs), list(outputs)
        if len({id(symbol) for symbol in self.inputs}) < len(self.inputs):
            raise ValueError(f"inputs must differ. Received: {', '.join(symbol.name for symbol in self.inputs)}")
        self.order = self._walk()
        self.calls = in_order({*self.order, *(symbol.call for symbol in self.inputs if not symbol.call.inputs)})
        self.layers = list(dict.fromkeys(call.layer for call in self.calls))

    def __getstate__(self):
        """Calls stand first, each behind those whose values it takes: a copy in this order need not go from the last of them
        to the first at once."""
        return {"calls before": in_order(above([*self.inputs, *self.outputs])), **vars(self)}

    def __setstate__(self, state):
        vars(self).update(state)
        del vars(self)["calls before"]

    def given(self):
        """{call: its symbols that somebody takes}"""
        found = {}
        for symbol in (*self.outputs, *(taken for call in self.order for taken in call.inputs)):
            found.setdefault(symbol.call, {})[id(symbol)] = symbol
        return {call: list(symbols.values()) for call, symbols in found.items()}

    def _walk(self):
        """The calls between inputs and outputs, depth first: a branch is gone through to its end before the next."""
        given, used, done, order = {id(symbol) for symbol in self.inputs}, set(), set(), []
        stack = [(symbol, False) for symbol in reversed(self.outputs)]
        while stack:
            symbol, ready = stack.pop()
            call = symbol.call
            if id(symbol) in given:
                used.add(id(symbol))
            elif ready:
                order.append(call)
            elif call not in done:
                done.add(call)
                if isinstance(call.layer, InputLayer):
                    raise ValueError(f"the outputs depend on an Input that the model is not given, {_described(symbol)}; "
                                     f"each call of Input makes another. Received: inputs "
                                     f"{', '.join(map(_described, self.inputs))}")
                stack.append((symbol, True))
                stack += [(taken, False) for taken in reversed(call.inputs)]
        for number, symbol in enumerate(self.inputs):
            if id(symbol) not in used:
                raise ValueError(f"each input must lead to an output. "
                                 f"Received: inputs[{number}], {arguments.shown(symbol.name)}, which "
                                 f"leads to none")
        return order

    def leaves(self):
        """(calls, keys of the inputs, keys of the outputs, {id of a symbol: its key}) as `engine.network.lower` takes them:
        models that serve as layers are taken apart. A key is a call, and those of the models around it."""
        found, inputs = [], [((), -1 - number) for number in range(len(self.inputs))]
        keys = self._expand((), inputs, found)
        return found, inputs, [keys[id(symbol)] for symbol in self.outputs], keys

    def _expand(self, around, inputs, found):
        keys, symbols = {id(symbol): key for symbol, key in zip(self.inputs, inputs)}, self.given()
        for call in self.order:
            taken = [keys[id(symbol)] for symbol in call.inputs]
            inner = getattr(call.layer, "graph", None)
            if inner is None:
                key = (around, call)
                found.append((call.layer, taken, key))
                given = {0: key}
            else:
                own = inner._expand((*around, call), taken, found)
                given = {number: own[id(symbol)] for number, symbol in enumerate(inner.outputs)}
            keys.update({id(symbol): given[symbol.index] for symbol in symbols[call]})
        return keys

    def given_by(self, layer):
        """The values of a layer that the network uses, call by call."""
        symbols = self.given()
        return [symbol for call in self.calls if call.layer is layer for symbol in symbols.get(call, ())]

    def sources(self, layer):
        """For each call of a layer, the names of the layers whose values it takes."""
        return [[symbol.name for symbol in call.inputs] for call in self.calls if call.layer is layer]


def above(symbols):
    """The calls that lead to some symbols, from whatever a network begins with."""
    found, left = set(), [symbol.call for symbol in symbols]
    while left:
        call = left.pop()
        if call not in found:
            found.add(call)
            left += [taken.call for taken in call.inputs]
    return found


def in_order(calls):
    """Calls in the order in which they were made: each after those whose values it takes."""
    return sorted(calls, key=lambda call: call.number)


def _described(symbol):
    return f"{symbol.name!r} of shape {symbol.shape}"


def symbols(name, value):
    """(symbols, names or None) of what a user gives for a model's inputs or outputs.

    Args:
        name: "inputs" or "outputs".
        value: a symbol, a list or a dictionary of them.
    """
    names = None
    if isinstance(value, dict):
        found, names = list(value.values()), list(value)
    else:
        found = list(value) if isinstance(value, (list, tuple)) else [value]
    wrong = [part for part in found if not isinstance(part, Symbol)]
    if wrong or not found:
        what = "an Input, or what a layer gave that was called on one," if name == "outputs" else "an Input"
        layer = wrong[0] if wrong and isinstance(wrong[0], Layer) else None
        hint = "." if layer is None else "; did you mean Input(shape)?" if name == "inputs" else \
            f"; did you mean {type(layer).__name__}(…)(x)?"
        raise TypeError(f"{name} must be {what} or a list or dictionary of such{hint} "
                        f"Received: {arguments.shown(wrong[0] if wrong else value)}")
    return found, names
