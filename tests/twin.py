"""A model's twin in float64, written from `fastcnn.reference`: predictions, losses and the optimizers' steps."""

from inspect import signature

import numpy as np

from fastcnn import reference as ref
from fastcnn.layers import Layer
from fastcnn.losses import Loss
from fastcnn.reference.windows import pad, sliding_axes, taps

_CONSTANT = {"leaky_relu": "negative_slope", "elu": "alpha", "hard_sigmoid": "slope"}
_KINKS = {"relu": (0,), "leaky_relu": (0,), "elu": (0,), "selu": (0,), "relu6": (0, 6), "hard_silu": (-3, 3)}


class Affine(Layer):
    """A layer in NumPy: tanh(x)·factor + shift, per channel. It keeps views, as the docs' example."""

    def build(self, shape):
        self.factor = self.add_weight("factor", shape[-1:], "ones")
        self.shift = self.add_weight("shift", shape[-1:], "zeros")

    def forward(self, x, training=False):
        self.x = x
        return np.tanh(x) * self.factor.value + self.shift.value

    def backward(self, dy):
        axes, y = tuple(range(dy.ndim - 1)), np.tanh(self.x)
        self.factor.gradient[...] = (dy * y).sum(axis=axes)
        self.shift.gradient[...] = dy.sum(axis=axes)
        return dy * self.factor.value * (1 - y * y)


class Halved(Layer):
    """A layer in NumPy without parameters: x / 2."""

    def forward(self, x, training=False):
        return x / 2

    def backward(self, dy):
        return dy / 2


