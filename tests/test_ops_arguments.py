"""What the functional API refuses, at what price; and what it takes: any layout and dtype of real numbers."""

import inspect
import time
import tracemalloc

import numpy as np
import pytest
from buffers import assert_same, normal, poisoned
from cases import CALLS

from fastcnn import ops, reference

BY_NAME = {call.op: call for call in CALLS}
IMAGE_CALLS = [call for call in CALLS if "data_format" in inspect.signature(getattr(ops, call.op)).parameters]


def problem(call, name=None):
    """Arguments of the function `name`: the call's own, or its backward, whose dy comes first."""
    rng = np.random.default_rng(len(call.op))
    arrays = {
        key: rng.integers(0, 5, 6) if shape == "labels" else np.abs(normal(rng, shape))
        for key, shape in call.shapes.items()
    }
    for key in arrays:
        if key.endswith("kernel"):
            arrays[key] -= 0.5
    backward = (name or call.op).endswith("_backward")
    return {"dy": normal(rng, call.y), **arrays} if backward else arrays


def each_function(calls):
    """(name, call) of every function and its backward."""
    return [
        pytest.param(call.op + suffix, call, id=call.op + suffix)
        for call in calls
        for suffix in ("", "_backward")
    ]


def results(name, arrays, options):
    y = getattr(ops, name)(**arrays, **options)
    return y if isinstance(y, tuple) else (y,)


# What is refused

