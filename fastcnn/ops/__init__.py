"""The functional API: one function per operation and one for its gradients, on NumPy arrays, float32, NHWC.

`fastcnn.reference` has the same names and signatures in plain NumPy float64, to compare with. Every
`<op>_backward(dy, …the forward call's arguments…)` returns the gradients of its array arguments in their order.
`out=` takes an array to reuse: float32, contiguous, of the result's shape.
"""

from fastcnn.importing import listing

from .activations import (
    elu,
    elu_backward,
    exponential,
    exponential_backward,
    gelu,
    gelu_backward,
    hard_sigmoid,
    hard_sigmoid_backward,
    hard_silu,
    hard_silu_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu6,
    relu6_backward,
    relu_backward,
    scaled_tanh,
    scaled_tanh_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softmax,
    softmax_backward,
    softplus,
    softplus_backward,
    softsign,
    softsign_backward,
    tanh,
    tanh_backward,
)
from .augment import augment
from .batch_norm import batch_norm, batch_norm_backward
from .conv2d import conv2d, conv2d_backward
from .conv2d_transpose import conv2d_transpose, conv2d_transpose_backward
from .dense import dense, dense_backward
from .depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_backward,
    separable_conv2d,
    separable_conv2d_backward,
)
from .distort import distort
from .dropout import dropout, dropout_backward, spatial_dropout2d, spatial_dropout2d_backward
from .group_norm import group_norm, group_norm_backward, layer_norm, layer_norm_backward
from .half_weights import half_weights
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    categorical_cross_entropy,
    categorical_cross_entropy_backward,
    categorical_hinge,
    categorical_hinge_backward,
    hinge,
    hinge_backward,
    huber,
    huber_backward,
    mean_absolute_error,
    mean_absolute_error_backward,
    mean_squared_error,
    mean_squared_error_backward,
    multiclass_hinge,
    multiclass_hinge_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    squared_hinge,
    squared_hinge_backward,
)
from .lrn import local_response_norm, local_response_norm_backward
from .maxout import maxout, maxout_backward
from .noise import gaussian_noise, gaussian_noise_backward
from .optimizers import adadelta, adagrad, adam, rmsprop, sdlm, sgd
from .pad2d import crop2d, crop2d_backward, zero_pad2d, zero_pad2d_backward
from .permute import permute, permute_backward
from .pool2d import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
    lp_pool2d,
    lp_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    soft_pool2d,
    soft_pool2d_backward,
)
from .prelu import prelu, prelu_backward
from .rbf import (
    rbf,
    rbf_backward,
    rbf_maximum_a_posteriori,
    rbf_maximum_a_posteriori_backward,
    rbf_mean_squared_error,
    rbf_mean_squared_error_backward,
)
from .rescale import rescale, rescale_backward
from .subsample2d import subsample2d, subsample2d_backward
from .upsample2d import upsample2d, upsample2d_backward

__all__ = [
    "adadelta", "adagrad", "adam",
    "adaptive_avg_pool2d", "adaptive_avg_pool2d_backward",
    "augment",
    "avg_pool2d", "avg_pool2d_backward",
    "batch_norm", "batch_norm_backward",
    "binary_cross_entropy", "binary_cross_entropy_backward",
    "categorical_cross_entropy", "categorical_cross_entropy_backward",
    "categorical_hinge", "categorical_hinge_backward",
    "conv2d", "conv2d_backward",
    "conv2d_transpose", "conv2d_transpose_backward",
    "crop2d", "crop2d_backward",
    "dense", "dense_backward",
    "depthwise_conv2d", "depthwise_conv2d_backward",
    "distort",
    "dropout", "dropout_backward",
    "elu", "elu_backward",
    "exponential", "exponential_backward",
    "gaussian_noise", "gaussian_noise_backward",
    "gelu", "gelu_backward",
    "global_avg_pool2d", "global_avg_pool2d_backward",
    "global_max_pool2d", "global_max_pool2d_backward",
    "group_norm", "group_norm_backward",
    "half_weights",
    "hard_sigmoid", "hard_sigmoid_backward",
    "hard_silu", "hard_silu_backward",
    "hinge", "hinge_backward",
    "huber", "huber_backward",
    "layer_norm", "layer_norm_backward",
    "leaky_relu", "leaky_relu_backward",
    "local_response_norm", "local_response_norm_backward",
    "log_softmax", "log_softmax_backward",
    "lp_pool2d", "lp_pool2d_backward",
    "max_pool2d", "max_pool2d_backward",
    "maxout", "maxout_backward",
    "mean_absolute_error", "mean_absolute_error_backward",
    "mean_squared_error", "mean_squared_error_backward",
    "multiclass_hinge", "multiclass_hinge_backward",
    "permute", "permute_backward",
    "prelu", "prelu_backward",
    "rbf", "rbf_backward",
    "rbf_maximum_a_posteriori", "rbf_maximum_a_posteriori_backward",
    "rbf_mean_squared_error", "rbf_mean_squared_error_backward",
    "relu", "relu_backward",
    "relu6", "relu6_backward",
    "rescale", "rescale_backward",
    "rmsprop",
    "scaled_tanh", "scaled_tanh_backward",
    "sdlm",
    "selu", "selu_backward",
    "separable_conv2d", "separable_conv2d_backward",
    "sgd",
    "sigmoid", "sigmoid_backward",
    "silu", "silu_backward",
    "soft_pool2d", "soft_pool2d_backward",
    "softmax", "softmax_backward",
    "softmax_cross_entropy", "softmax_cross_entropy_backward",
    "softplus", "softplus_backward",
    "softsign", "softsign_backward",
    "spatial_dropout2d", "spatial_dropout2d_backward",
    "squared_hinge", "squared_hinge_backward",
    "subsample2d", "subsample2d_backward",
    "tanh", "tanh_backward",
    "upsample2d", "upsample2d_backward",
    "zero_pad2d", "zero_pad2d_backward",
]  # fmt: skip
__dir__ = listing(__name__)