class Distance(Loss):
    """A loss in NumPy: the squared distance."""

    def forward(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).sum(axis=1)

    def backward(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


class Doubled(Layer):
    """A layer in NumPy without parameters: each value x and √(1 + x²), twice the channels."""

    def build(self, shape):
        self.output_size = (*shape[:-1], 2 * shape[-1])

    def forward(self, x, training=False):
        self.x = x
        return np.concatenate([x, np.sqrt(1 + x * x)], axis=-1)

    def backward(self, dy):
        channels = self.x.shape[-1]
        return dy[..., :channels] + dy[..., channels:] * self.x / np.sqrt(1 + self.x * self.x)


def _affine(layer, x, factor, shift):
    axes, y = tuple(range(x.ndim - 1)), np.tanh(x)
    return y * factor + shift, lambda dy: (
        dy * factor * (1 - y * y),
        (dy * y).sum(axis=axes),
        dy.sum(axis=axes),
    )


def _doubled(layer, x):
    root, c = np.sqrt(1 + x * x), x.shape[-1]
    return np.concatenate([x, root], axis=-1), lambda dy: (dy[..., :c] + dy[..., c:] * x / root,)


def _conv2d(layer, x, kernel, *bias):
    options = {name: getattr(layer, name)
               for name in ("strides", "padding", "dilation_rate", "groups", "connection_table")}
    return ref.conv2d(x, kernel, *bias, **options), lambda dy: ref.conv2d_backward(
        dy, x, kernel, *bias, **options
    )


def _filtered(op, *names):
    """An operation with kernels, and options that are attributes of the layer."""

    def run(layer, x, *weights):
        options = {name: getattr(layer, name) for name in names}
        return getattr(ref, op)(x, *weights, **options), lambda dy: getattr(ref, f"{op}_backward")(
            dy, x, *weights, **options
        )

    return run


def _dense(layer, x, kernel, *bias):
    return ref.dense(x, kernel, *bias), lambda dy: ref.dense_backward(dy, x, kernel, *bias)


def _subsample2d(layer, x, coefficient, *bias):
    options = {name: getattr(layer, name) for name in ("pool_size", "strides", "padding")}
    return ref.subsample2d(x, coefficient, *bias, **options), lambda dy: ref.subsample2d_backward(
        dy, x, coefficient, *bias, **options
    )


def _rbf(layer, x, prototypes):
    return ref.rbf(x, prototypes), lambda dy: ref.rbf_backward(dy, x, prototypes)


def _pool(kind, *names):
    def run(layer, x):
        options = {name: getattr(layer, name) for name in names}
        forward, backward = getattr(ref, f"{kind}_pool2d"), getattr(ref, f"{kind}_pool2d_backward")
        return forward(x, **options), lambda dy: (backward(dy, x, **options),)

    return run


def _adaptive(layer, x):
    backward = ref.adaptive_avg_pool2d_backward
    return ref.adaptive_avg_pool2d(x, layer.windows), lambda dy: (backward(dy, x, layer.windows),)


def _global_pool(kind):
    forward, backward = getattr(ref, f"global_{kind}_pool2d"), getattr(ref, f"global_{kind}_pool2d_backward")

    def run(layer, x):
        y = forward(x)
        return y.reshape(len(x), *layer.output_size), lambda dy: (backward(dy.reshape(y.shape), x),)

    return run


def _named(op, *names):
    """An operation whose options are attributes of the layer."""

    def run(layer, x):
        options = {name: getattr(layer, name) for name in names}
        return getattr(ref, op)(x, **options), lambda dy: (getattr(ref, f"{op}_backward")(dy, x, **options),)

    return run


def _reshape(layer, x):
    return x.reshape(len(x), *layer.output_size), lambda dy: (dy.reshape(x.shape),)


def _lrn(layer, x):
    options = {name: getattr(layer, name) for name in ("size", "alpha", "beta", "k", "alpha_mode", "mode", "groups")}
    return (
        ref.local_response_norm(x, **options),
        lambda dy: (ref.local_response_norm_backward(dy, x, **options),),
    )


def _batch_norm(layer, x, *weights, training=False):
    given = dict(zip([p.name for p in layer.parameters], weights))
    options = {"gamma": given.get("gamma"), "beta": given.get("beta"), "epsilon": layer.epsilon}
    if not training or not layer.trainable:
        options.update(mean=given["moving_mean"], variance=given["moving_variance"])

    def backward(dy):
        gradients = ref.batch_norm_backward(dy, x, **options)
        return gradients if isinstance(gradients, tuple) else (gradients,)

    return ref.batch_norm(x, **options), backward


def _own_norm(layer, x, *weights):
    """Of each sample by its own moments."""
    given = dict(zip([p.name for p in layer.parameters], weights))
    if type(layer).__name__ == "GroupNormalization":
        forward, backward, options = ref.group_norm, ref.group_norm_backward, {"groups": layer.groups}
    else:
        axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)
        forward, backward, options = ref.layer_norm, ref.layer_norm_backward, {"axis": axis}
    options |= given | {"epsilon": layer.epsilon}

    def back(dy):
        gradients = backward(dy, x, **options)
        return gradients if isinstance(gradients, tuple) else (gradients,)

    return forward(x, **options), back


def _moved(layer, x, mean, variance):
    """The moving averages after a batch."""
    axes, m = tuple(range(x.ndim - 1)), layer.momentum
    return m * mean + (1 - m) * x.mean(axis=axes), m * variance + (1 - m) * x.var(axis=axes)


def _prelu(layer, x, alpha):
    return ref.prelu(x, alpha), lambda dy: ref.prelu_backward(dy, x, alpha)


def _maxout(layer, x):
    return ref.maxout(x, layer.group_size), lambda dy: (ref.maxout_backward(dy, x, layer.group_size),)


def _normalization(layer, x):
    mean, deviation = np.asarray(layer.mean), np.maximum(np.sqrt(layer.variance), 1e-7)
    scale, offset, mean = (deviation, mean, 0.0) if layer.invert else (1 / deviation, 0.0, mean)
    return (x - mean) * scale + offset, lambda dy: (dy * scale,)


