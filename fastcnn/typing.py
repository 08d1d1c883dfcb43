"""Types that many signatures name: read by people, editors and type checkers, never looked up when fastcnn runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:  # whoever runs a program need not wait for these, and no module depends on those higher in the house
    import os
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
    from matplotlib.figure import FigureBase as FigureBase
    from numpy.typing import ArrayLike as ArrayLike
    from typing_extensions import Unpack as Unpack

    from fastcnn.callbacks.base import Callback as Callback
    from fastcnn.callbacks.history import History as History
    from fastcnn.distributed.mpi import MPI as MPI
    from fastcnn.images.augmentation import Augmentation as Augmentation
    from fastcnn.images.distortion import Distortion as Distortion
    from fastcnn.images.preparation import Preparation as Preparation
    from fastcnn.model.model import Model as Model
    from fastcnn.model.profile import Profile as Profile
    from fastcnn.model.sequential import Sequential as Sequential
    from fastcnn.model.watching import Watched as Watched
    from fastcnn.model.weights import LoadedWeights as LoadedWeights
    from fastcnn.optimizers.base import Optimizer as Optimizer
else:
    ArrayLike = Augmentation = Axes = Callback = Distortion = Figure = FigureBase = History = MPI = None
    LoadedWeights = Model = Optimizer = Preparation = Profile = Sequential = Unpack = Watched = None

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Arrays: TypeAlias = "Any"  # an array; a list or a dictionary of them, where a model has several inputs or outputs
Data: TypeAlias = "Any"    # the same, or a source of batches
Path: TypeAlias = "str | bytes | os.PathLike[Any]"

Config: TypeAlias = "dict[str, Any]"
Identifier: TypeAlias = "str | Config | Callable[..., Any]"  # name, configuration, class, function, or the object itself
Each: TypeAlias = "Identifier | Sequence[Any] | Mapping[str, Any] | None"  # … of each output
ActivationName: TypeAlias = "str | Config | tuple[str, float] | None"

Pair: TypeAlias = "int | Sequence[int]"  # (height, width), or one number for both
Edges: TypeAlias = "Pair | Sequence[Sequence[int]]"  # ((top, bottom), (left, right)), or a pair
Padding: TypeAlias = "str | Edges"


class Nothing(TypedDict):
    """No keyword arguments: what others are taken for is a mistake."""
