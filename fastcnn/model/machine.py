"""What runs a model: its parameters' flat arrays, the plans made of its network, and what the optimizer keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastcnn import arguments, attributes, optimizers
from fastcnn.engine.network import lower
from fastcnn.engine.parameters import Flat, States, moves
from fastcnn.engine.plan import Plan
from fastcnn.locks import Lock
from fastcnn.model import feeding
from fastcnn.model.base import BaseModel
from fastcnn.threads import get_num_threads
from fastcnn.typing import Data, Identifier, Optimizer

_LARGE = 1 << 26  # bytes of a plan's arrays: not kept beside those of the next phase
_settling = Lock()  # whose parameters find their places; models may share some


def _spare(mode):
    """Where a plan of a mode waits that is for batches of another size."""
    return f"{mode}, spare"


class Machine(BaseModel):
    """A model that can run; `Model` says what users may ask of it.

    It does one thing at a time, whatever threads ask: `_running` is held while a plan is made, or runs and is looked at, and
    around that `_measuring` by whoever resets metrics, until they are read."""

    made_anew = {**BaseModel.made_anew, "_running": Lock, "_measuring": Lock}

    meant = {"layers": "add(layer), pop() or Model(inputs, outputs)", "loss": "compile(optimizer, loss)",
             "metrics": "compile(optimizer, loss, metrics)", "weights": "set_weights(arrays)"}

    def _begin(self):
        """Nothing has run yet."""
        self._running, self._measuring = Lock(), Lock()
        self._plans, self._flat_arrays, self._states = {}, None, None
        self._places, self._settled = [], 0  # where parameters lay, as of so many moves
        self._half = None  # the `HalfWeights` that predict and evaluate read, or None: float32
        self._half_dtype = None  # those that are to be made
        self._int8 = None  # {layer's name: range of what its convolutions read} of those that compute in int8, or None
        self._seen = ()  # names of layers that are watched
        self.optimizer, self._heads = None, []
        self._draws = 0

    def _changed(self):
        """Other layers, or other parts of them, from here on."""
        self._plans, self._flat_arrays = {}, None
        self._int8 = None
        if self._half is not None:
            self._half_dtype, self._half = self._half.dtype, None

    @property
    def optimizer(self) -> Any:
        """What takes the steps; another one begins without what this one has kept of the parameters."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Identifier | Optimizer) -> None:
        before, self._optimizer = vars(self).get("_optimizer"), value if value is None else optimizers.get(value)
        if self._optimizer is not before:
            self._states = None
            self._plans.pop("train", None)
            self._plans.pop("update", None)

    @property
    def _plans(self):
        """{mode: plan}, none that was made before an attribute of anything changed."""
        if self._planned != attributes.changes():
            self._plans = {}
        return self._made_plans

    @_plans.setter
    def _plans(self, plans):
        self._made_plans, self._planned = plans, attributes.changes()

    # Copies

    def __getstate__(self):
        states = None if self._states is None else self._states.apart(self.parameters, self.optimizer.states)
        half = None if self.dense_dtype == "float32" else self.dense_dtype
        made = {"_made_plans": {}, "_flat_arrays": None, "_places": [], "_states": states, "_half": None,
                "_half_dtype": half}
        return {"graph": self.graph, **super().__getstate__(), **made}  # the graph knows in which order to go through it

    # Parameters

    @property
    def _flats(self):
        """The flat arrays that the parameters lie in, those put into one that lie nowhere yet."""
        if self._flat_arrays is None or self._settled != moves():
            with _settling.now:
                self._settle()
        return self._flat_arrays

    def _settle(self):
        """Gives each parameter a place, and finds those of layers that other models share."""
        self._need_built()
        parameters = self.parameters
        for parameter in parameters:
            if parameter.flat is not None and parameter.flat.left:
                parameter.leave()
        loose = [p for p in parameters if p.flat is None and p.stored is None]
        if loose:
            Flat(loose)
        before, self._places = self._places, [(p, p.flat, p.stored) for p in parameters]
        self._flat_arrays = list(dict.fromkeys(p.flat for p in parameters if p.flat is not None))
        self._settled = moves()
        if self._places != before:
            self._plans = {}
            if self._half is not None:
                self._half.version = None

    def _need_float32(self, what):
        settled = self._flat_arrays is not None and self._settled == moves()
        for parameter, *_, stored in self._places if settled else [(p, p.stored) for p in self.parameters]:
            if stored is not None:
                parameter.need_float32(what)

    @property
    def version(self) -> int:
        """Changes whenever the parameters do."""
        flats = self._flats
        return flats[0].version if len(flats) == 1 else max((flat.version for flat in flats), default=0)

    def _prepare_training(self):
        """Makes gradients and the optimizer's arrays, if they are not there."""
        for flat in self._flats:
            flat.prepare_gradients()
        self._states = self._kept() or States(self.optimizer.states, self.optimizer.initial)
        self._states.cover(self._flats)

    def _kept(self):
        """What the optimizer keeps, by its attributes as they are now; None: it has taken no step."""
        if self._states is not None and self._states.names != self.optimizer.states:
            self._states = self._states.apart(self.parameters, self.optimizer.states)
        return self._states

    # Plans

    def _lower(self, training, watched=()):
        """(network, {name of a watched layer: (number of its value, its shape)}), as it computes in training or not."""
        calls, inputs, outputs, keys = self.graph.leaves()
        seen = {name: self._value_of(name, keys) for name in watched}
        sizes = {key: math.prod(symbol.size) for key, symbol in zip(inputs, self.graph.inputs)}
        network, number = lower(calls, sizes, outputs, training, [key for key, _ in seen.values()])
        return network, {name: (number[key], size) for name, (key, size) in seen.items()}

    def _value_of(self, name, keys):
        """(key, shape) of what a layer of the model gives; of one that is called several times the first."""
        layer = self.get_layer(name)
        for symbol in self.graph.given_by(layer):
            return keys[id(symbol)], symbol.size
        raise ValueError(f"layer {name!r} gives no value that the model uses")

    def _plan(self, mode, batch, sparse=False, float32=False, ranks=None):
        """The plan of a mode for batches of so many samples, made if need be.

        Args:
            mode: of `Plan`, or "sample": predict as layers compute in training.
            sparse: are targets labels: a flag, or one for each output.
            float32: whatever is kept in fewer bits, compute in float32.
            ranks: the processes that share it; None: this one has it to itself.
        """
        with self._running.now:
            return self._found(mode, batch, sparse, float32, ranks)

    def _found(self, mode, batch, sparse, float32, ranks):
        _ = self._flats  # parameters have their places from here on
        if self._half_dtype is not None:
            self._make_half()
        threads, fewer = get_num_threads(), mode in ("predict", "test") and not float32
        half, int8 = (self._half, self._int8) if fewer else (None, None)
        sparse = (bool(sparse),) * len(self.outputs) if isinstance(sparse, (bool, np.bool_)) else tuple(sparse)
        sums = mode in ("train", "sample") or ranks  # over the batch, which the plan's size cuts

        def fits(plan):  # bits must not depend on former batches
            return (plan is not None and plan.threads >= threads and plan.given_sparse == sparse and plan.half is half
                    and plan.int8 is int8 and plan.ranks is ranks
                    and (plan.batch == batch if sums else plan.least <= batch <= plan.batch))

        plan, spare = self._plans.get(mode), self._plans.get(_spare(mode))
        if fits(plan):
            return plan
        found = spare if fits(spare) else self._new_plan(mode, batch, sparse, half, int8, ranks)
        if plan is not None and not sums and plan.least != found.least:
            self._plans[_spare(mode)] = plan  # small and large batches may come in turn
        self._plans[mode] = found
        return found

    def _new_plan(self, mode, batch, sparse=(), half=None, int8=None, ranks=None):
        """A plan as `_plan` makes it, and nobody keeps; half, int8: what it reads, if not float32."""
        training, _ = mode == "train", self._flats
        if training:
            self._prepare_training()
        watched = self._seen if training else ()
        network, seen = self._lower(training or mode == "sample", watched)
        ranges = {layer: int8[name] for name, layer in self._named_layers() if name in int8} if int8 else ()
        plan = Plan(network, "predict" if mode == "sample" else mode, batch, get_num_threads(),
                    **self._losses_of(mode, sparse), items=self._items, optimizer=self.optimizer, states=self._states,
                    seed=self.seed, half=half, int8=ranges, moving=mode != "sample",
                    wanted=[number for number, _ in seen.values() if number not in network.outputs], ranks=ranks)
        plan.given_sparse, plan.int8, plan.seen, plan.rows = sparse, int8, seen, 0
        return plan

    def _has(self, plan):
        """Is the plan still one of the model's, or has something changed since?"""
        return any(own is plan for own in self._plans.values())

    def _losses_of(self, mode, sparse):
        """The arguments of a plan that speak of losses."""
        if mode in ("predict", "sample"):
            return {}
        return {"losses": [head.loss for head in self._heads], "sparse": sparse,
                "shapes": [head.size for head in self._heads],
                "loss_weights": [head.weight for head in self._heads]}

    def _leave(self, mode):
        """Gives up the plan of a phase that has ended, if it is large; the next such phase makes it anew."""
        for name in (mode, _spare(mode)):
            plan = self._plans.get(name)
            if plan is not None and plan.bytes > _LARGE:
                del self._plans[name]

    def _forget_predicting(self):
        """Gives up the plans that read weights in fewer bits, or as they were before."""
        for mode in ("predict", "test"):
            for name in (mode, _spare(mode)):
                self._plans.pop(name, None)

    # Running

    def _parted(self, arrays):
        """(inputs, targets, weights) of a batch's arrays; targets and weights of outputs that have a loss."""
        k, m = len(self.graph.inputs), len(self._heads)
        trained_on = [i for i, head in enumerate(self._heads) if head.loss is not None]
        return arrays[:k], [arrays[k + i] for i in trained_on], [arrays[k + m + i] for i in trained_on]

    def _run(self, plan, n, arrays, threads):
        xs, targets, weights = self._parted(arrays)
        with self._running.now:
            plan.set_inputs(xs)
            plan.set_targets(targets, weights)
            plan.run(n, threads, self.version)
            if plan.share is not None:
                plan.meet(n, [i for i, head in enumerate(self._heads) if head.loss is not None and head.metrics])
            if plan.training:
                plan.rows = n
                self.touch()

    def _forward(self, plan, xs, ys, threads, step=None):
        with self._running.now:
            plan.set_inputs(xs)
            plan.set_outputs(ys)
            plan.run(len(xs[0]), threads, self.version, step)

    def touch(self) -> None:
        """Says that parameters have changed, so that packed copies are made again."""
        for flat in self._flats:
            flat.touch()

    # Second derivatives

    def set_curvature(self, batches: Any, epoch: int, count: int, more: float = 0.0) -> None:
        """Puts the Hessian's diagonal, estimated on the first `count` samples of an epoch, where the optimizer reads it, and
        `more` on top of it."""
        self._prepare_training()
        found = self._curvature(*feeding.first_samples(batches, epoch, count))
        for flat, values in found.items():
            self._states.rows[flat][0] = values + np.float32(more)

    def _curvature(self, x, target, weight, sparse):
        """The Hessian's diagonal over some samples, in the layout of each flat array."""
        from fastcnn.engine.curvature import SAMPLES, estimate  # for SDLM and whoever asks for second derivatives

        with self._running.now:
            for flat in self._flats:
                flat.prepare_gradients()
            return estimate(self._plan("curvature", SAMPLES, sparse), x, target, weight, get_num_threads(), self.version)

    # Fewer bits

    def _make_half(self):
        from fastcnn.engine.half_weights import HalfWeights

        self._half, self._half_dtype = HalfWeights(self._half_dtype, self._lower(False)[0]), None

    @property
    def dense_dtype(self) -> str:
        """What `predict` and `evaluate` read dense kernels as: "float32", "float16" or "int8"."""
        return self._half_dtype or ("float32" if self._half is None else self._half.dtype)

    def half_weights(self, dtype: str | None, free: bool = False) -> None:
        """Lets `predict`, `evaluate` and their kin read the kernels of dense layers in fewer bits: one image waits for these
        weights to come from memory, so they are what its time goes into.

        What is computed is, to the bit, what a model with kernels rounded to `dtype` computes in float32
        (`fastcnn.ops.half_weights` rounds one kernel). Training needs all bits: `fit`, validation within it and
        `train_on_batch` go on in float32. When weights have changed, the next `predict` rounds them anew. Files hold
        float32 weights and this choice. A layer that is called alone computes in float32.

        Args:
            dtype: "float16"; "int8", with a scale for every 256 rows of a column; "float32" or None: as they are.
            free: also give up the float32 kernels of more than 1 MiB, and what training has made: velocity, gradients.
                `get_weights` and `save` then take the rounded ones, and whoever wants to change weights calls
                half_weights("float32") first, which makes float32 arrays of them.

        Memory: beside the float32 kernels "float16" takes half of their size, "int8" a quarter, with free=True in their
        place.

        Raises:
            ValueError: another dtype; a model without dense layers; a kernel with NaN, infinities or, in float16, numbers
                beyond 65504 (`predict` raises it if they come later).

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.half_weights("float16")
            >>> model.dense_dtype
            'float16'
        """
        from fastcnn.engine.half_weights import DTYPES, HalfWeights

        self._need_built()
        dtype = arguments.choice("dtype", "float32" if dtype is None else dtype, ("float32", *DTYPES))
        if arguments.flag("free", free) and dtype == "float32":
            raise ValueError("free=True gives up the float32 kernels once they are stored as float16 or int8. Received: "
                             "dtype='float32'")
        freed = [p for p in self.parameters if p.stored is not None]
        if dtype == self.dense_dtype and free == bool(freed):
            return
        version, half = self.version, None
        if dtype != "float32":
            half = HalfWeights(dtype, self._lower(False)[0])
            if not half.kernels:
                raise ValueError(f"the model has no Dense layer whose kernel could be stored as {dtype}. Received: layers "
                                 f"{', '.join(layer.name for layer in self.layers)}")
            half.refresh(version)
        for parameter in freed:
            parameter.array = parameter.array  # restored
        given_up = [kernel for kernel in half.kernels.values() if kernel.half is not None] if free else []
        if given_up:
            self._move_without({kernel.parameter for kernel in given_up})
        for kernel in given_up:
            kernel.parameter.keep_only(kernel)
        self._half, self._half_dtype = half, None
        self._forget_predicting()
        if freed or given_up:
            self._flat_arrays, self._plans, self._states = None, {}, None

    @property
    def quantized(self) -> dict[str, tuple[float, float]]:
        """{layer's name: (low, high)} of the convolutions that `predict` and `evaluate` compute in int8, and the range of
        numbers that they read."""
        return dict(self._int8 or {})

    def quantize(self, mode: str | None, images: Data = None) -> None:
        """Lets `predict`, `evaluate` and their kin compute convolutions in int8: faster by twice and more on CPUs with
        AVX-512 VNNI, slower than in float32 on others, where the same sums are computed.

        What a convolution reads becomes multiples, 0 to 255 less a zero point, of a scale that spans what it read of
        `images`; what lies beyond is moved to the ends. Each filter becomes multiples, −127 to 127, of a scale of its own.
        Sums are exact whole numbers; bias and activation follow in float32, as does all else (`fastcnn.ops.conv2d_int8` is
        one such convolution). `fit`, validation within it and `train_on_batch` go on in float32. When weights have changed,
        the next `predict` takes the new ones, by the same ranges: quantize again after training. Files hold float32 weights
        and the ranges. A convolution stays in float32 if it has fewer than 16 filters in a group, a table of connections,
        dilated columns or more than 66,311 weights in a filter; `quantized` has those that do not.

        Args:
            mode: "int8"; "float32" or None: as they are.
            images: with "int8" some samples such as the model will see, prepared like them, or a source of batches. A
                hundred or so are enough.

        Raises:
            ValueError: another mode; "int8" without images, or images without it; a model without such convolutions; numbers
                that are not finite.

        Example:
            >>> model = fastcnn.Sequential([fastcnn.layers.Conv2D(32, 3, input_shape=(8, 8, 3))])
            >>> model.quantize("int8", np.linspace(-1, 1, 384).reshape(2, 8, 8, 3))
            >>> model.quantized
            {'conv2d': (-1.0, 1.0)}

        Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
        inference".
        """
        mode = arguments.choice("mode", "float32" if mode is None else mode, ("float32", "int8"))
        if (images is None) == (mode == "int8"):
            raise ValueError('images must be given with "int8", which spans what convolutions read of them, and only then. '
                             f"Received: {arguments.given(mode=mode, images=images)}")
        if mode == "int8":
            from fastcnn.model.quantizing import calibrated

            self._int8 = calibrated(self, images)
        else:
            self._int8 = None
        self._forget_predicting()

    def _move_without(self, parameters):
        """Gives up the flat arrays that hold some parameters, and moves the others elsewhere: nothing keeps their memory."""
        left = {p.flat for p in parameters if p.flat is not None}
        for parameter in self.parameters:
            if parameter.flat in left:
                parameter.leave()
        for flat in left:
            flat.left = True
