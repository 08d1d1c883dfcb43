"""Classes of a model with one output: targets that are names of them, and weights that they have."""

import numpy as np

from fastcnn import arguments

_LARGEST = float(np.finfo(np.float32).max)


def checked(names):
    """Names of classes, a list of texts that differ."""
    names = names.tolist() if hasattr(names, "tolist") else names  # arrays, columns of tables
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names must be a list of texts. Received: {arguments.shown(names)}")
    if len(set(names)) < len(names):
        raise ValueError(f"class_names must differ. Received: {arguments.shown(names)}")
    return list(names)


def count(model):
    """How many a model tells apart: a single output tells two."""
    size = model.graph.outputs[0].size
    return 2 if size == (1,) else size[-1]


def known(model):
    """The names of a model's classes; None: it has none, or another number of them since its layers were changed."""
    names = model.class_names
    return names if names is not None and len(names) == count(model) else None


def texts(y):
    """Targets that are names, as an array of texts; None: they are something else.

    Raises:
        TypeError: some of them are names.

    Example:
        >>> texts(["cat", "dog"]).tolist(), texts([0, 1])
        (['cat', 'dog'], None)
    """
    try:
        found = np.asarray(y)
    except (TypeError, ValueError, RuntimeError):  # rows of different lengths, …; whoever takes numbers says so
        return None
    if found.dtype.kind == "S":  # as HDF5 keeps them
        found = np.char.decode(found, "utf-8", "replace")
    if found.dtype.kind not in "UTO":
        return None
    found = np.asarray(y, object)
    odd = [i for i, one in enumerate(found.flat) if not isinstance(one, str)]
    if len(odd) == found.size:
        return None
    if odd:
        raise TypeError(f"y must hold numbers, or names throughout. Received: {arguments.shown(found.flat[odd[0]])} "
                        f"as target {odd[0]}, and names")
    return found.astype(str)


def numbered(model, loss, y, learn=False):
    """Targets as they are, or of names of classes what the loss takes in their place.

    Args:
        model, loss: a model of one output, and the loss there.
        y: targets.
        learn: may the model take its names from these?

    Raises:
        TypeError, ValueError: other names than the model's, or another number of them than it has classes.
    """
    found = texts(y)
    if found is None:
        return y
    if len(model.graph.outputs) != 1:
        raise ValueError(f"y may hold names of classes if a model has one output; others take numbers. Received: names, and "
                         f"{len(model.graph.outputs)} outputs")
    if found.shape not in ((len(found),), (len(found), 1)):
        raise ValueError(f"y must hold one name for each sample. Received: names, shape {found.shape}")
    size = model.graph.outputs[0].size
    loss.of_classes(np.zeros(1, np.int64), size)  # first of all: does it tell classes apart?
    found, places = np.unique(found, return_inverse=True)
    names = known(model)
    if names is None:
        names = _learnt(model, found.tolist(), learn)
    numbers = {name: number for number, name in enumerate(names)}
    unknown = [name for name in found.tolist() if name not in numbers]
    if unknown:
        raise ValueError(f"y must hold names of the model's classes, {_short(names)} (model.class_names = [...] gives its "
                         f"outputs others). Received: {_short(unknown)}")
    model.class_names = names
    return loss.of_classes(np.array([numbers[name] for name in found.tolist()])[places.reshape(-1)], size)


def _learnt(model, found, learn):
    """The names that a model takes from its targets."""
    if not learn:
        raise ValueError(f"the model knows no names: train it on them, or say by model.class_names = [...] what its outputs "
                         f"mean. Received: y with names, {_short(found)}")
    if len(found) != count(model):
        outputs = model.graph.outputs[0].size[-1]
        what = f"{outputs} outputs, one for each class" if outputs > 1 else "one output, which tells two classes apart"
        raise ValueError(f"y must hold as many names as the model has classes: it has {what} (where y holds some of them "
                         f"only, model.class_names = [...] says all). Received: {len(found)}: {_short(found)}")
    return sorted(found, key=lambda name: (int(name), name)) if all(map(str.isdecimal, found)) else found


def _short(names):
    return ", ".join(map(repr, names[:10])) + (" …" if len(names) > 10 else "")


def answers(model, numbers):
    """Numbers of classes, or their names if the model was trained on these."""
    names = known(model) if model._named else None
    return numbers if names is None else np.array(names)[numbers]


def weights(model, class_weight, target):
    """A weight for each sample by its class; those that the loss does not count have any.

    Args:
        model: of one output.
        class_weight: {label or name: weight}.
        target: as the loss prepared it: labels, or rows of which the largest entry counts.
    """
    if not isinstance(class_weight, dict):
        raise TypeError(f"class_weight must be a dictionary {{label: weight}}. Received: {type(class_weight).__name__}")
    if len(model._heads) != 1:
        raise ValueError(f"class_weight needs a model of one output; sample_weight takes a list or dictionary. "
                         f"Received: {len(model._heads)} outputs")
    loss = model._heads[0].loss
    labels = target.argmax(axis=1) if target.ndim == 2 and target.shape[1] > 1 else target.reshape(-1)
    if len(labels) != len(target) or not np.all(labels == np.floor(labels)):
        raise ValueError("class_weight needs labels, one whole number per sample, or one-hot rows as y. "
                         f"Received: {target.dtype}, shape {target.shape}")
    table, counted = _by_number(model, class_weight), loss.counts(target)
    found, places = np.unique(labels, return_inverse=True)
    needed = (found if counted is None else np.unique(labels[counted])).astype(np.int64).tolist()
    missing = [label for label in needed if label not in table]
    if missing:
        raise ValueError(f"class_weight must name every label. Received: no weight for {missing}")
    return np.array([table.get(label, 0.0) for label in found.astype(np.int64).tolist()], np.float32)[places]


def _by_number(model, class_weight):
    """{label: weight}, checked, of a table that may have names."""
    table, names, ignored = {}, known(model), model._heads[0].loss.ignore_class
    for key, value in class_weight.items():
        label = key
        if isinstance(key, str):
            if names is None or key not in names:
                raise ValueError(f"class_weight may name {_short(names) if names else 'numbers of classes'}. Received: "
                                 + arguments.shown(key)
                                 + ("" if names else ", and a model that knows no names (model.class_names)"))
            label = names.index(key)
        elif count(model) > 2 and key not in (*range(count(model)), *([] if ignored is None else [ignored])):
            raise ValueError(f"class_weight may name classes from 0 to {count(model) - 1}. Received: {arguments.shown(key)}")
        if label in table:
            raise ValueError(f"class_weight must name each class once. Received: {arguments.shown(key)} "
                             "besides another name of it")
        table[label] = arguments.number(f"class_weight[{key!r}]", value, 0)
        if table[label] > _LARGEST:
            raise ValueError(f"class_weight[{key!r}] must be finite in float32. Received: {arguments.shown(value)}")
    return table
