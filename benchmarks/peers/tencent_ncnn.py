"""ncnn on the CPU, from the same ONNX model, which pnnx converts, in float32. It predicts one image at a time."""

from importlib import metadata

import ncnn
import numpy as np

import fastcnn
from benchmarks.peers import onnx_graph, translation

_CONVERTER = metadata.distribution("pnnx").locate_file("pnnx/pnnx")  # the program: the package would import torch


def forward(model, x):
    """Probabilities of an image that lies in its order already."""
    if len(x) != 1:
        raise ValueError(f"ncnn has no batches: it predicts one image at a time. Received: a batch of {len(x)}")
    net = onnx_graph.converted(model, 1, [_CONVERTER, "model.onnx", "fp16=0"], _read)
    given, = net.input_names()
    wanted, = net.output_names()
    pixels = translation.channels_first(x)[0]  # which a Mat of them does not keep alive
    image = ncnn.Mat(pixels).clone()

    def call():
        extractor = net.create_extractor()
        extractor.input(given, image)
        return np.array(extractor.extract(wanted)[1])[None]

    return call


def _read(folder):
    net = ncnn.Net()  # uses Winograd's algorithm and packed layouts unless told otherwise
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage"):
        setattr(net.opt, name, False)
    net.opt.num_threads = fastcnn.get_num_threads()
    if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
        raise RuntimeError("ncnn cannot read what pnnx makes of this model")
    return net
