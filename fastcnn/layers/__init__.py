"""Layers, in Keras' vocabulary; each imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__, {
    "activation": ["ELU", "Activation", "LeakyReLU", "ReLU", "ReLU6", "Softmax"],
    "base": ["Layer"],
    "conv2d": ["Conv2D"],
    "conv2d_transpose": ["Conv2DTranspose"],
    "dense": ["Dense", "Flatten"],
    "depthwise": ["DepthwiseConv2D", "SeparableConv2D"],
    "dropout": ["Dropout", "SpatialDropout2D"],
    "input": ["Input", "InputLayer"],
    "maxout": ["Maxout"],
    "merging": ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"],
    "noise": ["GaussianNoise"],
    "normalization": ["BatchNormalization", "GroupNormalization", "LayerNormalization", "LocalResponseNormalization"],
    "pooling": ["AdaptiveAveragePooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
                "LpPooling2D", "MaxPooling2D", "SoftPooling2D"],
    "prelu": ["PReLU"],
    "rbf": ["RBF"],
    "rescaling": ["Normalization", "Rescaling"],
    "shaping": ["Cropping2D", "Permute", "Reshape", "UpSampling2D", "ZeroPadding2D"],
    "subsampling": ["Subsampling2D"],
})
