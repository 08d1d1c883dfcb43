"""evaluate, predict, calls on one batch: what they return, and that the size of batches changes nothing."""

import numpy as np
import pytest
from test_model_fit import classifier, same, samples

import fastcnn
from fastcnn import _ops
from fastcnn import layers as L


def test_evaluate():
    x, y = samples(45)
    model, plain = classifier(), classifier(())
    p = model.predict(x)
    expected = [-np.log(p[np.arange(45), y].astype(np.float64)).mean(), (p.argmax(axis=1) == y).mean()]
    for batch_size in (1, 7, 32, 45, 1000):
        assert model.evaluate(x, y, batch_size=batch_size, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert plain.evaluate(x, y, verbose=0) == pytest.approx(expected[0], rel=1e-5)
    weight = np.random.default_rng(0).random(45)
    loss, accuracy = model.evaluate(x, y, verbose=0, sample_weight=weight)
    assert loss == pytest.approx((-np.log(p[np.arange(45), y]) * weight).mean(), rel=1e-5)
    assert accuracy == pytest.approx(((p.argmax(axis=1) == y) * weight).sum() / weight.sum())
    with pytest.raises(ValueError, match="at least one sample"):
        model.evaluate(x[:0], y[:0], verbose=0)


def test_on_batch():
    x, y = samples(9)
    model, plain = classifier(), classifier(())
    before = model.test_on_batch(x, y)
    assert before == pytest.approx(model.evaluate(x, y, verbose=0)) and same(model, plain)
    assert model.train_on_batch(x, y) == pytest.approx(before) and not same(model, plain)
    assert isinstance(plain.train_on_batch(x, y), float) and same(model, plain)
    assert model.test_on_batch(x, y)[0] < before[0]
    assert np.array_equal(model.predict_on_batch(x), model.predict(x, batch_size=4))
    for call in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="at least one sample"):
            call(x[:0], y[:0])
    assert model.predict(x[:0]).shape == (0, 3)


WIDE = {
    "lenet5": lambda: fastcnn.networks.lenet5(seed=0),
    "wide": lambda: fastcnn.Sequential(
        [L.Flatten(input_shape=(28, 28, 1)), L.Dense(600, "tanh"), L.Dense(5)], seed=0
    ),
    "convolutions": lambda: fastcnn.Sequential(
        [
            L.Conv2D(20, 5, 2, activation="relu", input_shape=(28, 28, 1)),
            L.LocalResponseNormalization(),
            L.MaxPooling2D(3, 2),
            L.Conv2D(100, 3, padding="same", activation="elu"),
            L.Conv2D(90, 3),
            L.GlobalMaxPooling2D(),
        ],
        seed=0,
    ),
}


@pytest.mark.parametrize("exact", [True, False], ids=["exact", ""])
@pytest.mark.parametrize("name", WIDE)
def test_predictions_do_not_depend_on_the_batch(name, exact):
    """By Winograd's algorithm on whether there are images for all lanes, and on nothing else."""
    with fastcnn.config_context(exact=exact):
        model, width = WIDE[name](), _ops.lanes_width()
    x = np.random.default_rng(0).standard_normal((43, 28, 28, 1)).astype(np.float32)
    many, few = (model.predict(x, batch_size=batch) for batch in (43, 1))
    np.testing.assert_allclose(few, many, rtol=0, atol=0 if exact else 1e-6)
    for batch_size in (1, 2, 5, 8, 13, 32, 100):
        expected = many if batch_size >= width else few
        assert np.array_equal(model.predict(x, batch_size=batch_size), expected), batch_size
    for count in (1, 4, 9, 20):
        expected = many if count >= width else few
        assert np.array_equal(model.predict(x[:count]), expected[:count]), count


def test_forms_of_x():
    """uint8, no channel axis, lists, strided: the same samples."""
    model = fastcnn.networks.lenet5(seed=0)
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
    expected = model.predict(images.astype(np.float32)[..., None])
    wide = np.zeros((6, 28, 56), np.float64)
    wide[:, :, ::2] = images
    for x in (images, images[..., None], images.tolist(), wide[:, :, ::2], images.astype(">i2")):
        assert np.array_equal(model.predict(x), expected)
