"""What tests ask of a model's insides: its flat array, what its optimizer keeps, its plans."""

from fastcnn.engine.parameters import runs, trained


def flat(model):
    """The one flat array that all parameters lie in."""
    (found,) = model._flats
    return found


def state(model):
    """What the optimizer keeps, a row for each array; None: nothing."""
    return model._states.rows[flat(model)] if model._states is not None and model._states.rows else None


def values(plan):
    """The buffers of a chain's values, from its input to what its last node makes."""
    return [plan.values[v] for v in (*plan.network.inputs, *(node.y for node in plan.nodes))]


def gradients(plan):
    """Those of their gradients, None for the input."""
    return [None, *plan.dys]


def ranges(model):
    """(start, size, multipliers of learning rate and weight decay, penalty) of what is trained alike."""
    assert flat(model)
    return [tuple(run[1:]) for run in runs(trained(model._items))]
