"""A program looks at its bindings before it runs: a field that a step needs and lacks is an error, not a read at NULL.

`Op.needs` must say all that a pass touches: `python test_bindings.py` runs each pass of each op with these fields alone.
"""

import numpy as np
import pytest
from buffers import assert_same
from cases import descriptors

import fastcnn
from fastcnn import _ops, optimizers
from fastcnn import layers as L

ROWS = "x", "y", "dy", "dx", "x2", "dx2"
# What a child process runs on each instruction set; here fields are left out one by one
STEPS = [pytest.param(op, step, id=f"{name}-{step}")
         for name, op in descriptors().items() for step in _ops.PASSES if op.has(step)]


def run(op, step, left_out=None, batch=2, parts=True):
    """A program of one step that has all that it needs bound but for one field."""
    chunk = _ops.lanes_width() if op.lanes else 1
    program = _ops.Program([op], [(0, step)], [(0, 1, chunk, parts)])
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
    assert {op.name for op in descriptors().values()} >= set(_ops.KINDS) - {"to_lanes", "from_lanes"}


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
    sgd = _ops.optimizer("sgd", max(op.w_size, 1), momentum=0.5, states=1)
    made = _ops.Program([op, sgd], [(0, step) for step in steps],
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


def test_units_that_cut_chunks():
    """Sums of units of the batch are sums of chunks."""
    with pytest.raises(ValueError, match="^unit must be a multiple of the chunks of 4 images. Received: 6$"):
        _ops.Program([_ops.plain("softmax", 1, 3)], [(0, "forward")], [(0, 1, 4, False)], 6)


@pytest.mark.parametrize("op, step", STEPS)
def test_what_sees_the_whole_batch_runs_in_parts_alone(op, step):
    """In a phase that hands out chunks of images it would go over its items for each of them, or for ever."""
    whole = {"weights": not op.partial, "forward": op.wide or op.name == "half_weights"}
    whole |= {"data": whole["forward"], **dict.fromkeys(("pack", "combine", "reduce", "update"), True)}
    if whole.get(step):
        with pytest.raises(ValueError, match=f"^{op.name} computes its pass '{step}' for the whole batch at once, which a "
                                             "phase in parts does. Received: phase 0, in chunks of "):
            run(op, step, parts=False)
    else:
        run(op, step, parts=False)


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
