"""Sizes around those of tiles, blocks and panels, one after the other: whole numbers, bit for bit, on every instruction set.

An instruction set's tile is `_probe.tile`: MR rows of NR columns, in vectors of V floats. Drivers cut their work into tiles,
and into blocks of a few hundred; what does not come out even is where they are wrong if they are. In a test build there are
tiles that no CPU has (docs/machines.md).
"""

from functools import lru_cache

import numpy as np
import pytest
from buffers import assert_same, integers

from fastcnn import _ops, _probe, ops, reference

pytestmark = pytest.mark.usefixtures("exact_sums")


@lru_cache(maxsize=None)  # each serves all instruction sets
def problem(op, x, kernel, **options):
    """x, kernel, bias, dy and, by the reference, y, dx, dw, db."""
    rng = np.random.default_rng([*x, *kernel])
    x, kernel, bias = (integers(rng, shape) for shape in (x, kernel, kernel[-1:]))
    y = getattr(reference, op)(x, kernel, bias, **options)
    dy = integers(rng, y.shape)
    gradients = getattr(reference, f"{op}_backward")(dy, x, kernel, bias, **options)
    return x, kernel, bias, dy, *(a.astype(np.float32) for a in (y, *gradients))


def check(op, x_shape, kernel_shape, **options):
    x, kernel, bias, dy, *expected = problem(op, x_shape, kernel_shape, **options)
    actual = getattr(ops, op)(x, kernel, bias, **options), *getattr(ops, f"{op}_backward")(dy, x, kernel, bias, **options)
    for name, a, e in zip(("y", "dx", "dw", "db"), actual, expected, strict=True):
        assert_same(a, e, f"{name} of {x_shape}, {kernel_shape}")


def test_tiles_fit_what_there_is_room_for(isa):
    v, mr, nr = _probe.tile(isa)
    assert 1 <= v <= nr <= 32 and nr % v == 0 and 1 <= mr <= 12
    if isa.startswith("plain"):
        assert (v, mr, nr) == {"plain4": (4, 8, 12), "plain16": (16, 12, 32)}[isa]


@pytest.mark.parametrize("groups", [1, 2])
def test_any_number_of_channels(groups, isa):
    """6 of 12 rows left was wrong once: 30, 42, 54 and 66 channels."""
    for c in (*range(1, 45), 54, 66):
        check("conv2d", (2, 5, 4, groups * c), (3, 3, c, groups * (45 - c if c < 45 else 7)), padding="same", groups=groups)


@pytest.mark.parametrize("image", [(1, 179), (12, 15), (1, 181), (8, 23), (12, 16), (4, 48), (20, 18), (17, 32)], ids=str)
@pytest.mark.parametrize("c", [5, 61])
def test_any_number_of_pixels(image, c, isa):
    """Blocks hold up to 180 pixels, sums up to 256 products: 61 channels take three."""
    check("conv2d", (1, *image, c), (3, 3, c, 13), padding="same")


@pytest.mark.parametrize("c", [255, 256, 257, 511, 513, 770])
def test_long_runs(c, isa):
    """A run of products, which is one tap's channels or a filter's row of them, is cut where it is longer than 256."""
    check("conv2d", (2, 3, 4, c), (1, 1, c, 7))
    check("conv2d", (1, 3, 4, c), (2, 3, c, 5), padding="same")


@pytest.mark.parametrize("inputs, units", [(37, 29), (600, 450), (300, 1100)], ids=str)
def test_any_number_of_images(inputs, units, isa):
    """The second and third have weights too large to pack, whose blocks are of 256 columns and 128 images."""
    assert _ops.dense(inputs, units, True).wide == (inputs > 256)
    for batch in (*range(1, 14), 16, 17, 24, 25, 96, 97, 120, 121, 128, 129, 133):
        check("dense", (batch, inputs), (inputs, units))
