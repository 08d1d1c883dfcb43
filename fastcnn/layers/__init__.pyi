# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.layers.activation import (
    ELU as ELU, Activation as Activation, LeakyReLU as LeakyReLU, ReLU as ReLU, ReLU6 as ReLU6,
    Softmax as Softmax,
)
from fastcnn.layers.base import Layer as Layer
from fastcnn.layers.conv2d import Conv2D as Conv2D
from fastcnn.layers.conv2d_transpose import Conv2DTranspose as Conv2DTranspose
from fastcnn.layers.dense import Dense as Dense, Flatten as Flatten
from fastcnn.layers.depthwise import DepthwiseConv2D as DepthwiseConv2D, SeparableConv2D as SeparableConv2D
from fastcnn.layers.dropout import Dropout as Dropout, SpatialDropout2D as SpatialDropout2D
from fastcnn.layers.input import Input as Input, InputLayer as InputLayer
from fastcnn.layers.maxout import Maxout as Maxout
from fastcnn.layers.merging import (
    Add as Add, Average as Average, Concatenate as Concatenate, Maximum as Maximum, Minimum as Minimum,
    Multiply as Multiply, Subtract as Subtract,
)
from fastcnn.layers.noise import GaussianNoise as GaussianNoise
from fastcnn.layers.normalization import (
    BatchNormalization as BatchNormalization, GroupNormalization as GroupNormalization,
    LayerNormalization as LayerNormalization, LocalResponseNormalization as LocalResponseNormalization,
)
from fastcnn.layers.pooling import (
    AdaptiveAveragePooling2D as AdaptiveAveragePooling2D, AveragePooling2D as AveragePooling2D,
    GlobalAveragePooling2D as GlobalAveragePooling2D,
    GlobalMaxPooling2D as GlobalMaxPooling2D, LpPooling2D as LpPooling2D, MaxPooling2D as MaxPooling2D,
    SoftPooling2D as SoftPooling2D,
)
from fastcnn.layers.prelu import PReLU as PReLU
from fastcnn.layers.rbf import RBF as RBF
from fastcnn.layers.rescaling import Normalization as Normalization, Rescaling as Rescaling
from fastcnn.layers.shaping import (
    Cropping2D as Cropping2D, Permute as Permute, Reshape as Reshape, UpSampling2D as UpSampling2D,
    ZeroPadding2D as ZeroPadding2D,
)
from fastcnn.layers.subsampling import Subsampling2D as Subsampling2D
