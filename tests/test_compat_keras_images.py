"""keras.preprocessing.image: what ImageDataGenerator does to images, and the batches it makes of arrays and folders."""

import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn.compat.keras import layers
from fastcnn.compat.keras.models import Sequential
from fastcnn.compat.keras.preprocessing import image as module

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 255, (10, 6, 8, 3)).astype(np.float32)
Y = np.arange(10)


def generator(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return module.ImageDataGenerator(**options)


def many(options, count=400, image=None, seed=0):
    """One image changed many times."""
    image = X[0] if image is None else image
    made = generator(**options)
    return np.concatenate([x for x in made.flow(np.repeat(image[None], count, 0), seed=seed, shuffle=False).epoch(0)])


def test_it_warns_once_and_knows_the_modern_form():
    with pytest.warns(DeprecationWarning) as caught:
        made = module.ImageDataGenerator()
        made.flow(X, Y)
    assert [str(w.message) for w in caught] == [
        "ImageDataGenerator(…) is an old spelling. Write fastcnn.images.ImageBatches(source, "
        "augmentation=fastcnn.images.Augmentation(…))"]
    with pytest.warns(DeprecationWarning) as caught:
        assert module.ImageDataGenerator(dim_ordering="th").channels_first
    assert len(caught) == 2 and "data_format='channels_first'" in str(caught[1].message)


# Changes


def test_nothing_asked_nothing_done():
    for x, y in (next(generator().flow(X, Y, 10, shuffle=False)),):
        assert np.array_equal(x, X) and x.dtype == np.float32 and np.array_equal(y, Y)


def test_flips():
    both = many({"horizontal_flip": True, "vertical_flip": True})
    kinds = [X[0], X[0][:, ::-1], X[0][::-1], X[0][::-1, ::-1]]
    found = [sum(np.array_equal(x, kind) for x in both) for kind in kinds]
    assert sum(found) == 400 and min(found) > 60
    assert all(np.array_equal(x, X[0]) or np.array_equal(x, X[0][:, ::-1]) for x in many({"horizontal_flip": True}, 20))


@pytest.mark.parametrize("given, allowed", [
    (2, {-2, -1, 0, 1, 2}), ([1, 3], {-3, -1, 1, 3}), ([0.25], {-2, 2}),
], ids=str)
def test_whole_shifts(given, allowed):
    row = np.broadcast_to(np.arange(8, dtype=np.float32)[None, :, None], (6, 8, 1))
    shifted = many({"width_shift_range": given, "fill_mode": "wrap"}, 200, row)
    assert {int((x[0, 4, 0] - 4 + 4) % 8 - 4) for x in shifted} == {(a + 4) % 8 - 4 for a in allowed}
    column = many({"height_shift_range": given, "fill_mode": "wrap"}, 200, row.transpose(1, 0, 2))
    assert {int((x[4, 0, 0] - 4 + 4) % 8 - 4) for x in column} == {(a + 4) % 8 - 4 for a in allowed}


@pytest.mark.parametrize("options, most", [({"width_shift_range": 0.25}, 2.0), ({"width_shift_range": 1.5}, 1.5),
                                           ({"zoom_range": 0.25}, 2.5 * 0.25), ({"zoom_range": (1, 1.2)}, 2.5 * 0.2),
                                           ({"rotation_range": 20}, None), ({"shear_range": 20}, None)], ids=str)
def test_ranges(options, most):
    row = np.broadcast_to(np.arange(8, dtype=np.float32)[None, :, None], (8, 8, 1))
    moved = (many(options, 300, row) - row)[..., 0]
    if most is None:  # about the centre: the middle of the middle stays, upper and lower rows move in opposite directions
        assert np.abs(moved[:, 3:5, 3:5].mean((1, 2))).max() < 1e-5
        upper, lower = moved[:, 1, 3], moved[:, 6, 4]
        assert np.corrcoef(upper, lower)[0, 1] < -0.9 and upper.min() < -0.3 < 0.3 < upper.max()
    else:
        assert 0.9 * most < np.abs(moved[:, :, 1:7]).max() <= most + 1e-5


def test_zoom_of_rows_and_columns_differs():
    row = np.broadcast_to(np.arange(8, dtype=np.float32)[None, :, None], (8, 8, 1))
    both = np.concatenate([row, row.transpose(1, 0, 2)], axis=-1)
    zoomed = many({"zoom_range": 0.3}, 50, both)
    assert np.abs(zoomed[:, 4, 2, 0] - zoomed[:, 2, 4, 1]).max() > 0.3


def test_channel_shift_stays_in_the_images_range():
    x = many({"channel_shift_range": 40})
    shift = (x - X[0])[:, (X[0] > 60) & (X[0] < 190)]
    assert np.ptp(shift, axis=1).max() < 1e-3 and 30 < np.abs(shift).max() <= 40, "the same for all of an image"
    assert x.min() == X[0].min() and x.max() == X[0].max()


def test_brightness():
    x = many({"brightness_range": (0.5, 1.5)})
    inner = X[0] < 160
    factor = (x / X[0])[:, inner]
    assert np.ptp(factor, axis=1).max() < 1e-4 and factor.min() > 0.5 and factor.max() < 1.5 and np.ptp(factor) > 0.9
    assert x.max() == 255


def test_fill_mode_and_cval():
    x = many({"height_shift_range": 3, "fill_mode": "constant", "cval": -1}, 50)
    assert (x == -1).any() and not (many({"height_shift_range": 3}, 50) == -1).any()


# Normalization


def test_order_of_normalization():
    seen = []

    def double(x):
        seen.append(x.shape)
        return 2 * x

    made = generator(preprocessing_function=double, rescale=0.5, samplewise_center=True, samplewise_std_normalization=True)
    y = made.standardize(X)
    expected = (X - X.mean((1, 2, 3), keepdims=True)) / X.std((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    assert seen == [(6, 8, 3)] * 10 and np.allclose(made.standardize(X[0]), y[0])
    np.testing.assert_allclose(generator(rescale=1 / 255).standardize(X), X / 255, rtol=1e-6)


def test_featurewise():
    made = generator(featurewise_center=True, featurewise_std_normalization=True)
    with pytest.raises(ValueError, match="featurewise_center needs fit"):
        made.standardize(X)
    made.fit(X)
    y = made.standardize(X)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-4)
    assert made.mean.shape == made.std.shape == (3,)


def test_zca_whitens():
    x = (RNG.normal(size=(500, 12)) @ RNG.normal(size=(12, 12))).reshape(500, 2, 2, 3).astype(np.float32)
    made = generator(featurewise_center=True, zca_whitening=True)
    made.fit(x)
    flat = made.standardize(x).reshape(500, 12)
    centred = (x - x.mean((0, 1, 2))).reshape(500, 12)
    np.testing.assert_allclose(flat.T @ flat / 500, np.eye(12), atol=0.02)
    assert np.trace(np.corrcoef(flat.T, centred.T)[:12, 12:]) > 6, "as like the original as possible"


def test_fit_on_changed_images():
    plain, changed = (generator(featurewise_center=True, height_shift_range=5, fill_mode="constant") for _ in range(2))
    plain.fit(X)
    changed.fit(X, augment=True, rounds=3, seed=1)
    assert np.all(changed.mean < 0.9 * plain.mean), "black comes in"


def test_channels_first():
    options = {"horizontal_flip": True, "rotation_range": 20, "featurewise_center": True}
    last, first = generator(**options), generator(data_format="channels_first", **options)
    last.fit(X)
    first.fit(X.transpose(0, 3, 1, 2))
    a, b = next(last.flow(X, seed=1)), next(first.flow(X.transpose(0, 3, 1, 2), seed=1))
    assert np.array_equal(a.transpose(0, 3, 1, 2), b)
    changed = last.random_transform(X[0], 3)
    assert np.array_equal(changed.transpose(2, 0, 1), first.random_transform(X[0].transpose(2, 0, 1), 3))


@pytest.mark.parametrize("options, error, message", [
    ({"rotation": 10}, TypeError, "no argument 'rotation'. Did you mean 'rotation_range'"),
    ({"fill_mode": "edge"}, ValueError, "'edge'"),
    ({"zoom_range": (1, 2, 3)}, ValueError, "pair"),
    ({"zoom_range": (2, 1)}, ValueError, "least"),
    ({"brightness_range": 2}, ValueError, "pair"),
    ({"horizontal_flip": 1}, TypeError, "True or False"),
    ({"preprocessing_function": 3}, TypeError, "callable"),
    ({"data_format": "last"}, ValueError, "'last'"),
    ({"validation_split": 1.0}, ValueError, "less than 1"),
    ({"dim_ordering": "tf", "data_format": "channels_last", "cval": "0"}, TypeError, "cval"),
])
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        generator(**options)


@pytest.mark.parametrize("call, message", [
    (lambda g: g.flow(X[0], Y), "images"),
    (lambda g: g.flow(X, Y[:4]), "y must have as many entries as x, 10. Received: 4"),
    (lambda g: g.flow(X, sample_weight=Y), "with y"),
    (lambda g: g.flow(X, Y, subset="validation"), "needs a validation_split"),
    (lambda g: g.flow(X, Y, subset="test"), "'training', 'validation'"),
    (lambda g: g.flow(X[:0], Y[:0]), "at least one image"),
    (lambda g: g.flow(X, Y)[7], "0 to 0"),
    (lambda g: next(generator(preprocessing_function=lambda x: x[:2]).flow(X)), r"keep the shape \(6, 8, 3\)"),
])
def test_wrong_sources(call, message):
    with pytest.raises((ValueError, IndexError), match=message):
        call(generator())


# Batches


def test_epochs():
    source = generator().flow(X, Y, batch_size=4, seed=1)
    epochs = [[next(source)[1].tolist() for _ in range(3)] for _ in range(2)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2] and len(source) == 3 and source.samples == source.n == 10
    assert all(sorted(sum(epoch, [])) == Y.tolist() for epoch in epochs) and epochs[0] != epochs[1]
    assert [y.tolist() for _, y in source.epoch(1)] == epochs[1]
    assert [y.tolist() for _, y in source.epoch(0, 2)] == epochs[0][2:]
    source.reset()
    assert source.next()[1].tolist() == epochs[0][0] and source[2][1].tolist() == epochs[0][2]
    assert [y.tolist() for _, y in generator().flow(X, Y, 4, seed=1).epoch(0)] == epochs[0], "the seed decides"
    unshuffled = generator().flow(X, Y, 4, shuffle=False)
    assert [y.tolist() for _, y in unshuffled.epoch(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_seed_from_fastcnn():
    orders = []
    for _ in range(2):
        fastcnn.set_random_seed(5)
        orders.append(next(generator(rotation_range=9).flow(X, Y))[0])
    assert np.array_equal(*orders)


def test_weights_and_subsets():
    x, y, w = next(generator().flow(X, Y, 10, sample_weight=Y / 2))
    assert np.array_equal(w, y / 2)
    made = generator(validation_split=0.3)
    parts = [made.flow(X, Y, 10, shuffle=False, subset=subset) for subset in ("training", "validation", None)]
    assert [next(part)[1].tolist() for part in parts] == [Y[3:].tolist(), Y[:3].tolist(), Y.tolist()]


def network():
    model = Sequential([layers.Flatten(input_shape=(6, 8, 3)), layers.Dense(10, activation="softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_training_on_flow():
    source = {"rescale": 1 / 255, "rotation_range": 10}
    plain, threaded = network(), network()
    history = plain.fit(generator(**source).flow(X, Y, 4, seed=1), epochs=3, verbose=0)
    threaded.fit(generator(**source).flow(X, Y, 4, seed=1), epochs=3, verbose=0, workers=3)
    assert plain.optimizer.iterations == 9 and history.epoch == [0, 1, 2]
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), threaded.get_weights()))
    with pytest.warns(DeprecationWarning):
        old = network()
        old.fit_generator(generator(**source).flow(X, Y, 4, seed=1), samples_per_epoch=10, nb_epoch=3, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), old.get_weights()))
    stopped = network()
    stopped.fit(generator(**source).flow(X, Y, 4, seed=1), epochs=1, verbose=0)
    stopped.fit(generator(**source).flow(X, Y, 4, seed=1), epochs=3, verbose=0, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), stopped.get_weights()))


