"""Names of layers, of inputs and of outputs, of which no two are the same."""

from fastcnn import arguments
from fastcnn.registry import unique_name


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
