"""What a page sees of a network at one moment, and how that travels: numbers in JSON, pictures as bytes behind it."""

import json
import struct

import numpy as np

from fastcnn.engine.network import unsquashed
from fastcnn.lab import layers
from fastcnn.vis.probing import Score

_BINS = 24
_ROOM = 1 << 18     # bytes of one picture: further maps are left out
_TRAINED = 5_000_000  # parameters: in larger networks gradients of filters are not shown
_SCORE = Score()
PROBED = 64         # test images for histograms and dead units


class Frame:
    """Copies of what passed through a network, for one image.

    Attributes:
        outputs, gradients: {layer's name: array}, of gradients "layer/parameter" too; as `model.gradients` gives them, of the
            network as it predicts.
        filters: {layer's name: (filters, their gradients)}, as `layers.filters` cuts them.
        saliency: how much each pixel changes the score of the likeliest class.
        state: of the training, in JSON's types.
        statistics: what `statistics` gave last.

    Args:
        model: compiled.
        x: a batch of one, as the model takes it.
        target: of it.
        picture: the image as bytes, (height, width, channels).
        state, statistics: as above.
    """

    def __init__(self, model, x, target, picture, state, statistics):
        self.picture, self.state, self.statistics = picture, state, statistics
        names = layers.shown(model)
        self.outputs = model._passed(x, names, keep=True).outputs
        wrt = [*names, "inputs", *(["weights"] if model.count_params() < _TRAINED else [])]
        self.loss, self.gradients = model.gradients(x, target, wrt=wrt, training=False)
        answer = self.outputs[names[-1]][0]
        best = answer.argmin() if model.smallest_wins else answer.argmax()
        score = model._passed(x, (), [best], _SCORE, ["inputs"], unsquashed, keep=True).gradients
        self.saliency = np.abs(score[model.input_names[0]][0]).max(axis=-1)
        self.filters = {}
        for layer in model.layers:
            found = layers.filters(layer) if layer.name in self.outputs else None
            if found is not None:
                name = next(p.name for p in layer.parameters)
                gradient = self.gradients.get(f"{layer.name}/{name}")
                self.filters[layer.name] = found, None if gradient is None else layers.filters(layer, gradient)

    def encode(self, names, more):
        """The frame as bytes: the length of the JSON text (4 bytes, little-endian), that text, and the pictures.

        Args:
            names: of layers whose pictures are wanted.
            more: {key: value} for the text besides.
        """
        blob, told = [np.ascontiguousarray(self.picture).tobytes()], []
        for name, y in self.outputs.items():
            dy, (w, dw) = self.gradients[name], self.filters.get(name, (None, None))
            fact = {"name": name, "activations": _extremes(y), "gradients": _extremes(dy), "filters": _extremes(w),
                    "filter_gradients": _extremes(dw), "pictures": {}}
            if name in names:
                for kind, maps in (("activations", _maps(y[0])), ("gradients", _maps(dy[0])), ("filters", w),
                                   ("filter_gradients", dw)):
                    if maps is not None:
                        fact["pictures"][kind] = _picture(maps, blob)
            told.append(fact)
        text = {**self.state, **more, "loss": self.loss, "layers": told, "statistics": self.statistics,
                "picture": list(self.picture.shape), "saliency": _picture(self.saliency[None], blob)}
        return packed(text, blob)


def packed(text, blob=()):
    """The bytes that `Frame.encode` returns, of an object and pictures.

    Example:
        >>> packed({"state": "over"}, [b"..."])
        b'\\x11\\x00\\x00\\x00{"state": "over"}...'
    """
    text = json.dumps(text).encode()
    return b"".join((struct.pack("<I", len(text)), text, *blob))


def _extremes(values):
    return None if values is None else [float(values.min()), float(values.max())]


def _maps(y):
    """A sample's output as maps (count, height, width)."""
    return y.transpose(2, 0, 1) if y.ndim == 3 else y.reshape(-1, 1, 1)


def _picture(maps, blob):
    """Appends maps as bytes: 128 is zero, 1 and 255 are minus and plus the largest size. What a page must know of them."""
    room = max(1, _ROOM // max(1, maps[0].size))
    scale, part = float(np.abs(maps).max()), maps[:room]
    start = sum(map(len, blob))
    blob.append(np.rint(part * np.float32(127 / scale if scale > 1e-30 else 0) + np.float32(128)).astype(np.uint8).tobytes())
    return {"start": start, "count": len(part), "of": len(maps), "height": maps.shape[1], "width": maps.shape[2],
            "colours": maps.ndim == 4, "scale": scale}


def statistics(model, x, gradients):
    """{layer's name: histograms of activations, gradients and weights; units, and how many of them are dead}.

    A unit, of a convolution a map, is dead if it gives one and the same number for all images.

    Args:
        model: built.
        x: some images.
        gradients: of a `Frame`.
    """
    found = {}
    for name, y in model._passed(x, layers.shown(model), keep=True).outputs.items():
        units = y.reshape(-1, y.shape[-1])
        weights = [p.value.reshape(-1)[:_ROOM] for p in model.get_layer(name).parameters if p.trainable]
        found[name] = {"units": units.shape[1], "dead": int((units.min(axis=0) == units.max(axis=0)).sum()),
                       "images": len(x), "activations": _histogram(y), "gradients": _histogram(gradients[name]),
                       "weights": _histogram(np.concatenate(weights)) if weights else None}
    return found


def _histogram(values):
    values = values.reshape(-1)
    values = values[:: max(1, values.size // 20_000)]
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        return None
    counts, _ = np.histogram(values, _BINS, (low, high if high > low else low + 1))
    return {"low": low, "high": high, "counts": counts.tolist()}