# name of the test: (value, what the message holds)
BAD_INTEGERS = {
    "zero": (0, "0"), "negative": (-1, "-1"), "2**31": (2**31, str(2**31)), "2**100": (2**100, str(2**100)),
    "2**63-1": (2**63 - 1, str(2**63 - 1)), "bool": (True, "True"), "numpy bool": (np.True_, "True"),
    "float": (1.5, "1.5"), "whole float": (2.0, "2.0"), "NaN": (np.nan, "nan"),
    "inf": (np.inf, "inf"), "string": ("2", "'2'"), "bytes": (b"2", "b'2'"), "complex": (1j, "1j"),
    "array": (np.array([1, 2]), "array([1, 2])"), "object": (Ellipsis, "Ellipsis"),
    "dict": ({1: 2}, "{1: 2}"),
}  # fmt: skip
BAD_PAIRS = BAD_INTEGERS | {
    "empty": ((), "()"), "one": ((1,), "(1,)"), "three": ((1, 2, 3), "(1, 2, 3)"),
    "zero inside": ((1, 0), "0"), "float inside": ([1, 1.5], "1.5"), "None inside": ((1, None), "None"),
    "bool inside": ((1, True), "True"), "huge inside": ((2**40, 1), str(2**40)),
    "pair inside": ((1, (1, 2)), "(1, 2)"),
}  # fmt: skip
BAD_PADDINGS = {key: value for key, value in BAD_PAIRS.items() if key not in ("zero", "zero inside")} | {
    "word": ("full", "'full'"), "upper case": ("SAME", "'SAME'"), "None": (None, "None"),
    "negative inside": (((0, 0), (0, -3)), "-3"), "half a pair": (((1, 1), 1), "((1, 1), 1)"),
    "three sides": (((1, 1), (1, 1, 1)), "((1, 1), (1, 1, 1))"), "2**31-1": (2**31 - 1, str(2**31 - 1)),
}  # fmt: skip
BAD_NUMBERS = {
    "NaN": (np.nan, "nan"), "inf": (np.inf, "inf"), "-inf": (-np.inf, "-inf"), "string": ("0.5", "'0.5'"),
    "None": (None, "None"), "bool": (True, "True"), "complex": (1j, "1j"), "list": ([1], "[1]"),
    "array": (np.array([0.5, 0.5]), "array([0.5, 0.5])"), "10**400": (10**400, "1000000"),
}  # fmt: skip
BAD_FLAGS = {
    "one": (1, "1"), "string": ("True", "'True'"), "None": (None, "None"),
    "array": (np.array([True]), "[ True]"),
}  # fmt: skip
BAD_WORDS = {"other": ("NHWC", "'NHWC'"), "None": (None, "None"), "number": (1, "1"), "list": ([], "[]")}
BAD_SEEDS = {key: value for key, value in BAD_INTEGERS.items() if key not in ("zero", "2**31", "2**63-1")}
NOT_NEGATIVE = BAD_NUMBERS | {"negative": (-0.5, "-0.5")}
NO_NONE = {"None": (None, "None")}
POOL_OPTIONS = {
    "pool_size": BAD_PAIRS | NO_NONE | {"beyond image": (2**31 - 1, str(2**31 - 1))}, "strides": BAD_PAIRS,
    "padding": BAD_PADDINGS | {"as large as the pool": ((0, 3), "(0, 3)")}, "ceil_mode": BAD_FLAGS,
    "data_format": BAD_WORDS,
}  # fmt: skip
WINDOW_OPTIONS = {
    "strides": BAD_PAIRS | NO_NONE, "dilation_rate": BAD_PAIRS | {"beyond image": (2**31 - 1, "5, 6, 3")},
    "padding": BAD_PADDINGS, "data_format": BAD_WORDS,
}  # fmt: skip
BAD_OPTIONS = {
    "depthwise_conv2d": WINDOW_OPTIONS,
    "separable_conv2d": WINDOW_OPTIONS,
    "conv2d_transpose": {
        "strides": BAD_PAIRS | NO_NONE | {"beyond range": (2**31 - 1, str(2**31 - 1))},
        "dilation_rate": BAD_PAIRS | {"beyond range": (2**31 - 1, str(2**31 - 1))},
        "groups": BAD_INTEGERS | {"not a divisor": (2, "2"), "beyond channels": (9, "9")},
        "padding": BAD_PADDINGS, "data_format": BAD_WORDS,
        "output_padding": {
            "negative": (-1, "-1"), "float": (0.5, "0.5"), "a stride": ((0, 2), "(0, 2)"), "three": ((0,) * 3, "0, 0, 0"),
        },
    },
    "conv2d": {
        "strides": BAD_PAIRS | NO_NONE, "dilation_rate": BAD_PAIRS | {"beyond image": (2**31 - 1, "5, 6, 3")},
        "groups": BAD_INTEGERS | {"not a divisor": (2, "2"), "beyond channels": (9, "9")},
        "padding": BAD_PADDINGS, "data_format": BAD_WORDS,
    },
    "max_pool2d": POOL_OPTIONS,
    "avg_pool2d": POOL_OPTIONS | {"count_include_pad": BAD_FLAGS},
    "soft_pool2d": POOL_OPTIONS,
    "lp_pool2d": POOL_OPTIONS | {"p": BAD_NUMBERS | {"below one": (0.9, "0.9"), "beyond a million": (1e7, "10000000.0")}},
    "adaptive_avg_pool2d": {
        "output_size": BAD_PAIRS | NO_NONE | {"beyond memory": (2**31 - 1, str(2**31 - 1))}, "data_format": BAD_WORDS,
    },
    "global_avg_pool2d": {"data_format": BAD_WORDS},
    "global_max_pool2d": {"data_format": BAD_WORDS},
    "local_response_norm": {
        "size": BAD_INTEGERS, "alpha": BAD_NUMBERS, "beta": BAD_NUMBERS, "k": BAD_NUMBERS,
        "alpha_mode": BAD_WORDS, "mode": BAD_WORDS, "groups": BAD_INTEGERS | {"not a divisor": (2, "2")},
    },
    "batch_norm": {"epsilon": NOT_NEGATIVE},
    "layer_norm": {
        "epsilon": NOT_NEGATIVE,
        "axis": {key: value for key, value in BAD_INTEGERS.items() if key != "negative"} | NO_NONE | {
            "first": (0, "0"), "not the last": ((1, 2), "(1, 2)"), "apart": ((1, 3), "(1, 3)"), "empty": ((), "()"),
            "twice": ((3, 3), "(3, 3)"), "too many": ((4,), "4"), "float inside": ((2, 3.0), "3.0"), "below": (-5, "-5"),
        },
    },
    "group_norm": {
        "epsilon": NOT_NEGATIVE,
        "groups": {key: value for key, value in BAD_INTEGERS.items() if key != "negative"} | NO_NONE | {
            "not a divisor": (4, "4"), "beyond channels": (12, "12"), "below": (-2, "-2"),
        },
    },
    "zero_pad2d": {"padding": BAD_PADDINGS, "data_format": BAD_WORDS},
    "crop2d": {
        "cropping": BAD_PADDINGS | {"all rows": ((2, 3), "(2, 2), (3, 3)"), "all columns": (((0, 0), (2, 4)), "(2, 4)")},
        "data_format": BAD_WORDS,
    },
    "upsample2d": {
        "size": BAD_PAIRS | NO_NONE | {"beyond memory": (2**31 - 1, str(2**31 - 1))}, "interpolation": BAD_WORDS,
        "data_format": BAD_WORDS,
    },
    "permute": {
        "dims": BAD_INTEGERS | NO_NONE | {
            "too few": ((1, 2), "(1, 2)"), "twice": ((1, 2, 2), "(1, 2, 2)"), "the batch": ((0, 1, 2), "0"),
            "too many": ((1, 2, 3, 4), "(1, 2, 3, 4)"), "float inside": ((1, 2, 3.0), "3.0"), "empty": ((), "()"),
        },
    },
    "subsample2d": {key: value for key, value in POOL_OPTIONS.items() if key != "ceil_mode"},
    "rbf_maximum_a_posteriori": {"j": BAD_NUMBERS},
    "leaky_relu": {"negative_slope": NOT_NEGATIVE},
    "elu": {"alpha": NOT_NEGATIVE},
    "hard_sigmoid": {"slope": NOT_NEGATIVE},
    "maxout": {"group_size": BAD_INTEGERS | {"not a divisor": (2, "group_size = 2")}},
    "dropout": {
        "rate": NOT_NEGATIVE | {"one": (1, "1"), "1.0": (1.0, "1.0"), "above": (1.5, "1.5")},
        "seed": BAD_SEEDS, "step": BAD_SEEDS,
    },
    "spatial_dropout2d": {
        "rate": NOT_NEGATIVE | {"one": (1, "1"), "above": (1.5, "1.5")}, "seed": BAD_SEEDS, "step": BAD_SEEDS,
        "data_format": BAD_WORDS,
    },
    "gaussian_noise": {
        "stddev": NOT_NEGATIVE | {"beyond float32": (1e39, "1e+39")}, "seed": BAD_SEEDS, "step": BAD_SEEDS,
    },
    "rescale": {
        name: {key: value for key, value in BAD_NUMBERS.items() if key not in ("list", "array")} | {
            "too few": ([1.0, 2.0], "[1.0, 2.0]"), "NaN inside": ([1, 2, 3, 4, np.nan], "nan"),
            "beyond float32": (1e39, "e+39"), "two dimensions": (np.ones((5, 1)), "[1.0]"),
        } for name in ("scale", "offset", "mean")
    },
    "binary_cross_entropy": {"from_logits": BAD_FLAGS, "label_smoothing": NOT_NEGATIVE | {"above 1": (1.1, "1.1")}},
    "softmax_cross_entropy": {"label_smoothing": NOT_NEGATIVE | {"above 1": (1.1, "1.1")}},
    "categorical_cross_entropy": {"label_smoothing": NOT_NEGATIVE | {"above 1": (1.1, "1.1")}},
    "huber": {"delta": NOT_NEGATIVE | {"zero": (0, "0")}},
}  # fmt: skip