_RANDOM = {  # layers that do something while training only, from seed and step
    "Dropout": ("dropout", "rate"),
    "SpatialDropout2D": ("spatial_dropout2d", "rate"),
    "GaussianNoise": ("gaussian_noise", "stddev"),
}
_WINDOW = ("pool_size", "strides", "padding", "ceil_mode")
_RUN = {
    "Conv2D": _conv2d,
    "DepthwiseConv2D": _filtered("depthwise_conv2d", "strides", "padding", "dilation_rate"),
    "Conv2DTranspose": _filtered("conv2d_transpose", "strides", "padding", "output_padding", "dilation_rate", "groups"),
    "SeparableConv2D": _filtered("separable_conv2d", "strides", "padding", "dilation_rate"),
    "Dense": _dense,
    "RBF": _rbf,
    "Subsampling2D": _subsample2d,
    "LocalResponseNormalization": _lrn,
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _own_norm,
    "LayerNormalization": _own_norm,
    "PReLU": _prelu,
    "Maxout": _maxout,
    "Affine": _affine,
    "Doubled": _doubled,
    "MaxPooling2D": _pool("max", *_WINDOW),
    "AveragePooling2D": _pool("avg", *_WINDOW, "count_include_pad"),
    "SoftPooling2D": _pool("soft", *_WINDOW),
    "LpPooling2D": _pool("lp", *_WINDOW, "p"),
    "AdaptiveAveragePooling2D": _adaptive,
    "GlobalMaxPooling2D": _global_pool("max"),
    "GlobalAveragePooling2D": _global_pool("avg"),
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Permute": _named("permute", "dims"),
    "ZeroPadding2D": _named("zero_pad2d", "padding"),
    "Cropping2D": _named("crop2d", "cropping"),
    "Rescaling": _named("rescale", "scale", "offset"),
    "Normalization": _normalization,
    "UpSampling2D": _named("upsample2d", "size", "interpolation"),
}


def run_layer(layer, x, weights=(), training=False, step=0):
    """(y, backward) of one layer; backward(dy) is (dx, *gradients of the weights)."""
    x, steps = np.asarray(x, np.float64), []
    kind = type(layer).__name__
    if kind in _RANDOM:
        if training:
            op, constant = _RANDOM[kind]
            options = {constant: getattr(layer, constant), "seed": layer.seed, "step": step}
            return getattr(ref, op)(x, **options), lambda dy: (getattr(ref, f"{op}_backward")(dy, x, **options),)
        return x, lambda dy: (dy,)
    if kind in _RUN:
        options = {"training": training} if kind == "BatchNormalization" else {}
        x, back = _RUN[kind](layer, x, *weights, **options)
        steps.append(back)
    name, constant = getattr(layer, "activation", ("linear", 0.0))
    if name == "linear":
        return x, steps[0] if steps else lambda dy: (dy,)
    options = {_CONSTANT[name]: constant} if name in _CONSTANT else {}
    forward, backward = getattr(ref, name), getattr(ref, f"{name}_backward")

    def both(dy):
        dx = backward(dy, x, **options)
        return steps[0](dx) if steps else (dx,)

    return forward(x, **options), both


def loss_functions(loss):
    """(forward, backward) of a loss of fastcnn's in float64; both take (y, target)."""
    names, options = loss.function, loss.constants
    forward, backward = getattr(ref, names), getattr(ref, f"{names}_backward")
    return (lambda y, t: forward(y, t, **options)), (lambda dy, y, t: backward(dy, y, t, **options))


def kept(optimizer):
    """How many arrays its reference takes and gives beside the parameters."""
    names = list(signature(getattr(ref, optimizer.kind)).parameters)
    return len([name for name in names[2 : names.index("learning_rate")] if name != "step"])


def stepped(optimizer, w, g, states, rate, step, decay):
    """(w, *states) after step number `step`, by the optimizer's reference; decay: coupled."""
    names = signature(getattr(ref, optimizer.kind)).parameters
    own = {name: getattr(optimizer, name) for name in optimizer.config if name in names}
    states = [np.full(w.shape, optimizer.initial) if a is None and optimizer.initial else a for a in states]
    own |= {"learning_rate": rate, "weight_decay": decay} | ({"step": step} if "step" in names else {})
    return getattr(ref, optimizer.kind)(w, g, *states, **own)


