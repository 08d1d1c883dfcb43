"""ConvNetJS' `Net`: made of definitions or JSON, computed by a `fastcnn.Sequential`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import Sequential, arguments, calling
from fastcnn.convnetjs import building, definitions
from fastcnn.convnetjs.layers import NetLayer
from fastcnn.convnetjs.vol import Vol
from fastcnn.layers import Input
from fastcnn.typing import Array, ArrayLike, Config


@calling.hinting
class Net:
    """A network in ConvNetJS' vocabulary.

    Args:
        layer_defs: list of dictionaries as ConvNetJS' `makeLayers` takes them, or such a list as text: JSON, or the lines of
            a page that make it (they are read, never run). None: `makeLayers` or `fromJSON` say later.
        faithful: also do what ConvNetJS does wrong (docs/convnetjs.md lists it).
        seed: of initial weights, dropout and the order of samples; None: from `fastcnn.set_random_seed`'s source.

    Attributes:
        layers: `NetLayer`s, one for each of ConvNetJS'.
        model: the `fastcnn.Sequential` that computes; it predicts batches, saves, and prints a summary.

    Raises:
        TypeError, ValueError: for such definitions.

    Example:
        >>> net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2},
        ...            {"type": "fc", "num_neurons": 20, "activation": "relu"},
        ...            {"type": "softmax", "num_classes": 10}], seed=1)
        >>> [layer.layer_type for layer in net.layers]
        ['input', 'fc', 'relu', 'fc', 'softmax']
        >>> net.forward(Vol([0.3, -0.5])).w.sum().round(5).item()
        1.0

    Source: Karpathy 2014, ConvNetJS.
    """

    def __init__(self, layer_defs: Any = None, faithful: bool = False, seed: int | None = None) -> None:
        self.faithful, self._seed = arguments.flag("faithful", faithful), seed
        self.layers: list[NetLayer] = []
        self.model: Any = None
        if layer_defs is not None:
            self.makeLayers(layer_defs)

    # Making

    def makeLayers(self, layer_defs: Any) -> None:
        """Becomes the network of these definitions, with new weights."""
        self._make(definitions.fields(definitions.desugar(layer_defs)))

    def _make(self, fields):
        chain = building.chain(fields, self.faithful)
        first = fields[0]
        self.model = Sequential([Input((first["out_sy"], first["out_sx"], first["out_depth"])),
                                 *(layer for own in chain for layer in own)], name="convnetjs", seed=self._seed)
        self.loss = building.loss(fields[-1]["layer_type"])
        self.model.compile("sgd", self.loss)
        self.layers = [NetLayer(self, i, own, inner) for i, (own, inner) in enumerate(zip(fields, chain))]
        self._shown = []  # names of the model's layers whose outputs are those of these layers, the input's left out
        for inner in chain[1:]:
            self._shown.append(inner[-1].name if inner else self._shown[-1])
        self._lent = False
        self._given = self._x = self._step = self._values = self._gradients = self._out = None

    def _need_layers(self):
        if not self.layers:
            raise ValueError("the network has no layers yet: call makeLayers(layer_defs) or fromJSON(json)")

    def lend(self) -> None:
        """Says that someone holds arrays of weights, and may write to them at any time."""
        self._lent = True

    # Running

    def image(self, V: Any) -> Array:
        """A `Vol`, or an array (sy, sx, depth), or as many numbers, as a batch of one, float32."""
        self._need_layers()
        first = self.layers[0]
        shape = (first.out_sy, first.out_sx, first.out_depth)
        if isinstance(V, Vol):
            if (V.sy, V.sx, V.depth) != shape:
                raise ValueError(f"V must be of size {shape[1]}x{shape[0]}x{shape[2]}. "
                                 f"Received: {V.sx}x{V.sy}x{V.depth}")
            V = V.w
        x, shapes = np.asarray(V), (shape, (shape[0] * shape[1] * shape[2],), *([shape[:2]] if shape[2] == 1 else []))
        if x.dtype.kind not in "fiub" or x.shape not in shapes:
            raise ValueError(f"V must be a Vol, or numbers of shape {shape}. Received: shape {x.shape}, dtype {x.dtype}")
        return np.ascontiguousarray(x, np.float32).reshape(1, *shape)

    def forward(self, V: Any, is_training: bool = False) -> Vol:
        """The network's output for one volume.

        Args:
            V: a `Vol` of the input's size, an array (sy, sx, depth), or as many numbers.
            is_training: let dropout drop.

        Returns:
            Vol: 1 × 1 × the number of outputs; probabilities after softmax.
        """
        self._x, self._values, self._gradients = self.image(V), None, None
        self._given = V if isinstance(V, Vol) else None
        if self._lent:
            self.model.touch()
        self._step = self.model._drawn() if is_training else None
        if is_training:
            self._pass()
            self._out = self._values[-1]
        else:
            self._out = self.model.predict_on_batch(self._x)
        return self.layers[-1]._vol(self._out)

    def _pass(self, *loss, wrt=()):
        """Sends what was forwarded last through all layers, and back if there are a target and a loss: gradients by name."""
        _, gradients, outputs = self.model._passed(self._x, self._shown, *loss, wrt=wrt, step=self._step, keep=True)
        self._values = [self._x, *(outputs[name] for name in self._shown)]
        return gradients

    def passed(self) -> tuple[list[Array], list[Array] | None]:
        """Outputs of all layers at the last `forward`, and gradients of these at the last `backward`, or None."""
        self._need_forward()
        if self._values is None:
            self._pass()
        return self._values, self._gradients

    def _need_forward(self):
        self._need_layers()
        if self._x is None:
            raise ValueError("nothing has passed through the network yet: call forward(V)")

    def backward(self, y: Any) -> float:
        """Adds the gradients of the cost of what was forwarded last to those that the layers hold. A `Vol` that was
        forwarded has its own gradients in `dw` then.

        Args:
            y: for softmax and svm the label, an integer from 0; for regression a list of numbers, one number, or
                {"dim": i, "val": number} if only that output is to be something.

        Returns:
            float: the cost.
        """
        self._need_forward()
        target, inner = self.target(y), self._shown[:-1]  # the last layer and the cost are derived as one
        gradients = self._pass(target, self.loss, wrt=["weights", "inputs", *inner])
        for layer in self.layers:
            layer.add(gradients)
        first, last = gradients[self.model.input_names[0]], np.zeros_like(self._values[-1])
        self._gradients = [first, *(gradients[name] for name in inner), last]
        if self._given is not None:
            self._given.dw = first.reshape(-1).astype(np.float64)
        return self.cost(target)

    def target(self, y: Any) -> Array:
        """The target of one sample as the loss takes it."""
        self._need_layers()
        if self.layers[-1].layer_type != "regression":
            return self.loss.prepare(np.asarray([y]), (self.layers[-1].out_depth,))[0]
        if isinstance(y, dict):
            if set(y) != {"dim", "val"}:
                raise ValueError(f"y must be numbers or have dim and val. Received: {arguments.shown(y)}")
            target = np.full((1, self.layers[-1].out_depth), np.nan, np.float32)
            target[0, arguments.integer("dim", y["dim"], 0, target.size - 1)] = arguments.number("val", y["val"])
            return target
        return self.loss.prepare(np.asarray(y, np.float32).reshape(1, -1), (self.layers[-1].out_depth,))[0]

    def cost(self, target: Array) -> float:
        """The cost of what was forwarded last."""
        return float(self.loss.forward(target, self._out)[0]) * self.mistake[0] + self.mistake[1]

    @property
    def mistake(self) -> tuple[float, float]:
        """(factor, addend) of the costs that ConvNetJS tells: of regression it tells four times what it derives, and svm
        counts the true class among those that violate the margin."""
        if not self.faithful:
            return 1.0, 0.0
        return {"regression": (4.0, 0.0), "svm": (1.0, 1.0), "softmax": (1.0, 0.0)}[self.layers[-1].layer_type]

    def getCostLoss(self, V: Any, y: Any) -> float:
        """The cost of a volume whose label, or target, is y; see `backward`."""
        self.forward(V)
        return self.cost(self.target(y))

    def getPrediction(self) -> int:
        """The number of the largest output at the last `forward`."""
        self._need_forward()
        return int(self._out.argmax())

    def getParamsAndGrads(self) -> list[dict[str, Any]]:
        """`NetLayer.getParamsAndGrads` of all layers."""
        self._need_layers()
        return [entry for layer in self.layers for entry in layer.getParamsAndGrads()]

    def predict(self, x: ArrayLike, batch_size: int | None = None) -> Array:
        """Outputs for many images.

        Args:
            x: array (samples, sy, sx, depth).
            batch_size: as of `Sequential.predict`.

        Shape:
            (N, sy, sx, depth) → (N, outputs)
        """
        self._need_layers()
        if self._lent:
            self.model.touch()
        return self.model.predict(x, batch_size).reshape(len(x), -1)

    # Files

    def toJSON(self) -> Config:
        """The network in JSON's types, as ConvNetJS' `fromJSON` takes it: write it by `json.dump`.

        Example:
            >>> net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 1}, {"type": "svm", "num_classes": 2}])
            >>> sorted(net.toJSON()["layers"][2])
            ['layer_type', 'num_inputs', 'out_depth', 'out_sx', 'out_sy']
        """
        self._need_layers()
        return {"layers": [layer.toJSON() for layer in self.layers]}

    def fromJSON(self, json: Any) -> Net:
        """Becomes the network that `toJSON` gave, here or in ConvNetJS.

        Args:
            json: what `toJSON` returned, or the text of it.

        Returns:
            the network.

        Raises:
            TypeError, ValueError: not such a network; this one stays what it was.

        Example:
            >>> net = Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 1}, {"type": "svm", "num_classes": 2}])
            >>> from json import dumps
            >>> Net().fromJSON(dumps(net.toJSON())).layers
            [<input 1x1x1>, <fc 1x1x2>, <svm 1x1x2>]
        """
        if isinstance(json, (str, bytes)):
            json = arguments.from_json("json", json)
        if not isinstance(json, dict) or not isinstance(json.get("layers"), list):
            raise TypeError(f"json must be a network, an object with a list of layers. Received: {type(json).__name__}")
        new = Net(faithful=self.faithful, seed=self._seed)
        new._make(definitions.fields(definitions.definitions_of(json["layers"])))
        for layer, own in zip(new.layers, json["layers"]):
            layer.read(own)
        new.model.touch()
        for layer in new.layers:
            layer._net = self
        self.__dict__.update(new.__dict__)
        return self
