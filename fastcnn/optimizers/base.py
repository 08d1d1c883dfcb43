"""What an optimizer is: constants, a learning rate, and the op that updates the flat parameter array."""

from fastcnn import _ops, arguments, calling, registry
from fastcnn.optimizers import schedules


class Optimizer(registry.Configurable):
    """Base class of optimizers: what they have in common.

    Args:
        learning_rate: number ≥ 0, or a schedule of `fastcnn.optimizers.schedules`.
        weight_decay: how much weights shrink; None: 0.
        decoupled: True, as in Keras: w loses learning_rate·weight_decay·w before the step. False, as in torch and AlexNet's
            paper: the gradient gains weight_decay·w, after clipping.
        clipnorm: bound of the norm of each parameter's gradient; a larger one is scaled down to it.
        clipvalue: bound of each value of the gradient.
        global_clipnorm: bound of the norm of all gradients together. At most one of the three may be given.

    A layer's `learning_rate_multiplier` and `weight_decay_multiplier` change both numbers for its parameters. The arrays
    that an optimizer keeps of each parameter are named in `states`; files have them under these names. Bounds of norms need
    the whole gradient before the first step is taken, also those of dense kernels beyond 1 MiB, which else never exist.

    Raises:
        TypeError, ValueError: for such arguments.

    Example:
        >>> optimizer = fastcnn.optimizers.SGD(0.1, global_clipnorm=1.0)
        >>> isinstance(optimizer, Optimizer), optimizer.iterations
        (True, 0)
    """

    kind = None      # the op
    meant = {"lr": "learning_rate"}
    kept = frozenset({"iterations", "schedule", "_rate"})
    states = ()      # names of the arrays kept of each parameter …
    initial = 0.0    # … and what they start from
    config = ("weight_decay", "decoupled", "clipnorm", "clipvalue", "global_clipnorm")

    def __init__(self, learning_rate, weight_decay=None, decoupled=True, clipnorm=None, clipvalue=None, global_clipnorm=None,
                 **unknown):
        if "decay" in unknown:
            raise TypeError(f"{type(self).__name__} has no argument 'decay'. What it did is "
                            "learning_rate=schedules.InverseTimeDecay(learning_rate, 1, decay); weights shrink by "
                            "weight_decay.")
        if unknown:
            calling.refuse(type(self), unknown)
        self.iterations = 0  # steps taken so far
        self.learning_rate = learning_rate
        self.weight_decay = arguments.number("weight_decay", 0 if weight_decay is None else weight_decay, 0)
        self.decoupled = arguments.flag("decoupled", decoupled)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for name, value in clips.items():
            setattr(self, name, None if value is None else arguments.small(name, value))
        given = {name: value for name, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError("at most one of clipnorm, clipvalue and global_clipnorm can be given. "
                             f"Received: {arguments.given(**given)}")

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

    @property
    def correction(self):
        """A factor of the learning rate of the next step; weight decay goes without."""
        return 1.0

    @property
    def needs_norms(self):
        """Do norms of whole gradients bound its steps?"""
        return self.clipnorm is not None or self.global_clipnorm is not None

    def in_order(self, arrays):
        """The arrays of `states` as the op takes them, None for those it goes without."""
        return list(arrays)

    @property
    def constants(self):
        """The rule's own numbers, by the names of `_ops.optimizer`."""
        return {}

    def op(self, size, weight_decay_multiplier=1.0, penalty=(0.0, 0.0), norms=(0, 0, 0)):
        """The descriptor of one step.

        Args:
            size: number of parameters.
            weight_decay_multiplier: of these.
            penalty: (l1, l2) of their regularizer.
            norms: with a bound of a norm: the place of their first sum of squares; first and number of those that count.
        """
        if self.kind is None:
            raise NotImplementedError(f"{type(self).__name__} must name its kind of op")
        decay = self.weight_decay * weight_decay_multiplier
        own = {"shrink": decay} if self.decoupled else {"decay": decay}
        states = sum(1 << i for i, name in enumerate(self.in_order(self.states)) if name is not None)
        return _ops.optimizer(self.kind, size, *penalty, clip_value=self.clipvalue or 0.0, norms=norms,
                              clip_norm=self.clipnorm or self.global_clipnorm or 0.0, states=states, **own,
                              **self.constants)

    def apply(self, model, gradients):
        """Takes one step on given gradients.

        Args:
            model: whose weights are changed; if it was compiled with another optimizer, this one is its own from now on.
            gradients: {layer/parameter: array} of all that is trained, as `model.gradients` gives them, or sums of such.

        Raises:
            ValueError: missing or foreign names, another shape.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Dense(1, use_bias=False, input_shape=(1,))], seed=0)
            >>> model.compile(fastcnn.optimizers.SGD(0.25), "mse")
            >>> for _ in range(20):
            ...     loss, gradients = model.gradients([[1.0]], [[3.0]])
            ...     model.optimizer.apply(model, gradients)
            >>> model.predict([[1.0]]).round(3).tolist()
            [[3.0]]
        """
        model._apply_gradients(self, gradients)

    def begin_epoch(self, model, batches, epoch):
        """Called by `fit` before the first step of an epoch, with the `data.Batches` or `streams.Stream` it will take."""

    def get_config(self):
        """The constructor's arguments in JSON's types."""
        rate = self._rate if self.schedule is None else registry.serialize(self.schedule)
        return {"learning_rate": rate, **{name: getattr(self, name) for name in self.config}}


def get(identifier):
    """An optimizer from its name, class, configuration or itself.

    Args:
        identifier: the name of a class in this package, also in small letters; an `Optimizer` or a class of them; or what
            `serialize` returned.

    Example:
        >>> fastcnn.optimizers.get("sgd").learning_rate
        0.01
    """
    from fastcnn import optimizers as o

    offered = [getattr(o, name) for name in o.__all__]
    known = [cls for cls in offered if isinstance(cls, type) and issubclass(cls, Optimizer) and cls is not Optimizer]
    spellings = {spelling: cls for cls in known for spelling in (cls.__name__, cls.__name__.lower())}
    meant = {"momentum": "SGD(momentum=0.9)", "nesterov": "SGD(momentum=0.9, nesterov=True)", "gradientdescent": "'sgd'",
             "levenbergmarquardt": "'sdlm'", "lbfgs": "'adam'", "nadam": "'adam'", "adamax": "'adam'"}
    return registry.resolve("optimizer", Optimizer, spellings, identifier, meant=meant)[0]


serialize = registry.serialize
