"""Learning rate schedules: values worked out by hand, monotony, files, refusals; and that training follows them."""

import doctest
import json
import math

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn import optimizers as O
from fastcnn.optimizers import schedules as S

VALUES = {  # schedule: {step: learning rate}
    S.ExponentialDecay(0.8, 4, 0.25): {0: 0.8, 2: 0.4, 4: 0.2, 6: 0.1, 8: 0.05},
    S.ExponentialDecay(0.8, 4, 0.25, staircase=True): {0: 0.8, 3: 0.8, 4: 0.2, 7: 0.2, 8: 0.05},
    S.InverseTimeDecay(0.6, 4, 2.0): {0: 0.6, 1: 0.4, 2: 0.3, 4: 0.2, 10: 0.1},
    S.InverseTimeDecay(0.6, 4, 2.0, staircase=True): {0: 0.6, 3: 0.6, 4: 0.2, 9: 0.12},
    S.PiecewiseConstantDecay([3, 5], [0.5, 0.25, 0.125]): {0: 0.5, 3: 0.5, 4: 0.25, 5: 0.25, 6: 0.125, 99: 0.125},
    S.PiecewiseConstantDecay([], [0.5]): {0: 0.5, 7: 0.5},
    S.PolynomialDecay(0.9, 6, 0.3): {0: 0.9, 2: 0.7, 3: 0.6, 6: 0.3, 7: 0.3, 60: 0.3},
    S.PolynomialDecay(0.9, 4, 0.1, power=2.0): {0: 0.9, 1: 0.55, 2: 0.3, 3: 0.15, 4: 0.1},
    S.PolynomialDecay(0.9, 4, 0.1, power=0.5): {3: 0.5},
    S.PolynomialDecay(0.9, 4, 0.1, cycle=True): {0: 0.9, 2: 0.5, 4: 0.1, 6: 0.3, 8: 0.1, 9: 0.3, 12: 0.1},
    S.CosineDecay(0.4, 8): {0: 0.4, 2: 0.2 + 0.2 * math.sqrt(0.5), 4: 0.2, 8: 0.0, 9: 0.0},
    S.CosineDecay(0.4, 8, alpha=0.5): {0: 0.4, 4: 0.3, 8: 0.2, 100: 0.2},
    S.CosineDecay(0.1, 8, warmup_target=0.5, warmup_steps=4): {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.5, 8: 0.25, 12: 0.0, 20: 0.0},
    S.CosineDecay(0.1, 8, alpha=0.2, warmup_target=0.5): {0: 0.5, 8: 0.1},
    S.CosineDecayRestarts(0.4, 4): {0: 0.4, 2: 0.2, 4: 0.4, 8: 0.2, 12: 0.4, 20: 0.2, 28: 0.4},
    S.CosineDecayRestarts(0.4, 4, t_mul=1, m_mul=0.5, alpha=0.25): {0: 0.4, 2: 0.25, 4: 0.25, 6: 0.175, 8: 0.175},
    S.CosineDecayRestarts(0.4, 1, t_mul=3, m_mul=0.5): {0: 0.4, 1: 0.2, 4: 0.1, 13: 0.05, 121: 0.4 / 32, 364: 0.4 / 64},
    S.OneCycle(0.5, 10, warmup=0.4, start=0.2, end=0.0): {0: 0.1, 2: 0.3, 4: 0.5, 7: 0.25, 10: 0.0, 11: 0.0},
}


def test_examples():
    result = doctest.testmod(S)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("schedule", VALUES, ids=repr)
def test_values(schedule):
    for step, expected in VALUES[schedule].items():
        assert schedule(step) == pytest.approx(expected, rel=1e-12, abs=1e-12), step


@pytest.mark.parametrize("schedule", VALUES, ids=repr)
def test_there_and_back(schedule):
    config = json.loads(json.dumps(O.serialize(O.Adam(schedule))))
    again = O.get(config).schedule
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    assert [again(step) for step in range(30)] == [schedule(step) for step in range(30)]


def test_training_follows_them(tmp_path):
    """… on from a file too: the number of steps is kept."""
    rates = [0.5, 0.5, 0.25, 0.125, 0.125]
    model = fastcnn.Sequential([L.Dense(1, use_bias=False, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(O.SGD(S.PiecewiseConstantDecay([1, 2], [0.5, 0.25, 0.125])), "mae")
    expected = 0.0
    for step, rate in enumerate(rates):
        if step == 3:
            model.save(tmp_path / "m")
            model = fastcnn.load_model(tmp_path / "m")
        assert model.optimizer.learning_rate == rate
        model.train_on_batch(np.ones((2, 1)), np.full((2, 1), 10.0))
        expected += rate
        assert model.get_weights()[0] == expected


class Mine(S.Schedule):
    """One over the number of the step."""

    def __call__(self, step):
        return 1 / (step + 1)


def test_ones_own():
    assert O.SGD(Mine()).learning_rate == 1
    with pytest.raises(ValueError, match="Received: 'Mine'"):
        O.get(O.serialize(O.SGD(Mine())))
    with fastcnn.registry.custom_objects({"Mine": Mine}):
        assert type(O.get(O.serialize(O.SGD(Mine()))).schedule) is Mine
    with pytest.raises(NotImplementedError, match="Schedule must define"):
        S.Schedule()(1)


@pytest.mark.parametrize("make, error, message", [
    (lambda: S.ExponentialDecay(-1, 10, 0.5), ValueError, "initial_learning_rate .*Received: -1"),
    (lambda: S.ExponentialDecay(1, 0, 0.5), ValueError, "decay_steps must be greater than 0. Received: 0"),
    (lambda: S.ExponentialDecay(1, 10, "half"), TypeError, "decay_rate .*Received: 'half'"),
    (lambda: S.ExponentialDecay(1, 10, 0.5, 1), TypeError, "staircase .*Received: 1"),
    (lambda: S.InverseTimeDecay(1, -3, 0.5), ValueError, "decay_steps .*Received: -3"),
    (lambda: S.PiecewiseConstantDecay([1, 2], [1, 2]), ValueError, "one more .*Received: 2 boundaries, 2 values"),
    (lambda: S.PiecewiseConstantDecay([2, 2], [1, 2, 3]), ValueError, r"must grow. Received: \[2, 2\]"),
    (lambda: S.PiecewiseConstantDecay(3, [1, 2]), TypeError, "boundaries must be a list .*Received: 3"),
    (lambda: S.PiecewiseConstantDecay([3], [1, -2]), ValueError, "values .*Received: -2"),
    (lambda: S.PolynomialDecay(1, 10, power=-1), ValueError, "power .*Received: -1"),
    (lambda: S.PolynomialDecay(1, 10, cycle=None), TypeError, "cycle .*Received: None"),
    (lambda: S.CosineDecay(1, 10, alpha=2), ValueError, "alpha .*Received: 2"),
    (lambda: S.CosineDecay(1, 10, warmup_steps=5), ValueError, "must come with warmup_target. Received: warmup_steps=5"),
    (lambda: S.CosineDecayRestarts(1, 10, t_mul=0.5), ValueError, "t_mul .*Received: 0.5"),
    (lambda: S.CosineDecayRestarts(1, 0), ValueError, "first_decay_steps .*Received: 0"),
    (lambda: S.get({"class_name": "CosineDcay", "config": {}}), ValueError, "did you mean 'CosineDecay'"),
    (lambda: S.get("cosine_decay"), TypeError, "initial_learning_rate"),
    (lambda: O.SGD({"class_name": "abs"}), ValueError, "Received: 'abs'"),
    (lambda: S.get(abs), TypeError, "a number or a Schedule"),
])
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
