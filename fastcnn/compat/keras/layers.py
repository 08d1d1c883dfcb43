"""Layers under Keras' names of any age: all of `fastcnn.layers`, and old spellings of their arguments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastcnn import arguments, layers
from fastcnn.compat.keras import activations, backend, initializers
from fastcnn.compat.spellings import accepting, bound, known, paired, renamed, translate
from fastcnn.layers.symbols import Symbol

if TYPE_CHECKING:  # other names are made when this runs
    def __getattr__(name: str) -> Any: ...

FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}

_SHAPE = {
    "input_dim": renamed("input_shape", lambda size: (size,)),
    "batch_input_shape": renamed("input_shape", lambda shape: tuple(shape)[1:]),
}
_KERNEL = {
    "init": renamed("kernel_initializer"),
    "W_regularizer": renamed("kernel_regularizer"),
    "b_regularizer": renamed("bias_regularizer"),
    "W_constraint": renamed("kernel_constraint"),
    "b_constraint": renamed("bias_constraint"),
    "bias": renamed("use_bias"),
}
_WINDOW = {"border_mode": renamed("padding"), "dim_ordering": renamed("data_format", FORMATS)}
_CONVOLUTION = {
    "nb_filter": renamed("filters"),
    "nb_row": paired("kernel_size", "nb_col"),
    "nb_col": paired("kernel_size", "nb_row"),
    "subsample": renamed("strides"),
    "atrous_rate": renamed("dilation_rate"),
    **_WINDOW,
    **_KERNEL,
}
_POOLING = {"poolsize": renamed("pool_size"), **_WINDOW}

def _output_shape(what, old, given):
    raise TypeError(f"{what} takes no output_shape today: it follows from the input's, padding and strides, and "
                    f"output_padding adds to it. Received: {arguments.shown(given[old])}")


RULES = {  # class: old spellings of its arguments; a class that fastcnn does not have is passed over
    "AveragePooling2D": _POOLING,
    "BatchNormalization": {"beta_init": renamed("beta_initializer"), "gamma_init": renamed("gamma_initializer")},
    "Conv2D": _CONVOLUTION,
    "Conv2DTranspose": {**_CONVOLUTION, "output_shape": _output_shape},
    "Cropping2D": {"dim_ordering": _WINDOW["dim_ordering"]},
    "Dense": {"output_dim": renamed("units"), **_KERNEL},
    "Dropout": {"p": renamed("rate")},
    "GaussianNoise": {"sigma": renamed("stddev")},
    "GlobalAveragePooling2D": {"dim_ordering": _WINDOW["dim_ordering"]},
    "GlobalMaxPooling2D": {"dim_ordering": _WINDOW["dim_ordering"]},
    "InputLayer": {"batch_shape": renamed("shape", lambda shape: tuple(shape)[1:]),
                   "batch_input_shape": renamed("shape", lambda shape: tuple(shape)[1:]), "input_shape": renamed("shape")},
    "LeakyReLU": {"alpha": renamed("negative_slope")},
    "MaxPooling2D": _POOLING,
    "PReLU": {"init": renamed("alpha_initializer")},
    "Reshape": {"dims": renamed("target_shape")},
    "SeparableConv2D": {**_CONVOLUTION, "init": renamed(("depthwise_initializer", "pointwise_initializer"))},
    "SpatialDropout2D": {"p": renamed("rate"), "dim_ordering": _WINDOW["dim_ordering"]},
    "UpSampling2D": {"dim_ordering": _WINDOW["dim_ordering"]},
    "ZeroPadding2D": {"dim_ordering": _WINDOW["dim_ordering"]},
}
OLD_NAMES = {  # once: today
    "AtrousConvolution2D": "Conv2D", "Convolution2D": "Conv2D", "Convolution2DTranspose": "Conv2DTranspose",
    "Deconvolution2D": "Conv2DTranspose", "SeparableConvolution2D": "SeparableConv2D",
}
OTHER_NAMES = {  # both in use
    "AvgPool2D": "AveragePooling2D", "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "MaxPool2D": "MaxPooling2D",
}


def _filters_first(values, fourth="init"):
    """Keras 1: filters, rows and columns as three integers in front; None: they are not."""
    if len(values) >= 3 and all(hasattr(value, "__index__") for value in values[:3]):
        names = "filters", "nb_row", "nb_col", fourth, "activation"
        if len(values) > len(names):
            raise TypeError(f"Convolution2D takes {', '.join(names)} by position, others by name. Received: {len(values)} "
                            f"values")
        return dict(zip(names, values))
    return None


def _inputs_first(values):
    """Keras 0: inputs and outputs as two integers in front. Keras 1: units, then the name of initial values."""
    if len(values) >= 2 and all(hasattr(value, "__index__") for value in values[:2]):
        names = "input_dim", "units", "init", "activation"
    elif len(values) >= 2 and isinstance(values[1], str) and values[1] in initializers.NAMES:
        names = "units", "init", "activation"
    else:
        return None
    if len(values) > len(names):
        raise TypeError(f"Dense takes {', '.join(names)} by position, others by name. Received: {len(values)} values")
    return dict(zip(names, values))


def _transposed(values):
    """The same with the shape of the output as the fourth."""
    return _filters_first(values, "output_shape")


_POSITIONS = {"Dense": _inputs_first}
_OLD_POSITIONS = {"AtrousConvolution2D": _filters_first, "Convolution2D": _filters_first,
                  "Convolution2DTranspose": _transposed, "Deconvolution2D": _transposed,
                  "SeparableConvolution2D": _filters_first}


def _settle(cls):
    formatted = "data_format" in inspect.signature(cls).parameters
    normalizing = cls in (layers.BatchNormalization, layers.GroupNormalization)

    def settle(given):
        if callable(given.get("activation")):
            given["activation"] = activations.name_of(given["activation"])
        for name in ("padding", "data_format"):
            if isinstance(given.get(name), str):
                given[name] = given[name].lower()  # Keras takes "Same", too
        first = backend.image_data_format() == "channels_first"
        if formatted and given.get("data_format") is None and first:
            given["data_format"] = "channels_first"
        if normalizing and given.get("axis") == 1 and first:
            given["axis"] = -1  # channels are last inside, and the only axis of what is no image

    return settle


def _classes():
    found = {"Layer": layers.Layer}
    for name in layers.__all__:
        cls = getattr(layers, name)
        if isinstance(cls, type) and cls is not layers.Layer:
            rules = {**({} if name == "InputLayer" else _SHAPE), **RULES.get(name, {})}
            options = {"settle": _settle(cls)}
            found[name] = accepting(cls, rules, __name__, (), positions=_POSITIONS.get(name), **options)
            for old in [old for old, new in OLD_NAMES.items() if new == name]:
                found[old] = accepting(cls, rules, __name__, (found[name],), old, _OLD_POSITIONS[old], **options)
    found.update({other: found[name] for other, name in OTHER_NAMES.items() if name in found})
    return found


CLASSES = _classes()
globals().update(CLASSES)


def Input(*args: Any, **given: Any) -> Symbol:
    """`fastcnn.Input`; takes old spellings: `batch_shape`, `batch_input_shape`, `input_shape`; and Keras' `dtype`,
    "float32".

    Args:
        shape, name, data_format: as `fastcnn.Input`.
    """
    given = translate("Input", bound(layers.Input, args, given), RULES["InputLayer"])
    if given.pop("dtype", "float32") not in (None, "float32"):
        raise ValueError("dtype must be 'float32': all values are. Received: another")
    first = backend.image_data_format() == "channels_first"
    if first and given.get("data_format") is None:
        given["data_format"] = "channels_first"
    return layers.Input(**known("Input", layers.Input, given))


def _function(name):
    def merge(inputs, **given):
        return CLASSES[name](**given)(inputs)

    merge.__name__ = merge.__qualname__ = name.lower()
    merge.__doc__ = f"What `{name}(…)(inputs)` gives: Keras' function of this name."
    return merge


MERGES = {name.lower(): _function(name)
          for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")}
globals().update(MERGES)
__all__ = sorted([*CLASSES, *MERGES, "Input"])
