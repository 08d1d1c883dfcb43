"""Arrays as fit, evaluate and predict take them: checked, split, shuffled, cut into batches."""


import numpy as np

from fastcnn import arguments, calling, foreign


def samples(name, x, input_size, first=False):
    """A batch of samples as an array (N, *input_size), of any real dtype, channels last.

    A missing last axis of one channel is added, and a 1-D x becomes (N, 1), as in Keras.
    """
    given, x = x, foreign.real(name, x)
    shape = x.shape
    if x.ndim == 1 and len(input_size) == 1:
        x = x[:, None]
    if first and x.ndim == 4:
        x = x.transpose(0, 2, 3, 1)
    if x.ndim == len(input_size) and input_size[-1:] == (1,) and x.shape[1:] == input_size[:-1]:
        x = x[..., None]
    if x.ndim < 1 or x.shape[1:] != input_size:
        size = (input_size[2], *input_size[:2]) if first and len(input_size) == 3 else input_size
        raise ValueError(f"{name} must have shape (samples, {', '.join(map(str, size))})"
                         f"{foreign.meant(name, given, shape, size)}. Received: shape {shape}")
    return x


def dense(x):
    """Samples as a plan reads them: float32, contiguous; a copy only where needed."""
    return x if x.dtype == np.float32 and x.flags.c_contiguous and x.flags.aligned else np.array(x, np.float32, order="C")


def same_length(x, y, sample_weight=None):
    """Refuses arrays of different numbers of samples."""
    given = [("x", x), ("y", y)] + ([] if sample_weight is None else [("sample_weight", sample_weight)])
    if all(type(value) is np.ndarray and value.ndim and len(value) == len(x) for _, value in given):
        return
    for name, value in given:
        foreign.check(name, value)
        if not np.ndim(value):
            raise TypeError(f"{name} must be an array with an entry for each sample. Received: {arguments.shown(value)}")
    lengths = [(name, np.shape(value)[0]) for name, value in given]
    if len({length for _, length in lengths}) > 1:
        raise ValueError("x, y and sample_weight must have the same number of samples. Received: "
                         + ", ".join(f"{name} {length}" for name, length in lengths))


def weights(sample_weight, count):
    """One float32 weight per sample, or None."""
    if sample_weight is None:
        return None
    with np.errstate(over="ignore"):
        result = arguments.array("sample_weight", foreign.real("sample_weight", sample_weight))
    if result.shape not in ((count,), (count, 1)):
        raise ValueError(f"sample_weight must have one number per sample, {count}. Received: shape {result.shape}")
    result = result.reshape(count)
    if not np.isfinite(result).all():
        odd = int(np.argmin(np.isfinite(result)))
        raise ValueError(f"sample_weight must hold finite numbers. Received: {result[odd]:g} for sample {odd}")
    if count and result.min() < 0:
        odd = int(np.argmin(result))
        calling.warn(f"sample_weight has numbers below 0, which make the loss of their samples grow, and metrics mean "
                     f"little. Received: {result[odd]:g} for sample {odd}")
    return result


def split(arrays, part):
    """(first, last) of each array: the tail of `part` of the samples is kept apart, as Keras does before shuffling."""
    count = len(arrays[0])
    at = int(count * (1 - part))
    if not 0 < at < count:
        raise ValueError(f"validation_split must leave samples on both sides of {count}. Received: {part}")
    return [a if a is None else a[:at] for a in arrays], [a if a is None else a[at:] for a in arrays]


class Batches:
    """Cuts samples into float32 batches in a given order, into buffers that are used again.

    Args:
        arrays: of the same length; those that are None stay None.
        inputs: so many of them, the first, are samples, of any dtype; the others are targets and weights.
        size: samples per batch.
        sparse: whether the targets of each output are labels.
        steps: batches per epoch; None: all. With more or fewer, the samples are gone through again and again, and where
            one epoch ends the next goes on.
        seed: of the order of samples, a new one each time they are gone through; None: as they come.
    """

    timed, share = False, None  # share: which samples of a batch are wanted; None: all

    def __init__(self, arrays, inputs, size, sparse=False, steps=None, seed=None):
        self.arrays, self.inputs, self.size, self.sparse, self.seed = arrays, inputs, size, sparse, seed
        self.count = len(arrays[0])
        self.steps, self.batch_size = steps or len(self), size
        self.samples = self.count if self.steps == len(self) else None
        self.copied = [i < inputs and not (a.dtype == np.float32 and a.flags.c_contiguous and a.flags.aligned)
                       for i, a in enumerate(arrays)]
        self.buffers = [None if a is None else np.empty((size, *a.shape[1:]), np.float32 if i < inputs else a.dtype)
                        for i, a in enumerate(arrays)]

    def epoch(self, number, first=0):
        """(samples, arrays, sparse) of an epoch's batches, from batch `first` on."""
        order, of = None, None
        for place in range(number * self.steps + first, (number + 1) * self.steps):
            turn, i = divmod(place, len(self))
            if self.seed is not None and turn != of:
                order, of = np.random.default_rng([self.seed, turn]).permutation(self.count), turn
            yield (*self.get(i, order), self.sparse)

    def is_dry(self):
        """Arrays can be gone through again."""
        return False

    def __len__(self):
        return -(-self.count // self.size)

    def get(self, i, order=None):
        """(samples, arrays) of batch i; order: the samples' numbers, None: as they come."""
        start, stop = i * self.size, min((i + 1) * self.size, self.count)
        n, arrays = stop - start, []
        for place, (a, buffer, copied) in enumerate(zip(self.arrays, self.buffers, self.copied)):
            shared = self.share is not None and place < self.inputs  # others may write their samples into the array
            low, high = self.share.images(n) if shared else (0, n)
            if a is None:
                arrays.append(None)
            elif order is None and not copied and not shared:
                arrays.append(a[start:stop])
            else:
                if order is None:
                    buffer[low:high] = a[start + low:start + high]
                elif a.dtype == buffer.dtype and a.flags.c_contiguous:
                    a.take(order[start + low:start + high], axis=0, out=buffer[low:high], mode="clip")
                else:
                    buffer[low:high] = a[order[start + low:start + high]]
                arrays.append(buffer[:n])
        return n, arrays
