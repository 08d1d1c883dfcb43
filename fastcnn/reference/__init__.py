"""The operations of `fastcnn.ops` in plain NumPy float64: what the fast ones are checked against.

Same names and arguments. Everything is computed and returned in float64. `<op>_backward(dy, ...)` takes the
gradient of the output and then the arguments of the forward pass, and returns the gradients of its arrays.

    >>> from fastcnn import reference
    >>> y = reference.max_pool2d([[[[1.0], [3.0]], [[2.0], [0.0]]]], pool_size=2)
    >>> y.tolist()
    [[[[3.0]]]]
"""

from importlib import import_module

from fastcnn import ops
from fastcnn.reference.dropout import philox4x32 as philox4x32

for name in ops.__all__:  # its twin here is in the file of the same name
    home = getattr(ops, name).__module__.rpartition(".")[2]
    globals()[name] = getattr(import_module(f"fastcnn.reference.{home}"), name)
del home, name

__all__ = [*ops.__all__, "philox4x32"]


def __dir__():
    return sorted(__all__)
