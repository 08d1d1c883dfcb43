"""Dense kernels in fewer bits: what a model's plans read for `predict` and `evaluate` in place of the float32 ones."""

import weakref

import numpy as np

from fastcnn import attributes
from fastcnn.ops.half_weights import DTYPES as DTYPES
from fastcnn.ops.half_weights import arrays, check, restore, store


class HalfKernel:
    """One kernel: stored (`half`, `scales`) where an op reads it so, else rounded, as float32 (`array`).

    It may be what is left of the parameter, which it does not keep, nor its layer. Pickles hold what is stored as float32,
    which gives the same bits: their order depends on the processor."""

    def __init__(self, layer, parameter, op, dtype):
        self._layer, self._parameter, self.dtype = weakref.ref(layer), weakref.ref(parameter), dtype
        self.name = f"{layer.name}/{parameter.name}"
        self.half = self.scales = self.array = self._penalty = None
        if op.with_format(dtype) is None:
            self.array = np.empty(parameter.shape, np.float32)
        else:
            self.half, self.scales = arrays(parameter.shape, dtype)

    @property
    def layer(self):
        """Whose kernel it is, while that lives."""
        return self._layer()

    @property
    def parameter(self):
        """The kernel, while it lives."""
        return self._parameter()

    def __getstate__(self):
        return {**vars(self), "half": None, "scales": None, "_penalty": None, "array": self.restored(),
                "_layer": self.layer, "_parameter": self.parameter}

    def __setstate__(self, state):
        vars(self).update(state, array=None, _layer=weakref.ref(state["_layer"]),
                          _parameter=weakref.ref(state["_parameter"]))
        self.half, self.scales = store(state["array"], self.dtype)

    @property
    def nbytes(self):
        """Memory it takes beside the float32 kernel."""
        return sum(a.nbytes for a in (self.half, self.scales, self.array) if a is not None)

    def make(self):
        """Rounds the kernel as it is now, unless this is all that is left of it."""
        if self.parameter.stored is self:
            return
        kernel = self.parameter.array
        check(self.name, kernel, self.dtype)
        self._penalty = None
        if self.array is None:
            store(kernel, self.dtype, self.half, self.scales)
        else:
            restore(self.dtype, *store(kernel, self.dtype), self.array)

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
        if self._penalty is None or self._penalty[0] != attributes.changes():
            kernel = self.restored() if self.array is None else self.array
            self._penalty = attributes.changes(), self.parameter.regularizer(kernel)
        return self._penalty[1]


class HalfWeights:
    """The dense kernels of a network.

    Args:
        dtype: "float16" or "int8".
        network: as `network.lower` makes it for predictions.
    """

    def __init__(self, dtype, network):
        self.dtype = dtype
        dense = [node for node in network.nodes if node.op is not None and node.op.name == "dense"]
        self.kernels = {node.w: node.w.stored if node.w.stored is not None and node.w.stored.dtype == dtype
                        else HalfKernel(node.layer, node.w, node.op, dtype) for node in dense}
        self.version = None  # of the parameters that the kernels were made of

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
        if self.version != version:
            for kernel in self.kernels.values():
                kernel.make()
            self.version = version

    def node(self, node):
        """The same node, or one that reads these kernels."""
        if node.op is None:
            return node
        kernel = self.kernels.get(node.w if node.fold is None else node.fold[0])
        if kernel is None:
            return node
        other = node.with_op(node.op.with_format(self.dtype) or node.op)
        if node.fold is None:
            other.w = kernel
        else:
            other.fold = kernel, *node.fold[1:]
        return other
