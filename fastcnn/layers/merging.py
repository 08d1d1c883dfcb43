"""Layers of several inputs: sums and the like, value by value, and concatenation."""

from __future__ import annotations

import math
from typing import Any

from fastcnn import _ops, arguments
from fastcnn.engine.nodes import BEFORE, Node
from fastcnn.layers.base import Layer, LayerOptions
from fastcnn.typing import Unpack


class _Merging(Layer):
    merges = True

    def build(self, shapes: Any) -> None:
        self._check_count(shapes)
        if any(shape != shapes[0] for shape in shapes):
            seen = ", ".join(str(shape) for shape in shapes)
            raise ValueError(f"layer {self.name!r} ({type(self).__name__}) takes inputs of one shape. Received: {seen}")
        self.output_size = shapes[0]

    def _check_count(self, shapes, least=2):
        if len(shapes) < least:
            raise ValueError(f"{type(self).__name__} takes a list of at least {least} inputs. Received: {len(shapes)}")

    def _folded(self, *ops):
        """Nodes that take the inputs one after the other, the first two first."""
        return [Node(op, xs=(BEFORE if i else 0, i + 1)) for i, op in enumerate(ops)]

    def _same(self, kind):
        return self._folded(*[_ops.merge(kind, math.prod(self.output_size))] * (len(self.input_size) - 1))


class Add(_Merging):
    """The sum of its inputs.

    Shape:
        a list of (N, …), all alike → (N, …)

    Example:
        >>> fastcnn.layers.Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).tolist()
        [[11.0, 22.0]]
    """

    def nodes(self) -> list[Node] | None:
        return self._same("add")


class Subtract(_Merging):
    """The first of two inputs less the second.

    Shape:
        a list of two (N, …), both alike → (N, …)

    Example:
        >>> fastcnn.layers.Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).tolist()
        [[-9.0, -18.0]]
    """

    def build(self, shapes: Any) -> None:
        super().build(shapes)
        if len(shapes) != 2:
            raise ValueError(f"Subtract takes two inputs. Received: {len(shapes)}")

    def nodes(self) -> list[Node] | None:
        return self._folded(_ops.merge("add", math.prod(self.output_size), 1, -1))


class Multiply(_Merging):
    """The product of its inputs, value by value.

    Shape:
        a list of (N, …), all alike → (N, …)

    Example:
        >>> fastcnn.layers.Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).tolist()
        [[10.0, 40.0]]
    """

    def nodes(self) -> list[Node] | None:
        return self._same("multiply")


class Average(_Merging):
    """The mean of its inputs.

    Shape:
        a list of (N, …), all alike → (N, …)

    Example:
        >>> fastcnn.layers.Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])]).tolist()
        [[2.0, 4.0]]
    """

    def nodes(self) -> list[Node] | None:
        size, count = math.prod(self.output_size), len(self.input_size)
        last = _ops.merge("add", size, 1 / count, 1 / count)
        return self._folded(*[_ops.merge("add", size)] * (count - 2), last)


class Maximum(_Merging):
    """The largest of its inputs, value by value; of equal ones the first takes the gradient.

    Shape:
        a list of (N, …), all alike → (N, …)

    Example:
        >>> fastcnn.layers.Maximum()([np.array([[1.0, 2.0]]), np.array([[3.0, 0.0]])]).tolist()
        [[3.0, 2.0]]
    """

    def nodes(self) -> list[Node] | None:
        return self._same("maximum")


class Minimum(_Merging):
    """The smallest of its inputs, value by value; of equal ones the first takes the gradient.

    Shape:
        a list of (N, …), all alike → (N, …)

    Example:
        >>> fastcnn.layers.Minimum()([np.array([[1.0, 2.0]]), np.array([[3.0, 0.0]])]).tolist()
        [[1.0, 0.0]]
    """

    def nodes(self) -> list[Node] | None:
        return self._same("minimum")


class Concatenate(_Merging):
    """Its inputs one behind the other along an axis.

    Args:
        axis: as users see it, the batch being 0; −1: the last. Images with channels first are joined by channels at axis 1.

    Shape:
        a list of (N, …), alike but along the axis → (N, …)

    Example:
        >>> fastcnn.layers.Concatenate()([np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 2))]).shape
        (1, 4, 4, 5)
    """

    config = ("axis",)

    def __init__(self, axis: int = -1, **base: Unpack[LayerOptions]) -> None:
        super().__init__(**base)
        self.axis = arguments.integer("axis", axis, -16, 16)
        self._turned = False  # is axis 1 of an image its channels?

    def build(self, shapes: Any) -> None:
        self._check_count(shapes, 1)
        rank = len(shapes[0])
        axis = self.axis if self.axis > 0 else self.axis + rank + 1
        if any(len(shape) != rank for shape in shapes) or not 1 <= axis <= rank:
            raise ValueError(f"layer {self.name!r} joins inputs of as many axes along one of them. Received: "
                             f"axis {self.axis}, shapes {', '.join(map(str, shapes))}")
        self.along = (2, 0, 1)[axis - 1] if self._turned and rank == 3 else axis - 1
        others = {shape[:self.along] + shape[self.along + 1:] for shape in shapes}
        if len(others) > 1:
            raise ValueError(f"layer {self.name!r} (Concatenate) takes inputs that are alike but along axis {axis}. "
                             f"Received: {', '.join(map(str, shapes))}")
        size = sum(shape[self.along] for shape in shapes)
        self.output_size = (*shapes[0][:self.along], size, *shapes[0][self.along + 1:])

    def _connect(self, symbols):
        self._turned = any(symbol.first for symbol in symbols)
        return super()._connect(symbols)

    def nodes(self) -> list[Node] | None:
        rows, after = math.prod(self.output_size[:self.along]), math.prod(self.output_size[self.along + 1:])
        whole, at, nodes = self.output_size[self.along] * after, 0, []
        for number, shape in enumerate(self.input_size):
            width = shape[self.along] * after
            nodes.append(Node(_ops.join(rows, width, whole, at), xs=(number,), same=number > 0))
            at += width
        return nodes
