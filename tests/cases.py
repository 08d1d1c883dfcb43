"""Named problems shared by tests and benchmarks: LeNet-5, AlexNet, and odd shapes for every branch."""

from contextlib import suppress
from dataclasses import dataclass, replace

from fastcnn import _ops


def _extents(size, window, strides, padding, dilation=(1, 1), ceil_mode=False):
    """Output height and width of a sliding window."""
    result = []
    for axis, (i, k, s, d) in enumerate(zip(size, window, strides, dilation)):
        if padding == "same":
            result.append(-(-i // s))
            continue
        before, after = (0, 0) if padding == "valid" else padding[axis]
        room = i + before + after - (k - 1) * d - 1
        out = room // s + 1
        result.append(out + (ceil_mode and room % s > 0 and out * s < i + before))
    return tuple(result)


def _options(case, names):
    return {name: getattr(case, name) for name in names.split()}


@dataclass(frozen=True)
class Conv2DCase:
    name: str
    image: tuple  # height, width, channels
    filters: int
    kernel_size: tuple
    strides: tuple = (1, 1)
    padding: object = "valid"  # "valid", "same" or ((top, bottom), (left, right))
    dilation_rate: tuple = (1, 1)
    groups: int = 1

    @property
    def kernel_shape(self):
        return (*self.kernel_size, self.image[2] // self.groups, self.filters)

    @property
    def out_shape(self):
        size = _extents(self.image[:2], self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (*size, self.filters)

    @property
    def options(self):
        return _options(self, "strides padding dilation_rate groups")

    @property
    def weights(self):
        h, w, c, f = self.kernel_shape
        return h * w * c * f

    @property
    def multiply_adds(self):
        """Of one image, forward; DATA and WEIGHTS take about as many each."""
        return self.out_shape[0] * self.out_shape[1] * self.weights


@dataclass(frozen=True)
class PoolCase:
    name: str
    image: tuple  # height, width, channels
    pool_size: tuple
    strides: tuple
    padding: object = "valid"
    ceil_mode: bool = False
    dilation_rate: tuple = (1, 1)

    @property
    def out_shape(self):
        size = _extents(self.image[:2], self.pool_size, self.strides, self.padding, self.dilation_rate, self.ceil_mode)
        return (*size, self.image[2])

    @property
    def options(self):
        return _options(self, "pool_size strides padding ceil_mode dilation_rate")


@dataclass(frozen=True)
class LRNCase:
    name: str
    image: tuple  # height, width, channels
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    alpha_mode: str = "sum"
    mode: str = "across_channels"
    groups: int = 1
    even: str = "below"

    @property
    def options(self):
        return _options(self, "size alpha beta k alpha_mode mode groups even")


@dataclass(frozen=True)
class DenseCase:
    name: str
    inputs: int
    units: int

    @property
    def multiply_adds(self):
        return self.inputs * self.units

    def reduced(self):
        """Millions of weights cut to 2000 × 800: tests have a float64 reference to wait for."""
        return replace(self, inputs=2000, units=800) if self.multiply_adds > 2_000_000 else self


CONV2D = [
    Conv2DCase("lenet5.conv1", (28, 28, 1), 6, (5, 5), padding="same"),
    Conv2DCase("lenet5.conv2", (14, 14, 6), 16, (5, 5)),
    Conv2DCase("lenet5.c5", (5, 5, 16), 120, (5, 5)),
    Conv2DCase("cifar.conv1", (32, 32, 3), 32, (3, 3), padding="same"),
    Conv2DCase("cifar.conv2", (32, 32, 32), 32, (3, 3), padding="same"),
    Conv2DCase("alexnet.conv1", (227, 227, 3), 96, (11, 11), strides=(4, 4)),
    Conv2DCase("alexnet.conv2", (27, 27, 96), 256, (5, 5), padding=((2, 2), (2, 2)), groups=2),
    Conv2DCase("alexnet.conv3", (13, 13, 256), 384, (3, 3), padding=((1, 1), (1, 1))),
    Conv2DCase("alexnet.conv4", (13, 13, 384), 384, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    Conv2DCase("alexnet.conv5", (13, 13, 384), 256, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    Conv2DCase("odd.one_by_one", (7, 5, 3), 4, (1, 1)),
    Conv2DCase("odd.one_by_one_strided", (9, 8, 20), 33, (1, 1), strides=(2, 3)),
    Conv2DCase("odd.stride_beyond_kernel", (13, 14, 5), 7, (2, 3), strides=(3, 5)),
    Conv2DCase("odd.stride_beyond_image", (6, 5, 12), 5, (3, 2), strides=(9, 7)),
    Conv2DCase("odd.strided_few_channels", (17, 15, 2), 9, (5, 4), strides=(3, 2), padding="same"),
    Conv2DCase("odd.strided_many_channels", (12, 11, 24), 18, (3, 3), strides=(2, 2), padding="same"),
    Conv2DCase("odd.kernel_is_image", (6, 4, 3), 5, (6, 4)),
    Conv2DCase("odd.kernel_beyond_image", (2, 3, 2), 3, (5, 5), padding=((2, 2), (2, 1))),
    Conv2DCase("odd.asymmetric_padding", (5, 7, 3), 4, (3, 3), padding=((2, 0), (1, 3))),
    Conv2DCase("odd.padding_beyond_kernel", (3, 3, 2), 2, (2, 2), padding=((4, 3), (5, 4))),
    Conv2DCase("odd.even_kernel_same", (10, 11, 4), 6, (4, 2), strides=(2, 3), padding="same"),
    Conv2DCase("odd.dilated", (13, 12, 16), 17, (3, 2), dilation_rate=(2, 3), padding="same"),
    Conv2DCase("odd.dilated_and_strided", (17, 16, 3), 5, (3, 4), strides=(2, 3), dilation_rate=(3, 2)),
    Conv2DCase("odd.prime_channels", (7, 7, 17), 31, (3, 3), padding="same"),
    Conv2DCase("odd.depthwise", (8, 9, 13), 13, (3, 3), padding="same", groups=13),
    Conv2DCase("odd.depthwise_two_filters", (9, 8, 7), 14, (3, 3), strides=(2, 2), groups=7),
    Conv2DCase("mobilenet.depthwise2", (112, 112, 64), 64, (3, 3), strides=(2, 2), padding="same", groups=64),
    Conv2DCase("mobilenet.depthwise8", (14, 14, 512), 512, (3, 3), padding="same", groups=512),
    Conv2DCase("mobilenet.depthwise13", (7, 7, 1024), 1024, (3, 3), padding="same", groups=1024),
    Conv2DCase("odd.depthwise_strided", (15, 14, 37), 37, (5, 3), strides=(2, 3), padding="same", groups=37),
    Conv2DCase(
        "odd.depthwise_dilated", (17, 13, 20), 20, (3, 4), strides=(2, 3), dilation_rate=(4, 2), padding="same", groups=20
    ),
    Conv2DCase("odd.depthwise_stride_beyond_kernel", (13, 14, 9), 9, (2, 1), strides=(3, 4), groups=9),
    Conv2DCase("odd.depthwise_large", (19, 20, 24), 24, (7, 8), padding="same", groups=24),
    Conv2DCase("odd.depthwise_beyond_image", (2, 3, 16), 16, (5, 6), padding=((2, 2), (4, 1)), groups=16),
    Conv2DCase("odd.depthwise_padding_beyond", (3, 2, 8), 8, (2, 2), strides=(1, 2), padding=((4, 3), (0, 5)), groups=8),
    Conv2DCase("odd.depthwise_five_filters", (20, 19, 11), 55, (3, 2), strides=(1, 2), padding="same", groups=11),
    Conv2DCase("odd.depthwise_dilated_filters", (9, 30, 3), 12, (3, 3), dilation_rate=(2, 5), padding="same", groups=3),
    Conv2DCase("odd.depthwise_one_by_one", (5, 4, 40), 40, (1, 1), groups=40),
    Conv2DCase("odd.depthwise_twenty_filters", (7, 6, 3), 60, (2, 3), strides=(1, 2), padding="same", groups=3),
    Conv2DCase("odd.depthwise_many_filters", (6, 5, 2), 130, (3, 3), groups=2),
    Conv2DCase("odd.three_groups", (6, 6, 12), 51, (3, 3), groups=3),
    Conv2DCase("odd.single_pixel", (1, 1, 1), 1, (1, 1)),
    Conv2DCase("odd.single_pixel_padded", (1, 1, 3), 2, (3, 3), padding="same"),
    Conv2DCase("odd.tall", (301, 1, 2), 3, (5, 1)),
    Conv2DCase("odd.wide", (2, 523, 3), 4, (1, 7), strides=(1, 2), padding="same"),
    Conv2DCase("odd.one_channel", (9, 9, 1), 1, (3, 3)),
    Conv2DCase("odd.heavy", (6, 5, 131), 67, (3, 3), padding="same"),
    Conv2DCase("odd.heavy_groups", (7, 6, 134), 66, (5, 5), strides=(2, 1), padding="same", groups=2),
    Conv2DCase("odd.heavy_one_by_one", (3, 7, 300), 257, (1, 1)),
    # channels that leave each remainder by the rows of a tile, 6 or 12: the last panel of WEIGHTS is that wide
    *(Conv2DCase(f"odd.panel_{c}", (5, 4, c), 20, (3, 3), padding="same") for c in range(30, 42)),
    Conv2DCase("odd.panel_groups", (4, 5, 60), 10, (3, 3), padding="same", groups=2),
]

POOL2D = [
    PoolCase("lenet5.pool1", (28, 28, 6), (2, 2), (2, 2)),
    PoolCase("lenet5.pool2", (10, 10, 16), (2, 2), (2, 2)),
    PoolCase("alexnet.pool1", (55, 55, 96), (3, 3), (2, 2)),
    PoolCase("alexnet.pool2", (27, 27, 256), (3, 3), (2, 2)),
    PoolCase("alexnet.pool5", (13, 13, 256), (3, 3), (2, 2)),
    PoolCase("odd.same", (7, 8, 37), (2, 2), (2, 2), padding="same"),
    PoolCase("odd.asymmetric_padding", (5, 6, 3), (4, 2), (1, 2), padding=((3, 0), (0, 1))),
    PoolCase("odd.ceil_mode", (8, 9, 5), (2, 4), (3, 3), ceil_mode=True),
    PoolCase("odd.ceil_mode_padded", (6, 5, 17), (4, 2), (4, 3), padding=((1, 2), (1, 1)), ceil_mode=True),
    PoolCase("odd.whole_image", (4, 8, 9), (4, 8), (1, 1)),
    PoolCase("odd.stride_beyond_pool", (11, 10, 2), (2, 1), (5, 3)),
    PoolCase("odd.one_by_one", (3, 4, 8), (1, 1), (1, 1)),
    PoolCase("odd.single_pixel", (1, 1, 1), (1, 1), (2, 2)),
    PoolCase("odd.tall", (97, 1, 1), (4, 1), (1, 1)),
    PoolCase("odd.wide", (2, 83, 23), (2, 4), (2, 2)),
    PoolCase("odd.dilated", (13, 12, 17), (2, 4), (2, 1), dilation_rate=(3, 2)),
    PoolCase("odd.dilated_same", (9, 11, 5), (4, 2), (2, 2), padding="same", dilation_rate=(2, 3)),
    PoolCase("odd.dilated_padded", (10, 9, 8), (2, 2), (3, 2), padding=((3, 1), (2, 4)), ceil_mode=True,
             dilation_rate=(3, 4)),
]

LRN = [
    LRNCase("alexnet.norm1", (55, 55, 96)),
    LRNCase("alexnet.norm2", (27, 27, 256)),
    LRNCase("odd.even_size", (3, 2, 19), size=4, alpha=0.1),
    LRNCase("odd.even_above", (3, 2, 19), size=4, alpha=0.1, even="above"),
    LRNCase("odd.size_beyond_channels", (2, 3, 7), size=23, alpha=0.5, beta=0.5, k=1.0),
    LRNCase("odd.one_channel", (4, 3, 1), alpha=1.0, beta=1.0, k=1.0, alpha_mode="mean"),
    LRNCase("odd.size_one", (2, 2, 33), size=1, alpha=0.25, beta=0.6),
    LRNCase("alexnet.towers1", (55, 55, 96), groups=2),
    LRNCase("odd.groups", (3, 2, 33), size=4, alpha=0.5, groups=3),
    LRNCase("odd.within_channel", (9, 7, 5), size=3, alpha=0.5, k=1.0, alpha_mode="mean", mode="within_channel"),
    LRNCase("odd.within_even_size", (5, 11, 17), size=4, alpha=0.1, beta=0.6, mode="within_channel"),
    LRNCase("odd.within_beyond_image", (3, 2, 1), size=9, alpha=0.5, beta=1.0, mode="within_channel"),
]

DENSE = [
    DenseCase("lenet5.f5", 400, 120),
    DenseCase("lenet5.f6", 120, 84),
    DenseCase("lenet5.output", 84, 10),
    DenseCase("alexnet.fc6", 9216, 4096),
    DenseCase("alexnet.fc7", 4096, 4096),
    DenseCase("alexnet.fc8", 4096, 1000),
    DenseCase("odd.one_weight", 1, 1),
    DenseCase("odd.one_input", 1, 37),
    DenseCase("odd.one_unit", 131, 1),
    DenseCase("odd.primes", 101, 53),
    DenseCase("odd.wide", 521, 509),
    DenseCase("odd.wide_column", 300007, 1),
    DenseCase("odd.wide_row", 1, 300007),
]


@dataclass(frozen=True, eq=False)
class ImageCase:
    """An operation without weights on images."""

    name: str
    op: str
    image: tuple  # height, width, channels
    out_shape: tuple
    options: dict

    def __str__(self):
        return self.name


SHAPING = [
    ImageCase("pad.by_one", "zero_pad2d", (28, 27, 5), (30, 29, 5), {"padding": 1}),
    ImageCase("pad.one_corner", "zero_pad2d", (3, 4, 17), (5, 7, 17), {"padding": ((2, 0), (0, 3))}),
    ImageCase("pad.by_nothing", "zero_pad2d", (3, 2, 1), (3, 2, 1), {"padding": 0}),
    ImageCase("pad.beyond_image", "zero_pad2d", (1, 1, 3), (8, 10, 3), {"padding": ((3, 4), (4, 5))}),
    ImageCase("crop.by_pair", "crop2d", (9, 8, 6), (7, 2, 6), {"cropping": (1, 3)}),
    ImageCase("crop.to_corner", "crop2d", (5, 7, 19), (1, 1, 19), {"cropping": ((4, 0), (0, 6))}),
    ImageCase("crop.by_nothing", "crop2d", (2, 3, 4), (2, 3, 4), {"cropping": 0}),
    ImageCase("upsample.nearest", "upsample2d", (14, 13, 16), (28, 26, 16), {"size": 2}),
    ImageCase("upsample.nearest_pair", "upsample2d", (4, 5, 3), (12, 5, 3), {"size": (3, 1)}),
    ImageCase("upsample.nearest_pixel", "upsample2d", (1, 1, 33), (5, 4, 33), {"size": (5, 4)}),
    ImageCase("upsample.bilinear", "upsample2d", (14, 13, 16), (28, 26, 16), {"size": 2, "interpolation": "bilinear"}),
    ImageCase("upsample.bilinear_pair", "upsample2d", (3, 5, 7), (12, 10, 7), {"size": (4, 2), "interpolation": "bilinear"}),
    ImageCase("upsample.bilinear_pixel", "upsample2d", (1, 1, 3), (4, 8, 3), {"size": (4, 8), "interpolation": "bilinear"}),
    ImageCase("upsample.bilinear_row", "upsample2d", (1, 6, 2), (1, 12, 2), {"size": (1, 2), "interpolation": "bilinear"}),
    ImageCase("permute.transposed", "permute", (19, 33, 3), (33, 19, 3), {"dims": (2, 1, 3)}),
    ImageCase("permute.channels_first", "permute", (19, 18, 35), (35, 19, 18), {"dims": (3, 1, 2)}),
    ImageCase("permute.channels_last", "permute", (2, 18, 17), (18, 17, 2), {"dims": (2, 3, 1)}),
    ImageCase("permute.reversed", "permute", (4, 17, 16), (16, 17, 4), {"dims": (3, 2, 1)}),
    ImageCase("permute.rows_last", "permute", (5, 1, 7), (7, 5, 1), {"dims": (3, 1, 2)}),
    ImageCase("permute.unmoved", "permute", (3, 4, 5), (3, 4, 5), {"dims": (1, 2, 3)}),
]


ADAPTIVE = [  # windows apart, overlapping, of several sizes, more than pixels, and both
    ImageCase("adaptive.apart", "adaptive_avg_pool2d", (12, 8, 5), (3, 4, 5), {"output_size": (3, 4)}),
    ImageCase("adaptive.torchvision", "adaptive_avg_pool2d", (13, 13, 96), (6, 6, 96), {"output_size": 6}),
    ImageCase("adaptive.overlapping", "adaptive_avg_pool2d", (7, 9, 17), (6, 8, 17), {"output_size": (6, 8)}),
    ImageCase("adaptive.irregular", "adaptive_avg_pool2d", (13, 14, 33), (5, 4, 33), {"output_size": (5, 4)}),
    ImageCase("adaptive.beyond_image", "adaptive_avg_pool2d", (3, 5, 4), (7, 6, 4), {"output_size": (7, 6)}),
    ImageCase("adaptive.one", "adaptive_avg_pool2d", (9, 7, 1), (1, 1, 1), {"output_size": 1}),
    ImageCase("adaptive.all", "adaptive_avg_pool2d", (4, 3, 19), (4, 3, 19), {"output_size": (4, 3)}),
    ImageCase("adaptive.pixel", "adaptive_avg_pool2d", (1, 1, 3), (4, 2, 3), {"output_size": (4, 2)}),
]


@dataclass(frozen=True)
class Call:
    """A small valid call of one function of `fastcnn.ops`; "labels" stands for class numbers."""

    op: str
    shapes: dict  # of its array arguments, in order
    y: tuple  # shape of the result, and of what `<op>_backward` takes
    options: dict

    def __str__(self):
        return self.op


_IMAGE, _ANY = (2, 5, 6, 3), (2, 3, 4, 5)
_ELEMENTWISE = (
    "relu leaky_relu elu sigmoid tanh scaled_tanh softplus softsign hard_sigmoid selu exponential relu6 silu gelu hard_silu "
    "softmax log_softmax"
).split()

CALLS = [
    Call(
        "conv2d",
        {"x": _IMAGE, "kernel": (3, 2, 3, 4), "bias": (4,)},
        (2, 3, 4, 4),
        {"strides": (1, 2), "padding": (0, 1)},
    ),
    Call(
        "depthwise_conv2d",
        {"x": _IMAGE, "kernel": (3, 2, 3, 2), "bias": (6,)},
        (2, 3, 4, 6),
        {"strides": (1, 2), "padding": (0, 1)},
    ),
    Call(
        "separable_conv2d",
        {"x": _IMAGE, "depthwise_kernel": (3, 2, 3, 2), "pointwise_kernel": (1, 1, 6, 4), "bias": (4,)},
        (2, 3, 4, 4),
        {"strides": (1, 2), "padding": (0, 1)},
    ),
    Call(
        "conv2d_transpose",
        {"x": _IMAGE, "kernel": (3, 2, 4, 3), "bias": (4,)},
        (2, 7, 10, 4),
        {"strides": (1, 2), "padding": (0, 1)},
    ),
    Call("max_pool2d", {"x": _IMAGE}, (2, 3, 3, 3), {"pool_size": 3, "strides": 2, "padding": 1}),
    Call("avg_pool2d", {"x": _IMAGE}, (2, 3, 3, 3), {"pool_size": 3, "strides": 2, "padding": 1}),
    Call("soft_pool2d", {"x": _IMAGE}, (2, 3, 3, 3), {"pool_size": 3, "strides": 2, "padding": 1}),
    Call("lp_pool2d", {"x": _IMAGE}, (2, 3, 3, 3), {"p": 2.5, "pool_size": 3, "strides": 2, "padding": 1}),
    Call("adaptive_avg_pool2d", {"x": _IMAGE}, (2, 3, 4, 3), {"output_size": (3, 4)}),
    Call("global_avg_pool2d", {"x": _IMAGE}, (2, 3), {}),
    Call("global_max_pool2d", {"x": _IMAGE}, (2, 3), {}),
    Call("local_response_norm", {"x": _ANY}, _ANY, {"size": 3, "alpha": 0.5}),
    Call("dense", {"x": _ANY, "kernel": (5, 7), "bias": (7,)}, (2, 3, 4, 7), {}),
    Call("zero_pad2d", {"x": _IMAGE}, (2, 8, 7, 3), {"padding": ((2, 1), (0, 1))}),
    Call("crop2d", {"x": _IMAGE}, (2, 2, 5, 3), {"cropping": ((2, 1), (0, 1))}),
    Call("upsample2d", {"x": _IMAGE}, (2, 10, 18, 3), {"size": (2, 3), "interpolation": "bilinear"}),
    Call("permute", {"x": _IMAGE}, (2, 3, 5, 6), {"dims": (3, 1, 2)}),
    Call("subsample2d", {"x": _IMAGE, "coefficient": (3,), "bias": (3,)}, (2, 2, 4, 3),
         {"pool_size": 3, "strides": (2, 1), "padding": ((0, 1), (0, 0))}),
    Call("rbf", {"x": (6, 5), "prototypes": (4, 5)}, (6, 4), {}),
    *(Call(op, {"x": _ANY}, _ANY, {}) for op in _ELEMENTWISE),
    Call("layer_norm", {"x": _ANY, "gamma": (4, 5), "beta": (4, 5)}, _ANY, {"axis": (-2, -1)}),
    Call("group_norm", {"x": (2, 3, 4, 6), "gamma": (6,), "beta": (6,)}, (2, 3, 4, 6), {"groups": 3}),
    Call("batch_norm", {"x": _ANY, "gamma": (5,), "beta": (5,)}, _ANY, {}),
    Call("prelu", {"x": _ANY, "alpha": (3, 1, 5)}, _ANY, {}),
    Call("maxout", {"x": _ANY}, (2, 3, 4, 1), {"group_size": 5}),
    Call("dropout", {"x": _ANY}, _ANY, {"rate": 0.4, "seed": 3, "step": 5}),
    Call("spatial_dropout2d", {"x": _IMAGE}, _IMAGE, {"rate": 0.4, "seed": 3, "step": 5}),
    Call("gaussian_noise", {"x": _ANY}, _ANY, {"stddev": 0.5, "seed": 3, "step": 5}),
    Call("rescale", {"x": _ANY}, _ANY, {"scale": 0.5, "offset": 2.0, "mean": 0.25}),
    Call("softmax_cross_entropy", {"x": (6, 5), "target": "labels"}, (6,), {}),
    Call("rbf_mean_squared_error", {"x": (6, 5), "target": "labels"}, (6,), {}),
    Call("rbf_maximum_a_posteriori", {"x": (6, 5), "target": "labels"}, (6,), {"j": 0.5}),
    Call("categorical_cross_entropy", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("mean_squared_error", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("binary_cross_entropy", {"x": (6, 5), "target": (6, 5)}, (6,), {"from_logits": True}),
    Call("mean_absolute_error", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("huber", {"x": (6, 5), "target": (6, 5)}, (6,), {"delta": 0.5}),
    Call("hinge", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("squared_hinge", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("categorical_hinge", {"x": (6, 5), "target": (6, 5)}, (6,), {}),
    Call("multiclass_hinge", {"x": (6, 5), "target": "labels"}, (6,), {}),
]  # optimizers have no backward and return tuples: tests treat them apart


# Descriptors

_WINDOW = (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))  # size, strides, dilation, pads


def _conv2d(c=3, filters=5, groups=1, bias=True, **more):
    return _ops.conv2d((9, 9, c), filters, *_WINDOW, groups, bias, **more)


def descriptors():
    """{name: op}, each kind at least once, and each form of one that reads other fields."""
    dense, wide = _ops.dense(20, 7, True), _ops.dense(600, 500, True)
    norm, pool = _ops.local_response_norm(64, 4, 5, 1e-4, 0.75, 2.0, False), _ops.pool2d("max", (8, 8, 4), (2, 2), (2, 2),
                                                                                         ((0, 0), (0, 0)))
    dropout = _ops.dropout(7, 0.5)
    fixed = _ops.batch_norm(9, 5, 1e-3, True, True, fixed=True)
    table = _conv2d(4, 3, connections=5)
    found = {
        "conv2d": _conv2d(), "one plane": _conv2d(1, 4), "Winograd": _conv2d(32, 32, exact=False),
        "depthwise": _conv2d(4, 4, 4), "many filters per channel": _conv2d(2, 128, 2), "no bias": _conv2d(bias=False),
        "many weights": _conv2d(96, 96), "relu": _conv2d().with_activation("relu"), "table": table,
        "conv2d in lanes": _conv2d().with_lanes(),
        "conv2d in int8": _conv2d(3, 20).with_int8(0.1, 100),
        "table in lanes": table.with_lanes(), "conv2d of curvature": _conv2d(32, 32, exact=False).with_curvature(),
        "conv2d_transpose": _ops.conv2d_transpose((9, 9, 4), (9, 9, 3), *_WINDOW, 1, True),
        "dense": dense, "wide": wide, "float16": wide.with_format("float16"), "int8": wide.with_format("int8"),
        "dense in lanes": dense.with_lanes(), "dropped": dense.with_activation("relu").with_dropout(dropout),
        "dropout": dropout, "dropped channels": _ops.dropout(5, 0.5, 9), "gaussian_noise": _ops.gaussian_noise(9, 0.5),
        "local_response_norm": norm, "lrn_max_pool2d": _ops.lrn_pool2d(norm, pool),
        "local_response_norm_within": _ops.local_response_norm_within((5, 6, 3), 3, 1e-4, 0.75, 1.0, True),
        "batch_norm": _ops.batch_norm(9, 5, 1e-3, True, True), "no gamma": _ops.batch_norm(9, 5, 1e-3, False, True),
        "group_norm": _ops.group_norm(1, 9, 2, 3, 1e-3, True, True),
        "layer_norm": _ops.group_norm(9, 1, 1, 5, 1e-3, True, True),
        "fixed_norm": fixed, "fold": _ops.fold(_conv2d(), fixed), "maxout": _ops.maxout(3, 8, 2),
        "prelu": _ops.prelu(1, 1, 1, 5, 1), "shared slopes": _ops.prelu(7, 1, 1, 5, 3),
        "scale": _ops.scale((5, 6, 3), True), "rescale": _ops.rescale(24, 4), "rbf": _ops.rbf(12, 5),
        "rbf of curvature": _ops.rbf(12, 5).with_curvature(), "pad2d": _ops.pad2d((5, 6, 3), ((1, 0), (2, 1))),
        "upsample2d": _ops.upsample2d((5, 6, 3), (2, 3), True), "permute": _ops.permute((4, 5, 6), (2, 0, 1)),
        "augment": _ops.augment((8, 8, 3), (6, 6), "random", "random", (1, 2, 3), (1, 1, 1), None),
        "mean image": _ops.augment((8, 8, 3), (6, 6), "random", "random", None, (1, 1, 1), None),
        "distort": _ops.distort((8, 8, 1), (10, 10), 1, 0.1, 0.1, 0.1, 0, 0, 1),
        "to_lanes": _ops.to_lanes(dense.with_lanes())[0], "from_lanes": _ops.from_lanes(30),
        "half_weights": _ops.half_weights(30, 20, "int8"), "penalty": _ops.penalty(50, 1, 1),
        "join": _ops.join(9, 3, 5, 1), "gradient_sum": _ops.gradient_sum(50),
        "sgd": _ops.optimizer("sgd", 40), "momentum": _ops.optimizer("sgd", 40, momentum=0.9, states=1),
        "clip_norm": _ops.optimizer("sgd", 40, clip_norm=1, norms=(0, 0, 1)),
        "centered": _ops.optimizer("rmsprop", 40, momentum=0.9, rho=0.9, epsilon=1e-7, centered=True, states=7),
        "amsgrad": _ops.optimizer("adam", 40, momentum=0.9, rho=0.9, epsilon=1e-7, amsgrad=True, states=7),
    }
    alike = [  # makers of many kinds, which refuse the others
        lambda kind: _ops.optimizer(kind, 40, rho=0.9, epsilon=1e-7, states=3), lambda kind: _ops.merge(kind, 30),
        lambda kind: _ops.plain(kind, 3, 4, "gelu" if kind == "activation_of_x" else "tanh"),
        lambda kind: _ops.pool2d(kind.removesuffix("_pool2d"), (5, 6, 3), (2, 2), (2, 2), ((0, 0), (0, 0)), p=2.0),
        lambda kind: _ops.loss(kind, 5, sparse="rbf" in kind or "multiclass" in kind),
    ]
    for kind in sorted(set(_ops.KINDS) - set(found)):
        for make in alike:
            with suppress(KeyError):
                found[kind] = make(kind)
    return {name: op for name, op in found.items() if op is not None}  # on one lane wide vectors nothing is in lanes