BAD_ARRAYS = {  # what an array argument is made to, what the message holds
    "complex": (lambda a: a + 1j, "complex"), "string": (lambda a: a.astype(str), "<U"),
    "bytes": (lambda a: a.astype("S"), "|S"), "object": (lambda a: a.astype(object), "object"),
    "datetime": (lambda a: a.astype(int).astype("M8[s]"), "datetime64"), "None": (lambda a: None, ""),
    "a dict": (lambda a: {}, "Received"), "a word": (lambda a: "images", "Received"),
    "ragged": (lambda a: [[1.0], [1.0, 2.0]], ""),
}  # fmt: skip
OPTIONAL = {"bias", "gamma", "beta"}


def array_cases():
    for call in CALLS:
        for name in call.op, f"{call.op}_backward":
            for argument in problem(call, name):
                for kind, (bad, fragment) in BAD_ARRAYS.items():
                    if kind != "None" or argument not in OPTIONAL:
                        yield pytest.param(
                            name, call, argument, bad, fragment, id=f"{name}-{argument}-{kind}"
                        )


def option_cases():
    for op, options in BAD_OPTIONS.items():
        for name in op, f"{op}_backward":
            for option, values in options.items():
                for kind, (value, fragment) in values.items():
                    yield pytest.param(
                        name, BY_NAME[op], option, value, fragment, id=f"{name}-{option}-{kind}"
                    )


def refused(name, arrays, options, fragment):
    """The call raises TypeError or ValueError that says what was received, at once and without allocating."""
    tracemalloc.start()
    begin = time.process_time()  # other jobs do not count
    try:
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(ops, name)(**arrays, **options)
        seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not isinstance(caught.value, UnicodeError)
    assert fragment in str(caught.value), f"{fragment!r} is not in the message: {caught.value}"
    assert peak < 10e6, f"{peak} bytes"
    return seconds


def refused_quickly(*call):
    assert refused(*call) < 0.1 or refused(*call) < 0.1  # the first one may import something


@pytest.mark.parametrize("name, call, option, value, fragment", list(option_cases()))
def test_bad_option(name, call, option, value, fragment):
    refused_quickly(name, problem(call, name), {**call.options, option: value}, fragment)


@pytest.mark.parametrize("name, call, argument, bad, fragment", list(array_cases()))
def test_bad_array(name, call, argument, bad, fragment):
    arrays = problem(call, name)
    refused_quickly(name, {**arrays, argument: bad(arrays[argument])}, call.options, fragment)


