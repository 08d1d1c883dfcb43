"""The command line: what it prints, its exit codes, and that an interruption loses nothing."""

import inspect
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import cli, recipes
from fastcnn.datasets import mnist

GONE = "fastcnn: warning: the network will be gone when training ends: --save FILE keeps it\n"
SOURCE = str(Path(fastcnn.__file__).parents[1])


def command(*arguments, **options):
    """`python -m fastcnn …` as a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    environment = {**os.environ, "PYTHONPATH": SOURCE, "COLUMNS": "100"}
    words = [sys.executable, "-m", "fastcnn", *map(str, arguments)]
    return subprocess.Popen(words, env=environment, **options)


def run(*arguments):
    """(exit code, standard output, standard error) of a process of its own."""
    process = command(*arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture
def main(capsys):
    """The same within this process."""
    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    before = fastcnn.get_num_threads()
    yield call
    fastcnn.set_num_threads(before)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A LeNet-5 that knows its digits a little: (file, recipe's result)."""
    path = tmp_path_factory.mktemp("cli") / "lenet5.safetensors"
    result = recipes.train_lenet5(epochs=1, limit=6000, verbose=0)
    result.model.save(path)
    return path, result


@pytest.fixture(scope="session")
def digit(trained):
    """A test image that the model is sure about: (uint8 array, label)."""
    _, (x, y) = mnist.load_data()
    p = trained[1].model.predict(recipes.prepare_digits(x[:500]))
    best = int(np.argmax(p[np.arange(500), y[:500]]))
    return x[best], int(y[best])


# Recipes


def test_prepare_digits():
    x = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    y = recipes.prepare_digits(x)
    assert y.shape == (3, 28, 28, 1) and y.dtype == np.float32
    np.testing.assert_allclose(y[..., 0], (x / 255 - 0.1307) / 0.3081, atol=1e-6)
    assert (recipes.prepare_digits(x[..., None]) == y).all()
    (x_train, _), _ = mnist.load_data()
    y = recipes.prepare_digits(x_train[:20000])
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01
    with pytest.raises(TypeError, match="Received: float64"):
        recipes.prepare_digits(x / 255)
    with pytest.raises(ValueError, match=r"Received: \(28, 28\)"):
        recipes.prepare_digits(x[0])


def test_train_lenet5_learns_and_repeats(trained):
    result = trained[1]
    assert result.accuracy > 0.85 and result.test_images == 6000
    assert result.history.history["accuracy"] and result.train_seconds > 0 and result.test_seconds > 0
    models = [recipes.train_lenet5(1, limit=320, seed=seed, verbose=0).model for seed in (3, 3, 4)]
    a, b, c = (model.get_weights() for model in models)
    assert all((v == w).all() for v, w in zip(a, b)) and any((v != w).any() for v, w in zip(a, c))


@pytest.mark.parametrize("arguments, error", [
    ({"epochs": 0}, ValueError), ({"epochs": 1.5}, TypeError), ({"limit": 0}, ValueError),
    ({"batch_size": -1}, ValueError), ({"learning_rate": -1}, ValueError), ({"seed": -1}, ValueError),
    ({"momentum": 0.9}, TypeError),
])
def test_train_lenet5_refuses(arguments, error):
    with pytest.raises(error, match="Received|unexpected keyword"):
        recipes.train_lenet5(**{"limit": 32, "epochs": 1, "verbose": 0, **arguments})


# Train


@pytest.mark.parametrize("ending", ["pkl", "tflite", "txt"])
def test_train_saves_under_no_foreign_name(main, ending, tmp_path):
    """Said before there is anything to lose."""
    code, out, err = main("train", "lenet5", "--save", tmp_path / f"m.{ending}")
    assert (code, out) == (1, "") and err.startswith("fastcnn: a model's file must end in .safetensors, ")


