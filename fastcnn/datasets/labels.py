"""Classes of images from a table: a file with a row per image."""

import csv
import os

from fastcnn import arguments

_FILES = ("file", "filename", "file_name", "image", "image_id", "image_name", "img", "path", "filepath", "id", "name")
_CLASSES = ("label", "class", "class_name", "category", "target", "species", "breed")
_BITS = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


def read_labels(path):
    """{file: class} of a table.

    A first row of names says which columns are meant (file, image, id …; label, class, category …); else they are the first
    and the second. Or there is a column for each class, with 1 in one of them and 0 in the others; the first row names them.
    Columns are separated by commas, semicolons, tabs or bars, or by spaces where there are none of these.

    Args:
        path: of the file.

    Raises:
        ValueError: no two columns; a file with two classes, or with none. OSError: it cannot be read.

    Example:
        >>> _ = open("labels.csv", "w").write("image,breed\\n1.jpg,pug\\n2.jpg,collie\\n")
        >>> read_labels("labels.csv")
        {'1.jpg': 'pug', '2.jpg': 'collie'}
        >>> _ = open("one_hot.csv", "w").write("image,pug,collie\\n1.jpg,1,0\\n2.jpg,0,1\\n")
        >>> read_labels("one_hot.csv") == read_labels("labels.csv")
        True
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    separator = max(",;\t|", key=first.count)
    lines = text.splitlines()
    try:
        cells = csv.reader(lines, delimiter=separator) if separator in first else map(str.split, lines)
        rows = [[cell.strip() for cell in row] for row in cells if any(row)]
    except csv.Error as error:
        raise ValueError(f"{os.fsdecode(path)}: must hold comma-separated values. Received: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise ValueError(f"{os.fsdecode(path)}: must have a column of files and one of classes. Received: "
                         f"{arguments.shown(first[:80])}")
    head = [cell.lower() for cell in rows[0]]
    file = next((head.index(name) for name in _FILES if name in head), None)
    kind = next((head.index(name) for name in _CLASSES if name in head and head.index(name) != file), None)
    one_hot = None if kind is not None else _one_hot(rows, file or 0)
    if one_hot is not None:
        rows, file, kind = one_hot, 0, 1
    elif file is None and kind is None:
        file, kind = 0, 1
    else:
        rows = rows[1:]
        file = next(i for i in range(2) if i != kind) if file is None else file
        kind = next(i for i in range(2) if i != file) if kind is None else kind
    found = {}
    for row in rows:
        if max(file, kind) >= len(row) or not row[file] or not row[kind]:
            raise ValueError(f"{os.fsdecode(path)}: each row must have a file and a class. Received: {arguments.shown(row)}")
        if found.setdefault(row[file], row[kind]) != row[kind]:
            raise ValueError(f"{os.fsdecode(path)}: each file must have one class. Received: {row[file]}: "
                             f"{found[row[file]]} and {row[kind]}")
    return found


def _one_hot(rows, file):
    """[file, class] of the rows of a table that has a column of 0 and 1 for each class, "" for a row without a class; None:
    it is no such table."""
    columns = [i for i in range(len(rows[0])) if i != file]
    if len(columns) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    bits = [[_BITS.get(row[i].lower()) for i in columns] for row in rows]
    names = [str(i) for i in range(len(columns))]
    if None in bits[0]:
        names, rows, bits = [rows[0][i] for i in columns], rows[1:], bits[1:]
    if not rows or any(None in row for row in bits):
        return None
    return [[row[file], names[own.index(1)] if sum(own) == 1 else ""] for row, own in zip(rows, bits)]


def assigned(names, labels, prefix=""):
    """({name: class} of images, {name: why it has none}; names of labels without an image end with a star).

    A label's name is an image's path, or the end of it, with or without the file's ending.

    Args:
        names: of the images.
        labels: {file: class}, or a CSV file.
        prefix: of all names, which a label may have, too.

    Raises:
        ValueError: a label that fits several images; none that fits one.

    Example:
        >>> assigned(["a/1.jpg", "a/2.jpg"], {"1": "pug", "9": "collie"})
        ({'a/1.jpg': 'pug'}, {'9*': 'label without an image', 'a/2.jpg': 'without a label'})
    """
    if not isinstance(labels, (str, os.PathLike, dict)):
        raise TypeError(f"labels must be {{file: class}}, or a CSV file. Received: {arguments.shown(labels)}")
    given = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else read_labels(labels)
    ends, whole = {}, set(names)
    for name in names:
        parts = (prefix + name).split("/")
        for i in range(len(parts)):
            end = "/".join(parts[i:])
            for key in {end, os.path.splitext(end)[0]}:
                ends.setdefault(key, []).append(name)
    classes, left_out = {}, {}
    for file, label in given.items():
        parts = [part for part in file.replace("\\", "/").split("/") if part not in ("", ".")]
        tails = ["/".join(parts[i:]) for i in range(len(parts))]  # paths may begin elsewhere
        found = next((ends[tail] for tail in tails if tail in ends), [])
        if len(found) > 1 and tails[0] in whole:
            found = [tails[0]]
        if len(found) > 1:
            raise ValueError(f"a label must fit one image. Received: {arguments.shown(file)} for {found[0]} and {found[1]}")
        if not found:
            left_out[f"{file}*"] = "label without an image"
        elif classes.setdefault(found[0], label) != label:
            raise ValueError(f"each image must have one class. Received: {found[0]}: {classes[found[0]]} and {label}")
    if not classes:
        raise ValueError(f"labels must name images such as {names[0]!r}. Received: "
                         f"{arguments.shown(next(iter(given), 'none'))} …")
    left_out.update((name, "without a label") for name in names if name not in classes)
    return classes, left_out
