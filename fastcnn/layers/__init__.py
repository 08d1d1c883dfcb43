"""Layers, in Keras' vocabulary."""

from fastcnn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from fastcnn.layers.base import Layer
from fastcnn.layers.conv2d import Conv2D
from fastcnn.layers.conv2d_transpose import Conv2DTranspose
from fastcnn.layers.dense import Dense, Flatten
from fastcnn.layers.depthwise import DepthwiseConv2D, SeparableConv2D
from fastcnn.layers.dropout import Dropout, SpatialDropout2D
from fastcnn.layers.input import Input
from fastcnn.layers.maxout import Maxout
from fastcnn.layers.noise import GaussianNoise
from fastcnn.layers.normalization import BatchNormalization, LocalResponseNormalization
from fastcnn.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LpPooling2D,
    MaxPooling2D,
    SoftPooling2D,
)
from fastcnn.layers.prelu import PReLU
from fastcnn.layers.rbf import RBF
from fastcnn.layers.rescaling import Normalization, Rescaling
from fastcnn.layers.shaping import Cropping2D, Permute, Reshape, UpSampling2D, ZeroPadding2D
from fastcnn.layers.subsampling import Subsampling2D

__all__ = [
    "ELU", "RBF", "Activation", "AveragePooling2D", "BatchNormalization", "Conv2D", "Conv2DTranspose", "Cropping2D",
    "Dense", "DepthwiseConv2D", "Dropout", "Flatten", "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "Input", "Layer", "LeakyReLU", "LocalResponseNormalization", "LpPooling2D", "MaxPooling2D", "Maxout",
    "Normalization", "PReLU", "Permute", "ReLU", "Rescaling", "Reshape", "SeparableConv2D", "SoftPooling2D", "Softmax",
    "SpatialDropout2D", "Subsampling2D", "UpSampling2D", "ZeroPadding2D",
]
