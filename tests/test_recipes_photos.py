"""`train_photos` and `train_cifar10`: what they build, keep, resume and refuse; weights that come with fastcnn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastcnn
from fastcnn import networks, recipes
from fastcnn.datasets import ImageArray, cifar10
from fastcnn.images import Preparation
from fastcnn.recipes import cifar10 as recipe


def source(n=24, size=20, classes=2):
    """Dark and light, and more of them."""
    rng, labels = np.random.default_rng(0), np.arange(n) % classes
    x = rng.integers(0, 130, (n, size, size, 3)) + 120 * labels[:, None, None, None] // (classes - 1)
    return ImageArray(x.astype(np.uint8), labels, [f"class {i}" for i in range(classes)])


def state(model):
    """All bits that training leaves behind in the weights, and how many steps there were."""
    return [w.tobytes() for w in model.get_weights()], model.optimizer.iterations


class Stop(fastcnn.callbacks.Callback):
    """Ctrl-C at the end of an epoch."""

    def __init__(self, at):
        self.at = at

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def train(data=None, **options):
    options = {"size": 16, "epochs": 2, "batch_size": 8, "verbose": 0, **options}
    return recipes.train_photos(source() if data is None else data, **options)


def test_photos_start_from_what_was_learnt_before():
    body = networks.resnet(20, cifar=True, weights="cifar10")
    fresh, kept = train(learning_rate=0.0, mixup=0.0, weights=None), train(learning_rate=0.0, mixup=0.0)
    assert [layer.name for layer in kept.model.layers] == [layer.name for layer in body.layers]
    for layer, own, other in zip(body.layers[:-1], kept.model.layers, fresh.model.layers):
        kernel = layer.get_weights()[:1] if type(layer).__name__ == "Conv2D" else []
        assert all(np.array_equal(a, b) for a, b in zip(kernel, own.get_weights()))
        assert not any(np.array_equal(a, b) for a, b in zip(kernel, other.get_weights()))
    p = Preparation.of(kept.model)
    assert p.size == 20 and p.augmentation.out_shape((20, 20, 3)) == (16, 16, 3) and p.class_names == ["class 0", "class 1"]
    numbers, y = kept.answers
    assert len(numbers) == len(kept.validation) == kept.test_images and y.shape == (kept.test_images, 2)


def test_many_photographs_are_seen_less_often(monkeypatch):
    n = train().train_images
    for name, value in (("_EPOCHS", 4), ("_FEWEST", 2)):
        monkeypatch.setattr(f"fastcnn.recipes.photos.{name}", value)
    for seen, epochs in ((4 * n, 4), (4 * n - 1, 3), (1, 2)):
        monkeypatch.setattr("fastcnn.recipes.photos._SEEN", seen)
        found = train(epochs=None)
        assert found.model.epochs_seen == recipes.recorded_settings(found.model)["epochs"] == epochs
    assert train(epochs=3).model.epochs_seen == 3


def test_the_best_epoch_is_kept(tmp_path):
    found = train(epochs=5, save=tmp_path / "m")
    best = int(np.argmax(found.history.history["val_accuracy"]))
    assert found.accuracy == found.history.history["val_accuracy"][best]
    assert all(map(np.array_equal, fastcnn.load_model(tmp_path / "m").get_weights(), found.model.get_weights()))


def test_photos_go_on_as_if_nothing_had_happened(tmp_path):
    whole = train(epochs=3)

    with pytest.raises(KeyboardInterrupt):
        train(epochs=3, save=tmp_path / "m", checkpoint_steps=1, callbacks=[Stop(1)])
    model = fastcnn.load_model(tmp_path / "m")
    settings = recipes.recorded_settings(model)
    assert recipes.recorded_recipe(model) == "photos" and settings["size"] == 16
    settings["save"] = tmp_path / "m"
    with pytest.raises(ValueError, match="callbacks="):
        recipes.train_photos(source(), resume=model, verbose=0, **settings)
    resumed = recipes.train_photos(source(), resume=model, verbose=0, callbacks=[Stop(None)], **settings)
    assert state(resumed.model) == state(whole.model)


@pytest.mark.parametrize("options, message", [
    ({"size": 21}, "crop must be at most the images' size, 20 pixels. Received: 21"),
    ({"weights": "imagenet"}, "weights must be one of 'cifar10'"), ({"epochs": 0}, "epochs"), ({"mixup": -1}, "mixup"),
])
def test_photos_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        train(**options)


def test_cifar10(monkeypatch):
    everything = source(40, 32, 10)
    monkeypatch.setattr(cifar10, "load_data", lambda path: ((everything.x, everything.labels[:, None]),
                                                            (everything.x[:20], everything.labels[:20, None])))
    first, again = (recipes.train_cifar10("x", epochs=1, batch_size=20, verbose=0) for _ in range(2))
    assert state(first.model) == state(again.model) and (first.train_images, first.test_images) == (40, 20)
    assert first.model.name == "resnet9" and Preparation.of(first.model).class_names == list(cifar10.CLASS_NAMES)
    assert recipes.recorded_settings(first.model) == {"epochs": 1, "batch_size": 20, "learning_rate": 0.2, "mixup": 0.0,
                                                      "seed": 0, "depth": 9, "width": 0.5, "dropout": 0.0,
                                                      "validation_split": None}


def test_cifar10_begins_with_white_filters():
    """Of patches of two colours' noise: components of the covariance, in pairs, each with variance 1 times a factor."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (200, 32, 32, 3)).astype(np.uint8)
    x[..., 1] = (x[..., 0] * 3.0 + x[..., 1]) / 4
    training = ImageArray(x, np.zeros(200, int), ["cat"])
    kernel, before = (networks.resnet(10, cifar=True, width=0.25, seed=1).get_layer("conv1").kernel for _ in range(2))
    recipe._decorrelate(kernel, training, x.std((0, 1, 2)))
    first, second = kernel.value[..., :8].reshape(27, 8), kernel.value[..., 8:].reshape(27, 8)
    assert_array_equal(first, -second)
    patches = np.lib.stride_tricks.sliding_window_view(x / x.std((0, 1, 2)), (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    found = np.cov((patches.reshape(-1, 27) @ first).T)
    assert_allclose(found / found[0, 0], np.eye(8), atol=0.05)
    assert kernel.value.std() == pytest.approx(before.value.std(), rel=0.01)
    single = networks.resnet(9, cifar=True, width=1 / 64, seed=1).get_layer("conv1").kernel
    recipe._decorrelate(single, training, x.std((0, 1, 2)))
    assert single.shape[-1] == 1 and np.isfinite(single.value).all()
    grey, start = ImageArray(np.full_like(x, 7), np.zeros(200, int), ["cat"]), kernel.value.copy()
    recipe._decorrelate(kernel, grey, np.ones(3))
    assert_array_equal(kernel.value, start)


def test_cifar10_searched(monkeypatch):
    """With a part of the training images held out, the test images are not looked at."""
    everything = source(40, 32, 10)
    test = np.zeros((7, 32, 32, 3), np.uint8), np.zeros(7, int)
    monkeypatch.setattr(cifar10, "load_data", lambda path: ((everything.x, everything.labels), test))
    options = {"epochs": 2, "batch_size": 16, "width": 0.125, "dropout": 0.25, "validation_split": 0.25, "verbose": 0}
    found = recipes.train_cifar10("x", **options)
    assert (found.train_images, found.test_images) == (30, 10)
    assert found.model.layers[1].filters == 8 and found.model.get_layer("dropout").rate == 0.25
    settings = recipes.recorded_settings(found.model)
    assert state(recipes.train_cifar10("x", **settings, resume=found.model, verbose=0).model) == state(found.model)
    with pytest.raises(ValueError, match="settings that training was begun with: dropout=0.25. Received: dropout=0.0"):
        recipes.train_cifar10("x", **{**settings, "dropout": 0.0}, resume=found.model, verbose=0)


def test_lenet5_that_was_trained():
    model = networks.lenet5(weights="mnist")
    digits = recipes.load_digits()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = Preparation.of(model).augmentation(digits.x_test[..., None])
    assert model.evaluate(x, digits.y_test, verbose=0)[1] >= 0.992
    assert model.metadata["class_names"] == list("0123456789")


@pytest.mark.parametrize("build, message", [
    (lambda: networks.lenet5(variant="relu", weights="mnist"), "with softmax, tanh. Received: lenet5 .* with relu, softmax"),
    (lambda: networks.lenet5(12, weights="mnist"), r"\(None, 10\).*Received: .*\(None, 12\)"),
    (lambda: networks.lenet5(weights="emnist"), "weights must be one of 'mnist'. Received: 'emnist'"),
    (lambda: networks.resnet(18, weights="cifar10"), "need the network that they were trained in, resnet20"),
    (lambda: networks.resnet(20, cifar=True, width=2, weights="cifar10"), "Received: resnet20 of 1,0"),
], ids=["variant", "classes", "name", "depth", "width"])
def test_weights_of_another_network_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_weights_go_with_images_of_another_size():
    small = networks.resnet(20, cifar=True, weights="cifar10")
    large = networks.resnet(20, cifar=True, weights="cifar10", input_shape=(64, 48, 3))
    assert all(map(np.array_equal, large.get_weights(), small.get_weights()))
    assert large.output_shape == (None, 10) and Preparation.of(small).size == 32 and Preparation.of(large) is None


def test_models_in_half_the_bytes(tmp_path):
    model = networks.lenet5(seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.train_on_batch(np.ones((2, 28, 28, 1), np.float32), [0, 1])
    model.save(tmp_path / "half", dtype="float16")
    model.save(tmp_path / "whole")
    found = fastcnn.load_model(tmp_path / "half")
    assert all(np.array_equal(a.astype(np.float16), b) for a, b in zip(model.get_weights(), found.get_weights()))
    assert found.optimizer is None and found.get_weights()[0].dtype == np.float32
    assert (tmp_path / "half").stat().st_size < 2 * model.count_params() + 8000 < (tmp_path / "whole").stat().st_size
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float16'. Received: 'int8'"):
        model.save(tmp_path / "m", dtype="int8")
    model.set_weights([np.full(w.shape, 7e4, np.float32) for w in model.get_weights()])
    with pytest.raises(ValueError, match="up to 65,504. Received: c1/kernel with 70,000"):
        model.save(tmp_path / "m", dtype="float16")
    assert not (tmp_path / "m").exists()
