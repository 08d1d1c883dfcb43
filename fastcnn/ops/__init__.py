"""The functional API: one function per operation and one for its gradients, on NumPy arrays, float32, NHWC.

`fastcnn.reference` has the same names and signatures in plain NumPy float64, to compare with: there are the formulas. Every
`<op>_backward(dy, …the forward call's arguments…)` returns the gradients of its array arguments in their order.
`out=` takes an array to reuse: float32, contiguous, of the result's shape.
"""

from typing import TYPE_CHECKING

from fastcnn.importing import answering, listing
from fastcnn.ops.activations import *
from fastcnn.ops.augment import *
from fastcnn.ops.batch_norm import *
from fastcnn.ops.conv2d import *
from fastcnn.ops.conv2d_int8 import *
from fastcnn.ops.conv2d_transpose import *
from fastcnn.ops.dense import *
from fastcnn.ops.depthwise import *
from fastcnn.ops.distort import *
from fastcnn.ops.dropout import *
from fastcnn.ops.group_norm import *
from fastcnn.ops.half_weights import *
from fastcnn.ops.losses import *
from fastcnn.ops.lrn import *
from fastcnn.ops.maxout import *
from fastcnn.ops.noise import *
from fastcnn.ops.optimizers import *
from fastcnn.ops.pad2d import *
from fastcnn.ops.permute import *
from fastcnn.ops.pool2d import *
from fastcnn.ops.prelu import *
from fastcnn.ops.rbf import *
from fastcnn.ops.rescale import *
from fastcnn.ops.subsample2d import *
from fastcnn.ops.upsample2d import *

__all__ = sorted(name for name, value in globals().items() if getattr(value, "__module__", "").startswith("fastcnn.ops."))
__dir__ = listing(__name__)
if not TYPE_CHECKING:  # which know all names that there are
    __getattr__ = answering(__name__)
