"""What an optimizer is: constants, a learning rate, and the op that updates the flat parameter array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from fastcnn import _ops, arguments, calling, registry
from fastcnn._ops import Op
from fastcnn.optimizers import schedules
from fastcnn.optimizers.schedules import Schedule
from fastcnn.typing import ArrayLike, Config, Identifier, Model, Nothing, Unpack


class Bounds(TypedDict, total=False):
    """Bounds of gradients, which every optimizer takes; see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None


class Options(Bounds, total=False):
    """The same, and how weights decay."""

    decoupled: bool


_INSTEAD = {  # arguments that Keras' have
    "decay": "learning_rate=schedules.InverseTimeDecay(learning_rate, 1, decay); weights shrink by weight_decay",
    "gradient_accumulation_steps": "model.gradients(x, y) of each part of a batch, and optimizer.apply(model, gradients) "
                                   "with their mean",
}


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

    kind: str | None = None  # the op
    meant = {"lr": "learning_rate"}
    kept = frozenset({"_iterations", "schedule", "_rate"})
    states: tuple[str, ...] = ()  # names of the arrays kept of each parameter …
    initial: float = 0.0  # … and what they start from
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    config = ("weight_decay", "decoupled", "clipnorm", "clipvalue", "global_clipnorm")

    def __init__(self, learning_rate: float | Schedule, weight_decay: float | None = None, decoupled: bool = True,
                 clipnorm: float | None = None, clipvalue: float | None = None, global_clipnorm: float | None = None,
                 **unknown: Unpack[Nothing]) -> None:
        for name, instead in _INSTEAD.items():
            if name in unknown:
                raise TypeError(f"{type(self).__name__} has no argument {name!r}. What it does is {instead}.")
        if unknown:
            calling.refuse(type(self), unknown)
        self.iterations = 0
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
    def iterations(self) -> int:
        """Steps taken so far."""
        return self._iterations

    @iterations.setter
    def iterations(self, number: int) -> None:
        self._iterations = arguments.integer("iterations", number, 0, 2**63 - 1)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        if self.schedule is not None:
            return float(self.schedule(self.iterations))
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule | Config) -> None:
        if isinstance(value, (schedules.Schedule, dict)):
            self.schedule, self._rate = schedules.get(value), None
        else:
            self.schedule, self._rate = None, arguments.number("learning_rate", value, 0)

    @property
    def correction(self) -> float:
        """A factor of the learning rate of the next step; weight decay goes without."""
        return 1.0

    @property
    def needs_norms(self) -> bool:
        """Do norms of whole gradients bound its steps?"""
        return self.clipnorm is not None or self.global_clipnorm is not None

    def in_order(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays of `states` as the op takes them, None for those it goes without."""
        return list(arrays)

    @property
    def constants(self) -> dict[str, Any]:
        """The rule's own numbers, by the names of `_ops.optimizer`."""
        return {}

    def op(self, size: int, weight_decay_multiplier: float = 1.0, penalty: tuple[float, float] = (0.0, 0.0),
           norms: tuple[int, int, int] = (0, 0, 0)) -> Op:
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

    def apply(self, model: Model, gradients: Mapping[str, ArrayLike]) -> None:
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

    def begin_epoch(self, model: Model, batches: Any, epoch: int) -> None:
        """Called by `fit` before the first step of an epoch, with the `data.Batches` or `streams.Stream` it will take."""

    def get_config(self) -> Config:
        """The constructor's arguments in JSON's types."""
        rate = self._rate if self.schedule is None else registry.serialize(self.schedule)
        return {"learning_rate": rate, **{name: getattr(self, name) for name in self.config}}


def offered() -> dict[str, type[Optimizer]]:
    """{name: class} of all optimizers of this package.

    Example:
        >>> offered()["SGD"](0.1).learning_rate
        0.1
    """
    from fastcnn import optimizers

    found = {name: getattr(optimizers, name) for name in optimizers.__all__}
    return {name: cls for name, cls in found.items()
            if isinstance(cls, type) and issubclass(cls, Optimizer) and cls is not Optimizer}


def get(identifier: Identifier | Optimizer) -> Optimizer:
    """An optimizer from its name, class, configuration or itself.

    Args:
        identifier: the name of a class in this package, also in small letters; an `Optimizer` or a class of them; or what
            `serialize` returned.

    Example:
        >>> fastcnn.optimizers.get("sgd").learning_rate
        0.01
    """
    spellings = {spelling: cls for name, cls in offered().items() for spelling in (name, name.lower())}
    meant = {"momentum": "SGD(momentum=0.9)", "nesterov": "SGD(momentum=0.9, nesterov=True)", "gradientdescent": "'sgd'",
             "levenbergmarquardt": "'sdlm'", "lbfgs": "'adam'", "nadam": "'adam'", "adamax": "'adam'"}
    optimizer, _ = registry.resolve("optimizer", Optimizer, spellings, identifier, meant=meant)
    if not isinstance(optimizer, Optimizer):
        raise TypeError("optimizer must be a name or a fastcnn.optimizers.Optimizer. "
                        f"Received: {arguments.shown(identifier)}")
    return optimizer


serialize = registry.serialize