def clipped(optimizer, gradients):
    """The gradients of the parameters within the optimizer's bounds."""
    if optimizer.clipvalue is not None:
        return [np.clip(g, -optimizer.clipvalue, optimizer.clipvalue) for g in gradients]
    norms = [np.sqrt((g**2).sum()) for g in gradients]
    if optimizer.clipnorm is not None:
        return [g * min(1, optimizer.clipnorm / norm) if norm else g for g, norm in zip(gradients, norms)]
    if optimizer.global_clipnorm is not None:
        norm = np.linalg.norm(norms)
        return [g * min(1, optimizer.global_clipnorm / norm) if norm else g for g in gradients]
    return gradients


def constrained(constraint, w):
    """w within the bounds of a constraint."""
    kind, c = type(constraint).__name__, constraint
    if kind == "NonNeg":
        return np.maximum(w, 0)
    norm = np.sqrt((w**2).sum(axis=tuple(np.atleast_1d(c.axis)), keepdims=True))
    if kind == "UnitNorm":
        return w / norm
    if kind == "MaxNorm":
        return w * np.minimum(1, c.max_value / norm)
    return w * (c.rate * norm.clip(c.min_value, c.max_value) + (1 - c.rate) * norm) / norm


class Twin:
    """The same weights, trained by the formulas. Layers with random numbers need a seed of their own."""

    def __init__(self, model):
        self.layers, self.loss, self.optimizer = model.layers, model.loss, model.optimizer
        self.weights = [[w.astype(np.float64) for w in layer.get_weights()] for layer in model.layers]
        nothing = [None] * kept(model.optimizer) if model.optimizer else []
        self.states = [[nothing for _ in weights] for weights in self.weights]
        self.iterations = 0

    def forward(self, x, training=False):
        """(output, each layer's input, each layer's backward)."""
        inputs, backwards = [], []
        for layer, weights in zip(self.layers, self.weights):
            inputs.append(x)
            x, backward = run_layer(layer, x, weights, training, self.iterations)
            backwards.append(backward)
        return x, inputs, backwards

    def predict(self, x):
        return self.forward(x)[0]

    def gradients(self, x, target, sample_weight=None):
        """(weighted mean loss, gradients of the weights by layer)."""
        y, inputs, backwards = self.forward(x, True)
        self.moved = {i: _moved(layer, inputs[i], *self.weights[i][-2:]) for i, layer in enumerate(self.layers)
                      if type(layer).__name__ == "BatchNormalization" and layer.trainable}
        forward, backward = loss_functions(self.loss)
        weight = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        dy, gradients = backward(weight / len(x), y, target), []
        for back in reversed(backwards):
            dy, *gradient = back(dy)
            gradients.insert(0, gradient)
        return float((forward(y, target) * weight).mean()) + self.penalize(gradients), gradients

    def penalize(self, gradients):
        """The penalties of the trainable weights; their slopes are added to the gradients."""
        total = 0.0
        for layer, weights, grads in zip(self.layers, self.weights, gradients):
            # moving averages have no gradient
            learned = zip(layer.parameters, weights, list(grads)) if layer.trainable else ()
            for i, (parameter, w, g) in enumerate(learned):
                l1, l2 = parameter.penalty
                total += l1 * np.abs(w).sum() + l2 * (w**2).sum()
                grads[i] = g + l1 * np.sign(w) + 2 * l2 * w
        return total

    def step(self, x, target, sample_weight=None):
        """One step of the optimizer; returns the loss before it."""
        loss, gradients = self.gradients(x, target, sample_weight)
        o = self.optimizer
        rate = o.schedule(self.iterations) if o.schedule is not None else o.learning_rate
        places = [(n, i) for n, grads in enumerate(gradients) if self.layers[n].trainable for i in range(len(grads))]
        for (n, i), g in zip(places, clipped(o, [gradients[n][i] for n, i in places])):
            parameter, w = self.layers[n].parameters[i], self.weights[n][i]
            own, decay = rate * parameter.learning_rate_multiplier, o.weight_decay * parameter.weight_decay_multiplier
            w = w * (1 - own * decay) if o.decoupled else w
            coupled = 0.0 if o.decoupled else decay
            w, *self.states[n][i] = stepped(o, w, g, self.states[n][i], own, self.iterations + 1, coupled)
            self.weights[n][i] = w if parameter.constraint is None else constrained(parameter.constraint, w)
        for i, moved in self.moved.items():
            self.weights[i][-2:] = moved
        self.iterations += 1
        return loss

    def margin(self, x):
        """How far the batch is from a kink: an activation's 0, a tie of maxima, where rounding decides."""
        _, inputs, _ = self.forward(x, True)
        return min(map(margin_of, self.layers, inputs, self.weights))


