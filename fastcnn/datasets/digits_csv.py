"""Images of digits as rows of numbers: the CSV files in which MNIST and its relatives are passed around."""

import os

import numpy as np

from fastcnn import arguments


def read_digits_csv(path):
    """(images, labels) of a CSV file with a row per image: its label, and its pixels from 0 to 255, row by row.

    A first row of names is passed over; the column called "label" or "class", else the first, has the labels. The image
    is square.

    Args:
        path: of the file, which may be compressed by gzip (then with the ending .gz).

    Shape:
        images uint8 (N, height, width), labels int64 (N,)

    Raises:
        ValueError: something else; the message names the file. OSError: it cannot be read.

    Example:
        >>> _ = open("digits.csv", "w").write("label,p1,p2,p3,p4\\n7,0,255,128,0\\n")
        >>> x, y = read_digits_csv("digits.csv")
        >>> x.tolist(), y.tolist()
        ([[[0, 255], [128, 0]]], [7])
    """
    import gzip

    name = os.fsdecode(arguments.path("path", path))
    opened = gzip.open if name.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            first = file.readline()
            separator = max(",;\t", key=first.count)
            cells = [cell.strip().strip('"').lower() for cell in first.rstrip("\r\n").split(separator)]
            named = not all(cell.lstrip("-").isdecimal() for cell in cells)
            if not first:
                raise ValueError("an empty file")
            if not named:
                file.seek(0)
            rows = np.loadtxt(file, np.int32, delimiter=separator, ndmin=2, comments=None)
    except (ValueError, EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: must have a row of whole numbers per image, its label and its pixels. "
                         f"Received: {str(error)[:200]}") from None
    column = next((cells.index(word) for word in ("label", "class", "target") if named and word in cells), 0)
    labels, pixels = rows[:, column], np.delete(rows, column, axis=1)
    side = int(np.sqrt(pixels.shape[1]))
    if not len(rows) or side < 1 or side * side != pixels.shape[1]:
        raise ValueError(f"{name}: each row must have a label and the pixels of a square image. Received: "
                         f"{len(rows):,} rows of {rows.shape[1]:,} numbers")
    if pixels.min() < 0 or pixels.max() > 255 or labels.min() < 0:
        raise ValueError(f"{name}: pixels must lie from 0 to 255, labels from 0. Received: pixels {pixels.min()} … "
                         f"{pixels.max()}, labels from {labels.min()}")
    return pixels.astype(np.uint8).reshape(-1, side, side), labels.astype(np.int64)
