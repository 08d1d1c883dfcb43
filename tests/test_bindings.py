"""A program looks at its bindings before it runs: a field that a step needs and lacks is an error, not a read at NULL.

`Op.needs` must say all that a pass touches: `python test_bindings.py` runs each pass of each op with these fields alone.
"""

import numpy as np
import pytest
from buffers import assert_same

import fastcnn
from fastcnn import _ops, optimizers
from fastcnn import layers as L

ROWS = "x", "y", "dy", "dx", "x2", "dx2"
WINDOW = (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))  # size, strides, dilation, pads


def conv2d(c=3, filters=5, groups=1, bias=True, **more):
    return _ops.conv2d((9, 9, c), filters, *WINDOW, groups, bias, **more)


def ops():
    """{name: op}, each kind at least once, and each form of one that reads other fields."""
    dense, wide = _ops.dense(20, 7, True), _ops.dense(600, 500, True)
    norm, pool = _ops.local_response_norm(64, 4, 5, 1e-4, 0.75, 2.0, False), _ops.pool2d("max", (8, 8, 4), (2, 2), (2, 2),
                                                                                         ((0, 0), (0, 0)))
    dropout = _ops.dropout(7, 0.5)
    fixed = _ops.batch_norm(9, 5, 1e-3, True, True, fixed=True)
    table = conv2d(4, 3, connections=5)
    found = {
        "conv2d": conv2d(), "one plane": conv2d(1, 4), "Winograd": conv2d(32, 32, exact=False), "depthwise": conv2d(4, 4, 4),
        "many filters per channel": conv2d(2, 128, 2), "no bias": conv2d(bias=False), "many weights": conv2d(96, 96),
        "relu": conv2d().with_activation("relu"), "table": table, "conv2d in lanes": conv2d().with_lanes(),
        "table in lanes": table.with_lanes(), "conv2d of curvature": conv2d(32, 32, exact=False).with_curvature(),
        "conv2d_transpose": _ops.conv2d_transpose((9, 9, 4), (9, 9, 3), *WINDOW, 1, True),
        "dense": dense, "wide": wide, "float16": wide.with_format("float16"), "int8": wide.with_format("int8"),
        "dense in lanes": dense.with_lanes(), "dropped": dense.with_activation("relu").with_dropout(dropout),
        "dropout": dropout, "dropped channels": _ops.dropout(5, 0.5, 9), "gaussian_noise": _ops.gaussian_noise(9, 0.5),
        "local_response_norm": norm, "lrn_max_pool2d": _ops.lrn_pool2d(norm, pool),
        "local_response_norm_within": _ops.local_response_norm_within((5, 6, 3), 3, 1e-4, 0.75, 1.0, True),
        "batch_norm": _ops.batch_norm(9, 5, 1e-3, True, True), "no gamma": _ops.batch_norm(9, 5, 1e-3, False, True),
        "layer_norm": _ops.group_norm(6, 1, 1, 5, 1e-3, True, True),
        "group_norm": _ops.group_norm(1, 6, 2, 3, 1e-3, True, True),
        "fixed_norm": fixed, "fold": _ops.fold(conv2d(), fixed), "maxout": _ops.maxout(3, 8, 2),
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
        "sgd": _ops.optimizer("sgd", 40), "momentum": _ops.optimizer("sgd", 40, momentum=0.9),
        "clip_norm": _ops.optimizer("sgd", 40, clip_norm=1, norms=(0, 0, 1)),
        "centered": _ops.optimizer("rmsprop", 40, momentum=0.9, rho=0.9, epsilon=1e-7, centered=True),
        "amsgrad": _ops.optimizer("adam", 40, momentum=0.9, rho=0.9, epsilon=1e-7, amsgrad=True),
    }
    for kind in ("rmsprop", "adagrad", "adadelta", "adam", "sdlm"):
        found[kind] = _ops.optimizer(kind, 40, rho=0.9, epsilon=1e-7)
    for kind in ("activation", "activation_of_x", "softmax", "log_softmax", "square"):
        found[kind] = _ops.plain(kind, 3, 4, "gelu" if kind == "activation_of_x" else "tanh")
    for kind in ("max", "avg", "sum", "soft", "lp"):
        found[f"{kind}_pool2d"] = _ops.pool2d(kind, (5, 6, 3), (2, 2), (2, 2), ((0, 0), (0, 0)), p=2.0)
    for kind in ("add", "multiply", "maximum", "minimum"):
        found[kind] = _ops.merge(kind, 30)
    for kind in _ops.KINDS:
        if kind.endswith(("entropy", "error", "hinge", "huber", "posteriori")):
            found[kind] = _ops.loss(kind, 5, sparse="rbf" in kind or "multiclass" in kind)
    return {name: op for name, op in found.items() if op is not None}  # on one lane wide vectors nothing is in lanes


# What a child process runs on each instruction set, and what is left out one by one on the best
STEPS = [pytest.param(op, step, id=f"{name}-{step}") for name, op in ops().items() for step in _ops.PASSES if op.has(step)]


def run(op, step, left_out=None, batch=2):
    """A program of one step that has all that it needs bound but for one field."""
    chunk = _ops.lanes_width() if op.lanes else 1
    program = _ops.Program([op], [(0, step)], [(0, 1, chunk, True)])
    for field in op.needs(step):
        if field == left_out:
            continue
        if field in ROWS:
            size = op.in_size if field in ("x", "dx", "x2", "dx2") else op.out_size
            program.bind_rows(0, field, np.zeros((batch + chunk, size), np.float32), size)
        elif field == "table":
            program.bind(0, field, np.array([[0, 0], [1, 0], [1, 1], [2, 1], [3, 2]], np.int32))
        else:
            program.bind(0, field, np.zeros(1 << 19, np.uint8 if field == "pixels" else np.float32))
    program.run(batch, 2)


