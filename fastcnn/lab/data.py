"""The images that a lab learns from: where they come from, how a network takes them, how a page shows them."""

import os

import numpy as np

NAMES = ("mnist", "fashion", "cifar10")
_SIDES = 64, 48, 32, 28  # pixels of photographs: the largest with which all of them fit into …
_ROOM = 1 << 30          # bytes, as float32
_BLOCK = 500             # photographs decoded between two messages


class Images:
    """Images to train on and to test on.

    Args:
        training, test: (x, y): x (N, H, W) or (N, H, W, C), bytes, or other numbers, which a network takes as they are; y:
            labels, or one-hot rows.
        class_names: what labels mean; None: their numbers.
        name: of the data.

    Raises:
        TypeError, ValueError: no images, or not as many labels.

    Example:
        >>> images = Images((np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1]), (np.zeros((2, 8, 8), np.uint8), [0, 1]))
        >>> images.shape, images.class_names
        ((8, 8, 1), ['0', '1'])
    """

    def __init__(self, training, test, class_names=None, name="your images"):
        self.name = name
        self.x, self.y, self.labels = _checked("training", training)
        x, y, labels = _checked("test", test)
        order = np.random.default_rng(0).permutation(len(x))  # the first ones are as good as any others
        self.x_test, self.y_test, self.labels_test = x[order], y[order], labels[order]
        if x.shape[1:] != self.x.shape[1:] or x.dtype != self.x.dtype or y.ndim != self.y.ndim:
            raise ValueError(f"test must be like training, {self.x.dtype} {self.x.shape[1:]}. Received: {x.dtype} {x.shape[1:]}")
        count = self.y.shape[1] if self.y.ndim > 1 else int(max(self.labels.max(), labels.max())) + 1
        self.class_names = [str(i) for i in range(count)] if class_names is None else list(map(str, class_names))
        if len(self.class_names) < count:
            raise ValueError(f"class_names must name {count} classes. Received: {len(self.class_names)}")
        self.bytes = self.x.dtype == np.uint8
        self.low, self.high = (0.0, 255.0) if self.bytes else (float(self.x.min()), float(self.x.max()))
        self._made, self.preparation = None, None

    @property
    def shape(self):
        """(height, width, channels) of an image."""
        return self.x.shape[1:]

    def fit_to(self, model):
        """Prepares the training images for a model, as it says itself (`fastcnn.images.Preparation`), or by the mean and the
        standard deviation of each channel; a smaller input gets the middle of an image, a larger one a border.

        Raises:
            ValueError: the model takes other images.
        """
        shape = tuple(model.input_shape[1:])
        if not self.bytes or type(model.layers[0]).__name__ in ("Rescaling", "Normalization"):
            if shape != self.shape:
                raise ValueError(f"the network must take images of {self.shape}. Received: a network for {shape}")
            self._change = None
            made = "as they are"
        else:
            self.preparation = self._preparation(model, shape)
            self._change, made = self.preparation.augmentation, repr(self.preparation.augmentation)
        if made != self._made:
            self.inputs, self._made = self.prepare(self.x), made

    def _preparation(self, model, shape):
        from fastcnn.images import Augmentation, Distortion, Preparation

        found = Preparation.of(model)
        if found is not None and found.shape == self.shape and len(found.class_names) == len(self.class_names):
            return found
        if shape[2:] != self.shape[2:]:
            raise ValueError(f"the network must take images of {self.shape[2]} channels. Received: a network for {shape}")
        sample = self.x[:: max(1, len(self.x) // 5000)].reshape(-1, self.shape[2])
        mean, std = sample.mean(axis=0).round(2), np.maximum(sample.std(axis=0), 1).round(2)
        if model.smallest_wins:  # LeNet-5 of 1998: background −0.1, ink 1.175
            change = Distortion(shape[:2], mean=20, std=200)
        elif shape[0] > self.shape[0] or shape[1] > self.shape[1]:
            change = Distortion(shape[:2], mean=float(mean.mean()), std=float(std.mean()))
        else:
            crop = None if shape == self.shape else shape[:2]
            change = Augmentation(crop, False, False, mean.tolist(), std.tolist())
        found = Preparation(self.shape[:2], change, self.class_names, self.shape[2], "black" if self.shape[2] == 1 else "white")
        found.put(model)
        return found

    def prepare(self, x):
        """Images as the network takes them."""
        return np.ascontiguousarray(x, np.float32) if self._change is None else self._change(x)

    def of_bytes(self, pixels):
        """Bytes, as a page draws them, as an image of these."""
        x = np.frombuffer(pixels, np.uint8)
        if x.size != np.prod(self.shape):
            raise ValueError(f"a picture must have {' × '.join(map(str, self.shape))} bytes. Received: {x.size}")
        x = x.reshape(self.shape)
        return x if self.bytes else np.float32(self.low + (self.high - self.low) / 255 * x)

    def to_bytes(self, x):
        """Images as a page shows them."""
        return x if self.bytes else np.uint8((x - self.low) * (255 / max(self.high - self.low, 1e-30)) + 0.5)

    def targets(self, labels):
        """Labels in the form that the training's have."""
        return np.eye(self.y.shape[1], dtype=np.float32)[labels] if self.y.ndim > 1 else np.asarray(labels)


def _checked(name, part):
    """(images (N, H, W, C), targets, labels) of what a user gives."""
    if not isinstance(part, (tuple, list)) or len(part) != 2:
        raise TypeError(f"{name} must be (images, labels). Received: {type(part).__name__}")
    x, y = map(np.asarray, part)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.dtype.kind not in "fiub" or not len(x) or len(y) != len(x):
        raise ValueError(f"{name} must hold images (N, height, width, channels) and a label for each. Received: {x.dtype} of "
                         f"shape {x.shape}, {y.shape}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    labels = y.argmax(axis=1) if y.ndim == 2 else y.astype(np.int64)
    if y.ndim > 2 or y.dtype.kind not in "fiub" or labels.min() < 0 or y.ndim == 1 and (labels != y).any():
        raise ValueError(f"{name} must have integers from 0 as labels, or one-hot rows. Received: {y.dtype} of shape {y.shape}")
    return x, y, labels


def load(data, model=None, say=print):
    """`Images` of what a user names.

    Args:
        data: one of `NAMES`; a folder or archive of class folders, or of IDX files; an .npz or CSV file of digits;
            ((x, y), (x_test, y_test)).
        model: that photographs should have the size for; None: a small size.
        say: told how far reading is.

    Example:
        >>> load("mnist").shape
        (28, 28, 1)
    """
    if isinstance(data, Images):
        return data
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return Images(*data)
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must be one of {', '.join(NAMES)}, a path, or ((x, y), (x_test, y_test)). "
                        f"Received: {type(data).__name__}")
    from fastcnn import datasets
    from fastcnn.recipes.digits import holds_arrays, load_digits

    say(f"reading {os.fsdecode(data)}")
    if data in NAMES:
        module = {"fashion": "fashion_mnist"}.get(data, data)
        module = getattr(datasets, module)
        return Images(*module.load_data(), getattr(module, "CLASS_NAMES", None), data)
    if not os.path.exists(data):
        raise FileNotFoundError(2, f"data must be one of {', '.join(NAMES)}, or a folder or file that is there", os.fsdecode(data))
    name = os.path.basename(os.path.abspath(data))
    if holds_arrays(data):
        found = load_digits(data)
        return Images(found[:2], found[2:4], found.class_names, name)
    return _photographs(data, model, name, say)


def _photographs(data, model, name, say):
    from fastcnn.images import Preparation
    from fastcnn.recipes.sources import class_names, training_sources

    size, channels, own = None, 3, model and Preparation.of(model)
    if model is not None:
        size, channels = (own.shape[:2], own.channels) if own else (model.input_shape[1:3], model.input_shape[3])
    for side in _SIDES if size is None else (size,):
        found = training_sources(data, size=(side, side) if size is None else tuple(size), channels=channels)
        if len(found.training) * np.prod(found.training.shape) * 4 <= _ROOM:
            break
    parts = [_decoded(source, part, say) for source, part in ((found.training, "training"), (found.validation, "test"))]
    return Images(*parts, class_names(found.training), name)


def _decoded(source, part, say):
    x, good = np.empty((len(source), *source.shape), np.uint8), np.zeros(len(source), bool)
    for start in range(0, len(source), _BLOCK):
        numbers = np.arange(start, min(start + _BLOCK, len(source)))
        say(f"reading {part} images: {start} of {len(source)}")
        good[numbers] = source.read(numbers, x[start:start + len(numbers)])
    return x[good], source.labels[good]
