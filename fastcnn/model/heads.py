"""The outputs of a model in training: each with its loss, how much that counts, and its metrics."""

from fastcnn import arguments, attributes, calling, losses, metrics

_PROBABLE = "softmax", "sigmoid", "hard_sigmoid"  # what makes probabilities


class Head:
    """One output.

    Args:
        name: of the output.
        size: shape of a sample's, channels last.
        loss: a `Loss`, or None: it is not trained on.
        weight: that its loss counts by.
        given: metrics as the user gave them.
        best: which of its values is the answer, "largest" or "smallest".
    """

    def __init__(self, name, size, loss, weight, given, best):
        self.name, self.size, self.loss, self.weight, self.given = name, size, loss, weight, given
        if loss is not None:
            loss.check_output(size)
        self.metrics = [metrics.resolve(identifier, loss, (None, *size), best) for identifier in given]
        self._copying = [not attributes.is_own(type(metric)) for metric in self.metrics]  # users' may write into arrays

    def update(self, target, y, weight):
        """Tells the metrics of a batch: of the samples that the loss counts."""
        counts = self.loss.counts(target)
        if counts is not None and not counts.all():
            target, y, weight = target[counts], y[counts], weight[counts]
        for metric, copying in zip(self.metrics, self._copying) if len(y) else ():
            given = (target.copy(), y.copy(), weight) if copying else (target, y, weight)
            metric.update_state(*given)


def check_end(layer, loss):
    """Warns of a cross-entropy of probabilities where the last layer makes none, or of logits where it makes them."""
    activation = getattr(layer, "activation", None)
    if not isinstance(activation, tuple) or "from_logits" not in getattr(loss, "config", ()):
        return
    name, cls = activation[0], type(loss).__name__
    if (name in _PROBABLE) == loss.from_logits:
        meant = f"{cls}(), or no activation" if loss.from_logits else \
            f"{cls}(from_logits=True), or an activation of {' or '.join(map(repr, _PROBABLE[:2]))}"
        takes = "logits" if loss.from_logits else "probabilities"
        calling.warn(f"{cls}(from_logits={loss.from_logits}) takes {takes}; did you mean {meant}? Received: layer "
                     f"{arguments.shown(layer.name)}, which ends in {arguments.shown(name)}")


def per_output(name, value, names, single):
    """One entry per output of what users give for all: a list, a dictionary by output, or one for all of them.

    Args:
        name: of the argument.
        value: what was given; None: nothing for all.
        names: of the outputs.
        single: is the value one entry, which serves every output?
    """
    if isinstance(value, dict) and not single:
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(f"{name} may name the outputs {', '.join(names)}. Received: {arguments.shown(unknown[0])}")
        return [value.get(key) for key in names]
    if value is None or single:
        return [value] * len(names)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} must be a list, or a dictionary by output. Received: {arguments.shown(value)}")
    if len(value) != len(names):
        raise ValueError(f"{name} must have an entry for each of the outputs {', '.join(names)}. Received: {len(value)}")
    return list(value)


def loss_list(loss, names):
    """A `Loss` or None for each output."""
    single = not isinstance(loss, (list, tuple, dict)) or isinstance(loss, dict) and "class_name" in loss
    return [None if one is None else losses.get(one) for one in per_output("loss", loss, names, single)]


def weight_list(weights, names):
    """A number ≥ 0 for each output."""
    given = per_output("loss_weights", weights, names, False)
    return [1.0 if one is None else arguments.number("loss_weights", one, 0) for one in given]


def metric_lists(given, names):
    """A list of metrics for each output."""
    if given is not None and not isinstance(given, (list, tuple, dict)):
        raise TypeError(f"metrics must be a list of names, metrics or functions. Received: {arguments.shown(given)}")
    nested = isinstance(given, dict) or any(isinstance(one, (list, tuple)) for one in given or ())
    lists = per_output("metrics", given, names, not nested)
    return [list(one) if isinstance(one, (list, tuple)) else [] if one is None else [one] for one in lists]
