"""The model: a chain of layers."""

from fastcnn import arguments
from fastcnn.engine.parameters import Flat
from fastcnn.layers.base import Layer
from fastcnn.model.training import Training
from fastcnn.random import new_seed


class Sequential(Training):
    """A model that is a chain of layers.

    Args:
        layers: layers in order; the first is `Input(shape)` or has `input_shape=`. Without either, the model is built by
            the first data it sees.
        name: of the model.
        seed: of initial values, the order of samples and dropout; None: from `fastcnn.set_random_seed`'s source.

    `metadata` is a dict, empty at first, of whatever should be kept in the model's file, in JSON's types: names of classes,
    how images were prepared.

    Example:
        >>> model = fastcnn.Sequential([
        ...     fastcnn.layers.Conv2D(6, 5, padding="same", activation="tanh", input_shape=(28, 28, 1)),
        ...     fastcnn.layers.AveragePooling2D(),
        ...     fastcnn.layers.Flatten(),
        ...     fastcnn.layers.Dense(10, activation="softmax"),
        ... ])
        >>> model.output_shape
        (None, 10)
    """

    def __init__(self, layers=None, name="sequential", seed=None):
        self.name = name
        self.seed = new_seed() if seed is None else arguments.integer("seed", seed, 0, 2**32 - 1)
        self.input = None  # an Input layer says the shape, and is not one of the layers
        self.layers = []
        self._channels_first = False  # do users see channels first?
        self.built = False
        self.metadata = {}
        self._half = None  # the `HalfWeights` that predict and evaluate read, or None: float32
        self._checker = None  # called with the built model before it gets any memory
        self._reset_training()
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise TypeError(f"layers must be a list of layers. Received: {layers!r}")
        for layer in layers or []:
            self._append(layer)
        if self.layers and self._first_shape() is not None:
            self.build(self._first_shape())

    def add(self, layer):
        """Appends a layer."""
        self._need_float32("add")
        self._append(layer)
        if self.built:
            self._own()
        elif self.layers and self._first_shape() is not None:
            self.build(self._first_shape())

    def _append(self, layer):
        if not isinstance(layer, Layer):
            raise TypeError(f"a layer must be a fastcnn.layers.Layer. Received: {layer!r}")
        if layer.model is not None:
            raise ValueError(f"a layer belongs to one model; make another with from_config(layer.get_config()). "
                             f"Received: {layer.name!r} of {layer.model.name!r}")
        from fastcnn.layers.input import Input

        if isinstance(layer, Input):
            if self.layers or self.input is not None:
                raise ValueError("Input must be the first entry of a model")
            self.input = layer
            return
        taken = {other.name for other in self.layers}
        if layer.given_name in taken:
            raise ValueError(f"layers' names must differ. Received: {layer.given_name!r} twice")
        self._check_format(layer)
        if self.built:
            layer.build_for(self.layers[-1].output_size)  # an impossible layer is refused before it is appended
        layer.model = self
        self.layers.append(layer)
        self._channels_first |= getattr(layer, "data_format", None) == "channels_first"
        self._name(layer, taken)

    def _check_format(self, layer):
        formats = {other.data_format for other in self.layers if hasattr(other, "data_format")}
        own = getattr(layer, "data_format", None)
        if own is not None and formats - {own}:
            raise ValueError(f"all layers of a model must have one data_format, {formats.pop()!r}. Received: {own!r}")
        if own == "channels_first" and self.built and not formats:
            raise ValueError("the model was built before its data_format was known; give all layers at once. "
                             "Received: a channels_first layer")

    def _name(self, layer, taken):
        if layer.given_name is None:
            base, number = layer.default_name(), 0
            layer.name = base
            while layer.name in taken:
                number += 1
                layer.name = f"{base}_{number}"

    def _first_shape(self):
        if self.input is not None:
            return self.input.given_shape
        return self.layers[0].given_shape

    # Building

    def build(self, input_shape):
        """Builds all layers.

        Args:
            input_shape: of one sample, without the batch (a leading None is left out).
        """
        if not isinstance(input_shape, (tuple, list)):
            raise TypeError(f"input_shape must be a tuple of integers. Received: {input_shape!r}")
        shape = tuple(input_shape)
        if shape[:1] == (None,):
            shape = shape[1:]
        shape = tuple(arguments.integer("input_shape", size) for size in shape)
        if self._channels_first and len(shape) == 3:
            shape = shape[1], shape[2], shape[0]
        for layer in self.layers:
            layer.build_for(shape)
            shape = layer.output_size
        self.built = True
        self._own()

    def _own(self):
        if self._checker is not None:
            self._checker(self)
        self._flat = Flat(self.layers, self.seed)
        self._plans = {}
        if self._half is not None:
            self._half = type(self._half)(self._half.dtype, self.layers)

    def _need_built(self):
        if not self.layers:
            raise ValueError("the model has no layers")
        if not self.built:
            raise ValueError("the model has no input shape yet: start it with Input(shape) or input_shape=, or call "
                             "build(shape)")

    def __call__(self, x):
        """The model's output for a batch; builds the model if need be."""
        return self.predict(x, batch_size=max(1, len(x)))

    # Shapes and weights

    @property
    def input_shape(self):
        """Shape of the input, the batch as None."""
        self._need_built()
        return self.layers[0]._seen(self.layers[0].input_size) if not self._channels_first else self._first(0)

    @property
    def output_shape(self):
        """Shape of the output, the batch as None."""
        self._need_built()
        return (None, *self.layers[-1].output_size) if not self._channels_first else self._first(-1)

    def _first(self, index):
        size = self.layers[index].input_size if index == 0 else self.layers[index].output_size
        return (None, size[2], *size[:2]) if len(size) == 3 else (None, *size)

    def get_layer(self, name=None, index=None):
        """A layer by name or by index."""
        if (name is None) == (index is None):
            raise ValueError(f"give a name or an index. Received: name={name!r}, index={index!r}")
        if index is not None:
            count = len(self.layers)
            return self.layers[arguments.integer("index", index, -count, count - 1)]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"the model's layers are {', '.join(layer.name for layer in self.layers)}. Received: {name!r}")

    def count_params(self):
        """Number of parameters."""
        self._need_built()
        return sum(layer.count_params() for layer in self.layers)

    @property
    def weights(self):
        """All parameters' arrays, read-only."""
        self._need_built()
        return [w for layer in self.layers for w in layer.weights]

    def get_weights(self):
        """Copies of all parameters' arrays."""
        self._need_built()
        return [w for layer in self.layers for w in layer.get_weights()]

    def set_weights(self, weights):
        """Replaces all parameters; nothing changes unless all shapes are right.

        Args:
            weights: arrays in the order of `get_weights`.
        """
        self._need_built()
        self._need_float32("set_weights")
        weights = list(weights)
        parameters = [(layer, p) for layer in self.layers for p in layer.parameters]
        if len(weights) != len(parameters):
            raise ValueError(f"the model has {len(parameters)} parameters. Received: {len(weights)} arrays")
        weights = [arguments.array("weights", w) for w in weights]
        for (layer, parameter), value in zip(parameters, weights):
            if value.shape != parameter.shape:
                raise ValueError(f"{layer.name}/{parameter.name} has shape {parameter.shape}. Received: shape {value.shape}")
        for (_, parameter), value in zip(parameters, weights):
            parameter.value[...] = value
        self.touch()

    # Fewer bits

    def half_weights(self, dtype, free=False):
        """Lets `predict`, `evaluate` and their kin read the kernels of dense layers in fewer bits: one image waits for these
        weights to come from memory, so they are what its time goes into.

        What is computed is, to the bit, what a model with kernels rounded to `dtype` computes in float32
        (`fastcnn.ops.half_weights` rounds one kernel). Training needs all bits: `fit`, validation within it and
        `train_on_batch` go on in float32. When weights have changed, the next `predict` rounds them anew. Files hold
        float32 weights and this choice. A layer that is called alone computes in float32.

        Args:
            dtype: "float16"; "int8", with a scale for every 256 rows of a column; "float32" or None: as they are.
            free: also give up the float32 kernels of more than 1 MiB, and what training has made: velocity, gradients.
                `get_weights` and `save` then take the rounded ones, and whoever wants to change weights calls
                half_weights("float32") first, which makes float32 arrays of them.

        Memory: beside the float32 kernels "float16" takes half of their size, "int8" a quarter, with free=True in their
        place.

        Raises:
            ValueError: another dtype; a model without dense layers; a kernel with NaN, infinities or, in float16, numbers
                beyond 65504 (`predict` raises it if they come later).

        Example:
            >>> model = fastcnn.networks.lenet5()
            >>> model.half_weights("float16")
            >>> model.dense_dtype
            'float16'
        """
        from fastcnn.engine.half_weights import set_half_weights

        self._need_built()
        set_half_weights(self, dtype, free)

    @property
    def dense_dtype(self):
        """What `predict` and `evaluate` read dense kernels as: "float32", "float16" or "int8"."""
        return "float32" if self._half is None else self._half.dtype

    def _read_half(self, half, moved):
        """Takes half weights, or None; moved: float32 kernels have come or gone."""
        self._half = half
        for mode in ("predict", "test"):
            self._plans.pop(mode, None)
        if moved:
            self._plans = {}
            for layer in self.layers:
                for parameter in layer.parameters:
                    parameter.gradient = None  # what training made goes with the float32 kernels
            self._flat = Flat(self.layers, self.seed, self._flat.version)

    def _need_float32(self, what):
        for layer in self.layers:
            for parameter in layer.parameters:
                parameter.need_float32(what)

    def summary(self, print_fn=None, algorithms=False):
        """Prints each layer's output shape, parameters, multiply-adds and connections.

        Args:
            print_fn: called with each line; None: print.
            algorithms: also say how convolutions are computed: "direct", or Winograd's "F(4×4, 3×3)" and the like, where
                the passes differ for each of them.
        """
        from fastcnn.model.summary import lines

        self._need_built()
        for line in lines(self, arguments.flag("algorithms", algorithms)):
            (print_fn or print)(line)

    # Files

    def get_config(self):
        """The architecture in JSON's types."""
        layers = [*([self.input] if self.input is not None else []), *self.layers]
        config = {"name": self.name, "seed": self.seed,
                  "input_shape": list(self.input_shape[1:]) if self.built else None,
                  "layers": [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in layers]}
        return config if self._half is None else {**config, "half_weights": self._half.dtype}

    @classmethod
    def from_config(cls, config, custom_objects=None, check=None):
        """A new model from `get_config`'s answer.

        Args:
            config: the architecture.
            custom_objects: {name: class} of layers that are not fastcnn's own.
            check: called with the model when its shapes are known and no array has been made yet.
        """
        from fastcnn.layers.building import layer_from_config
        from fastcnn.registry import custom_objects as scope

        with scope(custom_objects):
            model = cls(name=config["name"], seed=config["seed"])
            for entry in config["layers"]:
                model._append(layer_from_config(entry))
        model._checker = check
        if model.layers and config["input_shape"] is not None:
            model.build(config["input_shape"])
        model._checker = None
        if "half_weights" in config:
            from fastcnn.engine.half_weights import DTYPES, HalfWeights

            model._half = HalfWeights(arguments.choice("half_weights", config["half_weights"], DTYPES), model.layers)
        return model

    def save(self, path):
        """Writes architecture, weights, optimizer state, metadata and a digest of everything into one .safetensors file.

        The file appears whole or not at all: a crash leaves the old one. It also holds where training stands, with the
        states of the callbacks, for `fit(resume=True)`.

        Args:
            path: of the file.

        Raises:
            TypeError: metadata, or the state of a callback or metric, is not of JSON's types.
        """
        from fastcnn.model.saving import save_model

        self._need_built()
        save_model(self, path)
