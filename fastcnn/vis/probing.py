"""What plots need to know of a network: the outputs of its layers, and gradients, without changing it."""

import numpy as np

from fastcnn import arguments
from fastcnn.batches import data
from fastcnn.engine.network import unsquashed
from fastcnn.losses.base import Loss

_SHAPING = ("Flatten", "InputLayer", "Reshape")  # layers whose output is their input


def chosen(model, layers):
    """Names of the layers to show: the given ones, or all that compute something when predicting."""
    if layers is None:
        return [layer.name for layer in model.layers if not layer.training_only and type(layer).__name__ not in _SHAPING]
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("layers must hold at least one name. Received: none")
    return [model.get_layer(name).name for name in names]


def samples(model, x):
    """A batch as the layers see it: float32, channels last.

    Raises:
        ValueError: samples of another shape, or none; a model of several inputs.
    """
    if len(model.inputs) != 1:
        raise ValueError(f"plots are of models with one input. Received: inputs {', '.join(model.input_names)}")
    (x,) = model._samples("x", x)
    x = data.dense(x)
    if not len(x):
        raise ValueError("x must hold at least one sample. Received: 0 samples")
    return x


def as_given(model, x):
    """Samples as the model takes them."""
    return x.transpose(0, 3, 1, 2) if model.first and x.ndim == 4 else x


def one_sample(model, x):
    """A batch of one, from a sample or such a batch."""
    x, size = arguments.array("x", x), model.input_shape[1:]
    x = samples(model, x[None] if x.shape == size or size[-1] == 1 and x.shape == size[:-1] else x)
    if len(x) != 1:
        raise ValueError(f"x must be one sample. Received: {len(x)} samples")
    return x


def outputs(model, x):
    """[(layer, its output)] for a batch as `samples` returns it, channels last, computed as in prediction."""
    found = model._passed(as_given(model, x), _used(model)).outputs
    return [(model.get_layer(name), y) for name, y in found.items()]


def _used(model):
    """Names of the layers that give values."""
    return [layer.name for layer in model.layers if model.graph.given_by(layer)]


class Score(Loss):
    """One output of each sample, whose gradient is asked for."""

    name = "score"

    def prepare(self, y, output_size):
        return np.asarray(y, np.int32), True

    def forward(self, y_true, y_pred):
        return y_pred[np.arange(len(y_pred)), y_true]

    def backward(self, y_true, y_pred):
        dy = np.zeros_like(y_pred)
        dy[np.arange(len(y_pred)), y_true] = 1
        return dy


class Gradients:
    """The gradients of a loss in all layers, of the network as it predicts: dropout and the like are left out, and penalties
    on weights.

    Args:
        model: built.
        x, y: a batch and its targets.
        loss: whose mean over the batch is derived.
        scores: without the softmax at the end, or whatever squashes the outputs?

    Attributes:
        outputs: {layer's name: gradient of each sample's loss with respect to the layer's output}; the last layer is not
            among them; input: the same of x; all (samples, …), channels last.
        parameters: {layer's name: {parameter's name: gradient of the mean loss}}, of layers that learn.
        loss: the mean.
    """

    def __init__(self, model, x, y, loss, scores=False):
        self.loss, found, _ = model._passed(x, (), y, loss, ["weights", "inputs", *_used(model)],
                                            unsquashed if scores else None)
        count, last = len(x), {symbol.layer.name for symbol in model.outputs}
        self.input = count * found[model.input_names[0]]
        self.outputs = {layer.name: count * found[layer.name] for layer in model.layers
                        if layer.name in found and not layer.training_only and layer.name not in last}
        self.parameters = {}
        for name, layer in model._named_layers():
            own = {p.name: found[f"{name}/{p.name}"] for p in layer.parameters if f"{name}/{p.name}" in found}
            if own:
                self.parameters[name] = own
