"""What a page sees of a network at one moment, and how that travels: numbers in JSON, pictures as bytes behind it."""

import json
import math
import struct

import numpy as np

from fastcnn.engine.network import unsquashed
from fastcnn.lab import layers
from fastcnn.vis.probing import Score

_ROOM = 1 << 18       # bytes of one picture: further maps are left out
_TRAINED = 5_000_000  # parameters: in larger networks gradients of filters are not shown
_SCORE = Score()
PROBED = 64           # test images that a unit is looked for in


class Frame:
    """Copies of what passed through a network, for one image.

    Attributes:
        outputs, gradients: {layer's name: array}, of gradients "layer/parameter" too; as `model.gradients` gives them, of
            the network as it predicts.
        filters: {layer's name: (filters, their gradients)}, as `layers.filters` cuts them, or None.
        saliency: how much each pixel changes the score of the likeliest class.
        answer: of the network, (1, outputs).
        dead: what `dead_units` gave last; state: of the training, in JSON's types. Who makes a frame sets them.

    Args:
        model: compiled.
        x: a batch of one, as the model takes it.
        target: a function that returns its target, given the answer.
        picture: the image as bytes, (height, width, channels).
    """

    def __init__(self, model, x, target, picture):
        self.picture, self.state, self.dead, names = picture, {}, {}, layers.shown(model)
        self.outputs = model._passed(x, names, keep=True).outputs
        self.answer = self.outputs[model.outputs[0].layer.name]
        wrt = [*names, "inputs", *(["weights"] if model.count_params() < _TRAINED else [])]
        self.loss, self.gradients = model.gradients(x, target(self.answer), wrt=wrt, training=False)
        best = self.answer[0].argmin() if model.smallest_wins else self.answer[0].argmax()
        score = model._passed(x, (), [best], _SCORE, ["inputs"], unsquashed, keep=True).gradients
        self.saliency = np.abs(score[model.input_names[0]][0]).max(axis=-1)
        self.filters = {}
        for layer in map(model.get_layer, names):
            gradient = self.gradients.get(f"{layer.name}/{layer.parameters[0].name}") if layer.parameters else None
            own = None if gradient is None else layers.filters(layer, gradient)
            self.filters[layer.name] = layers.filters(layer), own

    def maps(self, name):
        """{kind: maps (count, height, width), or in colours; None: there are none} of a layer."""
        filters, filter_gradients = self.filters[name]
        return {"activations": _maps(self.outputs[name][0]), "gradients": _maps(self.gradients[name][0]),
                "filters": filters, "filter_gradients": filter_gradients}

    def encode(self, names, more):
        """The frame as bytes: the length of the JSON text (4 bytes, little-endian), that text, and the pictures.

        Args:
            names: of layers whose pictures are wanted.
            more: {key: value} for the text besides.
        """
        blob, told = [np.ascontiguousarray(self.picture).tobytes()], []
        for name in self.outputs:
            kinds = self.maps(name)
            ranges = {kind: values is not None and list(map(float, (values.min(), values.max())))
                      for kind, values in kinds.items()}
            told.append({"name": name, **ranges,
                         "pictures": {kind: _picture(values, blob, ranges[kind]) for kind, values in kinds.items()
                                      if values is not None and name in names}})
        text = {**self.state, **more, "loss": self.loss, "layers": told, "dead": self.dead,
                "probed": PROBED, "picture": list(self.picture.shape),
                "saliency": _picture(self.saliency[None], blob, [float(self.saliency.max())])}
        return packed(text, blob)


def packed(text, blob=()):
    """The bytes that `Frame.encode` returns, of an object and pictures.

    Example:
        >>> packed({"state": "over"}, [b"..."])
        b'\\x11\\x00\\x00\\x00{"state": "over"}...'
    """
    text = written(text)
    return b"".join((struct.pack("<I", len(text)), text, *blob))


def written(found):
    """JSON as bytes; numbers that are none are null.

    Example:
        >>> written({"loss": float("nan"), "range": (0, 1.5)})
        b'{"loss": null, "range": [0, 1.5]}'
    """
    try:
        return json.dumps(found, allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(found)).encode()


def _finite(found):
    if isinstance(found, dict):
        return {key: _finite(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return list(map(_finite, found))
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _maps(y):
    """A sample's output as maps (count, height, width)."""
    return y.transpose(2, 0, 1) if y.ndim == 3 else y.reshape(-1, 1, 1)


def _picture(maps, blob, bounds):
    """Appends maps as bytes: 128 is zero, 1 and 255 are minus and plus the largest of the bounds. What a page must know of
    them."""
    part, start = maps[:max(1, _ROOM // maps[0].size)], sum(map(len, blob))
    largest = max(map(abs, bounds))
    if not math.isfinite(sum(bounds)):
        part = np.nan_to_num(part, posinf=0, neginf=0)
        largest = float(np.abs(part).max())
    scale = 127 / max(largest, 1e-30)
    blob.append(np.rint(part * np.float32(scale) + np.float32(128)).astype(np.uint8).tobytes())
    return {"start": start, "count": len(part), "of": len(maps), "height": maps.shape[1], "width": maps.shape[2],
            "colours": maps.ndim == 4}


def dead_units(model, x):
    """{layer's name: [units, of a convolution maps, that give one and the same number for all of these images; all units]}.

    Example:
        >>> dead_units(fastcnn.networks.lenet5(seed=0), np.zeros((2, 28, 28, 1)))["f6"]
        [84, 84]
    """
    outputs = model._passed(x, layers.shown(model), keep=True).outputs
    found = {name: np.ptp(y.reshape(-1, y.shape[-1]), axis=0) for name, y in outputs.items()}
    return {name: [int((ranges == 0).sum()), len(ranges)] for name, ranges in found.items()}
