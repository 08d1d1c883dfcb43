"""Names of layers, of inputs and of outputs, of which no two are the same."""

from fastcnn import arguments
from fastcnn.registry import Names


def name_layers(layers):
    """Sees to it that names differ: layers without a name of the user's get one of their class' name and a number.

    Raises:
        ValueError: two layers that the user has named alike.
    """
    names = Names()
    for layer in layers:
        if layer.given_name is not None:
            if layer.given_name in names.taken:
                raise ValueError(f"layers' names must differ. Received: {arguments.shown(layer.given_name)} twice")
            names.taken.add(layer.given_name)
    for layer in layers:
        if layer.given_name is None:
            if not layer.settled or layer.name in names.taken:
                layer._name, layer.settled = names.new(layer.default_name()), True
            names.taken.add(layer.name)
