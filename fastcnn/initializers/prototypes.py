"""Drawings of the digits, 12 rows of 7 pixels: what LeNet-5's last layer compares its features with."""

from __future__ import annotations

import numpy as np

from fastcnn.typing import Array

_DRAWINGS = """
..###..  ...##..  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
.##.##.  ..###..  ##...##  ##...##  ...###.  #######  .##....  #######  ##...##  ##...##
##...##  .####..  .....##  .....##  ..####.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...##..  .....##  .....##  .##.##.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...##..  ....##.  ....##.  .##.##.  ######.  ##.....  ....##.  .##.##.  ##...##
##...##  ...##..  ...##..  ..###..  ##..##.  ##...##  ######.  ....##.  ..###..  ##...##
##...##  ...##..  ..##...  ....##.  ##..##.  .....##  ##...##  ...##..  .##.##.  .######
##...##  ...##..  .##....  .....##  #######  .....##  ##...##  ...##..  ##...##  .....##
##...##  ...##..  ##.....  .....##  #######  .....##  ##...##  ..##...  ##...##  .....##
##...##  ...##..  ##.....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
.##.##.  .######  #######  ##...##  ....##.  ##...##  ##...##  .##....  ##...##  ....##.
..###..  .######  #######  .#####.  ....##.  .#####.  .#####.  .##....  .#####.  .####..
"""


def rbf_prototypes() -> Array:
    """The drawings as arrays: 1 is ink, −1 ground.

    Shape:
        → (10, 12, 7), float32: digit, row, column

    Example:
        >>> print("\\n".join("".join(".#"[int(v > 0)] for v in row) for row in fastcnn.networks.rbf_prototypes()[7][:4]))
        #######
        #######
        .....##
        .....##

    Source: after the idea of LeCun, Bottou, Bengio, Haffner 1998, figure 3; drawn for fastcnn.
    """
    rows = [line.split() for line in _DRAWINGS.split("\n") if line]
    ink = np.array([[[pixel == "#" for pixel in row[digit]] for row in rows] for digit in range(10)])
    return np.where(ink, np.float32(1), np.float32(-1))
