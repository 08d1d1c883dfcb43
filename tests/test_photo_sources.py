"""What photographs are trained on and validated on: parts of sources, layouts of folders, files without labels; and
predictions around broken images."""

import zipfile

import numpy as np
import pytest

import fastcnn
from fastcnn.datasets import ImageArray, ImageFiles, ImageFolder, Subset, find_parts, split
from fastcnn.images import Augmentation, ImageBatches, ImageError, Preparation, predict, predict_batches
from fastcnn.recipes.sources import digest, evaluation_source, training_sources


def array_source(n=30, classes=3, shape=(8, 8, 3)):
    rng = np.random.default_rng(0)
    return ImageArray(rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n) % classes, list("abcdef"[:classes]))


class Broken(ImageArray):
    """Images that cannot be read, as ImageFolder has them."""

    bad = ()

    def read(self, indices, out):
        good = super().read(indices, out)
        for row, i in enumerate(indices):
            if int(i) in self.bad:
                self.broken[int(i)], good[row] = f"image {i} is broken", False
        return good


def broken_source(bad, n=30):
    source = array_source(n)
    result = Broken(source.x, source.labels, source.class_names)
    result.bad = bad
    return result


@pytest.fixture
def photos(tmp_path):
    """A function that writes a tree of tiny pictures: {name: colour}, and returns its folder."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

    def write(names, top="photos"):
        for i, name in enumerate(names):
            path = tmp_path / top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image.new("RGB", (9, 8), (10 * i % 256, 0, 0)).save(path)
        return tmp_path / top

    return write


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder))
    return path


# Parts of a source


def test_a_subset_is_a_source():
    source = array_source()
    part = Subset(source, [7, 2, 29])
    assert len(part) == 3 and part.labels.tolist() == [1, 2, 2] and part.class_names == ["a", "b", "c"]
    out = np.zeros((2, 8, 8, 3), np.uint8)
    assert part.read([2, 0], out).all() and (out == source.x[[29, 7]]).all()
    assert (part[1][0] == source.x[2]).all() and part[1][1] == 2
    (x, y), = ImageBatches(part, 8, shuffle=False)
    assert (x == source.x[[7, 2, 29]]).all() and y.tolist() == [1, 2, 2]
    inner = Subset(part, [2, 1])
    assert inner.labels.tolist() == [2, 2] and (inner[0][0] == source.x[29]).all()


def test_a_subset_knows_its_broken_images_by_its_own_numbers():
    source = broken_source({2, 3, 29})
    part = Subset(source, [7, 2, 29])
    assert part.broken == {}
    assert part.read([2, 0, 1], np.zeros((3, 8, 8, 3), np.uint8)).tolist() == [False, True, False]
    assert list(part.broken.items()) == [(2, "image 29 is broken"), (1, "image 2 is broken")], "in the order of finding out"
    source.read([3], np.zeros((1, 8, 8, 3), np.uint8))
    assert len(source.broken) == 3 and len(part.broken) == 2


@pytest.mark.parametrize("indices", [[-1], [30], [0.5], [[1]], ["a"]])
def test_a_subset_refuses(indices):
    with pytest.raises((TypeError, ValueError), match="Received"):
        Subset(array_source(), indices)


def test_a_split_is_alike_in_every_class():
    labels = np.repeat([0, 1, 2, 3], [50, 20, 2, 1])
    source = ImageArray(np.zeros((73, 2, 2, 3), np.uint8), labels)
    rest, part = split(source, 0.2, seed=3)
    assert np.bincount(part.labels, minlength=4).tolist() == [10, 4, 1, 0]
    assert sorted([*rest.indices, *part.indices]) == list(range(73))
    again, other = split(source, 0.2, seed=3)[1], split(source, 0.2, seed=4)[1]
    assert part.indices.tolist() == again.indices.tolist() != other.indices.tolist()
    assert not np.array_equal(part.indices, np.sort(part.indices)[::-1]) and part.indices.max() > 9, "not the first ones"
    assert len(split(source, 0.9)[0]) >= 4, "never all"


@pytest.mark.parametrize("fraction, labels", [(0, [0, 0]), (1, [0, 0]), (-1, [0, 0]), ("a", [0, 0]), (0.5, [0, 1]),
                                              (0.5, None)])
def test_a_split_refuses(fraction, labels):
    with pytest.raises((TypeError, ValueError), match="Received"):
        split(ImageArray(np.zeros((2, 2, 2, 3), np.uint8), labels), fraction)


# Folders


@pytest.mark.parametrize("names, parts", [
    (["daisy/1.png", "tulip/1.png"], (None, None)),
    (["train/daisy/1.png", "val/daisy/1.png", "test/daisy/1.png"], ("train", "val")),
    (["Train/daisy/1.png", "test/daisy/1.png"], ("Train", "test")),
    (["train/daisy/1.png", "more/daisy/1.png"], ("train", None)),
    (["flowers/daisy/1.png", "flowers/tulip/1.png"], ("flowers", None)),
    (["a/b/train/daisy/1.png", "a/b/valid/daisy/1.png"], ("a/b/train", "a/b/valid")),
    (["car/1.png", "train/1.png"], (None, None)),  # a class called train
    (["val/daisy/1.png", "other/daisy/1.png"], (None, None)),
], ids=str)
def test_parts_are_found(photos, names, parts):
    folder = photos(names)
    (folder / "LICENSE.txt").write_text("not an image")
    assert find_parts(folder) == find_parts(zipped(folder)) == parts


def test_files_without_labels(photos):
    folder = photos(["b.png", "a/2.png", "a/1.JPG", "a/b/c/3.png"])
    (folder / "notes.txt").write_text("none")
    source, archive = ImageFiles(folder, size=8), ImageFiles(zipped(folder), size=8)
    assert source.paths == archive.paths == ["a/1.JPG", "a/2.png", "a/b/c/3.png", "b.png"]
    assert source.labels is None and source[3][1] is None and (source[0][0] == archive[0][0]).all()
    assert ImageFiles(folder, folder="a/b", size=8).paths == ["c/3.png"]
    with pytest.raises(ValueError, match="labels"):
        ImageBatches(source, 2)
    (folder / "none").mkdir()
    with pytest.raises(ValueError, match="must hold images that can be read. Received: no files"):
        ImageFiles(folder / "none")


def test_training_sources(photos):
    folder = photos([f"{part}/{name}/{i}.png" for part, n in (("train", 5), ("val", 2)) for name in "ab" for i in range(n)])
    training, validation, notes, _ = training_sources(folder, size=8)
    assert (len(training), len(validation), notes["validation_split"]) == (10, 4, None)
    assert training.shape == (8, 8, 3) and training_sources(zipped(folder), size=8)[2] == notes, "wherever they lie"
    training, validation, *_ = training_sources(folder, val=folder / "train", size=8)
    assert (len(training), len(validation)) == (10, 10), "what is given goes first"
    training, validation, notes, _ = training_sources(folder / "train", size=8)
    assert (len(training), len(validation), notes["validation_split"]) == (8, 2, 0.2)
    assert len(training_sources(folder / "train", validation_split=0.4, size=8)[1]) == 4
    for options in {"val": folder, "validation_split": 0.2}, {"validation_split": 0.2}:
        with pytest.raises(ValueError, match="validation_split must not be given"):
            training_sources(folder, size=8, **options)


def test_evaluation_takes_what_was_held_out(photos):
    names = [f"{name}/{i}.png" for name in "ab" for i in range(5)]
    folder = photos(names)
    preparation = Preparation(8, Augmentation(6, False, False), ["a", "b"])
    _, validation, notes, _ = training_sources(folder, size=8)
    source, held_out, line = evaluation_source(zipped(folder), preparation, notes)
    assert held_out and source.paths == validation.paths and len(source) == 2
    for notes in None, {"validation_split": None, "whole": None}:
        source, held_out, _ = evaluation_source(folder, preparation, notes)
        assert not held_out and len(source) == 10
    _, _, notes, _ = training_sources(photos([*names, "b/9.png"], "more"), size=8)
    assert not evaluation_source(folder, preparation, notes)[1], "other images"


def test_sources_of_arrays():
    training, validation, notes, line = training_sources(array_source(), array_source(6))
    assert line == "30 images to train on and 6 to validate on (given as val); 3 classes: a (10 + 2), b (10 + 2), c (10 + 2)"
    assert (len(training), len(validation), notes["training"]) == (30, 6, digest(training))
    assert digest(array_source()) != digest(array_source(27)) and digest(array_source()) == digest(array_source())
    for options, message in [({"val": array_source(9, 4)}, "labels below 3"), ({"size": 256}, "size must not"),
                             ({"cache": True}, "cache must not"), ({"val": array_source(9, shape=(9, 8, 3))}, "images of"),
                             ({"val": ImageArray(np.zeros((3, 8, 8, 3), np.uint8))}, "labels")]:
        with pytest.raises(ValueError, match=f"{message}.*Received"):
            training_sources(array_source(), **options)
    with pytest.raises(TypeError, match="data must be.*Received: int"):
        training_sources(5)


def test_images_without_pillow(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"x")
    for make in ImageFiles, ImageFolder, training_sources:
        with pytest.raises(ImportError, match=r"pip install pillow"):
            make(tmp_path)


# Predictions


@pytest.fixture(scope="module")
def model():
    layers = [fastcnn.layers.Flatten(input_shape=(6, 6, 3)), fastcnn.layers.Dense(3, "softmax")]
    return fastcnn.Sequential(layers, seed=1)


@pytest.mark.parametrize("crops", [1, 10])
def test_predictions_leave_broken_images_out(model, crops):
    augmentation = Augmentation(6, mean=[100, 110, 120], std=[50, 60, 70])
    expected = predict(model, array_source().x, augmentation, crops)
    assert np.array_equal(predict(model, array_source(), augmentation, crops, batch_size=7), expected)
    source = broken_source({0, 8, 9, 10, 11, 29})
    found = list(predict_batches(model, source, augmentation, crops, batch_size=4))
    numbers = np.concatenate([n for n, _ in found])
    assert [len(n) for n, _ in found] == [3, 4, 0, 4, 4, 4, 4, 1] and set(source.broken) == source.bad
    assert set(range(30)) - set(numbers) == source.bad
    assert np.array_equal(np.concatenate([y for _, y in found]), expected[numbers])
    with pytest.raises(ImageError, match="every image must be readable.*image 29 is broken"):
        predict(model, broken_source({29}), augmentation, crops, batch_size=8)


def test_the_preparation_stays_with_the_model(model, tmp_path):
    assert Preparation.of(model) is None
    augmentation = Augmentation(6, mean=[100.5, 110, 120], std=[50, 60, 70]).evaluation()
    Preparation(8, augmentation, ["x", "y", "z"], ground="black").put(model)
    model.save(tmp_path / "m")
    loaded = fastcnn.load_model(tmp_path / "m")
    found = Preparation.of(loaded)
    assert (found.size, found.class_names, found.channels, found.ground) == (8, ["x", "y", "z"], 3, "black")
    x = array_source().x
    assert np.array_equal(predict(loaded, x, found.augmentation), predict(model, x, augmentation))
    for damage in {"size": 4}, {"channels": 1}, {"augmentation": {"crop": 5}}, {"size": "8"}, {"augmentation": None}:
        loaded.metadata["images"] = {**model.metadata["images"], **damage}
        with pytest.raises(ValueError, match="metadata must"):
            Preparation.of(loaded)
    with pytest.raises(ValueError, match="text that can be kept in a file. Received: .*udcff"):
        Preparation(8, augmentation, ["x", "y", "\udcff"])  # a folder whose name is no text: before training
    loaded.metadata = {**model.metadata, "class_names": ["x"]}
    with pytest.raises(ValueError, match="1 class names"):
        Preparation.of(loaded)