BAD_SHAPES = [  # op, argument, shape, what the message holds
    *(
        (op, "x", shape, fragment)
        for op in ("conv2d", "depthwise_conv2d", "separable_conv2d", "conv2d_transpose",
                   *(f"{kind}_pool2d" for kind in ("max", "avg", "soft", "lp", "adaptive_avg", "global_avg", "global_max")),
                   "zero_pad2d", "crop2d", "upsample2d", "spatial_dropout2d")
        for shape, fragment in [
            ((5, 6, 3), "(5, 6, 3)"),
            ((1, 2, 5, 6, 3), "(1, 2, 5, 6, 3)"),
            ((), "()"),
            ((2, 5, 6, 0), "0"),
            ((2, 0, 6, 3), "0"),
            ((0, 2**31, 5, 3), str(2**31)),
        ]
        if op != "spatial_dropout2d" or shape[:1] != (0,)
    ),
    *(
        ("depthwise_conv2d", "kernel", shape, str(shape))
        for shape in [(3, 2, 6), (3, 2, 2, 3), (3, 2, 3, 0), (3, 2, 3, 2, 1)]
    ),
    ("depthwise_conv2d", "kernel", (0, 2, 3, 2), "(0, 2)"),
    ("depthwise_conv2d", "kernel", (6, 2, 3, 2), "(6, 2)"),
    ("depthwise_conv2d", "kernel", (3, 2, 3, 4), "(12,)"),
    *(
        ("conv2d_transpose", "kernel", shape, str(shape))
        for shape in [(3, 2, 12), (3, 2, 3, 4), (3, 2, 4, 3, 1), (3, 2, 4, 0)]
    ),
    ("conv2d_transpose", "kernel", (0, 2, 4, 3), "(0, 2)"),
    ("conv2d_transpose", "kernel", (3, 2, 0, 3), "0"),
    *(
        ("separable_conv2d", argument, shape, str(shape))
        for argument, shapes in [
            ("depthwise_kernel", [(3, 2, 6), (3, 2, 2, 3), (3, 2, 3, 2, 1)]),
            ("pointwise_kernel", [(6, 4), (1, 1, 5, 4), (1, 2, 6, 4), (2, 1, 6, 4)]),
        ]
        for shape in shapes
    ),
    ("separable_conv2d", "depthwise_kernel", (0, 2, 3, 2), "(0, 2)"),
    ("separable_conv2d", "depthwise_kernel", (3, 2, 3, 1), "(1, 1, 3 channels, filters)"),
    ("separable_conv2d", "pointwise_kernel", (1, 1, 6, 0), "0"),
    ("conv2d", "x", (2, 5, 6, 4), "(3, 2, 3, 4)"),
    ("conv2d", "x", (2, 2, 6, 3), "(2, 6, 3)"),
    ("max_pool2d", "x", (2, 5, 0, 3), "0"),
    *(
        ("conv2d", "kernel", shape, str(shape))
        for shape in [(3, 2, 12), (3, 2, 1, 4), (3, 2, 3, 4, 1), (3, 2, 0, 4)]
    ),
    ("conv2d", "kernel", (0, 2, 3, 4), "(0, 2)"),
    ("conv2d", "kernel", (3, 2, 3, 0), "0"),
    ("conv2d", "kernel", (6, 2, 3, 4), "(6, 2)"),
    ("conv2d", "kernel", (3, 9, 3, 4), "(3, 9)"),
    *(
        (op, "bias", shape, str(shape))
        for op in ("conv2d", "depthwise_conv2d", "separable_conv2d", "conv2d_transpose", "dense")
        for shape in [(), (1,), (9,), (1, 4), (4, 1), (0,)]
    ),
    *(("permute", "x", shape, str(shape)) for shape in [(), (5,)]),
    *(("dense", "x", shape, str(shape)) for shape in [(), (6,), (2, 3, 4), (5, 0)]),
    *(("dense", "kernel", shape, str(shape)) for shape in [(5,), (7, 5), (5, 7, 1), (0, 7)]),
    ("dense", "kernel", (5, 0), "0"),
    *((op, "x", (), "()") for op in ("local_response_norm", "softmax", "log_softmax", "prelu", "maxout", "rescale")),
    *(("layer_norm", "x", shape, fragment) for shape, fragment in [
        ((), "()"), ((3, 0), "(3, 0)"), ((4, 6), "(4, 6)"), ((2, 3, 5, 4), "(5, 4)"),
    ]),
    *(("layer_norm", name, shape, str(shape)) for name in ("gamma", "beta") for shape in [(), (5,), (5, 4), (1, 4, 5)]),
    *(("group_norm", "x", shape, str(shape)) for shape in [(), (6,), (3, 0), (2, 0, 6)]),
    ("group_norm", "x", (2, 3, 5), "5 channels"),
    *(("group_norm", name, shape, str(shape)) for name in ("gamma", "beta") for shape in [(), (5,), (1, 6), (0,)]),
    ("batch_norm", "x", (), "()"),
    ("batch_norm", "x", (3, 0), "(3, 0)"),
    *(("batch_norm", name, shape, str(shape)) for name in ("gamma", "beta") for shape in [(), (4,), (1, 5), (5, 1), (0,)]),
    *(("batch_norm", "x", shape, f"{shape[-1:]}") for shape in [(5, 6), (1,)]),
    ("prelu", "x", (5,), "(5,)"),
    *(("prelu", "x", shape, str(shape[1:])) for shape in [(3, 4, 5), (2, 3, 4, 6), (2, 2, 4, 5)]),
    *(("prelu", "alpha", shape, str(shape)) for shape in [(2, 1, 5), (3, 1, 5, 1), (1, 3, 1, 5), (4,), (0,)]),
    *(("maxout", "x", shape, str(shape)) for shape in [(2, 3, 4), (6,), (3, 0)]),
    *(
        (call.op, "x", shape, str(shape))
        for call in CALLS
        if "target" in call.shapes
        for shape in [(), (6, 0)]
    ),
    *(
        (call.op, "target", shape, str(shape))
        for call in CALLS
        if "target" in call.shapes
        for shape in [(), (5,), (6, 4), (6, 5, 1)]
    ),
    ("mean_squared_error", "target", (6,), "(6,)"),
    *(
        ("subsample2d", argument, shape, str(shape))
        for argument in ("coefficient", "bias")
        for shape in [(), (1,), (4,), (3, 1)]
    ),
    *(
        ("rbf", argument, shape, str(shape))
        for argument in ("x", "prototypes")
        for shape in [(), (5,), (6, 4), (6, 5, 1), (4, 0)]
    ),
]


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("op, argument, shape, fragment", BAD_SHAPES, ids=str)
def test_bad_shape(op, argument, shape, fragment, backward):
    name = op + "_backward" * backward
    arrays = {**problem(BY_NAME[op], name), argument: np.zeros(shape, np.float32)}
    refused_quickly(name, arrays, BY_NAME[op].options, fragment)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_bad_dy_shape(call):
    """Shapes that NumPy would broadcast are refused too."""
    y = call.y
    for shape in (
        (),
        (1,),
        (*y, 1),
        (1, *y),
        (y[0] + 1, *y[1:]),
        (*y[:-1], y[-1] + 1),
        (0, *y[1:]),
        (1,) * len(y),
    ):
        if shape != y:
            name = f"{call.op}_backward"
            refused_quickly(name, {**problem(call, name), "dy": np.zeros(shape)}, call.options, str(shape))