def test_train(tmp_path):
    path = tmp_path / "m.safetensors"
    code, out, err = run("train", "lenet5", "--epochs", 2, "--limit", 640, "--batch-size", 64, "--seed", 5,
                         "--learning-rate", 0.02, "--threads", 2, "--save", path)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    epoch = r"Epoch {}/2  \d\.\d\d s  [\d,]+ images/s  loss \d\.\d+  accuracy 0\.\d+"
    assert re.fullmatch(epoch.format(1), lines[0]) and re.fullmatch(epoch.format(2), lines[1])
    assert re.fullmatch(r"Trained in \d\.\d s", lines[2]) and lines[4] == f"Saved to {path}"
    test = r"Test loss (\d\.\d{4}), accuracy (\d\d\.\d\d) % \(640 images in \d\.\d\d s\)"
    said = re.fullmatch(test, lines[3])
    same = recipes.train_lenet5(2, 64, 0.02, 5, 640, verbose=0)
    assert said.groups() == (f"{same.loss:.4f}", f"{100 * same.accuracy:.2f}")
    saved = fastcnn.load_model(path).get_weights()
    assert all((v == w).all() for v, w in zip(saved, same.model.get_weights()))


def test_train_held_out(main, tmp_path):
    """Another size, dropout and distortions; a part of the training images is validated on in place of being trained on."""
    path = tmp_path / "m.safetensors"
    code, out, err = main("train", "lenet5", "--limit", 400, "--epochs", 1, "--width", 0.5, "--dropout", 0.25, "--distort",
                          "--validation-split", 0.2, "--save", path)
    assert (code, err) == (0, "") and re.search(r"  val_loss \d\.\d+  val_accuracy 0\.\d+\n", out)
    options = {"epochs": 1, "limit": 400, "verbose": 0, "width": 0.5, "dropout": 0.25, "validation_split": 0.2}
    same, plain = recipes.train_lenet5(**options, distort=True), recipes.train_lenet5(**options)
    weights = [recipe.model.get_weights() for recipe in (same, plain)]
    assert all(map(np.array_equal, fastcnn.load_model(path).get_weights(), weights[0]))
    assert not np.array_equal(weights[0][0], weights[1][0]) and same.model.layers[0].filters == 3
    assert [layer.rate for layer in same.model.layers if layer.name.startswith("dropout")] == [0.25, 0.25]
    counts = np.bincount(recipes.load_digits(limit=400).y_train)
    trained_on = 400 - sum(round(0.2 * count) for count in counts.tolist())
    assert same.model.optimizer.iterations == -(-trained_on // 32) < 13


def test_train_as_published(main, tmp_path):
    """One command trains, saves, evaluates and predicts the LeNet-5 of 1998."""
    path = tmp_path / "m.safetensors"
    code, out, err = main("train", "lenet5", "--variant", "1998", "--epochs", 1, "--limit", 400, "--batch-size", 4,
                          "--learning-rate", 1e-3, "--loss", "mse", "--distort", "--save", path)
    assert (code, err) == (0, "") and "(400 images in " in out
    same = recipes.train_lenet5_1998(1, 4, 1e-3, 0, 400, 0, loss="mse", distort=True)
    model = fastcnn.load_model(path)
    assert all((v == w).all() for v, w in zip(model.get_weights(), same.model.get_weights()))
    assert f"Test loss {same.loss:.4f}, accuracy {100 * same.accuracy:.2f} %" in out and model.loss.name.endswith("error")
    assert main("evaluate", path, "--limit", 400)[1].startswith(f"Test loss {same.loss:.4f}, accuracy ")
    _, (x, _) = mnist.load_data()
    expected = same.model.predict(recipes.prepare_digits(x[:1], "1998"))[0]
    for name, array in {"bytes": x[0], "floats": recipes.prepare_digits(x[:1], "1998")}.items():
        np.save(tmp_path / f"{name}.npy", array)
        code, out, _ = main("predict", path, tmp_path / f"{name}.npy", "--top", 2)
        rows = answer(out)
        assert code == 0 and [row[1] for row in rows] == expected.argsort()[:2].tolist()
        assert rows[0][2] == round(float(expected.min()), 4)
    np.save(tmp_path / "wrong.npy", np.zeros((32, 32), np.uint8))
    code, _, err = main("predict", path, tmp_path / "wrong.npy")
    assert code == 1 and "(28, 28, 1)" in err


def test_published_recipe_refuses():
    for arguments in ({"epochs": 0}, {"limit": 0}, {"batch_size": -1}, {"learning_rate": -1}, {"loss": "mae"}):
        with pytest.raises(ValueError, match="Received"):
            recipes.train_lenet5_1998(**{"limit": 10, "epochs": 1, "verbose": 0, **arguments})
    with pytest.raises(ValueError, match="'relu'. Received: '1998'"):
        recipes.train_lenet5(variant="1998")


def test_prepare_digits_as_published():
    x = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    y = recipes.prepare_digits(x, "1998")
    assert y.shape == (3, 32, 32, 1) and y.dtype == np.float32
    np.testing.assert_allclose(y[:, 2:30, 2:30, 0], -0.1 + 1.275 * x / 255, atol=1e-6)
    frame = np.ones((32, 32), bool)
    frame[2:30, 2:30] = False
    np.testing.assert_allclose(y[:, frame], -0.1, atol=1e-7)
    (x_train, _), _ = mnist.load_data()
    y = recipes.prepare_digits(x_train[:5000], "1998")
    assert abs(y.mean()) < 0.05 and 0.1 < y.var() < 1, "roughly 0 and 1, says the paper"
    with pytest.raises(ValueError, match="'1998'. Received: '1989'"):
        recipes.prepare_digits(x, "1989")


@pytest.mark.parametrize("variant", ["sigmoid", "relu"])
def test_train_variants(main, variant, tmp_path):
    code, out, err = main("train", "lenet5", "--variant", variant, "--epochs", 1, "--limit", 64, "--save", tmp_path / "m")
    assert (code, err) == (0, "") and fastcnn.load_model(tmp_path / "m").get_layer("c1").activation[0] == variant


def test_train_uses_the_threads_asked_for(main):
    code, _, err = main("train", "lenet5", "--epochs", 1, "--limit", 32, "--threads", 3)
    assert (code, err) == (0, GONE) and fastcnn.get_num_threads() == 3


def test_train_has_a_live_line_on_a_terminal():
    ours, theirs = pytest.importorskip("pty").openpty()
    process = command("train", "lenet5", "--epochs", 1, "--limit", 3200, stdout=theirs, stderr=None)
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert process.wait(300) == 0
    text = text.decode()
    live = r"\rEpoch 1/1  \S+  \d+/100  [\d,]+ images/s  loss \d\.\d+  accuracy \d\.\d+  0:\d\d left"
    assert re.search(live, text) and "\r\nTrained in " in text


def interrupted(*arguments, by=signal.SIGINT):
    """Starts training for ages, interrupts it after the first epoch; as `run`."""
    process = command("train", "lenet5", "--epochs", 10**6, "--limit", 640, *arguments)
    first = process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(by)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, first + out, err


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for other processes")
@pytest.mark.parametrize("by", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupt_saves(tmp_path, by):
    """Ctrl-C, `kill` and a terminal that is closed."""
    path, number = tmp_path / "m.safetensors", getattr(signal, by)
    code, out, err = interrupted("--save", path, by=number)
    assert code == 128 + number and out.startswith("Epoch 1/1000000  ") and "Test" not in out
    assert err == f"fastcnn: Interrupted; the model as trained so far is in {path}\n"
    fresh = fastcnn.networks.lenet5(seed=0).get_weights()
    assert all((v != w).any() for v, w in zip(fastcnn.load_model(path).get_weights(), fresh))


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for other processes")
def test_interrupt_without_save():
    code, _, err = interrupted()
    assert (code, err) == (130, f"{GONE}fastcnn: Interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="no SIGHUP")
def test_nohup_trains_on():
    """What is ignored when the command starts stays so."""
    code = ("import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from fastcnn.cli import main; "
            "sys.exit(main(['train', 'lenet5', '--epochs', '2', '--limit', '6400']))")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=SOURCE)
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and "Epoch 2/2" in out and "Test" in out


def test_interrupt_before_training_leaves_the_file_alone(main, tmp_path, monkeypatch):
    def load_data():
        raise KeyboardInterrupt

    path = tmp_path / "m.safetensors"
    path.write_text("precious")
    monkeypatch.setattr(mnist, "load_data", load_data)
    code, _, err = main("train", "lenet5", "--save", path, "--overwrite")
    assert (code, err) == (130, "fastcnn: Interrupted\n") and path.read_text() == "precious"


@pytest.mark.parametrize("name", ["missing/m.safetensors", "."])
def test_train_checks_the_file_first(main, tmp_path, name, monkeypatch):
    monkeypatch.setattr(mnist, "load_data", None)  # would be a TypeError
    code, out, err = main("train", "lenet5", "--save", tmp_path / name)
    assert (code, out) == (1, "") and err.startswith(f"fastcnn: cannot write {tmp_path / name}: ")


# Evaluate and predict


def test_evaluate(main, trained):
    path, result = trained
    code, out, err = main("evaluate", path, "--limit", 6000)
    assert (code, err) == (0, "")
    assert out.startswith(f"Test loss {result.loss:.4f}, accuracy {100 * result.accuracy:.2f} % (6,000 ")
    code, out, _ = main("evaluate", path, "--data", "mnist")
    assert code == 0 and "(10,000 images" in out


def test_evaluate_with_half_weights(main, trained, tmp_path):
    """The option goes before what the file says."""
    model = fastcnn.load_model(trained[0])
    _, (x, y) = mnist.load_data()
    losses = {}
    for dtype in ("float32", "float16", "int8"):
        model.half_weights(dtype)
        losses[dtype], accuracy = model.evaluate(recipes.prepare_digits(x[:700]), y[:700], verbose=0)
        code, out, err = main("evaluate", trained[0], "--limit", 700, "--half-weights", dtype)
        assert (code, err) == (0, "")
        assert out.startswith(f"Test loss {losses[dtype]:.4f}, accuracy {100 * accuracy:.2f} % (700 ")
    assert len(set(losses.values())) == 3
    model.save(tmp_path / "int8")
    assert f"loss {losses['int8']:.4f}" in main("evaluate", tmp_path / "int8", "--limit", 700)[1]
    assert f"loss {losses['float32']:.4f}" in main(
        "evaluate", tmp_path / "int8", "--limit", 700, "--half-weights", "float32")[1]
    code, _, err = main("evaluate", trained[0], "--half-weights", "int4")
    assert code == 2 and "invalid choice: 'int4'" in err
    fastcnn.Sequential([fastcnn.layers.Conv2D(1, 1, input_shape=(28, 28, 1))]).save(tmp_path / "none")
    code, _, err = main("evaluate", tmp_path / "none", "--half-weights", "int8")
    assert code == 1 and "no Dense layer" in err and err.count("\n") == 1


def test_evaluate_refuses_another_shape(main, tmp_path):
    model = fastcnn.Sequential([fastcnn.layers.Dense(2, "softmax", input_shape=(4,))])
    model.save(tmp_path / "m.safetensors")
    code, _, err = main("evaluate", tmp_path / "m.safetensors")
    assert code == 1 and "Received: a model of (None, 4)" in err and err.count("\n") == 1


def answer(out):
    """[(file, class, probability)]."""
    rows = [line.split("\t") for line in out.splitlines()]
    return [(name, int(label), float(probability)) for name, label, probability in rows]


def test_predict_arrays(main, trained, digit, tmp_path):
    path, result = trained
    image, label = digit
    expected = result.model.predict(recipes.prepare_digits(image[None]))[0]
    ready = recipes.prepare_digits(image[None])[0]
    arrays = {"one": image, "channel": image[..., None], "float": ready, "batch": image[None]}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        file = tmp_path / f"{name}.npy"
        assert main("predict", path, file) == (0, f"{file}\t{label}\t{expected[label]:.4f}\n", "")
    np.save(tmp_path / "two.NPY.npy", np.stack([image, 255 - image]))
    code, out, _ = main("predict", path, tmp_path / "two.NPY.npy")
    first, second = answer(out)
    assert code == 0 and (first[0][-3:], first[1], second[0][-3:]) == ("[0]", label, "[1]")
    np.save(tmp_path / "inverted.npy", 255 - image)
    code, out, _ = main("predict", path, "--invert", tmp_path / "inverted.npy", "--top", 3)
    rows = answer(out)
    assert code == 0 and [row[1] for row in rows] == np.argsort(-expected)[:3].tolist()
    assert [row[2] for row in rows] == [round(float(p), 4) for p in np.sort(expected)[:-4:-1]]


def test_answers_of_nan_are_none(main, trained, digit, tmp_path):
    """Neither the first class nor right."""
    path, result = trained
    lost = fastcnn.load_model(path)
    lost.set_weights([np.full_like(w, np.nan) for w in lost.get_weights()])
    lost.save(tmp_path / "lost")
    np.save(tmp_path / "byte.npy", digit[0]), np.save(tmp_path / "nan.npy", np.full((28, 28, 1), np.nan))
    for model, file in ((tmp_path / "lost", "byte.npy"), (path, "nan.npy")):
        said = f"fastcnn: {tmp_path / file}: the model's answer must be numbers. Received: NaN\n"
        assert main("predict", model, tmp_path / file) == (1, "", said)
    code, out, err = main("evaluate", tmp_path / "lost", "--limit", 100)
    assert code == 0 and "Test loss nan, accuracy 0.00 %" in out and "weights of layer 'c1' are not finite" in err


def test_names_of_classes_trained_by_hand(main, digit, tmp_path):
    """A model that was trained on names answers with them here, too."""
    model = fastcnn.Sequential([fastcnn.layers.Flatten(input_shape=(28, 28, 1)), fastcnn.layers.Dense(2, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 28, 28)), ["odd", "even"], verbose=0)
    model.save(tmp_path / "m")
    np.save(tmp_path / "n.npy", recipes.prepare_digits(digit[0][None])[0])
    code, out, _ = main("predict", tmp_path / "m", tmp_path / "n.npy", "--top", 2)
    assert code == 0 and {line.split("\t")[1] for line in out.splitlines()} == {"even", "odd"}


@pytest.mark.parametrize("content, message", [
    (np.zeros((27, 28), np.uint8), r"(28, 28, 1). Received: shape (27, 28)"),
    (np.zeros((28, 28), np.int32), "uint8 or floats. Received: int32"),
    (np.array([{}]), "an array of numbers, as np.save writes it. Received: Python objects"), (b"no array", "or other bytes"),
    (b"", "or other bytes"), (np.zeros((0, 28, 28), np.uint8), "at least one image. Received: shape (0, 28, 28)"),
])
def test_predict_refuses_arrays(main, trained, digit, tmp_path, content, message):
    file, good = tmp_path / "n.npy", tmp_path / "good.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    np.save(good, digit[0])
    code, out, err = main("predict", trained[0], file, good)
    assert code == 1 and message in err and str(file) in err and err.count("\n") == 1
    assert [row[:2] for row in answer(out)] == [(str(good), digit[1])]  # the others are still answered


def pictures(image):
    """The digit as files of many kinds: {name: (Pillow image, options of save, options of predict)}."""
    from PIL import Image

    grey = Image.fromarray(image)
    ink = Image.fromarray(255 - image)
    clear = Image.new("LA", grey.size)
    clear.putalpha(grey)  # black ink, transparent ground
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90° clockwise when shown
    return {
        "plain.png": (grey, {}, []),
        "large.jpg": (grey.resize((280, 280)), {"quality": 90}, []),
        "colour.png": (grey.convert("RGB"), {}, []),
        "palette.png": (grey.convert("P"), {}, []),
        "deep.png": (Image.fromarray(image.astype(np.uint16) * 257), {}, []),
        "turned.jpg": (grey.resize((280, 280)).rotate(90), {"exif": turned, "quality": 90}, []),
        "cmyk.jpg": (grey.convert("RGB").convert("CMYK").resize((280, 280)), {"quality": 95}, []),
        "ink.png": (ink, {}, ["--invert"]),
        "transparent.png": (clear, {}, ["--invert"]),
        "white on nothing.png": (Image.merge("LA", (Image.new("L", grey.size, 255), grey)), {}, []),
    }


@pytest.mark.parametrize("name", [
    "plain.png", "large.jpg", "colour.png", "palette.png", "deep.png", "turned.jpg", "cmyk.jpg", "ink.png",
    "transparent.png", "white on nothing.png",
])
def test_predict_pictures(main, trained, digit, tmp_path, name):
    pytest.importorskip("PIL")
    picture, save, options = pictures(digit[0])[name]
    picture.save(tmp_path / name, **save)
    code, out, err = main("predict", trained[0], tmp_path / name, *options)
    (file, label, probability), = answer(out)
    expected = trained[1].model.predict(recipes.prepare_digits(digit[0][None]))[0, digit[1]]
    assert (code, err, file, label) == (0, "", str(tmp_path / name), digit[1])
    assert abs(probability - expected) < (0.05 if name.endswith("jpg") else 1e-4)


def test_predict_colours_for_a_colour_model(main, tmp_path):
    image = pytest.importorskip("PIL.Image")
    x = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    image.fromarray(x).save(tmp_path / "x.png")
    flat = fastcnn.layers.Flatten(input_shape=(6, 5, 3))
    model = fastcnn.Sequential([flat, fastcnn.layers.Dense(4, "softmax")], seed=1)
    model.save(tmp_path / "m.safetensors")
    code, out, _ = main("predict", tmp_path / "m.safetensors", tmp_path / "x.png", "--scale", "1/255")
    expected = model.predict(x[None] / 255)[0]
    assert code == 0 and answer(out)[0][1:] == (int(expected.argmax()), round(float(expected.max()), 4))


def test_predict_without_pillow(main, trained, digit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    np.save(tmp_path / "x.npy", digit[0])
    code, out, err = main("predict", trained[0], tmp_path / "x.png", tmp_path / "x.npy")
    assert code == 1 and "pip install pillow" in err and err.count("\n") == 1
    assert answer(out)[0][1] == digit[1]


def test_predict_damaged_and_missing_pictures(main, trained, tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    code, out, err = main("predict", trained[0], tmp_path / "bad.png", tmp_path / "no.png")
    lines = err.splitlines()
    assert (code, out, len(lines)) == (1, "", 2) and str(tmp_path / "bad.png") in lines[0]
    assert lines[1] == f"fastcnn: {tmp_path / 'no.png'}: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text here")
def test_file_names_need_not_be_text(trained, digit, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npy")
    np.save(name, digit[0])
    code, out, err = run("predict", trained[0], name)
    assert (code, err) == (0, "") and rf"\udcff.npy	{digit[1]}	" in out


# Files that are there


def test_nothing_is_overwritten_unasked(main, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "load_data", None)  # would be a TypeError
    path = tmp_path / "m.safetensors"
    path.write_text("precious")
    code, out, err = main("train", "lenet5", "--save", path)
    assert (code, out, err) == (1, "", f"fastcnn: {path} is there already: --overwrite replaces it\n")
    assert path.read_text() == "precious"
    monkeypatch.undo()
    code, _, err = main("train", "lenet5", "--save", path, "--overwrite", "--epochs", 1, "--limit", 32)
    assert (code, err) == (0, "") and fastcnn.load_model(path)


def test_a_network_that_nobody_keeps_is_said_to_go(main):
    assert main("train", "lenet5", "--epochs", 1, "--limit", 32)[2] == GONE


@pytest.mark.skipif(sys.platform == "win32", reason="no limits here")
@pytest.mark.parametrize("writer", ["save", "log", "classify"])
def test_a_full_disk_names_the_file(tmp_path, run_python, writer):
    """A limit on the size of files stands for the disk: both end in an error that knows no name."""
    pytest.importorskip("PIL", reason="Pillow is not installed")
    code = {
        "save": "fastcnn.networks.lenet5().save(path)",
        "log": "log = fastcnn.callbacks.CSVLogger(path); log.on_train_begin()\n"
               "for i in range(9999): log.on_epoch_end(i, {'loss': 1 / 3})",
        "classify": "from PIL import Image; import os\n"
                    "m = fastcnn.Sequential([fastcnn.layers.Rescaling(1 / 255, input_shape=(4, 4, 3)),"
                    " fastcnn.layers.Flatten(), fastcnn.layers.Dense(2)]); m.save('m'); os.mkdir('p')\n"
                    "for i in range(120): Image.new('RGB', (4, 4)).save(f'p/{i:0100}.png')\n"
                    "from fastcnn.cli import main; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
                    "main(['classify', 'p', '--model', 'm', '--output', path])",
    }[writer]
    limit = "" if writer == "classify" else "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
    run = run_python("-c", f"import resource, fastcnn, os; os.chdir({str(tmp_path)!r}); path = 'output.safetensors'\n{limit}"
                           f"try:\n    {code.replace(chr(10), chr(10) + '    ')}\n"
                           "except OSError as error: print(error.strerror, error.filename)")
    assert "File too large" in run.stdout + run.stderr and "output.safetensors" in run.stdout + run.stderr, run.stderr
    assert writer != "save" or not (tmp_path / "output.safetensors").exists()


# The rest


def test_version(main):
    assert main("--version") == (0, f"fastcnn {fastcnn.__version__}\n", "")


@pytest.mark.parametrize("words, meant", [
    (["trian"], "train"), (["predic", "m", "x"], "predict"), (["train", "lenet"], "lenet5"),
    (["train", "alexent"], "alexnet"), (["train", "lenet5", "--epoch-count", "3"], "--epochs"),
    (["train", "lenet5", "--learning_rate=1"], "--learning-rate"),
    (["train", "lenet5", "--variant", "rellu"], "relu"), (["classify", "x", "--modle", "m"], "--model"),
    (["evaluate", "m", "--half-weight", "flaot16"], "float16"),
])
def test_wrong_words_are_two_lines_with_what_was_meant(main, words, meant):
    code, out, err = main(*words)
    usage, error = err.splitlines()
    assert (code, out) == (2, "") and usage.startswith("usage: fastcnn") and "--help lists them)" in usage
    assert error.startswith("fastcnn: error: ") and error.endswith(f"; did you mean {meant}?")


def test_a_word_that_nobody_could_mean(main):
    usage, error = main("train", "lenet5", "--zzz")[2].splitlines()
    assert usage.startswith("usage: fastcnn train NETWORK [OPTIONS]") and len(usage) < 100
    assert error == "fastcnn: error: unrecognized arguments: --zzz"


@pytest.mark.parametrize("name, value", [("FASTCNN_ISA", "mmx"), ("FASTCNN_NUM_THREADS", "many"),
                                         ("FASTCNN_NUM_THREADS", "0")])
def test_wrong_environment_variables_are_one_line(tmp_path, run_python, name, value):
    run = run_python("-m", "fastcnn", "info", **{name: value})
    assert (run.returncode, run.stdout) == (1, "") and run.stderr.count("\n") == 1
    assert run.stderr.startswith(f"fastcnn: {name} ") and run.stderr.endswith(f"Received: {value!r}\n")
    (tmp_path / "fastcnn").write_text("from fastcnn.cli import main\nmain()")  # as the installed command is
    assert run_python(tmp_path / "fastcnn", "info", **{name: value}).stderr == run.stderr
    assert "Traceback" in run_python("-c", "import fastcnn", **{name: value}).stderr, "a program of one's own is told all"


@pytest.mark.skipif(os.name == "nt", reason="streams are closed in another way")
def test_closed_streams(trained, digit, tmp_path):
    """What is printed goes nowhere; the work is done, and nothing lands in a file that happens to have the number."""
    np.save(tmp_path / "x.npy", digit[0])
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    for closed, words, code in [(">&-", ["info"], 0), (">&-", ["predict", trained[0], tmp_path / "x.npy"], 0),
                                (">&- 2>&-", ["evaluate", trained[0], "--limit", 9], 0),
                                ("2>&-", ["evaluate", "nothing"], 1),
                                (">&-", ["train", "lenet5", "--epochs", 1, "--limit", 32, "--save", tmp_path / "m"], 0)]:
        command = " ".join(map(str, [sys.executable, "-m", "fastcnn", *words, closed]))
        run = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=300)
        assert (run.returncode, run.stdout, run.stderr) == (code, "", ""), command
    assert fastcnn.load_model(tmp_path / "m").count_params() == 61706


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full(unbuffered):
    with open("/dev/full", "w") as full:
        run = subprocess.run([sys.executable, "-m", "fastcnn", "info"], stdout=full, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": unbuffered})
    assert (run.returncode, run.stderr) == (1, "fastcnn: standard output: No space left on device\n")


def test_info(main, capsys):
    fastcnn.show_config()
    expected = capsys.readouterr().out
    assert main("info") == (0, expected, "") and fastcnn.__version__ in expected


def test_no_command_prints_help(main):
    code, out, err = main()
    assert (code, err) == (0, "") and all(name in out for name in ("train", "evaluate", "predict", "info"))
    assert main("--help") == (0, out, "")


def test_help_names_the_recipes_defaults(main):
    code, out, _ = main("train", "--help")
    networks = ("lenet5", "photos", "alexnet", "cifar10")
    defaults = {name: {key: parameter.default for key, parameter in
                       inspect.signature(getattr(recipes, f"train_{name}")).parameters.items()} for name in networks}
    for option in "epochs", "batch_size", "learning_rate", "variant", "mixup":
        values = r",\s+".join(rf"{name}:\s+{values[option]}" for name, values in defaults.items()
                             if values.get(option) is not None)
        assert re.search(rf"--{option.replace('_', '-')} [^()]*\({values}\)", out), option
    for option in "seed", "lighting", "initializer", "schedule", "depth":
        value = next(values[option] for values in defaults.values() if option in values)
        assert re.search(rf"--{option} [^()]*\({value}\)", out), option
    assert code == 0


@pytest.mark.parametrize("arguments", [
    ["train"], ["train", "alexnet5"], ["train", "lenet5", "--epochs", "0"],
    ["train", "lenet5", "--epochs", "x"],
    ["train", "lenet5", "--learning-rate", "-1"], ["train", "lenet5", "--learning-rate", "nan"],
    ["train", "lenet5", "--batch-size", "1.5"], ["train", "lenet5", "--seed", "-1"],
    ["train", "lenet5", "--loss", "mse"], ["train", "lenet5", "--variant", "1998", "--width", "2"],
    ["train", "lenet5", "--variant", "paper"], ["train", "alexnet", "--variant", "1998", "--data", "x"],
    ["train", "lenet5", "--threads", "0"], ["train", "lenet5", "--epoch-count", "1"], ["evaluate"],
    ["evaluate", "m", "--crops", "3"], ["predict", "m"], ["classify", "photos"], ["train", "alexnet"],
    ["train", "alexnet", "--data", "photos", "--variant", "vgg"], ["predict", "m", "i", "--top", "0"], ["fly"],
    ["info", "more"], ["tune"], ["tune", "photos"], ["tune", "alexnet"], ["tune", "lenet5", "--variant", "1998"],
    ["tune", "lenet5", "--trials", "0"], ["tune", "lenet5", "--resume", "x"],
])
def test_wrong_usage(main, arguments):
    code, out, err = main(*arguments)
    assert (code, out) == (2, "") and err.startswith("usage: ") and "error: " in err


@pytest.mark.parametrize("arguments", [["evaluate"], ["predict", "x.npy"]])
@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, "damaged"])
def test_model_files_that_are_none(main, trained, tmp_path, arguments, content):
    path = tmp_path / "model"
    if content == "damaged":
        content = bytearray(trained[0].read_bytes())
        content[-1] ^= 1
    if content is not None:
        path.write_bytes(content)
    code, out, err = main(arguments[0], path, *arguments[1:])
    assert (code, out) == (1, "") and err.startswith("fastcnn: ") and err.count("\n") == 1
    assert str(path) in err


def test_a_failure_has_no_traceback(tmp_path):
    code, out, err = run("evaluate", tmp_path / "none")
    assert (code, out, err) == (1, "", f"fastcnn: {tmp_path / 'none'}: No such file or directory\n")


def test_too_many_threads(main, trained):
    code, _, err = main("evaluate", trained[0], "--threads", 5000)
    assert code == 1 and err.endswith("Received: 5000\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way")
def test_nobody_reads(tmp_path):
    process = command("info")
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(300) == 1
    path = tmp_path / "m.safetensors"
    process = command("train", "lenet5", "--epochs", 1, "--limit", 320, "--save", path)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(300) == 1
    assert fastcnn.load_model(path).count_params() == 61706  # trained and saved all the same


def test_importing_the_package_imports_no_argparse(run_python):
    code = "import sys, fastcnn; print([m for m in ('argparse', 'csv', 'PIL', 'json') if m in sys.modules])"
    before = run_python("-c", code.replace("fastcnn;", "numpy;")).stdout
    assert run_python("-c", code).stdout == before


@pytest.mark.parametrize("name, layer", [("mnist", "c1 (Conv2D)"), ("cifar10", "avgpool (GlobalAveragePooling2D)")])
def test_models_that_come_with_it_are_summed_up_and_converted(name, layer, main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert layer in main("summary", name)[1]
    assert main("convert", name, "m.safetensors")[0] == 0
    assert layer in main("summary", "m.safetensors")[1]
