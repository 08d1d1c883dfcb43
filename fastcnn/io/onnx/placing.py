"""Values brought into the order that a layer needs: by layers that move them, where their axes' names do not do."""

import math

from fastcnn.io.onnx.values import BATCH, Value, dims_of, plain, regroup


class Refused(Exception):
    """There is no layer for a node; why."""


class Placing:
    """What puts such layers into a sketch, for whoever `title` names."""

    def __init__(self, sketch, title):
        self.sketch, self.title = sketch, title

    def _move(self, kind, number, **config):
        return self.sketch.add(kind, [number], None, None, self.title, **config)

    def place(self, value, order):
        """The value with a sample's axes in the order of these that nodes see: a Permute and a Reshape, if need be."""
        if value.pending:
            raise Refused(value.pending)
        if value.lies(order):
            return value
        if value.dims[:1] != ((0,),) or any(0 in axes for axes in value.dims[1:]):
            raise Refused("mixes samples of a batch with each other")
        wanted = [axis for seen in order if seen is not None for axis in value.dims[seen]]
        moved = [*(axis for axis in range(1, len(value.size) + 1) if axis not in wanted), *wanted]
        size = tuple(1 if seen is None else value.shape[seen] for seen in order)
        number, now = value.number, value.size
        if wanted != sorted(wanted):
            number, now = self._move("Permute", number, dims=moved), tuple(value.size[axis - 1] for axis in moved)
        if len(size) == 1 and len(now) > 1:
            number = self._move("Flatten", number)
        elif size != now:
            number = self._move("Reshape", number, target_shape=list(size))
        return Value(number, size, dims_of(size, order, value.rank))

    def last(self, value, axis):
        """(value, order) with that axis of nodes as a sample's last."""
        order = value.order
        if order is None or order[-1] != axis:
            order = (*(seen for seen in plain(value.rank) if seen != axis), axis)
            value = self.place(value, order)
        return value, order

    def flat(self, value):
        """(value, sizes, order): each sample as a row of numbers in fastcnn's order, and how their number is counted by what
        nodes see: sizes of the axes, and which of them each axis here is."""
        if value.rank != 2 or value.dims[0] != (0,):
            raise Refused(f"works on rows of numbers, not on values of {value.rank} axes")
        seen = value.dims[1]
        sizes = [value.size[axis - 1] for axis in seen]
        order = sorted(range(len(seen)), key=lambda i: seen[i])
        if len(value.size) > 1:
            number = self._move("Flatten", value.number)
            value = Value(number, (math.prod(value.size),), ((0,), (1,)))
        return value, sizes, order

    def reshape(self, value, target):
        """The value with axes of these sizes, as nodes see it."""
        found = regroup(value.size, value.dims, target)
        if found is None:  # its axes are cut elsewhere: all that is left is the order of its values
            if target[0] != BATCH:
                raise Refused("mixes samples of a batch with each other")
            flat = self.place(value, plain(value.rank))
            found = tuple(target[1:]), dims_of(target[1:], plain(len(target)), len(target))
            value = flat._replace(window=value.window)
        size, dims = found
        number = value.number
        if size != value.size and value.pending:
            raise Refused(value.pending)
        if size != value.size:
            number = self._move("Reshape", number, target_shape=list(size))
        return Value(number, size, dims, value.window, value.around)