@pytest.mark.parametrize("labels, fragment", [
    ([0, 1, 2, 3, 4, 5], "5"), ([0, 1, -1, 3, 4, 4], "-1"), ([0, 1, 2, 3, 4], "(5,)"),
    ([2**40] * 6, str(2**40)), (np.full(6, 2**63, np.uint64), str(2**63)), ([0.0] * 6, "(6,)"),
    ([True] * 6, "(6,)"), (3, "()"), ([["a"] * 5] * 6, "<U1"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("op", ["softmax_cross_entropy", "categorical_cross_entropy", "multiclass_hinge"])
def test_bad_labels(op, labels, fragment):
    if op == "multiclass_hinge" and np.asarray(labels).dtype.kind in "fb":
        fragment = str(np.asarray(labels).dtype)
    for name in op, f"{op}_backward":
        refused_quickly(name, {**problem(BY_NAME[op], name), "target": labels}, {}, fragment)


def test_largest_strides():
    x, kernel = np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    assert_same(ops.conv2d(x, kernel, strides=2**31 - 1), [[[[9]]]])
    assert_same(ops.max_pool2d(x, 2, strides=2**31 - 1), [[[[1]]]])
    assert_same(ops.avg_pool2d_backward([[[[4]]]], x, 2, strides=2**31 - 1)[0, :2, :2, 0], np.ones((2, 2)))


def test_dilation_beyond_the_image():
    """All taps but the middle one see padding: right or refused, but not for want of memory."""
    x, kernel = np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    try:
        y = ops.conv2d(x, kernel, padding="same", dilation_rate=2**18)
    except ValueError as error:
        assert "262144" in str(error)
    else:
        assert_same(y, x)


# Optimizers have no backward and return tuples

WEIGHTS = {"w": np.ones(3, np.float32), "dw": np.ones(3, np.float32), "v": np.ones(3, np.float32)}


BAD_SGD = [
    *((option, *bad)
      for option in ("learning_rate", "momentum", "weight_decay") for bad in NOT_NEGATIVE.values()),
    *(("nesterov", *bad) for bad in BAD_FLAGS.values()),
    *((argument, bad(np.ones(3)), fragment) for argument in WEIGHTS
      for kind, (bad, fragment) in BAD_ARRAYS.items() if (argument, kind) != ("v", "None")),
    *((argument, np.ones(shape), str(shape))
      for argument in ("dw", "v") for shape in [(), (1,), (4,), (3, 1), (0,)]),
    ("w", np.ones(4), "(4,)"), ("out", poisoned(3), "ndarray"), ("out", (poisoned(3),), "1"), ("out", 5, "5"),
    ("out", (1, 2), "1"), ("out", (poisoned(3), poisoned(4)), "(4,)"),
    ("out", (poisoned(3), np.zeros(3)), "float64"),
]  # fmt: skip


@pytest.mark.parametrize("argument, value, fragment", BAD_SGD, ids=lambda value: str(value)[:20])
def test_bad_sgd(argument, value, fragment):
    refused_quickly("sgd", {**WEIGHTS, argument: value}, {}, fragment)


OPTIMIZERS = {  # op: (arrays beside w and dw, options)
    "rmsprop": ("v m average", {"learning_rate": 0, "rho": 1, "momentum": 1, "epsilon": 1, "centered": 2,
                                "weight_decay": 0}),
    "adagrad": ("a", {"learning_rate": 0, "epsilon": 1, "weight_decay": 0}),
    "adadelta": ("a b", {"learning_rate": 0, "rho": 1, "epsilon": 1, "weight_decay": 0}),
    "adam": ("m v v_hat", {"learning_rate": 0, "step": 3, "beta_1": 1, "beta_2": 1, "epsilon": 1, "amsgrad": 2,
                           "weight_decay": 0}),
}  # fmt: skip
KIND = [NOT_NEGATIVE, NOT_NEGATIVE, BAD_FLAGS,
        BAD_SEEDS | {"zero": (0, "0"), "2**63": (2**63, str(2**63))}]  # fmt: skip
ALL_KEPT = {"rmsprop": {"momentum": 0.5, "centered": True}, "adam": {"amsgrad": True}}


def bad_steps():
    for op, (states, options) in OPTIMIZERS.items():
        for option, kind in options.items():
            for value, fragment in KIND[kind].values():
                yield op, option, value, fragment
            if kind == 1:
                yield op, option, {"epsilon": 0}.get(option, 1), {"epsilon": "0"}.get(option, "1")
        for argument in ("w", "dw", *states.split()):
            for kind, (bad, fragment) in BAD_ARRAYS.items():
                if kind != "None" or argument in ("w", "dw"):
                    yield op, argument, bad(np.ones(3)), fragment
            for shape in [(), (1,), (4,), (3, 1), (0,)] if argument != "w" else []:
                yield op, argument, np.ones(shape), str(shape)
        yield op, "out", (poisoned(3),), "1"
        yield op, "out", 5, "5"
        yield op, "out", tuple(np.zeros(3) for _ in range(1 + len(states.split()))), "float64"


def step_arguments(op):
    return {name: np.ones(3, np.float32) for name in ("w", "dw", *OPTIMIZERS[op][0].split())} | ALL_KEPT.get(op, {})


@pytest.mark.parametrize("op, argument, value, fragment", list(bad_steps()), ids=lambda value: str(value)[:20])
def test_bad_optimizer(op, argument, value, fragment):
    refused_quickly(op, {**step_arguments(op), argument: value}, {}, fragment)


@pytest.mark.parametrize("op", OPTIMIZERS)
def test_out_of_optimizer(op):
    given = step_arguments(op)
    expected = getattr(ops, op)(**given)
    names = ["w", *OPTIMIZERS[op][0].split()]
    fresh, own = [poisoned(3) for _ in names], [given[name].copy() for name in names]
    for out in (fresh, own):
        arrays = {**given, **(dict(zip(names, own)) if out is own else {})}
        for a, o, e in zip(getattr(ops, op)(**arrays, out=tuple(out)), out, expected, strict=True):
            assert a is o
            assert_same(a, e)
    with pytest.raises(ValueError, match="overlap neither"):
        getattr(ops, op)(**given, out=(own[0],) * len(names))
    with pytest.raises(ValueError, match="overlap neither"):
        getattr(ops, op)(**given, out=(given["dw"], *own[1:]))


@pytest.mark.parametrize("op", OPTIMIZERS)
def test_what_an_optimizer_does_not_keep(op):
    """None in its place; empty arrays stay empty."""
    given = step_arguments(op)
    for name in ALL_KEPT.get(op, {}):
        del given[name]
    kept = [a is not None for a in getattr(ops, op)(**given)]
    assert kept == [a is not None for a in getattr(reference, op)(**given)]
    empty = getattr(ops, op)(**{name: a[:0] for name, a in step_arguments(op).items() if isinstance(a, np.ndarray)})
    assert all(a is None or a.shape == (0,) for a in empty)


# out=

WITH_OUT = [call for call in CALLS if "out" in inspect.signature(getattr(ops, call.op)).parameters]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def unaligned(a):
    """A copy that starts at an odd address."""
    a = np.ascontiguousarray(a)
    return np.frombuffer(bytearray(b"\0" + a.tobytes()), a.dtype, offset=1).reshape(a.shape)


def strided(a):
    """A copy in every second element of a larger array."""
    b = np.full((*a.shape[:-1], 2 * a.shape[-1]), -7, a.dtype)[..., ::2]
    b[...] = a
    return b


@pytest.mark.parametrize("call", WITH_OUT, ids=str)
def test_out(call):
    """Written in place and returned; anything but a fitting float32 array is refused."""
    arrays = problem(call)
    y = getattr(ops, call.op)(**arrays, **call.options)
    out = poisoned(call.y)
    assert getattr(ops, call.op)(**arrays, **call.options, out=out) is out
    assert_same(out, y)
    for bad, fragment in [
        (y.tolist(), "list"),
        (y.astype(np.float64), "float64"),
        (y.astype(np.int32), "int32"),
        (y.astype(">f4"), ">f4"),
        (read_only(y), "read-only"),
        (strided(y), "not contiguous"),
        (np.asfortranarray(y), "not contiguous"),
        (y[:-1], str(y[:-1].shape)),
        (y[None], str((1, *y.shape))),
        (poisoned(y.size), f"({y.size},)"),
        (0.0, "float"),
        (unaligned(y), "aligned"),
    ]:
        refused_quickly(call.op, arrays, {**call.options, "out": bad}, fragment)


@pytest.mark.parametrize("call", [call for call in WITH_OUT if call.y == call.shapes["x"]], ids=str)
def test_out_is_x(call):
    arrays = problem(call)
    y = getattr(ops, call.op)(**arrays, **call.options)
    assert getattr(ops, call.op)(**arrays, **call.options, out=arrays["x"]) is arrays["x"]
    assert_same(arrays["x"], y)


@pytest.mark.parametrize("call", WITH_OUT, ids=str)
@pytest.mark.parametrize("shift", [0, 4, -4])
def test_out_overlaps_x(call, shift):
    """Right, or refused: never silently wrong."""
    arrays = problem(call)
    expected = getattr(ops, call.op)(**arrays, **call.options)
    memory = np.zeros(1000 + expected.size + arrays["x"].size, np.float32)
    x = memory[500 : 500 + arrays["x"].size].reshape(arrays["x"].shape)
    out = memory[500 + shift : 500 + shift + expected.size].reshape(expected.shape)
    x[...] = arrays["x"]
    try:
        y = getattr(ops, call.op)(**{**arrays, "x": x}, **call.options, out=out)
    except ValueError:
        return
    assert_same(y, expected)


def test_out_of_sgd():
    options = {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}
    expected = ops.sgd(**WEIGHTS, **options)
    for w, v in ((poisoned(3), poisoned(3)), (WEIGHTS["w"].copy(), WEIGHTS["v"].copy())):
        given = {**WEIGHTS} if np.isnan(w).any() else {**WEIGHTS, "w": w, "v": v}
        result = ops.sgd(**given, **options, out=(w, v))
        assert result[0] is w and result[1] is v
        assert_same(w, expected[0]), assert_same(v, expected[1])


# What is taken


class Subclass(np.ndarray):
    """As np.memmap is one."""


LAYOUTS = {
    "strided": strided,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "transposed": np.asfortranarray,
    "read-only": read_only,
    "unaligned": unaligned,
    "float64": lambda a: a.astype(np.float64),
    "float16": lambda a: a.astype(np.float16),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian float64": lambda a: a.astype(">f8"),
    "longdouble": lambda a: a.astype(np.longdouble),
    "int8": lambda a: a.astype(np.int8),
    "uint64": lambda a: a.astype(np.uint64),
    "int64 strided": lambda a: strided(a.astype(np.int64)),
    "list": lambda a: a.tolist(),
    "unaligned float64": lambda a: unaligned(a.astype(np.float64)),
    "subclass": lambda a: a.view(Subclass),
}
INTEGER_LAYOUTS = {
    "strided",
    "reversed",
    "read-only",
    "unaligned",
    "big-endian",
    "int8",
    "uint64",
    "int64 strided",
    "list",
}


def whole_numbers(call, name, batch=None):
    """Arrays of 1 … 5, which every dtype holds; `batch` images instead of the call's own number."""
    rng = np.random.default_rng(len(name))

    def resized(argument, shape):
        per_image = batch is not None and argument in ("x", "dy", "target")
        return (batch, *shape[1:]) if per_image else shape

    arrays = {"dy": call.y, **call.shapes} if name.endswith("_backward") else call.shapes
    return {
        argument: rng.integers(0, 5, 6 if batch is None else batch) if shape == "labels"
        else rng.integers(1, 6, resized(argument, shape)).astype(np.float32)
        for argument, shape in arrays.items()
    }  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name, call", each_function(CALLS))
def test_layout(name, call, layout):
    """Each array argument in turn, then all, in another layout or dtype: the same bits."""
    arrays = whole_numbers(call, name)
    expected = results(name, arrays, call.options)
    fitting = [a for a in arrays if arrays[a].dtype.kind == "f" or layout in INTEGER_LAYOUTS]
    for changed in ([a] for a in fitting), [fitting]:
        for names in changed:
            given = {key: LAYOUTS[layout](a) if key in names else a for key, a in arrays.items()}
            before = {key: np.array(a) for key, a in given.items()}
            for actual, e in zip(results(name, given, call.options), expected, strict=True):
                assert_same(actual, e, f"{names} {layout}")
                assert type(actual) is np.ndarray and actual.flags.c_contiguous and actual.flags.writeable
            assert all(np.array_equal(before[key], given[key]) for key in given), "an argument was written to"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("op", OPTIMIZERS)
def test_layout_of_optimizer(op, layout):
    given, change = step_arguments(op), LAYOUTS[layout]
    changed = {name: change(a) if isinstance(a, np.ndarray) else a for name, a in given.items()}
    for actual, e in zip(getattr(ops, op)(**changed), getattr(ops, op)(**given), strict=True):
        assert_same(actual, e)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_sgd(layout):
    expected = ops.sgd(**WEIGHTS, momentum=0.5)
    for actual, e in zip(
        ops.sgd(**{key: LAYOUTS[layout](a) for key, a in WEIGHTS.items()}, momentum=0.5), expected
    ):
        assert_same(actual, e)


@pytest.mark.parametrize("name, call", each_function(CALLS))
def test_zero_batch(name, call):
    """No images: empty results, and gradients of 0 for what the images share."""
    arrays = whole_numbers(call, name, batch=0)
    keys = [key for key in arrays if key != "dy"] if name.endswith("_backward") else ["y"]
    for key, actual in zip(keys, results(name, arrays, call.options)):
        shape = (0, *call.y[1:]) if key == "y" else arrays[key].shape
        assert_same(actual, np.zeros(shape))


def kernels(op, c):
    """Shapes of the parameters for images of c channels."""
    if op == "separable_conv2d":
        return {"depthwise_kernel": (3, 2, c, 2), "pointwise_kernel": (1, 1, 2 * c, 5), "bias": (5,)}
    if op == "conv2d_transpose":
        return {"kernel": (3, 2, 4, c), "bias": (4,)}
    return {"kernel": (3, 2, c, 4), "bias": (4 * c if op == "depthwise_conv2d" else 4,)}


@pytest.mark.parametrize("unaligned_too", [False, True], ids=["", "unaligned"])
@pytest.mark.parametrize("image", [(2, 5, 6, 3), (2, 5, 6, 1), (1, 1, 1, 3), (3, 4, 1, 1)], ids=str)
@pytest.mark.parametrize("name, call", each_function(IMAGE_CALLS))
def test_channels_first(name, call, image, unaligned_too):
    """The same bits as channels_last, transposed; y also into `out`."""
    first = lambda a: np.ascontiguousarray(np.moveaxis(a, -1, 1)) if a.ndim == 4 else a  # noqa: E731
    rng = np.random.default_rng(image)
    options = {"padding": "same"} if "strides" in call.options else {}
    options |= {"pool_size": 2} if "pool_size" in call.options else {}
    options |= {"p": 3} if "p" in call.options else {}
    options |= {"output_size": (2, 3)} if "output_size" in call.options else {}
    options |= call.options if "rate" in call.options else {}
    arrays = {"x": normal(rng, image)}
    if "coefficient" in call.shapes:
        arrays |= {"coefficient": normal(rng, image[3]), "bias": normal(rng, image[3])}
    elif "bias" in call.shapes:
        arrays |= {key: normal(rng, shape) for key, shape in kernels(call.op, image[3]).items()}
    y = getattr(ops, call.op)(**arrays, **options)
    if name.endswith("_backward"):
        arrays = {"dy": normal(rng, y.shape), **arrays}
    expected = results(name, arrays, options)
    change = unaligned if unaligned_too else np.asarray
    arrays = {key: change(first(a) if key in ("x", "dy") else a) for key, a in arrays.items()}
    options["data_format"] = "channels_first"
    actual = results(name, arrays, options)
    for key, a, e in zip(call.shapes, actual, expected, strict=False):
        assert_same(a, first(e) if key == "x" else e, key)
        assert a.flags.c_contiguous
    if name == call.op:
        out = poisoned(first(y).shape)
        assert getattr(ops, name)(**arrays, **options, out=out) is out
        assert_same(out, first(y))
