"""What an optimizer is: constants, a learning rate, and the op that updates the flat parameter array."""

from fastcnn import arguments, registry
from fastcnn.optimizers import schedules


class Optimizer(registry.Configurable):
    """Base class of optimizers.

    Args:
        learning_rate: number ≥ 0, or a schedule.
    """

    def __init__(self, learning_rate):
        self.iterations = 0  # steps taken so far
        self.learning_rate = learning_rate

    @property
    def learning_rate(self):
        """The learning rate of the next step."""
        if self.schedule is not None:
            return float(self.schedule(self.iterations))
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(value, (schedules.Schedule, dict)):
            self.schedule, self._rate = schedules.get(value), None
        else:
            self.schedule, self._rate = None, arguments.number("learning_rate", value, 0)

    def op(self, size, weight_decay_multiplier=1.0):
        """The descriptor of one step on `size` parameters whose weight decay is multiplied by a factor."""
        raise NotImplementedError

    @property
    def has_state(self):
        """Does it keep a velocity?"""
        return False

    def get_config(self):
        """The constructor's arguments in JSON's types."""
        rate = self._rate if self.schedule is None else registry.serialize(self.schedule)
        return {"learning_rate": rate, **{name: getattr(self, name) for name in self.config}}


def get(identifier):
    """An optimizer from its name, class, configuration or itself.

    Example:
        >>> fastcnn.optimizers.get("sgd").learning_rate
        0.01
    """
    from fastcnn import optimizers

    optimizer, _ = registry.resolve("optimizer", Optimizer, registry.names(optimizers.SGD, sgd=optimizers.SGD), identifier)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be a name or a fastcnn.optimizers.Optimizer. Received: {identifier!r}")
    return optimizer


serialize = registry.serialize
