"""What plots need to know of a network: the outputs of its layers, and gradients, without changing it."""

import numpy as np

from fastcnn import arguments
from fastcnn.layers.base import Layer
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.losses.base import Loss

_SHAPING = ("Flatten", "Reshape")  # layers whose output is their input
_SQUASHING = ("softmax", "log_softmax", "sigmoid", "hard_sigmoid")


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
        ValueError: samples of another shape, or none.
    """
    from fastcnn.batches import data

    x = data.dense(model._samples("x", x))
    if not len(x):
        raise ValueError("x must hold at least one sample. Received: 0 samples")
    return x


def one_sample(model, x):
    """A batch of one, from a sample or such a batch."""
    x, size = arguments.array("x", x), model.input_shape[1:]
    x = samples(model, x[None] if x.shape == size or size[-1] == 1 and x.shape == size[:-1] else x)
    if len(x) != 1:
        raise ValueError(f"x must be one sample. Received: {len(x)} samples")
    return x


def outputs(model, x):
    """[(layer, its output)] for a batch as `samples` returns it, channels last, computed as in prediction."""
    from fastcnn.engine.eager import Eager

    found = []
    for layer in model.layers:
        x = Eager(layer)(x)
        found.append((layer, x))
    return found


class Probe(Layer):
    """Lets everything through and keeps it: outputs on the way up, gradients on the way down."""

    def build(self, shape):
        self.kept = self.gradient = None
        self.add_weight("unused", (1,), "zeros")  # a layer that learns is reached by gradients

    def forward(self, x, training=False):
        """x."""
        self.kept = x.copy()
        return x

    def backward(self, dy):
        """dy."""
        self.parameters[0].gradient[...] = 0
        self.gradient = dy.copy()
        return dy


class GivenNormalization(BatchNormalization):
    """Batch normalization by its moving averages, as the layer predicts, but with gradients of gamma and beta."""

    def nodes(self):
        return None

    training_nodes = nodes

    def forward(self, x, training=False):
        """gamma · (x − moving mean) / √(moving variance + epsilon) + beta."""
        self.inverse = 1 / np.sqrt(self.moving_variance.value + np.float32(self.epsilon))
        self.x = (x - self.moving_mean.value) * self.inverse
        y = self.x if self.gamma is None else self.x * self.gamma.value
        return y if self.beta is None else y + self.beta.value

    def backward(self, dy):
        """gamma / √(moving variance + epsilon) · dy."""
        axes = tuple(range(dy.ndim - 1))
        if self.beta is not None:
            self.beta.gradient[...] = dy.sum(axis=axes)
        if self.gamma is None:
            return dy * self.inverse
        self.gamma.gradient[...] = (dy * self.x).sum(axis=axes)
        return dy * (self.gamma.value * self.inverse)


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
    """The gradients of a loss in all layers, by a copy of the network that takes one step.

    Dropout and the like are left out of it, and penalties on weights, so that gradients are those of the network as it
    predicts.

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
        from fastcnn import optimizers
        from fastcnn.model.sequential import Sequential

        layers = [layer for layer in model.layers if not layer.training_only]
        twins = _twins(layers, scores)
        probes = [Probe(name=f"probe {i}") for i in range(len(twins))]
        chain = [layer for pair in zip(probes, twins) for layer in pair]
        twin = Sequential(chain, name=model.name, seed=0)
        twin.build(model.input_shape)
        for layer, copy in zip(layers, twins):
            copy.set_weights(layer.get_weights())
            for parameter in copy.parameters:
                parameter.regularizer = None  # a penalty's gradient would hide that of the predictions
        # With a learning rate of 1 the velocity of the first step is the gradient, negated.
        twin.compile(optimizers.SGD(1.0, momentum=0.5), loss)
        self.loss = twin.train_on_batch(x, y)
        count = len(x)
        self.input = count * probes[0].gradient
        self.outputs = {layer.name: count * probe.gradient for layer, probe in zip(layers, probes[1:])}
        self.parameters = {
            layer.name: {p.name: -twin._flat.states_of(p)[0] for p in copy.parameters if p.trainable}
            for layer, copy in zip(layers, twins) if copy.parameters and layer.trainable}


def _twins(layers, scores):
    """Copies of layers, of the same configuration but for what changes no gradient."""
    from fastcnn.layers.building import layer_from_config
    from fastcnn.registry import custom_objects

    twins = []
    with custom_objects({type(layer).__name__: type(layer) for layer in layers if _is_custom(layer)}):
        for i, layer in enumerate(layers):
            config = {key: value for key, value in layer.get_config().items()
                      if key not in ("input_shape", "learning_rate_multiplier", "weight_decay_multiplier")}
            if scores and i == len(layers) - 1:
                if getattr(layer, "activation", ("",))[0] in _SQUASHING:
                    if not layer.parameters:
                        continue
                    config["activation"] = None
            if isinstance(layer, BatchNormalization):
                twins.append(GivenNormalization.from_config(config))
                continue
            try:
                twins.append(layer_from_config({"class_name": type(layer).__name__, "config": config}))
            except TypeError as error:
                raise TypeError(f"layer {layer.name!r} cannot be copied; its class must name its constructor's arguments in "
                                f"`config`. Received: {error}") from None
    return twins


def _is_custom(layer):
    from fastcnn import layers

    return getattr(layers, type(layer).__name__, None) is not type(layer)
