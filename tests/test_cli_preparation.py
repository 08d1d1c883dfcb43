"""How the command line prepares images: as the model's file says, as it is told, or not at all; never as it guesses. And
digits of one's own."""

import gzip
import json
import re
import shutil

import numpy as np
import pytest
from test_cli import answer

import fastcnn
from fastcnn import cli, layers, recipes
from fastcnn.datasets import mnist
from fastcnn.datasets.idx import write_idx
from fastcnn.images import Augmentation, Preparation
from fastcnn.recipes import digits_preparation, load_digits

FEW = 600


@pytest.fixture
def main(capsys):
    """The command within this process: (exit code, standard output, standard error)."""
    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def digits():
    """((x_train, y_train), (x_test, y_test)), few of them."""
    (x, y), (x_test, y_test) = mnist.load_data()
    return (x[:FEW], y[:FEW]), (x_test[:FEW], y_test[:FEW])


def said(out):
    """(loss, accuracy) of what `evaluate` printed."""
    return tuple(map(float, re.search(r"loss ([\d.]+), accuracy ([\d.]+) %", out).groups()))


def networks():
    """Models of digits that take bytes, each in another way: {name: layers}."""
    scale, end = layers.Rescaling(1 / 255), layers.Dense(10, "softmax")
    return {
        "images": [layers.Rescaling(1 / 255, input_shape=(28, 28, 1)), layers.Conv2D(4, 5, activation="relu"),
                   layers.MaxPooling2D(4), layers.Flatten(), end],
        "no channels": [layers.Flatten(input_shape=(28, 28)), scale, end],
        "flat": [layers.Rescaling(1 / 255, input_shape=(784,)), end],
        "to −1 … 1": [layers.Rescaling([1 / 127.5], offset=-1, input_shape=(28, 28, 1)), layers.Flatten(), end],
    }


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mse", "logits"])
@pytest.mark.parametrize("name", networks())
def test_a_model_that_rescales_takes_bytes(main, digits, tmp_path, name, loss):
    """92.8 % by `model.evaluate` was 10.0 % on the command line."""
    (x, y), (x_test, y_test) = digits
    found = networks()[name]
    if loss == "logits":
        found[-1] = layers.Dense(10)
        loss = fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = fastcnn.Sequential(found, seed=1)
    sparse = not isinstance(loss, str) or "sparse" in loss
    model.compile("adam", loss, metrics=[] if sparse and not isinstance(loss, str) else ["accuracy"])
    shape, targets = model.input_shape[1:], (lambda y: y if sparse else np.eye(10)[y])
    model.fit(x.reshape(-1, *shape), targets(y), epochs=4, verbose=0)
    model.save(tmp_path / "m")
    expected = np.atleast_1d(model.evaluate(x_test.reshape(-1, *shape), targets(y_test), verbose=0))
    code, out, err = main("evaluate", tmp_path / "m", "--limit", FEW)
    assert (code, err) == (0, "") and out.startswith(f"Test loss {expected[0]:.4f}")
    if len(expected) > 1:
        assert said(out)[1] == round(100 * expected[1], 2) > 30
    np.save(tmp_path / "x.npy", x_test[:3])
    rows = answer(main("predict", tmp_path / "m", tmp_path / "x.npy")[1])
    y = model.predict(x_test[:3].reshape(-1, *shape))
    assert [row[1] for row in rows] == y.argmax(1).tolist()
    if not isinstance(loss, str):
        y = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    assert [row[2] for row in rows] == pytest.approx(y.max(1), abs=1e-4)


def test_graphs_that_rescale(main, tmp_path):
    """Every branch has to, and a model within the model may."""
    def end(*branches):
        flat = [layers.Flatten()(branch) for branch in branches]
        return layers.Dense(10, "softmax")(layers.Concatenate()(flat) if len(flat) > 1 else flat[0])

    x, inner = fastcnn.Input((28, 28, 1)), fastcnn.Input((28, 28, 1))
    scaled, within = layers.Rescaling(1 / 255), fastcnn.Model(inner, layers.Rescaling(1 / 127.5, offset=-1)(inner))
    for outputs, known in (end(scaled(x)), True), (end(within(x)), True), (end(scaled(x), within(x)), True), \
            (end(scaled(x), x), False), (end(layers.Rescaling(1 / 255)(layers.Conv2D(1, 3)(x))), False):
        fastcnn.Model(x, outputs).save(tmp_path / "m")
        assert main("evaluate", tmp_path / "m", "--limit", 5)[0] == (0 if known else 1)
    fastcnn.Model([x, inner], end(scaled(x), within(inner))).save(tmp_path / "m")
    code, _, err = main("evaluate", tmp_path / "m")
    assert code == 1 and "one input and one output. Received: a model of [(None, 28, 28, 1), (None, 28, 28, 1)]" in err


