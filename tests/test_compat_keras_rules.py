"""Every old spelling of every layer and optimizer of fastcnn.compat.keras: what it means, and that it warns exactly once."""

import warnings

import pytest

import fastcnn
from fastcnn.compat.keras import layers, optimizers
from fastcnn.compat.spellings import translate

MEANS = {  # old spelling: (modern one, an old value, today's)
    "W_regularizer": ("kernel_regularizer", "l2", "l2"), "alpha": ("negative_slope", 0.1, 0.1),
    "atrous_rate": ("dilation_rate", (2, 2), (2, 2)), "b_regularizer": ("bias_regularizer", "l1", "l1"),
    "batch_input_shape": ("input_shape", (None, 8, 9, 3), (8, 9, 3)), "batch_shape": ("shape", (None, 8, 9), (8, 9)),
    "beta_init": ("beta_initializer", "ones", "ones"), "bias": ("use_bias", False, False),
    "border_mode": ("padding", "same", "same"), "dim_ordering": ("data_format", "th", "channels_first"),
    "dims": ("target_shape", (4, 2), (4, 2)), "gamma_init": ("gamma_initializer", "zeros", "zeros"),
    "init": ("kernel_initializer", "uniform", "uniform"), "input_dim": ("input_shape", 7, (7,)),
    "nb_filter": ("filters", 5, 5), "output_dim": ("units", 6, 6), "p": ("rate", 0.25, 0.25),
    "poolsize": ("pool_size", (3, 3), (3, 3)), "sigma": ("stddev", 0.5, 0.5), "subsample": ("strides", (2, 1), (2, 1)),
}
OF_THEIR_OWN = {("PReLU", "init"): ("alpha_initializer",), ("SeparableConv2D", "init"): ("depthwise_initializer",
                                                                                           "pointwise_initializer")}
CASES = [(cls, old) for cls, rules in layers.RULES.items() for old in {**layers._SHAPE, **rules} if old in MEANS
         if cls in fastcnn.layers.__all__ and not (cls == "InputLayer" and old in layers._SHAPE)]
NAMES = {
    "AtrousConvolution2D": "Conv2D", "AvgPool2D": "AveragePooling2D", "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose", "Deconvolution2D": "Conv2DTranspose",
    "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "MaxPool2D": "MaxPooling2D", "SeparableConvolution2D": "SeparableConv2D",
}


@pytest.mark.parametrize("cls, old", CASES)
def test_spellings(cls, old):
    modern, given, today = MEANS[old]
    names = OF_THEIR_OWN.get((cls, old), (modern,))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = translate(cls, {old: given}, {**layers._SHAPE, **layers.RULES[cls]})
    assert found == dict.fromkeys(names, today)
    assert [w.category for w in caught] == [DeprecationWarning] and all(name in str(caught[0].message) for name in names)
    assert old in str(caught[0].message)


def test_all_are_here():
    assert len(CASES) > 80 and {old for _, old in CASES} == set(MEANS)


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert issubclass(getattr(layers, name), getattr(fastcnn.layers, NAMES[name]))


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adam", "AdamW", "RMSprop", "SGD"])
def test_optimizers(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = getattr(optimizers, name.lower())(lr=0.25, decay=0.5)
    assert [str(w.message).partition(" is an old spelling. Write ")[::2] for w in caught] == [
        (f"{name.lower()}(…)", f"{name}(…)"), (f"{name.lower()}(lr=0.25)", f"{name}(learning_rate=0.25)"),
        (f"{name.lower()}(decay=0.5)", f"{name}(learning_rate=schedules.InverseTimeDecay(0.25, 1, 0.5))")]
    made.iterations = 2
    assert isinstance(made, getattr(fastcnn.optimizers, name)) and made.learning_rate == 0.125
