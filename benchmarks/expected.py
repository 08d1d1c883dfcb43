"""What a model should predict, by fastcnn.reference in float64, layer by layer."""

import numpy as np

from benchmarks.jobs import WrongResult
from fastcnn import layers, reference


def logits(model, x, dtype=None, training=False):
    """The last layer's sums, before the softmax.

    Args:
        dtype: the kernels of dense layers are rounded to it.
        training: normalizations take the batch's statistics.
    """
    graph = model.graph
    values = {id(graph.inputs[0]): np.asarray(x, np.float64)}
    for call in graph.order:
        is_last = call is graph.order[-1]
        y = _layer(call.layer, [values[id(symbol)] for symbol in call.inputs], is_last, dtype, training)
        values.update({id(symbol): y for symbol in graph.given_by(call.layer)})
    return y


def _layer(layer, xs, is_last, dtype, training):
    x, config, w = xs[0], layer.get_config(), [a.astype(np.float64) for a in layer.get_weights()]
    if isinstance(layer, layers.Conv2D):
        y = reference.conv2d(x, *w, **{k: config[k] for k in ("strides", "padding", "dilation_rate", "groups")})
    elif isinstance(layer, layers.Dense):
        y = reference.dense(x, w[0] if dtype is None else reference.half_weights(w[0], dtype), *w[1:])
    elif isinstance(layer, layers.BatchNormalization):
        return reference.batch_norm(x, *w[:2], *([None, None] if training else w[2:]), layer.epsilon)
    elif isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
        pool = reference.max_pool2d if isinstance(layer, layers.MaxPooling2D) else reference.avg_pool2d
        return pool(x, **{k: config[k] for k in ("pool_size", "strides", "padding", "ceil_mode")})
    elif isinstance(layer, layers.GlobalAveragePooling2D):
        return reference.global_avg_pool2d(x)
    elif isinstance(layer, layers.LocalResponseNormalization):
        names = ("size", "alpha", "beta", "k", "alpha_mode", "mode", "groups")
        return reference.local_response_norm(x, **{k: config[k] for k in names})
    elif isinstance(layer, layers.Flatten):
        return x.reshape(len(x), -1)
    elif isinstance(layer, layers.Dropout):
        return x
    elif isinstance(layer, layers.Add):
        return sum(xs)
    elif isinstance(layer, layers.Concatenate):
        return np.concatenate(xs, -1)
    elif isinstance(layer, layers.Activation):
        y = x
    else:
        raise TypeError(f"no reference for this layer. Received: {type(layer).__name__}")
    name = layer.activation[0]
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
