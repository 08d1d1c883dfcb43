# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.reference.activations import *
from fastcnn.reference.augment import *
from fastcnn.reference.batch_norm import *
from fastcnn.reference.conv2d import *
from fastcnn.reference.conv2d_int8 import *
from fastcnn.reference.conv2d_transpose import *
from fastcnn.reference.dense import *
from fastcnn.reference.depthwise import *
from fastcnn.reference.distort import *
from fastcnn.reference.dropout import *
from fastcnn.reference.group_norm import *
from fastcnn.reference.half_weights import *
from fastcnn.reference.losses import *
from fastcnn.reference.lrn import *
from fastcnn.reference.maxout import *
from fastcnn.reference.noise import *
from fastcnn.reference.optimizers import *
from fastcnn.reference.pad2d import *
from fastcnn.reference.permute import *
from fastcnn.reference.pool2d import *
from fastcnn.reference.prelu import *
from fastcnn.reference.rbf import *
from fastcnn.reference.rescale import *
from fastcnn.reference.subsample2d import *
from fastcnn.reference.upsample2d import *