def margin_of(layer, x, weights):
    """How far a layer's input is from a kink."""
    kind, margins = type(layer).__name__, [np.inf]
    for kink in _KINKS.get(getattr(layer, "activation", ("",))[0], ()):
        margins.append(_least(np.abs((_RUN[kind](layer, x, *weights)[0] if kind in _RUN else x) - kink)))
    if kind == "PReLU" or kind == "LpPooling2D" and (layer.p < 2 or layer.pool_size == (1, 1)):
        margins.append(_least(np.abs(x)))
    if kind == "Maxout" and layer.group_size > 1:
        values = np.sort(x.reshape(*x.shape[:-1], -1, layer.group_size), axis=-1)
        margins.append(_least(values[..., -1] - values[..., -2]))
    if kind in ("MaxPooling2D", "GlobalMaxPooling2D"):
        margins.append(_least(_gaps(layer, x)))
    return min(margins)


def _least(values):
    """The least that is not 0: zeros (of ReLU, of dropout) are exact on both sides."""
    return values[values > 0].min(initial=np.inf)


def _gaps(layer, x):
    """Largest minus second largest value of each window."""
    size = getattr(layer, "pool_size", x.shape[1:3])
    axes = sliding_axes(
        x.shape[1:3],
        size,
        getattr(layer, "strides", size),
        getattr(layer, "padding", "valid"),
        ceil_mode=getattr(layer, "ceil_mode", False),
    )
    padded = pad(x, axes, -np.inf)
    values = np.sort(np.stack([padded[window] for _, window in taps(axes)]), axis=0)
    return values[-1] - values[-2] if len(values) > 1 else values[:0]


def targets(rng, loss, batch, units):
    """Random targets for a loss by name."""
    if loss.startswith("sparse"):
        return rng.integers(0, units, batch)
    if loss == "categorical_crossentropy":
        return rng.dirichlet(np.ones(units), batch).astype(np.float32)
    return (
        rng.integers(0, 2, (batch, units)).astype(np.float32)
        if loss.startswith("binary")
        else rng.standard_normal((batch, units)).astype(np.float32)
    )


def clear_batch(twin, rng, batch, shape):
    """Random samples that are not at a kink of the network."""
    x, limit = rng.standard_normal((batch, *shape)).astype(np.float32), 3e-6
    for _ in range(200):
        if twin.margin(x) > limit:
            return x
        near = [i for i in range(batch) if twin.margin(x[i : i + 1]) <= limit] or range(batch)
        for i in near:
            x[i] = rng.standard_normal(shape)
    raise AssertionError("no batch keeps clear of kinks: use fewer values")


def assert_trained_alike(model, twin, before, tolerance=1e-5, steps=1):
    """Each weight has moved as its twin: within `tolerance` of the array's largest move, and rounding."""
    count = 0
    for layer, weights, old in zip(model.layers, twin.weights, before):
        for parameter, actual, expected, start in zip(layer.parameters, layer.get_weights(), weights, old):
            move = np.abs(expected - start).max()
            bound = tolerance * move + steps * 2.0**-23 * np.abs(expected) + 1e-30
            error = np.abs(actual - expected)
            assert np.all(error <= bound), (
                f"{layer.name}/{parameter.name}: error {error.max():.3g} of a move of {move:.3g}; "
                f"allowed {bound[np.unravel_index(np.argmax(error - bound), bound.shape)]:.3g}"
            )
            count += layer.trainable and move > 0
    return count
