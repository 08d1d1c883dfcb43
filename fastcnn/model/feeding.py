"""What users give to train on, evaluate and predict, made into batches: the checks that need the model."""

import warnings

import numpy as np

from fastcnn import arguments
from fastcnn.batches import data, streams


class Feeding:
    """Turns arrays into `data.Batches` and sources of batches into `streams.Stream`."""

    def _ready(self, x):
        """Builds the model by a batch, if it has not been."""
        if not self.built and self.layers:
            self.build(np.shape(x)[1:] if np.ndim(x) != 1 else (1,))
        self._need_built()
        if self._metrics is None:
            self._resolve_metrics()

    def _samples(self, name, x):
        self._ready(x)
        return data.samples(name, x, self.layers[0].input_size, self._channels_first)

    def _prepared(self, x, y, sample_weight=None):
        """(x, targets, weights, whether the targets are labels), as long as each other and not empty."""
        if y is None:
            raise ValueError(f"y must be given when x is an array; batches are taken from a sequence, an iterator or an "
                             f"object with epoch(). Received: x of type {type(x).__name__}, y=None")
        x = self._samples("x", x)
        data.same_length(x, y, sample_weight)
        if len(x) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        target, sparse = self.loss.prepare(y, self.layers[-1].output_size)
        return x, target, data.weights(sample_weight, None, y, len(x)), sparse

    def _batches(self, name, arrays, sparse, batch_size, steps, seed=None, repeat=False):
        """Arrays in batches; `name` is that of the argument `steps`."""
        size = arguments.integer("batch_size", 32 if batch_size is None else batch_size)
        count = len(arrays[0])
        steps = None if steps is None else arguments.integer(name, steps)
        batches = data.Batches(*arrays, max(1, min(size, count)), sparse, steps, seed)
        if not repeat and batches.steps > len(batches):
            warnings.warn(f"{name} is {steps}, and there are {len(batches)} batches.", stacklevel=4)
            batches.steps, batches.samples = len(batches), count
        return batches

    def _stream(self, name, source, steps, class_weight=None, targets=True, **options):
        """A source of batches; `name` is that of the argument `steps`."""
        steps = None if steps is None else arguments.integer(name, steps)
        prepare = (lambda item: self._batch(item, class_weight)) if targets else self._unlabelled
        stream = streams.Stream(source, prepare, steps, **options)
        if not self.built and self.layers:
            item = stream.peek()
            if item is streams.END:
                raise ValueError("the source of batches must hold at least one. Received: none")
            self._ready(item[0] if isinstance(item, (tuple, list)) and item else item)
        self._ready(())
        return stream

    def _batch(self, item, class_weight):
        """(samples, arrays, sparse) of a batch that a source gave."""
        if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
            what = f"{len(item)} values" if isinstance(item, (tuple, list)) else type(item).__name__
            raise ValueError(f"it must be (x, y) or (x, y, sample_weight). Received: {what}")
        x, target, weight, sparse = self._prepared(*item)
        weight = data.weights(weight, class_weight, target, len(x))
        return len(x), (data.dense(x), target, weight), sparse

    def _unlabelled(self, item):
        x = data.dense(self._samples("x", item[0] if isinstance(item, tuple) and item else item))
        if len(x) == 0:
            raise ValueError("x must hold at least one sample. Received: 0 samples")
        return len(x), (x, None, None), False

    def _validation(self, given, batch_size, steps):
        """Batches to validate on, or None."""
        if given is None:
            if steps is not None:
                raise ValueError(f"validation_steps must come with validation_data. Received: {steps!r}")
            return None
        if streams.is_stream(given):
            return self._stream("validation_steps", given, steps)
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(f"validation_data must be (x, y), (x, y, sample_weight) or a source of batches. "
                             f"Received: {type(given).__name__}")
        *arrays, sparse = self._prepared(*given)
        return self._batches("validation_steps", arrays, sparse, batch_size, steps)

    def _edge(self, y):
        return np.ascontiguousarray(y.transpose(0, 3, 1, 2)) if self._channels_first and y.ndim == 4 else y
