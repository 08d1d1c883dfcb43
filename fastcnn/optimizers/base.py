"""What an optimizer is: constants, a learning rate, and the op that updates the flat parameter array."""

from fastcnn import arguments
from fastcnn.optimizers import schedules


class Optimizer:
    """Base class of optimizers.

    Args:
        learning_rate: number ≥ 0, or a schedule.
    """

    name = "optimizer"
    config = ()

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
        if isinstance(value, schedules.Schedule):
            self.schedule, self._rate = value, None
        else:
            self.schedule, self._rate = None, arguments.number("learning_rate", value, 0)

    def op(self, size):
        """The descriptor of one step on `size` parameters."""
        raise NotImplementedError

    @property
    def has_state(self):
        """Does it keep a velocity?"""
        return False

    def get_config(self):
        """The constructor's arguments in JSON's types."""
        rate = self._rate if self.schedule is None else schedules.serialize(self.schedule)
        return {"learning_rate": rate, **{name: getattr(self, name) for name in self.config}}


def get(identifier):
    """An optimizer from its name, class, configuration or itself.

    Example:
        >>> fastcnn.optimizers.get("sgd").learning_rate
        0.01
    """
    from fastcnn import optimizers

    classes = {"sgd": optimizers.SGD, "SGD": optimizers.SGD}
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") in classes:
        config = dict(identifier["config"])
        if isinstance(config["learning_rate"], dict):
            config["learning_rate"] = schedules.get(config["learning_rate"])
        return classes[identifier["class_name"]](**config)
    if not isinstance(identifier, str) or identifier not in classes:
        raise ValueError(f"optimizer must be an Optimizer or one of {', '.join(map(repr, classes))}. Received: {identifier!r}")
    return classes[identifier]()


def serialize(optimizer):
    """What `get` accepts, in JSON's types."""
    return {"class_name": optimizer.name, "config": optimizer.get_config()}
