"""What a model should predict, by fastcnn.reference in float64, layer by layer."""

import numpy as np

from benchmarks.jobs import WrongResult
from fastcnn import layers, reference


def logits(model, x, dtype=None):
    """The last layer's sums, before the softmax; with the kernels of dense layers rounded to `dtype`."""
    h = np.asarray(x, np.float64)
    for layer in model.layers:
        h = _layer(layer, h, layer is model.layers[-1], dtype)
    return h


def _layer(layer, x, is_last, dtype):
    config, w = layer.get_config(), [a.astype(np.float64) for a in layer.get_weights()]
    if isinstance(layer, layers.Conv2D):
        y = reference.conv2d(x, *w, **{k: config[k] for k in ("strides", "padding", "dilation_rate", "groups")})
    elif isinstance(layer, layers.Dense):
        y = reference.dense(x, w[0] if dtype is None else reference.half_weights(w[0], dtype), *w[1:])
    elif isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
        pool = reference.max_pool2d if isinstance(layer, layers.MaxPooling2D) else reference.avg_pool2d
        return pool(x, **{k: config[k] for k in ("pool_size", "strides", "padding", "ceil_mode")})
    elif isinstance(layer, layers.LocalResponseNormalization):
        names = ("size", "alpha", "beta", "k", "alpha_mode", "mode", "groups")
        return reference.local_response_norm(x, **{k: config[k] for k in names})
    elif isinstance(layer, layers.Flatten):
        return x.reshape(len(x), -1)
    elif isinstance(layer, layers.Dropout):
        return x
    else:
        raise TypeError(f"no reference for this layer. Received: {type(layer).__name__}")
    name = config["activation"]
    return y if name == "linear" or is_last and name == "softmax" else getattr(reference, name)(y)


def check_predictions(found, expected, what, bound=1e-4):
    """Are probabilities the same, and does that say anything: do they differ from class to class and image to image?"""
    largest = np.abs(expected).max()
    by_class, by_image = np.ptp(expected, axis=1).min(), np.ptp(expected, axis=0).max()
    if not by_class > 0.01 * largest or len(expected) > 1 and not by_image > 0.01 * largest:
        raise WrongResult(f"{what}: predictions that are all alike cannot be compared")
    error = np.abs(np.asarray(found, np.float64) - expected).max() / largest
    if not error < bound:
        raise WrongResult(f"{what}: predictions differ by {error:.1e} of the largest")
