"""Names of layers, of inputs and of outputs, of which no two are the same."""

from fastcnn import arguments


def name_layers(layers):
    """Sees to it that names differ: layers without a name of the user's get one of their class' name and a number.

    Raises:
        ValueError: two layers that the user has named alike.
    """
    taken = set()
    for layer in layers:
        if layer.given_name is not None:
            if layer.given_name in taken:
                raise ValueError(f"layers' names must differ. Received: {arguments.shown(layer.given_name)} twice")
            taken.add(layer.given_name)
    for layer in layers:
        if layer.given_name is None:
            if not layer.settled or layer.name in taken:
                layer._name = unique_name(layer.default_name(), taken)
                layer.settled = True
            taken.add(layer.name)


def unique_name(base, taken):
    """The name itself, or with the first number that makes it new."""
    name, number = base, 0
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def unique(names, taken=()):
    """The same names, those that are taken or have been there before with a number."""
    found = list(taken)
    for name in names:
        found.append(unique_name(name, found))
    return found[len(taken):]