@pytest.mark.parametrize("first", [
    layers.Conv2D(2, 5, input_shape=(28, 28, 1)), layers.Normalization(mean=0.0, variance=1.0, input_shape=(28, 28, 1)),
    layers.Rescaling(2.0, offset=-1.0, input_shape=(28, 28, 1)), layers.BatchNormalization(input_shape=(28, 28, 1)),
], ids=lambda layer: type(layer).__name__)
def test_what_is_unknown_is_refused(main, tmp_path, first):
    model = fastcnn.Sequential([first, layers.Flatten(), layers.Dense(10, "softmax")])
    model.save(tmp_path / "m")
    np.save(tmp_path / "x.npy", np.zeros((28, 28), np.uint8))
    for words in ["evaluate", tmp_path / "m"], ["predict", tmp_path / "m", tmp_path / "x.npy"], \
            ["predict", tmp_path / "m", tmp_path / "x.png"], ["classify", tmp_path, "--model", tmp_path / "m"]:
        code, out, err = main(*words)
        assert (code, out) == (1, "") and "does not say how its images are prepared" in err and err.count("\n") == 1
        assert "--scale 1/255 --mean 0.1307 --std 0.3081" in err
    np.save(tmp_path / "floats.npy", np.zeros((28, 28), np.float32))
    assert main("predict", tmp_path / "m", tmp_path / "floats.npy")[0] == 0, "floats are as the model takes them"


