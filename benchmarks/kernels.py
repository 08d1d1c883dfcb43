"""Group "kernels": every op × named case × pass, each as a part of what the machine can do.

Every result is compared with the NumPy float64 reference, on one image, before it is timed. Cases with weights are given in
GFLOP/s, counted as if computed directly (Winograd's algorithm does less, and may pass 100 % of the peak), the others in
GB/s of the arrays that they must read and write.
"""

import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np

import fastcnn
from benchmarks import peak
from benchmarks.jobs import ROOT, Job, WrongResult
from fastcnn import _ops, activations, arguments, reference


def _named_cases():
    """tests/cases.py, where tests and benchmarks have their shapes from."""
    if "benchmarks.cases" not in sys.modules:
        spec = spec_from_file_location("benchmarks.cases", ROOT / "tests" / "cases.py")
        module = sys.modules["benchmarks.cases"] = module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["benchmarks.cases"]


cases = _named_cases()


@dataclass(frozen=True)
class PlainCase:
    """An op without weights on `rows` × `c` values."""

    name: str
    kind: str  # of fastcnn.reference
    c: int
    rows: int = 1


PLAIN = [
    PlainCase("lenet5.tanh1", "tanh", 6, 28 * 28),
    PlainCase("alexnet.relu1", "relu", 96, 55 * 55),
    *(PlainCase(f"odd.{kind}", kind, 521, 23) for kind in ("leaky_relu", "elu", "sigmoid", "scaled_tanh", "softplus",
                                                                 "softsign", "silu", "gelu", "hard_silu")),
    PlainCase("lenet5.softmax", "softmax", 10),
    PlainCase("alexnet.softmax", "softmax", 1000),
    PlainCase("odd.log_softmax", "log_softmax", 521),
    PlainCase("alexnet.dropout6", "dropout", 4096),
    PlainCase("lenet5.loss", "softmax_cross_entropy", 10),
    PlainCase("alexnet.loss", "softmax_cross_entropy", 1000),
]
SGD = {"lenet5.sgd": 61_706, "alexnet.sgd": 60_965_224}
STREAMS = {  # arrays of the input's size, and of the output's, that a pass must read or write
    "max_pool2d": {"forward": (1, 1), "data": (2, 1)},
    "avg_pool2d": {"forward": (1, 1), "data": (1, 1)},
    "dropout": {"forward": (1, 1), "data": (1, 1)},
    "softmax_cross_entropy": {"forward": (1, 1), "data": (1, 1)},
}


def jobs(settings):
    """A job per case and pass."""
    found = []
    for case in [*cases.CONV2D, *cases.POOL2D, *cases.LRN, *cases.DENSE, *PLAIN]:
        stages = ("forward", "data", "weights") if isinstance(case, (cases.Conv2DCase, cases.DenseCase)) \
            else ("forward", "data")
        for batch in settings.batches or [32 if case.name.startswith("alexnet") else 128]:
            found += [Job("kernels", name_of(case), partial(_measure, case, stage, batch), stage, batch) for stage in stages]
    return found + [Job("kernels", name, partial(_measure_sgd, size), "update") for name, size in SGD.items()]


def name_of(case):
    """The case's name; odd ones, of which several ops have one, with the op's: odd.conv2d.tall."""
    network, rest = case.name.split(".", 1)
    return f"odd.{_kind(case)}.{rest}" if network == "odd" and not isinstance(case, PlainCase) else case.name


def random(size, seed):
    """Aligned random floats."""
    array = _ops.aligned(size)
    array[...] = np.random.default_rng(seed).uniform(-1, 1, size)
    return array


