"""Values of a network with named axes: how the axes that an ONNX node sees lie in fastcnn's samples.

A value is computed by a layer, in whose samples (rows, columns, channels, or a row of numbers) axes are counted from 1;
0 is the batch. Each axis that nodes see is a product of some of these, in their order: an image of NCHW is (0) (3) (1) (2),
and flattened (0) (3 1 2). So Transpose, Flatten, and most of Reshape are read without a layer. Axes of one entry are left
out.
"""

import math
from typing import NamedTuple

BATCH = 2**31 - 1  # in shapes: a batch of any size, as a prime number that no size is a multiple of


class Window(NamedTuple):
    """How far a local response normalization has been read that is written down in single steps: base: what is squared;
    before, after: neighbours of each channel; then mean · alpha + k, to the power of beta."""

    base: "Value"
    before: int = 0
    after: int = 0
    mean: bool = False
    alpha: float | None = None
    k: float | None = None
    beta: float | None = None


class Gelu(NamedTuple):
    """How far a gelu has been read that is written down in single steps: scale · erf(base / √2) + offset, times base or not
    yet."""

    base: "Value"
    scale: float = 1.0
    offset: float = 0.0
    times: bool = False


class Value(NamedTuple):
    """What a layer gives, as nodes see it: number of the call, size of a sample, and for each axis the sample's axes. And
    what nodes have begun that is one layer with those that follow: a `Window`; a `Gelu`; or ((top, bottom), (left, right))
    around images that counts for no maximum."""

    number: int
    size: tuple
    dims: tuple
    window: Window | None = None
    around: tuple | None = None
    gelu: Gelu | None = None

    @property
    def shape(self):
        """What nodes see."""
        full = (BATCH, *self.size)
        return tuple(math.prod(full[axis] for axis in axes) for axes in self.dims)

    @property
    def rank(self):
        """How many axes it has."""
        return len(self.dims)

    @property
    def pending(self):
        """Why no layer gives it, if it has begun what ends elsewhere."""
        if self.around is not None:
            return "pads by other values than zero"
        if self.gelu is not None:
            return "an error function that is no part of gelu"
        if self.window is not None and (self.window.before or self.window.after or self.window.mean):
            return "a local response normalization that is written in no known way"
        return None

    @property
    def order(self):
        """Which of the axes that nodes see each axis of a sample is, as (2, 3, 1) of an image; None: it is not that simple.
        Axes of one entry may be any."""
        for order in (image(self.rank), plain(self.rank)):
            if self.lies(order):
                return order
        where = {axes[0]: i for i, axes in enumerate(self.dims) if len(axes) == 1}
        left = iter(i for i, axes in enumerate(self.dims) if not axes)
        order = tuple(where.get(axis, None) or next(left, None) for axis in range(1, len(self.size) + 1))
        return order if self.lies(order) else None

    def lies(self, order):
        """Are a sample's axes these of the axes that nodes see, one each, None being one of one entry?"""
        if len(order) != len(self.size) or {*order} - {None} != {*range(1, self.rank)} or self.dims[:1] != ((0,),):
            return False
        return self.dims == dims_of(self.size, order, self.rank)


def image(rank):
    """The order of a sample in which the axes of (N, C, …) are …, C; of (N, C, L) it has one row."""
    return (None, 2, 1) if rank == 3 else (*range(2, rank), 1)


def plain(rank):
    """The order of a sample whose axes are those that nodes see."""
    return tuple(range(1, rank))


def dims_of(size, order, rank):
    """The axes that nodes see of samples of a size that lie in an order."""
    dims = [()] * rank
    dims[0] = (0,)
    for axis, (n, seen) in enumerate(zip(size, order), 1):
        if n > 1 and seen is not None:
            dims[seen] = (axis,)
    return tuple(dims)


def regroup(size, dims, target):
    """Other axes of the same values in the same order.

    Args:
        size, dims: of a value.
        target: sizes of the axes that nodes will see.

    Returns:
        (size, dims): `size` may have axes of the old one split in two, which costs a Reshape. None: it takes more.
    """
    size, left, found = list(size), [axis for axes in dims for axis in axes], []
    for wanted in target:
        axes, n = [], 1
        while n < wanted and left:
            axis = left[0]
            whole = BATCH if axis == 0 else size[axis - 1]
            if wanted % (n * whole):
                part = wanted // n
                if axis == 0 or wanted % n or whole % part:
                    return None
                size[axis - 1:axis] = [part, whole // part]
                later = [[a + (a > axis) for a in group] for group in (left, axes, *found)]
                left, axes, found = later[0], later[1], later[2:]
                left[0:1] = [axis, axis + 1]
                whole = part
            axes.append(left.pop(0))
            n *= whole
        if n != wanted:
            return None
        found.append(axes)
    return None if left else (tuple(size), tuple(map(tuple, found)))