# Folders


@pytest.fixture
def folder(tmp_path):
    """cat: 4 bright images, one in a folder of its own; dog: 3 dark ones, one of them grey."""
    Image = pytest.importorskip("PIL.Image")
    for name, level, count in (("dog", 40, 3), ("cat", 200, 4)):
        for i in range(count):
            path = tmp_path / "pets" / name / ("more" if name == "cat" and i == 3 else "") / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (10, 20) if name == "dog" and i == 2 else (10, 20, 3)
            Image.fromarray(np.full(shape, level + i, np.uint8)).save(path)
    (tmp_path / "pets" / "notes.txt").write_text("no image")
    return tmp_path / "pets"


def test_flow_from_directory(folder):
    source = generator(rescale=0.5).flow_from_directory(folder, target_size=(4, 6), batch_size=10, shuffle=False)
    assert source.class_indices == {"cat": 0, "dog": 1} and source.classes.tolist() == [0] * 4 + [1] * 3
    assert source.filenames == ["cat/0.png", "cat/1.png", "cat/2.png", "cat/more/3.png", "dog/0.png", "dog/1.png",
                                "dog/2.png"]
    x, y = next(source)
    assert x.shape == (7, 4, 6, 3) and source.image_shape == (4, 6, 3) and source.num_classes == 2
    assert x[:, 0, 0, 0].tolist() == [100, 100.5, 101, 101.5, 20, 20.5, 21] and np.array_equal(y, np.eye(2)[source.classes])