@pytest.mark.parametrize("options, prepare", [
    (["--scale", "1/255"], lambda x: x / 255), (["--scale", "1"], lambda x: x * 1.0),
    (["--mean", "33.3"], lambda x: x - 33.3),
    (["--scale", "1/255", "--mean", "0.1307", "--std", "0.3081"], lambda x: (x / 255 - 0.1307) / 0.3081),
    (["--scale", "0.00784313725", "--mean", "1"], lambda x: x / 127.5 - 1),
], ids=lambda value: "" if callable(value) else " ".join(value))
def test_preparation_can_be_asked_for(main, digits, tmp_path, options, prepare):
    (x, y), (x_test, y_test) = digits
    model = fastcnn.Sequential([layers.Flatten(input_shape=(28, 28)), layers.Dense(10, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(prepare(x), y, epochs=3, verbose=0)
    model.save(tmp_path / "m")
    loss, accuracy = model.evaluate(prepare(x_test), y_test, verbose=0)
    code, out, err = main("evaluate", tmp_path / "m", "--limit", FEW, *options)
    assert (code, err) == (0, "") and said(out) == (pytest.approx(loss, rel=1e-3), pytest.approx(100 * accuracy, abs=0.2))
    np.save(tmp_path / "x.npy", x_test[0])
    (_, label, p), = answer(main("predict", tmp_path / "m", tmp_path / "x.npy", *options)[1])
    expected = model.predict(prepare(x_test[:1]))[0]
    assert (label, p) == (expected.argmax(), pytest.approx(float(expected.max()), abs=2e-4))


@pytest.mark.parametrize("options", [["--scale", "0"], ["--scale", "1/0"], ["--scale", "x"], ["--mean", "a,b"],
                                     ["--std", "nan"]], ids=str)
def test_such_numbers_are_wrong_usage(main, options):
    code, out, err = main("evaluate", "m", *options)
    assert (code, out) == (2, "") and "Received" in err


def test_recipes_store_preparation_and_class_names(main, tmp_path):
    """All of them; and what is stored is not overruled by a word."""
    for variant, train in ("relu", recipes.train_lenet5), ("1998", recipes.train_lenet5_1998):
        options = {} if variant == "1998" else {"variant": variant}
        model = train(epochs=1, limit=64, verbose=0, **options).model
        model.save(tmp_path / "m")
        p = Preparation.of(fastcnn.load_model(tmp_path / "m"))
        x = np.random.default_rng(0).integers(0, 256, (2, 28, 28)).astype(np.uint8)
        assert p.class_names == list("0123456789") and p.shape == (28, 28, 1)
        assert np.array_equal(p.augmentation(x[..., None]), recipes.prepare_digits(x, variant))
        code, _, err = main("evaluate", tmp_path / "m", "--scale", "1/255", "--classes", "a,b")
        assert code == 1 and "says itself how its images are prepared: no --scale and no --classes with it" in err


def test_the_one_form(tmp_path):
    """What is documented is what is in the file."""
    model = fastcnn.networks.lenet5()
    digits_preparation("tanh", "abcdefghij").put(model)
    assert json.loads(json.dumps(model.metadata)) == model.metadata == {"class_names": list("abcdefghij"), "images": {
        "size": [28, 28], "channels": 1, "ground": "black", "augmentation": {
            "crop": None, "random_crop": False, "flip": False, "mean": 255 * 0.1307, "std": 255 * 0.3081, "lighting": 0.0,
            "eigenvectors": None, "eigenvalues": None, "padding": 0, "scaling": 0.0, "squeezing": 0.0, "shearing": 0.0}}}
    with pytest.raises(ValueError, match="class_names must be 10, as the model has classes. Received: "):
        Preparation.asked(model, class_names=["a"])
    del model.metadata["images"]
    assert Preparation.asked(model).class_names == list("abcdefghij"), "names alone are kept, too"
    for shape in (5,), (28, 28, 2), (4, 4, 4, 4):
        with pytest.raises(ValueError, match="grey or RGB images"):
            Preparation.asked(fastcnn.Sequential([layers.Flatten(input_shape=shape), layers.Dense(2)]))


# Models of photographs that say nothing


@pytest.fixture
def photos(tmp_path):
    """Two classes of colour images, dark and light."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for light, name in enumerate(["dark", "light"]):
        for i in range(6):
            x = np.random.default_rng([light, i]).integers(0, 120, (12, 10, 3)) + 130 * light
            (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
            image.fromarray(x.astype(np.uint8)).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize("end", ["softmax", "sigmoid", "logit"])
def test_a_model_of_two_classes(main, photos, tmp_path, end):
    """As in every tutorial of cats and dogs; one output stands for both classes."""
    last = layers.Dense(2, "softmax") if end == "softmax" else layers.Dense(1, "sigmoid" if end == "sigmoid" else None)
    model = fastcnn.Sequential([layers.Rescaling(1 / 255, input_shape=(12, 10, 3)), layers.GlobalAveragePooling2D(), last])
    model.compile("sgd", "sparse_categorical_crossentropy" if end == "softmax" else fastcnn.losses.BinaryCrossentropy(
        from_logits=end == "logit"))
    w, b = model.get_weights()
    model.set_weights([w * 0 + [-10, 10][2 - last.units:], b * 0 + [15, -15][2 - last.units:]])
    model.save(tmp_path / "m")
    words = "--classes", "dark,light"
    code, out, err = main("evaluate", tmp_path / "m", "--data", photos, *words)
    assert (code, err) == (0, "") and said(out)[1] == 100 and "2 classes: dark (6), light (6)" in out
    code, out, _ = main("predict", tmp_path / "m", photos / "light" / "0.png", photos / "dark" / "0.png", *words)
    assert [line.split("\t")[1] for line in out.splitlines()] == ["light", "dark"]
    assert all(0.9 < float(line.split("\t")[2]) <= 1 for line in out.splitlines())
    code, out, _ = main("classify", photos, "--model", tmp_path / "m", "--output", tmp_path / "o.csv", *words)
    assert code == 0 and "Accuracy 100.00 % (12 of 12" in out
    code, _, err = main("evaluate", tmp_path / "m", "--data", photos)
    assert code == 1 and "classes must be folders of" in err and "['0', '1']" in err
    code, _, err = main("evaluate", tmp_path / "m", "--data", photos, "--classes", "a,b,c")
    assert code == 1 and "class_names must be 2" in err


def test_evaluation_by_a_table(main, photos, tmp_path):
    model = fastcnn.Sequential([layers.Flatten(input_shape=(12, 10, 3)), layers.Dense(2, "softmax")])
    Preparation((12, 10), Augmentation(None, False, False, std=255), ["dark", "light"]).put(model)
    model.save(tmp_path / "m")
    (tmp_path / "l.csv").write_text("image,class\n" + "".join(f"{c}/{i},{c}\n" for c in ("dark", "light") for i in range(5)))
    code, out, _ = main("evaluate", tmp_path / "m", "--data", photos, "--labels", tmp_path / "l.csv")
    assert code == 0 and "12 files, 10 images to test on" in out and "left out: 2 × without a label (dark/5.png …)" in out
    code, out, _ = main("evaluate", tmp_path / "m", "--data", tmp_path, "--folder", "photos")
    assert code == 0 and "12 files, 12 images to test on" in out
    code, _, err = main("evaluate", tmp_path / "m", "--data", tmp_path, "--folder", "pictures")
    assert code == 1 and "folder must be within" in err and "'photos'" in err


# Digits of one's own


def letters(digits):
    """The digits as if they were letters, labelled from 3: what is said of labels must hold for any."""
    return [(x, y + 3) for x, y in digits]


def as_idx(folder, data, name="emnist-letters"):
    for part, (x, y) in zip(("train", "test"), data):
        folder.mkdir(exist_ok=True)
        write_idx(folder / f"{name}-{part}-images-idx3-ubyte.gz", x)
        write_idx(folder / f"{name}-{part}-labels-idx1-ubyte.gz", y)
    return folder


def as_csv(path, x, y, header=""):
    rows = np.concatenate([y[:, None], x.reshape(len(x), -1)], axis=1)
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt") as file:
        file.write(header + "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()))
    return path


def test_transposed_letters(main, digits, tmp_path):
    """EMNIST's files hold images with rows and columns exchanged, and labels from 1: both are said, and handled."""
    upright = letters(digits)
    folder = as_idx(tmp_path / "emnist", [(x.transpose(0, 2, 1), y) for x, y in upright])
    words = ["train", "lenet5", "--data", folder, "--epochs", 1, "--save", tmp_path / "m", "--overwrite"]
    code, out, err = main(*words, "--transpose")
    names = [str(i) for i in range(3, 13)]
    assert (code, err) == (0, "") and out.startswith(
        f"{folder}: 600 images to train on and 600 to test on; 10 classes: {', '.join(names)}\n")
    model = fastcnn.load_model(tmp_path / "m")
    assert Preparation.of(model).class_names == names
    same = recipes.train_lenet5(1, data=as_idx(tmp_path / "upright", upright, ""), verbose=0).model
    assert all((a == b).all() for a, b in zip(same.get_weights(), model.get_weights()))
    trained = said(out)
    archive = shutil.make_archive(tmp_path / "e", "zip", folder)
    for path in folder, folder / "emnist-letters-train-images-idx3-ubyte.gz", archive:
        code, out, err = main("evaluate", tmp_path / "m", "--data", path, "--transpose")
        assert (code, err) == (0, "") and said(out) == trained
    code, out, err = main("evaluate", tmp_path / "m", "--data", folder)
    assert code == 0 and err.startswith("fastcnn: warning: EMNIST's files hold images with rows and columns exchanged: tran")
    assert said(out)[1] < trained[1]
    np.save(tmp_path / "x.npy", upright[0][0][0])
    assert answer(main("predict", tmp_path / "m", tmp_path / "x.npy")[1])[0][1] in range(3, 13)
    others = as_idx(tmp_path / "other", [(x, y + 1) for x, y in upright], "")
    code, _, err = main("evaluate", tmp_path / "m", "--data", others)
    assert code == 1 and "labels must be among the model's classes, 3, 4" in err and "Received: 13" in err


@pytest.mark.parametrize("header", ["", f"label,{','.join(f'pixel{i}' for i in range(784))}\n"], ids=["bare", "named"])
@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz"])
def test_digits_from_a_table(main, digits, tmp_path, header, name):
    (x, y), (x_test, y_test) = digits
    path = as_csv(tmp_path / name, x, y, header)
    code, out, err = main("train", "lenet5", "--data", path, "--epochs", 1, "--save", tmp_path / "m")
    assert (code, err) == (0, "") and re.match(
        rf"{re.escape(str(path))}: 479 images to train on and 121 to test on \(0.2 of each class, held out\); 10 cl", out)
    trained = said(out)
    code, out, _ = main("evaluate", tmp_path / "m", "--data", path)
    assert code == 0 and out.startswith("Test on the images that training held out: loss ") and said(out) == trained
    other = as_csv(tmp_path / "test.csv", x_test, y_test)
    code, out, _ = main("evaluate", tmp_path / "m", "--data", other)
    expected = fastcnn.load_model(tmp_path / "m").evaluate(recipes.prepare_digits(x_test), y_test, verbose=0)
    assert code == 0 and out.startswith("Test loss ") and said(out)[1] == round(100 * expected[1], 2)
    found = load_digits(path, val=other, limit=50)
    assert np.array_equal(found.x_train, x[:50]) and np.array_equal(found.y_test, y_test[:50])


def test_digits_from_keras_file(main, digits, tmp_path):
    (x, y), (x_test, y_test) = digits
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    found = load_digits(tmp_path / "mnist.npz")
    assert np.array_equal(found.x_train, x) and np.array_equal(found.y_test, y_test) and found.notes is None
    words = "--variant", "1998", "--data", tmp_path / "mnist.npz", "--epochs", 1, "--limit", 60
    assert main("train", "lenet5", *words, "--save", tmp_path / "m")[0] == 0
    assert "(60 images" in main("evaluate", tmp_path / "m", "--data", tmp_path / "mnist.npz", "--limit", 60)[1]


@pytest.mark.parametrize("variant", ["tanh", "1998"])
def test_digits_from_folders_of_images(main, digits, tmp_path, variant):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (x, y), _ = digits
    for i in range(300):
        (tmp_path / "own" / f"digit {y[i]}").mkdir(parents=True, exist_ok=True)
        picture = image.fromarray(x[i])
        (picture.resize((56, 56)) if i % 2 else picture).save(tmp_path / "own" / f"digit {y[i]}" / f"{i}.png")
    (tmp_path / "own" / "readme.txt").write_text("mine")
    code, out, err = main("train", "lenet5", "--variant", variant, "--data", tmp_path / "own", "--epochs", 1, "--save",
                          tmp_path / "m")
    assert (code, err) == (0, "") and "own: 301 files, 239 images" in out and "left out: 1 × no image (readme.txt)" in out
    p = Preparation.of(fastcnn.load_model(tmp_path / "m"))
    assert p.class_names == [f"digit {i}" for i in range(10)] and (p.shape, p.ground) == ((28, 28, 1), "black")
    trained = said(out)
    code, out, err = main("evaluate", tmp_path / "m", "--data", tmp_path / "own")
    assert (code, err) == (0, "") and "Test on the images that training held out" in out
    assert said(out) == (pytest.approx(trained[0], abs=2e-4), trained[1])
    label = main("predict", tmp_path / "m", next((tmp_path / "own" / "digit 7").iterdir()))[1].split("\t")[1]
    assert label.startswith("digit ")


def test_digits_that_are_none(main, digits, tmp_path):
    (x, y), _ = digits
    for name, text, message in [
        ("words.csv", "a,b\nc,d\n", "a row of whole numbers"), ("few.csv", "1,2,3\n", "square image"),
        ("empty.csv", "", "Received: an empty file"), ("large.csv", "1,256,0,0,0\n", "pixels must lie from 0 to 255"),
        ("ragged.csv", "1,2,3,4,5\n1,2\n", "a row of whole numbers"),
        ("small.csv", "1,1,2,3,4\n1,2,3,4,5\n2,0,0,0,0\n2,9,9,9,9\n", "digits must have 28 × 28 pixels. Received: 2 × 2"),
    ]:
        (tmp_path / name).write_text(text)
        code, out, err = main("train", "lenet5", "--data", tmp_path / name)
        assert (code, out) == (1, "") and message in err and err.count("\n") == 1, name
    a, b = as_csv(tmp_path / "a.csv", x, y), as_csv(tmp_path / "b.csv", x, y + 1)
    for call, message in [(lambda: load_digits(val="x"), "val must be given with data"),
                          (lambda: load_digits(a, b), "labels to test on must be among those to train on"),
                          (lambda: recipes.train_lenet5(data=a, model=fastcnn.networks.lenet5(5), verbose=0), "10 outputs")]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="data must be a file, a folder or an archive. Received: int"):
        load_digits(5)
