"""What converts a network for LiteRT: of "steps" in the folder where it runs, a pickle of (the input's shape, what
`translation.steps` have), it makes "model.tflite", through a TensorFlow function; channels last, in float32.

It is a process of its own, since TensorFlow and torch in one crash; so Keras, which TensorFlow imports, must be on
TensorFlow here.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pickle  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

_LEAST = float(np.finfo(np.float32).min)  # what pads a maximum
_PLAIN = {"relu": tf.nn.relu, "tanh": tf.tanh, "sigmoid": tf.sigmoid, "softmax": tf.nn.softmax, "add": lambda *x: tf.add(*x),
          "concat": lambda *x: tf.concat(x, 3), "global_pool": lambda x: tf.reduce_mean(x, (1, 2)), "dropout": lambda x: x}


def converted(shape, steps):
    """The bytes of a model for LiteRT."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(shape, tf.float32)])
    def predict(x):
        values, images = {-1: x}, {}  # images: the shapes of those that values were flattened from
        for i, step in enumerate(steps):
            taken = [values[place] for place in step.inputs]
            if step.kind == "flatten":
                values[i], images[i] = tf.reshape(taken[0], (shape[0], -1)), taken[0].shape[1:]
                continue
            image = images.get(step.inputs[0])
            values[i] = _dense(step, taken[0], image) if step.kind == "dense" else _value(step, *taken)
            if image is not None and step.kind != "dense":
                images[i] = image
        return values[len(steps) - 1]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], predict)
    return converter.convert()


def _dense(step, x, image):
    """Weights come in the order of (channels, height, width) where an image was flattened."""
    kernel = step.weights[0].T
    if image is not None:
        height, width, channels = image
        kernel = kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)
    return _biased(tf.matmul(x, np.ascontiguousarray(kernel)), step.weights)


def _value(step, *taken):
    options, x = step.options, taken[0]
    if step.kind == "conv":
        x = _padded(x, options["padding"], (0, 0), 0.0)
        kernel = np.ascontiguousarray(step.weights[0].transpose(2, 3, 1, 0))
        return _biased(tf.nn.conv2d(x, kernel, options["strides"], "VALID", dilations=options["dilation"]), step.weights)
    if step.kind in ("max_pool", "avg_pool"):
        behind = [options["ceil_mode"] * _missing(*sizes)
                  for sizes in zip(x.shape[1:3], options["size"], options["strides"], options["padding"])]
        if step.kind == "avg_pool" and any((*behind, *options["padding"])):
            raise NotImplementedError("LiteRT has no average of windows that reach out of the image")
        x = _padded(x, options["padding"], behind, _LEAST)
        pool = tf.nn.max_pool2d if step.kind == "max_pool" else tf.nn.avg_pool2d
        return pool(x, options["size"], options["strides"], "VALID")
    if step.kind == "batch_norm":
        (gamma, beta), (mean, variance) = step.weights, step.statistics
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, options["epsilon"])
    if step.kind == "lrn":
        size, alpha = options["size"], options["divided_alpha"]
        return tf.nn.local_response_normalization(x, size // 2, options["k"], alpha / size, options["beta"])
    if step.kind not in _PLAIN:
        raise NotImplementedError(f"LiteRT has no {step.kind} like that")
    return _PLAIN[step.kind](*taken)


def _biased(x, weights):
    return tf.nn.bias_add(x, weights[1]) if len(weights) > 1 else x


def _missing(size, window, stride, padding):
    """Pixels that the last window lacks behind an image whose number of windows is rounded up."""
    return -(size + 2 * padding - window) % stride


def _padded(x, sides, behind, value):
    pads = [(0, 0), *((side, side + more) for side, more in zip(sides, behind)), (0, 0)]
    return tf.pad(x, pads, constant_values=value) if np.any(pads) else x


if __name__ == "__main__":
    given, found = pickle.loads(Path("steps").read_bytes())
    Path("model.tflite").write_bytes(converted(given, [SimpleNamespace(**step) for step in found]))