def test_class_modes_and_colours(folder):
    options = {"directory": str(folder), "target_size": (4, 4), "shuffle": False}
    made = generator()
    assert next(made.flow_from_directory(class_mode="binary", **options))[1].tolist() == [0.0] * 4 + [1.0] * 3
    y = next(made.flow_from_directory(class_mode="sparse", classes=["dog", "cat"], **options))[1]
    assert y.tolist() == [0] * 3 + [1] * 4 and y.dtype == np.int32
    x, same = next(made.flow_from_directory(class_mode="input", **options))
    assert np.array_equal(x, same)
    grey = next(made.flow_from_directory(class_mode=None, color_mode="grayscale", interpolation="bilinear", **options))
    assert grey.shape == (7, 4, 4, 1)
    split = generator(validation_split=0.5)
    parts = [split.flow_from_directory(subset=name, **options).filenames for name in ("training", "validation")]
    assert parts == [["cat/2.png", "cat/more/3.png", "dog/1.png", "dog/2.png"], ["cat/0.png", "cat/1.png", "dog/0.png"]]


@pytest.mark.parametrize("options, message", [
    ({"classes": ["bird"]}, r"\['cat', 'dog'\]. Received: \['bird'\]"),
    ({"class_mode": "both"}, "class_mode"),
    ({"color_mode": "rgba"}, "'rgba'"),
    ({"class_mode": "binary", "classes": ["dog"]}, "two classes"),
    ({"target_size": (4, 4, 3)}, "pair"),
])
def test_wrong_folders(folder, options, message):
    with pytest.raises(ValueError, match=message):
        generator().flow_from_directory(folder, **options)
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no images"):
        generator().flow_from_directory(folder / "empty")


