"""The images that a lab learns from: where they come from, how a network takes them, how a page shows them."""

import os

import numpy as np

NAMES = {"mnist": "mnist", "fashion": "fashion_mnist", "cifar10": "cifar10"}  # modules of `fastcnn.datasets`
_SIDES = (64, 1e4), (48, 2e4), (32, np.inf)  # pixels of photographs, and for how many of them


class Images:
    """Images to train on and to test on.

    Args:
        training, test: (x, y): x (N, H, W) or (N, H, W, C), bytes, or other numbers, which a network takes as they are; y:
            labels, or one-hot rows.
        class_names: what labels mean; None: their numbers.
        name: of the data.
        size: to which files were resized, as of `fastcnn.images.Preparation`; None: to the images' own, both sides.

    Raises:
        TypeError, ValueError: no images, or not as many labels.

    Example:
        >>> images = Images((np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1]), (np.zeros((2, 8, 8), np.uint8), [0, 1]))
        >>> images.shape, images.class_names
        ((8, 8, 1), ['0', '1'])
    """

    def __init__(self, training, test, class_names=None, name="your images", size=None):
        self.name, self.inputs, self.preparation, self._made = name, None, None, None
        self.x, self.y, self.labels = _checked("training", training)
        x, y, labels = _checked("test", test)
        order = np.random.default_rng(0).permutation(len(x))  # the first ones are as good as any others
        self.x_test, self.y_test, self.labels_test = x[order], y[order], labels[order]
        self.shape, self.bytes = self.x.shape[1:], self.x.dtype == np.uint8
        self.size = self.shape[:2] if size is None else size
        if (x.shape[1:], x.dtype, y.ndim) != (self.shape, self.x.dtype, self.y.ndim):
            raise ValueError(f"test must be like training, {self.x.dtype} {self.shape}. Received: {x.dtype} {x.shape[1:]}")
        count = self.y.shape[1] if y.ndim > 1 else int(max(self.labels.max(), labels.max())) + 1
        self.class_names = [str(name) for name in (range(count) if class_names is None else class_names)]
        if len(self.class_names) < count:
            raise ValueError(f"class_names must name {count} classes. Received: {len(self.class_names)}")
        self.low, self.high = (0.0, 255.0) if self.bytes else (float(self.x.min()), float(self.x.max()))

    def fit_to(self, model):
        """Prepares the training images for a model, as it says itself (`fastcnn.images.Preparation`), or by the mean and the
        standard deviation of each channel; a smaller input gets the middle of an image, a larger one a border.

        Raises:
            ValueError: the model takes other images.
        """
        shape, bare = tuple(model.input_shape[1:]), type(model.layers[0]).__name__ in ("Rescaling", "Normalization")
        as_it_is = not self.bytes or bare
        if shape[2:] != self.shape[2:] or as_it_is and shape != self.shape:
            raise ValueError(f"the network must take images of {self.shape}. Received: a network for {shape}")
        self.preparation = None if as_it_is else self._preparation(model, shape[:2])
        self._change = None if as_it_is else self.preparation.augmentation
        if repr(self._change) != self._made:
            self.inputs = None  # not beside the new ones
            self.inputs, self._made = self.prepare(self.x), repr(self._change)

    def _preparation(self, model, size):
        from fastcnn.images import Augmentation, Distortion, Preparation

        found = Preparation.of(model)
        if found is not None and found.shape == self.shape and len(found.class_names) == len(self.class_names):
            return found
        sample = self.x[:: max(1, len(self.x) // 5000)].reshape(-1, self.shape[2])
        mean, std = sample.mean(axis=0).round(2), np.maximum(sample.std(axis=0), 1).round(2)
        if model.smallest_wins:  # LeNet-5 of 1998: background −0.1, ink 1.175
            change = Distortion(size, mean=20, std=200)
        elif size[0] > self.shape[0] or size[1] > self.shape[1]:
            change = Distortion(size, mean=float(mean.mean()), std=float(std.mean()))
        else:
            change = Augmentation(None if size == self.shape[:2] else size, False, False, mean.tolist(), std.tolist())
        found = Preparation(self.size, change, self.class_names, self.shape[2], "black" if self.shape[2] == 1 else "white")
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
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.dtype.kind not in "fiub" or not len(x) or y.shape[:1] != x.shape[:1]:
        raise ValueError(f"{name} must hold images (N, height, width, channels) and a label for each. Received: {x.dtype} "
                         f"of shape {x.shape}, {y.shape}")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    labels = y.argmax(axis=1) if y.ndim == 2 else y.astype(np.int64) if y.dtype.kind in "fiub" else y
    if y.ndim > 2 or y.dtype.kind not in "fiub" or y.ndim == 1 and (labels.min() < 0 or (labels != y).any()):
        raise ValueError(f"{name} must have integers from 0 as labels, or one-hot rows. Received: {y.dtype} of shape "
                         f"{y.shape}")
    return x, y, labels


def load(data, model=None, say=print):
    """`Images` of what a user names.

    Args:
        data: one of `NAMES`; a folder or archive of class folders, or of IDX files; an .npz or CSV file of digits; or
            `Images`.
        model: that photographs should have the size for; None: a small size.
        say: told how far reading is.

    Raises:
        OSError, TypeError, ValueError: nothing of that kind.

    Example:
        >>> load("mnist", say=bool).shape
        (28, 28, 1)
    """
    if isinstance(data, Images):
        return data
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must be one of {', '.join(NAMES)}, a path, or ((x, y), (x_test, y_test)). "
                        f"Received: {type(data).__name__}")
    from fastcnn import datasets
    from fastcnn.recipes.digits import holds_arrays, load_digits

    say(f"reading {os.fsdecode(data)}")
    if data in NAMES:
        module = getattr(datasets, NAMES[data])
        return Images(*module.load_data(), getattr(module, "CLASS_NAMES", None), data)
    if not os.path.exists(data):
        raise ValueError(f"data must be one of {', '.join(NAMES)}, or a folder or file that is there. Received: {data!r}")
    name = os.path.basename(os.path.abspath(data))
    if holds_arrays(data):
        found = load_digits(data)
        return Images(found[:2], found[2:4], found.class_names, name)
    return _photographs(data, model, name, say)


def _photographs(data, model, name, say):
    from fastcnn.images import Preparation
    from fastcnn.recipes.sources import class_names, decoded, training_sources

    own, (height, width, channels) = None, (None, None, 3)
    if model is not None:
        own, (height, width, channels) = Preparation.of(model), model.input_shape[1:]
    sizes = _SIDES if model is None else [(own.size if own else height if height == width else (height, width), np.inf)]
    for size, most in sizes:
        found = training_sources(data, size=size, channels=channels, ground=own.ground if own else "white")
        if len(found.training) <= most:
            break
    parts = [decoded(source, lambda start, source=source, part=part: say(f"reading {part} images: {start} of {len(source)}"))
             for source, part in ((found.training, "training"), (found.validation, "test"))]
    return Images(*parts, class_names(found.training), name, size)
