"""Second derivatives of a loss along each value and weight, by Gauss and Newton, carried backwards layer by layer.

`<op>_curvature(h, …)` takes h = ∂²L/∂y² of each output, and then the arguments of the forward pass; it returns ∂²L/∂x² and
those of the weights, as `<op>_backward` does for first derivatives. Derivatives across two outputs are left out (only the
diagonal is carried), and so is the curvature of squashing functions, which may be negative. A weight that is used in
several places has the sum over them. Images are NHWC. `<loss>_curvature` begins: it takes the weight of each sample.

Source: LeCun, Bottou, Bengio, Haffner 1998, appendix C; Becker, LeCun 1989.
"""

import numpy as np

from . import activations
from .arrays import as_float64, as_gradient
from .conv2d import conv2d_backward
from .dense import dense_backward
from .losses import EPSILON, sigmoid, softmax
from .pool2d import _counts, _prepare, avg_pool2d_backward, max_pool2d_backward
from .rbf import _differences, posteriors
from .subsample2d import subsample2d, subsample2d_backward


def conv2d_curvature(h, x, kernel, bias=None, **options):
    """h_x = Σ kernel² · h, h_kernel = Σ x² · h, h_bias = Σ h, over the places that a weight is used at."""
    return conv2d_backward(h, as_float64(x) ** 2, as_float64(kernel) ** 2, bias, **options)


def dense_curvature(h, x, kernel, bias=None):
    """h_x = Σ kernel² · h, h_kernel = Σ x² · h, h_bias = Σ h."""
    return dense_backward(h, as_float64(x) ** 2, as_float64(kernel) ** 2, bias)


def subsample2d_curvature(h, x, coefficient, bias=None, **options):
    """h_x = coefficient² · h, h_coefficient = Σ (the window's sum)² · h, h_bias = Σ h."""
    coefficient = as_float64(coefficient)
    gradients = subsample2d_backward(h, x, coefficient**2, bias, **options)
    sums = subsample2d(x, np.ones(coefficient.shape), **options)
    return gradients[0], (as_float64(h) * sums**2).sum(axis=(0, 1, 2)), *gradients[2:]


def max_pool2d_curvature(h, x, **options):
    """To the maximum of each window."""
    return max_pool2d_backward(h, x, **options)


def avg_pool2d_curvature(h, x, pool_size, strides=None, padding="valid", ceil_mode=False, count_include_pad=False,
                         dilation_rate=1):
    """1/n² of it to each of a window's n values."""
    options = {"strides": strides, "padding": padding, "ceil_mode": ceil_mode, "dilation_rate": dilation_rate}
    axes = _prepare(x, pool_size, strides, padding, ceil_mode, "channels_last", dilation_rate)[1]
    h = as_float64(h) / _counts(axes, count_include_pad)
    return avg_pool2d_backward(h, x, pool_size, count_include_pad=count_include_pad, **options)


def activation_curvature(h, x, name, **options):
    """f′(x)² · h, of the activation called `name`."""
    slope = getattr(activations, f"{name}_backward")(np.ones(np.shape(x)), x, **options)
    return slope**2 * as_gradient(h, np.shape(x))


def rbf_curvature(h, dy, x, prototypes):
    """(h_x, h_prototypes) of squared distances, whose own second derivative 2 counts too, times the loss' first, dy = ∂L/∂y.

        h_x[n,j] = Σ_i 4·(x[n,j] − prototypes[i,j])²·h[n,i] + 2·max(0, Σ_i dy[n,i])
        h_prototypes[i,j] = Σ_n 4·(x[n,j] − prototypes[i,j])²·h[n,i] + 2·max(0, dy[n,i])
    """
    d = _differences(x, prototypes)
    h, dy = as_gradient(h, d.shape[:2]), as_gradient(dy, d.shape[:2])
    terms = 4.0 * h[:, :, None] * d**2
    own = 2.0 * np.maximum(0.0, dy.sum(axis=1))[:, None], 2.0 * np.maximum(0.0, dy).sum(axis=0)[:, None]
    return terms.sum(axis=1) + own[0], terms.sum(axis=0) + own[1]


def rbf_mean_squared_error_curvature(weight, x, target):
    """0: the loss is a distance itself."""
    return np.zeros(np.shape(x))


def rbf_maximum_a_posteriori_curvature(weight, x, target, j=0.1):
    """p·(1 − p), p as in the gradient."""
    p = posteriors(as_float64(x), j)
    return as_gradient(weight, p.shape[:1])[:, None] * p * (1.0 - p)


def softmax_cross_entropy_curvature(weight, x, target):
    """p·(1 − p)·Σt, p = softmax(x); Σt is 1 for labels."""
    p, target = softmax(x), np.asarray(target)
    total = 1.0 if target.ndim == 1 else as_float64(target).sum(axis=1, keepdims=True)
    return as_gradient(weight, p.shape[:1])[:, None] * p * (1.0 - p) * total


def mean_squared_error_curvature(weight, x, target):
    """2 / M of the M outputs."""
    x = as_float64(x)
    return np.broadcast_to(2.0 / x.shape[1] * as_gradient(weight, x.shape[:1])[:, None], x.shape)


def binary_cross_entropy_curvature(weight, x, target, from_logits=False):
    """p·(1 − p)/M from logits; else (t/p² + (1 − t)/(1 − p)²)/M, 0 where p is clipped."""
    x, t = as_float64(x), as_float64(target)
    weight = as_gradient(weight, x.shape[:1])[:, None] / x.shape[1]
    if from_logits:
        return weight * sigmoid(x) * (1.0 - sigmoid(x))
    inside = (x > EPSILON) & (x < 1.0 - EPSILON)
    p = np.where(inside, x, 0.5)
    return weight * np.where(inside, t / p**2 + (1.0 - t) / (1.0 - p) ** 2, 0.0)