def test_every_kind_is_there():
    assert {op.name for op in ops().values()} >= set(_ops.KINDS) - {"to_lanes", "from_lanes"}


@pytest.mark.parametrize("op, step", STEPS)
def test_a_field_left_out_is_named(op, step):
    fields = op.needs(step)
    assert fields
    for field in fields:
        with pytest.raises(ValueError) as error:
            run(op, step, field)
        assert str(error.value).startswith(f"{op.name}, op 0, must have {field} bound for its pass {step!r}. Received: ")


def test_what_is_needed_is_enough(isa, run_python):
    child = run_python(__file__, FASTCNN_ISA=isa)
    assert child.returncode == 0 and child.stdout.endswith("\nend\n"), child.stdout[-200:] + child.stderr


def program(op, *steps, batch=2, **arrays):
    """A program of steps, each a phase, and what is bound to it."""
    made = _ops.Program([op, _ops.optimizer("sgd", max(op.w_size, 1), momentum=0.5)], [(0, step) for step in steps],
                        [(i, 1, batch, step == "weights") for i, step in enumerate(steps)])
    for field, array in arrays.items():
        if field in ROWS:
            made.bind_rows(0, field, array, array.size // batch)
        else:
            made.bind(0, field, array)
    return made


def test_phases_are_looked_at_when_they_run():
    x, w, y = np.ones((2, 3), "f"), np.ones((3, 4), "f"), np.zeros((2, 4), "f")
    made = program(_ops.dense(3, 4, False), "forward", "data", x=x, w=w, y=y, packed=np.ones(96, "f"))
    with pytest.raises(ValueError, match="must have dy bound for its pass 'data'"):
        made.run(2, 1)
    assert not y.any()
    made.run(2, 1, 0, 1)
    assert_same(y, np.full((2, 4), 3))


def test_what_is_taken_away_is_missed():
    x, y = np.ones((2, 3), "f"), np.zeros((2, 4), "f")
    made = program(_ops.dense(3, 4, True), "forward", x=x, w=np.ones((3, 4), "f"), b=np.ones(4, "f"), y=y,
                   packed=np.ones(96, "f"))
    made.run(2, 1)
    made.bind(0, "b", None)
    with pytest.raises(ValueError, match="dense, op 0, must have b bound for its pass 'forward'. Received: x, w, y, packed"):
        made.run(2, 1)
    made.bind(0, "b", np.zeros(4, "f"))
    made.run(2, 1)
    assert_same(y, np.full((2, 4), 3))


def test_a_single_image_takes_weights_as_they_lie():
    x, y = np.ones((2, 3), "f"), np.zeros((2, 4), "f")
    made = program(_ops.dense(3, 4, False), "forward", x=x, w=np.ones((3, 4), "f"), y=y)
    made.run(1, 1)
    assert_same(y, [[3] * 4, [0] * 4])
    with pytest.raises(ValueError, match="must have packed bound"):
        made.run(2, 1)


def test_an_optimizer_at_hand_needs_its_states():
    op, batch = _ops.dense(600, 500, False), 2
    given = {"x": np.ones((batch, 600), "f"), "dy": np.ones((batch, 500), "f"), "w": np.zeros((600, 500), "f")}
    made = program(op, "weights", **given)
    with pytest.raises(ValueError, match="must have dw bound"):
        made.run(batch, 1)
    made.bind_update(0, 1)
    with pytest.raises(ValueError, match=r"must have state\[0\] bound"):
        made.run(batch, 1)
    made.bind_states(0, [np.zeros((600, 500), "f")])
    made.set_scale(0, 0.5)
    made.run(batch, 1)
    assert_same(given["w"], np.full((600, 500), -1))


def test_a_pass_that_an_op_has_not():
    with pytest.raises(ValueError, match="softmax has no pass of that name. Received: 'weights'"):
        _ops.Program([_ops.plain("softmax", 1, 3)], [(0, "weights")], [(0, 1, 1, True)])


def test_a_field_that_there_is_not():
    made = program(_ops.plain("softmax", 1, 3), "forward")
    for field in "z", "x":
        with pytest.raises(KeyError):
            made.bind(0, field, np.zeros(3, "f"))
    with pytest.raises(KeyError):
        made.bind_rows(0, "w", np.zeros(3, "f"), 3)
    with pytest.raises(IndexError):
        made.bind(9, "w", np.zeros(3, "f"))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_optional_fields_come_and_go(optimizer, monkeypatch):
    """Sample weights, from step to step of training."""
    model = fastcnn.Sequential([L.Dense(3, activation="softmax", input_shape=(4,))], seed=0)
    model.compile(optimizers.get(optimizer), "sparse_categorical_crossentropy")
    x, y = np.ones((5, 4)), np.zeros(5, int)
    for weight in (None, np.ones(5), None, np.ones(5)):
        model.train_on_batch(x, y, sample_weight=weight)
    assert np.isfinite(model.get_weights()[0]).all()


if __name__ == "__main__":
    for param in STEPS:
        run(*param.values)
        print(param.id, flush=True)
    print("end")
