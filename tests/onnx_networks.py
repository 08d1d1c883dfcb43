"""Whole networks with random weights, out of fastcnn and into it, beside ONNX Runtime.

    python tests/onnx_networks.py [--only PATTERN] [--files FILE.onnx …]

- "out …": a network of ours is exported, run in ONNX Runtime (within 1e-5 of the largest), and read back (whether to the bit
  is said).
- "light …": graphs of the model zoo that come with onnx, their constant weights replaced by random numbers, read here
  (within 2e-5).
- --files: other ONNX files, as torch exports them, likewise.

Ends with code 1 if one is further off.
"""

import argparse
import os
import re
import sys
import tempfile
from functools import partial

import numpy as np
import onnx
import onnxruntime
from foreign import FULL, error, filled, first, linear
from onnx import numpy_helper

import fastcnn
from fastcnn import networks

OUT, IN = 1e-5, 2e-5  # how far off logits may be, as parts of the largest
NETWORKS = {
    **FULL, **{f"lenet5 {kind}": partial(networks.lenet5, variant=kind) for kind in ("sigmoid", "relu")},
    "squeezenet1.0": partial(networks.squeezenet, "1.0"), "googlenet": partial(networks.googlenet, auxiliary=False),
    "vgg11_bn": partial(networks.vgg, 11, True), "zfnet": networks.zfnet,
}


def images(shape, seed=0, count=3):
    """Random ones, a batch of them."""
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def session(path):
    """A function that runs a file in ONNX Runtime on an array, or several."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    found = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in found.get_inputs()]
    return lambda *xs: found.run(None, dict(zip(names, xs)))


def out_and_in(model, folder, **options):
    """(how far ONNX Runtime is off, how far the network read back is) of logits; the network read back."""
    path = os.path.join(folder, "m.onnx")
    model.export(path, logits=True, **options)
    x = images(model.input_shape[1:])
    again, y = fastcnn.load_model(path), linear(model).predict(x)
    return error(session(path)(first(x))[0], first(y)), error(again.predict(x), y), again


def light(path):
    """A graph of the zoo's with random weights in the place of constant ones."""
    model, rng = onnx.load(path), np.random.default_rng(0)
    graph, arrays = model.graph, {}
    for tensor in graph.initializer:
        arrays[tensor.name] = numpy_helper.to_array(tensor)
    shapes = {node.output[0]: [int(n) for n in arrays[node.input[0]]] for node in graph.node
              if node.op_type == "ConstantOfShape"}
    ranges = {("BatchNormalization", 1): (0.8, 1.2), ("BatchNormalization", 4): (0.5, 1.5), ("Mul", 1): (0.8, 1.2)}
    named = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Unsqueeze"}
    found = {}
    for node in graph.node:
        for i, name in enumerate(node.input):
            name = named.get(name, name)
            if name in shapes and node.op_type not in ("Unsqueeze", "Reshape"):
                shape = shapes[name]
                if len(shape) > 1:
                    found[name] = rng.standard_normal(shape, np.float32) * np.float32((2 / np.prod(shape[1:])) ** 0.5)
                else:
                    found[name] = rng.uniform(*ranges.get((node.op_type, i), (-0.1, 0.1)), shape).astype(np.float32)
    kept = [node for node in graph.node if node.output[0] not in found]
    if kept[-1].op_type == "Softmax":  # logits
        graph.output[0].name = kept[-1].input[0]
        kept = kept[:-1]
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in found.items())
    del graph.output[0].type.tensor_type.shape.dim[:]
    return model


def read_beside(path):
    """(how far a file's network is off ONNX Runtime here, the network)."""
    model = fastcnn.load_model(path)
    run = session(path)
    graph = onnx.load(path, load_external_data=False).graph
    arrays = {tensor.name for tensor in graph.initializer}
    entry = next(e for e in graph.input if e.name not in arrays)  # old files list arrays among the inputs
    x = images(model.input_shape[1:], count=entry.type.tensor_type.shape.dim[0].dim_value or 3)
    order = next((note for note in model.notes if note.startswith("input ")), "")
    y = run(first(x) if "(0, 2, 3, 1)" in order else x)[0]
    z = model.predict(x)
    return error(first(z) if z.ndim == 4 else z, y), model


def main(argv=None):
    parser = argparse.ArgumentParser(description="Whole networks, out and in, beside ONNX Runtime")
    parser.add_argument("--only", default="", metavar="PATTERN")
    parser.add_argument("--files", nargs="*", default=[], metavar="FILE.onnx")
    options = parser.parse_args(argv)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in [n for n in NETWORKS if re.search(options.only, f"out {n}")]:
            there, back, again = out_and_in(filled(NETWORKS[name](seed=1)), folder)
            wrong += not (there < OUT and back < OUT)
            print(f"out {name:22} ONNX Runtime off by {there:.1e}, read back by {back:.1e}"
                  + (", the same bits" if not back else ""), flush=True)
        place = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
        found = [os.path.join(place, name) for name in sorted(os.listdir(place)) if name.endswith(".onnx")]
        for path in [p for p in found if re.search(options.only, f"light {os.path.basename(p)}")]:
            copy = os.path.join(folder, "light.onnx")
            onnx.save(light(path), copy)
            found, model = read_beside(copy)
            wrong += not found < IN
            print(f"light {os.path.basename(path)[6:-5]:20} off by {found:.1e}, {len(model.layers)} layers", flush=True)
    for path in options.files:
        found, model = read_beside(path)
        wrong += not found < IN
        print(f"file {os.path.basename(path):26} off by {found:.1e}, {len(model.layers)} layers", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