def test_a_broken_image_is_named(folder):
    (folder / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="cat/1.png"):
        next(generator().flow_from_directory(folder, shuffle=False))


def test_save_to_dir(tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "seen").mkdir()
    source = generator().flow(X, Y, 4, shuffle=False, save_to_dir=tmp_path / "seen", save_prefix="pet", save_format="png")
    next(source)
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == [f"pet_{i}_0.png" for i in range(4)]
    back = module.img_to_array(module.load_img(tmp_path / "seen" / "pet_1_0.png"))
    scaled = (X[1] - X[1].min()) / np.ptp(X[1]) * 255
    assert np.abs(back - scaled).max() <= 1.01


def test_files(tmp_path):
    pytest.importorskip("PIL")
    x = np.round(X[0]).clip(0, 255)
    module.save_img(tmp_path / "a.png", x, scale=False)
    image = module.load_img(tmp_path / "a.png")
    assert np.array_equal(module.img_to_array(image), x) and image.size == (8, 6)
    assert np.array_equal(module.img_to_array(image, "channels_first"), x.transpose(2, 0, 1))
    small = module.load_img(str(tmp_path / "a.png"), color_mode="grayscale", target_size=(3, 4), interpolation="bilinear")
    assert module.img_to_array(small).shape == (3, 4, 1)
    assert module.array_to_img(x.transpose(2, 0, 1), "channels_first").size == (8, 6)
    with pytest.warns(DeprecationWarning, match="color_mode='grayscale'"):
        assert module.load_img(tmp_path / "a.png", grayscale=True).mode == "L"
    with pytest.raises(TypeError, match="no argument 'size'"):
        module.load_img(tmp_path / "a.png", size=3)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        module.array_to_img(np.zeros((4, 4, 2)))
    with pytest.raises(ValueError, match="'cubic'"):
        module.load_img(tmp_path / "a.png", target_size=(3, 4), interpolation="cubic")