class Problem:
    """One op with buffers for a batch, whose passes can be run one at a time."""

    def __init__(self, op, batch):
        self.op, self.batch = op, batch
        chunk = max(1, -(-batch // 16))
        self.passes = {"pack": [(0, "pack")], "forward": [(0, "forward")], "data": [(0, "data")],
                       "weights": [(0, "weights")] + ([(0, "reduce")] if op.partial else [])}
        if not op.w_size:
            self.passes = {name: self.passes[name] for name in ("forward", "data")}
        steps, phases, self.first = [], [], {}
        for name, found in self.passes.items():
            self.first[name] = len(phases), len(found)
            for step in found:
                phases.append((len(steps), 1, chunk, True))
                steps.append(step)
        self.program = _ops.Program([op], steps, phases)
        self.arrays = {"x": random(batch * op.in_size, 1), "y": random(batch * op.out_size, 2),
                       "dy": random(batch * op.out_size, 3), "dx": random(batch * op.in_size, 4)}
        for field, array in self.arrays.items():
            self.program.bind_rows(0, field, array, array.size // batch)
        sizes = {"w": op.w_size, "b": op.b_size, "dw": op.w_size, "db": op.b_size, "packed": op.packed_size,
                 "packed_t": op.packed_t_size, "partial": op.partial * -(-batch // chunk) * (op.w_size + op.b_size)}
        for i, (field, size) in enumerate(sizes.items()):
            if size:
                self.arrays[field] = random(size, 5 + i)
                self.program.bind(0, field, self.arrays[field])
        if op.name == "dropout":
            self.program.set_random(0, 3, 5)
        if op.name == "softmax_cross_entropy":
            self.arrays["target"] = np.random.default_rng(5).integers(0, op.in_size, batch).astype(np.int32)
            self.arrays["loss"] = _ops.aligned(batch)
            self.arrays["sample_weight"] = _ops.aligned(batch)
            self.arrays["sample_weight"][...] = 1
            for field in ("target", "loss", "sample_weight"):
                self.program.bind(0, field, self.arrays[field])
            self.program.set_scale(0, 1.0)

    def run(self, name):
        """Runs one pass."""
        self.program.run(self.batch, fastcnn.get_num_threads(), *self.first[name])

    def image(self, field, shape):
        """The first image of x, y, dy or dx."""
        return self.arrays[field][:int(np.prod(shape))].reshape(1, *shape)


def close(found, expected, what):
    """Within float32's rounding of a long sum."""
    error = np.abs(found - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-6)
    if not error < 2e-5:
        raise WrongResult(f"{what}: relative error {error:.1e}")


def _kind(case):
    """The name of its function in fastcnn.reference."""
    if isinstance(case, cases.PoolCase):
        return "avg_pool2d" if case.name.startswith("lenet") else "max_pool2d"
    names = {cases.Conv2DCase: "conv2d", cases.LRNCase: "local_response_norm", cases.DenseCase: "dense"}
    return case.kind if isinstance(case, PlainCase) else names[type(case)]


def make_op(case):
    """The descriptor of a named case."""
    kind = _kind(case)
    if kind == "conv2d":
        pads = arguments.pads(case.padding, case.image[:2], case.kernel_size, case.strides, case.dilation_rate)
        return _ops.conv2d(case.image, case.filters, case.kernel_size, case.strides, case.dilation_rate, pads, case.groups,
                           True)
    if kind in ("max_pool2d", "avg_pool2d"):
        pads = arguments.pads(case.padding, case.image[:2], case.pool_size, case.strides)
        return _ops.pool2d(kind[:3], case.image, case.pool_size, case.strides, pads, case.ceil_mode)
    if kind == "local_response_norm":
        h, w, c = case.image
        constants = case.size, case.alpha, case.beta, case.k, case.alpha_mode == "mean"
        if case.mode == "within_channel":
            return _ops.local_response_norm_within(case.image, *constants)
        return _ops.local_response_norm(h * w, c, *constants, case.groups)
    if kind == "dense":
        return _ops.dense(case.inputs, case.units, True)
    if kind == "dropout":
        return _ops.dropout(case.c, 0.5)
    if kind in _ops.ACTIVATIONS:
        return activations.op(activations.get(kind), case.rows * case.c, case.c)
    if kind == "softmax_cross_entropy":
        return _ops.loss(kind, case.c, sparse=True)
    return _ops.plain(kind, case.rows, case.c)


def check(case, op):
    """Compares all passes with the reference, on one image."""
    one, kind, name = Problem(op, 1), _kind(case), name_of(case)
    for stage in one.passes:
        one.run(stage)
    forward, backward = getattr(reference, kind), getattr(reference, f"{kind}_backward")
    if kind == "softmax_cross_entropy":
        x, target = one.image("x", (case.c,)), one.arrays["target"]
        close(one.arrays["loss"], forward(x, target), name)
        close(one.image("dx", (case.c,)), backward(np.ones(1), x, target), name)
        return
    if isinstance(case, PlainCase):
        shape = out = (case.rows, case.c)
        options = {"rate": 0.5, "seed": 3, "step": 5} if kind == "dropout" else {}
    else:
        options, shape = case.options if hasattr(case, "options") else {}, getattr(case, "image", None) or (case.inputs,)
        out = getattr(case, "out_shape", None) or (shape if kind == "local_response_norm" else (case.units,))
    parameters = []
    if op.w_size:
        kernel = case.kernel_shape if kind == "conv2d" else (case.inputs, case.units)
        parameters = [one.arrays["w"].reshape(kernel), one.arrays["b"]]
    x, dy = one.image("x", shape), one.image("dy", out)
    close(one.image("y", out), forward(x, *parameters, **options), name)
    gradients = backward(dy, x, *parameters, **options)
    for field, expected in zip(("dx", "dw", "db"), gradients if isinstance(gradients, tuple) else (gradients,)):
        close(one.arrays[field].reshape(expected.shape), expected, f"{name}, {field}")


def _measure(case, stage, batch, settings):
    """Milliseconds; GFLOP/s or GB/s, and of what ceiling they are which part."""
    op = make_op(case)
    if case not in settings.known:
        check(case, op)
        settings.known[case] = "checked"
    problem = Problem(op, batch)
    for name in problem.passes:
        problem.run(name)
    call = partial(problem.run, stage)
    if not op.w_size:
        inputs, outputs = STREAMS.get(_kind(case), {"forward": (1, 1), "data": (2, 1)})[stage]
        return _bandwidth(call, 4 * batch * (inputs * op.in_size + outputs * op.out_size), settings)
    others = [] if case.name.startswith("odd.") else ["sgemm"]
    gflop, gb = 2e-9 * op.cost * batch, 4e-9 * (batch * (op.in_size + op.out_size) + op.w_size)
    found, parts = _beside(call, gflop, gb, settings, others)
    if others:
        found["of_sgemm"] = parts["sgemm"]
    return found | ({"algorithm": op.algorithm(stage)} if op.name == "conv2d" else {})


def _beside(call, gflop, gb, settings, others=()):
    """(milliseconds of a call that does so much work, beside the ceiling that binds it; {ceiling: part of it})."""
    result, said, parts = peak.beside({"op": call}, gflop, gb, settings, "op", others)
    op = result["op"]
    return {"unit": "ms", "ours": op.median * 1e3, "quartiles": [t * 1e3 for t in op.quartiles], "windows": op.kept,
            "rounds": op.rounds, **said}, parts


def _bandwidth(call, size, settings):
    """Of a call that must read and write so many bytes."""
    return _beside(call, 0.0, 1e-9 * size, settings)[0]


def _measure_sgd(size, settings):
    """The optimizer's step: w and velocity are read and written, dw is read."""
    op = _ops.optimizer("sgd", size, decay=5e-4, momentum=0.9)
    program = _ops.Program([op], [(0, "update")], [(0, 1, 1, True)])
    w, dw, state = (random(size, seed) for seed in range(3))
    before = [a[:1000].copy() for a in (w, dw, state)]
    for field, array in (("w", w), ("dw", dw)):
        program.bind(0, field, array)
    program.bind_states(0, [state])
    program.set_scale(0, 0.1)
    run = partial(program.run, 1, fastcnn.get_num_threads())
    run()
    expected, _ = reference.sgd(*before, learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
    close(w[:1000], expected, "sgd")
    program.set_scale(0, 1e-6)
    return _bandwidth(run, 20 * size, settings)
