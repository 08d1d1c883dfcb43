"""Dense kernels in fewer bits: what a model's plans read for `predict` and `evaluate` in place of the float32 ones."""

import threading

import numpy as np

from fastcnn import arguments
from fastcnn.engine.nodes import PythonEntry, entries_of
from fastcnn.ops.half_weights import DTYPES, arrays, check, restore, store


class HalfKernel:
    """One kernel: stored (`half`, `scales`) where an op reads it so, else rounded, as float32 (`value`)."""

    def __init__(self, layer, parameter, op, dtype):
        self.layer, self.parameter, self.dtype = layer, parameter, dtype
        self.name = f"{layer.name}/{parameter.name}"
        self.op = op.with_format(dtype)
        self.half = self.scales = self.value = self._penalty = None
        if self.op is None:
            self.value = np.empty(parameter.shape, np.float32)
        else:
            self.half, self.scales = arrays(parameter.shape, dtype)

    @property
    def nbytes(self):
        """Memory it takes beside the float32 kernel."""
        return sum(a.nbytes for a in (self.half, self.scales, self.value) if a is not None)

    def make(self):
        """Rounds the kernel as it is now, unless this is all that is left of it."""
        if self.parameter.stored is self:
            return
        kernel = self.parameter.value
        check(self.name, kernel, self.dtype)
        self._penalty = None
        if self.value is None:
            store(kernel, self.dtype, self.half, self.scales)
        else:
            restore(self.dtype, *store(kernel, self.dtype), self.value)

    def restored(self):
        """The stored kernel in float32, read-only."""
        kernel = np.empty(self.parameter.shape, np.float32)
        restore(self.dtype, self.half, self.scales, kernel)
        kernel.flags.writeable = False
        return kernel

    @property
    def penalty(self):
        """What its regularizer, if it has one that counts, adds to the loss."""
        if self.parameter.regularizer is None or not self.layer.trainable:
            return 0.0
        if self._penalty is None:
            self._penalty = self.parameter.regularizer(self.restored() if self.value is None else self.value)
        return self._penalty


class HalfWeights:
    """The dense kernels of some built layers.

    Args:
        dtype: "float16" or "int8".
        layers: in order.
    """

    def __init__(self, dtype, layers):
        self.dtype = dtype
        self.kernels = {entry.w: HalfKernel(entry.layer, entry.w, entry.op, dtype)
                        for entry in entries_of(layers, False)
                        if not isinstance(entry, PythonEntry) and entry.op.name == "dense"}
        self.version = None  # of the parameters that the kernels were made of
        self._lock = threading.Lock()

    @property
    def nbytes(self):
        """Memory beside the float32 kernels."""
        return sum(kernel.nbytes for kernel in self.kernels.values())

    @property
    def penalty(self):
        """What regularizers add to the loss for these kernels, as they are stored."""
        return sum(kernel.penalty for kernel in self.kernels.values())

    def describe(self):
        """A line for `summary`."""
        full = sum(p.size * 4 for p in self.kernels)
        kept = "in place of" if any(p.stored is not None for p in self.kernels) else "beside"
        return (f"dense kernels that predict and evaluate read: {self.dtype}, {self.nbytes / 1e6:,.1f} MB {kept} "
                f"{full / 1e6:,.1f} MB of float32")

    def refresh(self, version):
        """Rounds the kernels anew if the parameters have changed."""
        with self._lock:
            if self.version != version:
                for kernel in self.kernels.values():
                    kernel.make()
                self.version = version

    def entries(self, entries):
        """The same list of ops with dense ones that read these kernels."""
        return [self._entry(entry) for entry in entries]

    def _entry(self, entry):
        if isinstance(entry, PythonEntry):
            return entry
        kernel = self.kernels.get(entry.w if entry.fold is None else entry.fold[0])
        if kernel is None:
            return entry
        node = entry.with_op(entry.op.with_format(self.dtype) or entry.op)
        if entry.fold is None:
            node.w = kernel
        else:
            node.fold = kernel, *entry.fold[1:]
        return node


def set_half_weights(model, dtype, free):
    """See `Sequential.half_weights`."""
    dtype = arguments.choice("dtype", "float32" if dtype is None else dtype, ("float32", *DTYPES))
    if arguments.flag("free", free) and dtype == "float32":
        raise ValueError("free=True gives up the float32 kernels once they are stored as float16 or int8. Received: "
                         "dtype='float32'")
    freed = [p for layer in model.layers for p in layer.parameters if p.stored is not None]
    if dtype == model.dense_dtype and free == bool(freed):
        return
    half = None
    if dtype != "float32":
        half = HalfWeights(dtype, model.layers)
        if not half.kernels:
            raise ValueError(f"the model has no Dense layer whose kernel could be stored as {dtype}. Received: layers "
                             f"{', '.join(layer.name for layer in model.layers)}")
        half.refresh(model.version)
    for parameter in freed:
        parameter.value = parameter.value  # restored
    given_up = [kernel for kernel in half.kernels.values() if kernel.op is not None] if free else []
    for kernel in given_up:
        kernel.parameter.keep_only(kernel)
    model._read_half(half, moved=bool(freed or given_up))
