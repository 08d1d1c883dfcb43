"""Types that many signatures name: read by people, editors and type checkers, never looked up when fastcnn runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # whoever runs a program need not wait for these, and no module depends on those higher in the house
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypedDict

    import numpy as np
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
    from matplotlib.figure import FigureBase as FigureBase
    from numpy.typing import ArrayLike as ArrayLike
    from typing_extensions import Unpack as Unpack

    from fastcnn.callbacks.base import Callback as Callback
    from fastcnn.callbacks.history import History as History
    from fastcnn.images.augmentation import Augmentation as Augmentation
    from fastcnn.images.distortion import Distortion as Distortion
    from fastcnn.images.preparation import Preparation as Preparation
    from fastcnn.model.model import Model as Model
    from fastcnn.model.sequential import Sequential as Sequential
    from fastcnn.model.watching import Watched as Watched
    from fastcnn.optimizers.base import Optimizer as Optimizer

    # Keyword arguments that constructors hand on to their base class: **base: Unpack[LayerOptions]

    class NoOptions(TypedDict):
        """What the base class itself takes besides: nothing. It says what an unknown argument may have meant."""

    class UntrainedOptions(TypedDict, total=False):
        """Arguments of every layer, for those that have a `trainable` of their own."""

        name: str | None
        input_shape: Sequence[int] | None
        learning_rate_multiplier: float | Mapping[str, float] | None
        weight_decay_multiplier: float | Mapping[str, float] | None

    class LayerOptions(UntrainedOptions, total=False):
        """Arguments of every layer; see `fastcnn.layers.Layer`."""

        trainable: bool

    class BoundOptions(TypedDict, total=False):
        """Bounds of gradients, which every optimizer takes; see `fastcnn.optimizers.Optimizer`."""

        clipnorm: float | None
        clipvalue: float | None
        global_clipnorm: float | None

    class OptimizerOptions(BoundOptions, total=False):
        """The same, and how weights decay, for those that have no `decoupled` of their own."""

        decoupled: bool

    class SDLMOptions(OptimizerOptions, total=False):
        """Arguments of `SDLM` that `SDLM.published` hands on."""

        mu: float
        samples: int
        first_mu: float | None
        weight_decay: float | None

    class HookOptions(TypedDict, total=False):
        """Hooks that `LambdaCallback` takes by name alone."""

        on_batch_begin: Hook
        on_batch_end: Hook
        on_test_begin: Hook
        on_test_end: Hook
        on_test_batch_begin: Hook
        on_test_batch_end: Hook
        on_predict_begin: Hook
        on_predict_end: Hook
        on_predict_batch_begin: Hook
        on_predict_batch_end: Hook

    class FitOptions(TypedDict, total=False):
        """Arguments of `Sequential.fit` that ConvNetJS' `Trainer.fit` hands on."""

        verbose: int | str
        callbacks: Callback | Sequence[Callback] | None
        validation_split: float
        validation_data: Data
        shuffle: bool
        initial_epoch: int
        resume: bool
else:
    ArrayLike = Augmentation = Axes = Callback = Distortion = Figure = FigureBase = History = Model = None
    Optimizer = Preparation = Sequential = Unpack = Watched = None
    NoOptions = UntrainedOptions = LayerOptions = BoundOptions = OptimizerOptions = SDLMOptions = HookOptions = None
    FitOptions = None

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Arrays: TypeAlias = "Any"  # an array; a list or a dictionary of them, where a model has several inputs or outputs
Data: TypeAlias = "Any"    # the same, or a source of batches
Path: TypeAlias = "str | bytes | os.PathLike[Any]"

Config: TypeAlias = "dict[str, Any]"
Identifier: TypeAlias = "str | Config | Callable[..., Any]"  # name, configuration, class, function, or the object itself
Each: TypeAlias = "Identifier | Sequence[Any] | Mapping[str, Any] | None"  # … of each output
ActivationName: TypeAlias = "str | Config | tuple[str, float] | None"
Hook: TypeAlias = "Callable[..., Any] | None"

Pair: TypeAlias = "int | Sequence[int]"  # (height, width), or one number for both
Edges: TypeAlias = "Pair | Sequence[Sequence[int]]"  # ((top, bottom), (left, right)), or a pair
Padding: TypeAlias = "str | Edges"
