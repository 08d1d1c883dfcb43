"""The command line on photographs: train, resume, evaluate, predict and classify, on a small network in AlexNet's place."""

import contextlib
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from test_train_photographs import small, state

import fastcnn
from fastcnn import cli, networks
from fastcnn.datasets import ImageFolder
from fastcnn.images import Preparation, predict

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

import odd_photographs  # noqa: E402  needs Pillow

TINY = ["--size", 12, "--crop", 9, "--batch-size", 8, "--learning-rate", 0.05]


def picture(light, seed):
    x = np.random.default_rng(seed).integers(0, 130, (16, 14, 3)) + 120 * light
    return Image.fromarray(x.astype(np.uint8))


def write(folder, n, seed=0):
    for light, name in enumerate(["dark", "light"]):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            picture(light, [seed, light, i]).save(folder / name / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """20 photographs of each of two classes; 4 of each will be held out."""
    return write(tmp_path_factory.mktemp("photos") / "photos", 20)


@pytest.fixture
def main(capsys, monkeypatch):
    """Runs the command within this process: (exit code, standard output, standard error)."""
    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    monkeypatch.setattr(networks, "alexnet", small)
    before = fastcnn.get_num_threads()
    yield call
    fastcnn.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A model that tells dark from light: (file, what training printed)."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "alexnet", small)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert cli.main(["train", "alexnet", "--data", str(photos), "--epochs", "12", "--save", str(path),
                             *map(str, TINY)]) == 0
    return path, out.getvalue()


def test_train(trained):
    path, out = trained
    found, *lines = out.splitlines()
    assert found.endswith("photos: 40 files, 32 images to train on and 8 to validate on (0.2 of each class, held out); "
                          "2 classes: dark (16 + 4), light (16 + 4); left out: nothing")
    for i in range(12):
        assert re.fullmatch(rf"Epoch {i + 1}/12  \S+ s  [\d.,]+ images/s  loss \d\.\d+  accuracy [01]\.\d+  wait \d+ %  "
                            r"val_loss \S+  val_accuracy [01]\.\d+", lines[i])
    assert re.fullmatch(r"Trained epochs 1 to 12 in \d+\.\d minutes: [\d.]+ images/s, \d+\.\d % of the time waiting for data"
                        r"(, peak memory [\d,]+ MB)?", lines[12])
    assert re.fullmatch(r"Validation loss \d\.\d{4}, accuracy 100\.00 % \(centre crop\), 100\.00 % \(ten crops\) "
                        r"\(8 images in \d+\.\d s\)", lines[13])
    stem = path.with_suffix("")
    assert lines[-2:] == [f"Pictures: {stem}-confusion.png, {stem}-mistakes.png", f"Saved to {path}"]
    model = fastcnn.load_model(path)
    assert Preparation.of(model).class_names == ["dark", "light"] and model.epochs_seen == 12


def test_train_from_an_archive_with_all_options(main, tmp_path, photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for part, folder in ("train", photos), ("val", write(tmp_path / "val", 3, seed=1)):
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, f"top/{part}/{file.relative_to(folder)}")
    code, out, err = main(
        "train", "alexnet", "--data", "photos.zip", "--epochs", 2, "--mixup", 0, "--lighting", 0, "--seed", 5, "--variant",
        "caffe", "--initializer", "own", "--schedule", "plateau", "--cache", "--checkpoint-steps", 2, "--threads", 2,
        "--save", "m", "--best", "best", "--log", "log.csv", *TINY)
    assert (code, err) == (0, "") and "(6 images in " in out and "Best epoch saved to best" in out
    assert len(list(csv.reader(open("log.csv")))) == 3 and Path("best").exists() and fastcnn.get_num_threads() == 2
    settings = fastcnn.load_model("m").metadata["training"]["settings"]
    assert {**settings, "epochs": 2, "mixup": 0.0, "lighting": 0.0, "seed": 5, "variant": "caffe", "initializer": None,
            "schedule": "plateau", "size": 12, "crop": 9, "batch_size": 8, "learning_rate": 0.05} == settings
    code, again, _ = main("train", "alexnet", "--data", "photos.zip", "--val", tmp_path / "val", "--epochs", 1, *TINY)
    assert code == 0 and "(6 images in " in again


def test_resume_gives_the_same_bits(main, photos, tmp_path, monkeypatch):
    """Ctrl-C by a network that is interrupted in its 14th step: within the fourth epoch."""
    monkeypatch.chdir(tmp_path)
    words = ["train", "alexnet", "--data", photos, "--epochs", 5, *TINY]
    assert main(*words, "--save", "whole", "--log", "whole.csv")[0] == 0

    class Interrupting(fastcnn.Sequential):
        steps = 0

        def _run(self, plan, *arguments):
            super()._run(plan, *arguments)
            self.steps += plan.training
            if plan.training and self.steps == 14:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(fastcnn, "Sequential", Interrupting)
        code, out, err = main(*words, "--save", "half", "--log", "half.csv")
    assert code == 130 and "Epoch 3/5" in out and "Validation" not in out
    assert err == "fastcnn: Interrupted; training is saved in half and can be resumed\n"
    code, out, err = main("train", "alexnet", "--data", photos, "--resume", "half")
    lines = out.splitlines()
    assert (code, err, lines[0]) == (0, "", "Resuming half after 3 of 5 epochs and 2 steps") and lines[2][:9] == "Epoch 4/5"
    assert "Trained epochs 4 to 5 in" in out and "Saved to half" in out
    assert state(fastcnn.load_model("half")) == state(fastcnn.load_model("whole"))
    assert len(list(csv.reader(open("half.csv")))) == 6, "the log was resumed, too, without being named again"
    code, out, _ = main("train", "alexnet", "--data", photos, "--resume", "half", "--save", "other")
    assert code == 0 and "All 5 epochs were trained before" in out and Path("other").exists()


def test_resume_refuses(main, trained, photos, tmp_path):
    path = trained[0]
    words = ["train", "alexnet", "--data", photos, "--resume"]
    before = path.read_bytes()
    for options, message in [
        (["--epochs", 13], r"epochs=12\. Received: epochs=13"), (["--mixup", 0.7], r"mixup=0\.2\. Received: mixup=0\.7"),
        (["--seed", 1], r"seed=0\. Received: seed=1"), (["--val", photos], "validation_split=0.2. Received"),
        (["--initializer", "own"], "initializer='he_normal'. Received: initializer=None"),
    ]:
        code, _, err = main(*words, path, *options)
        assert code == 1 and re.search(message, err) and err.count("\n") == 1
    code, _, err = main(*words[:3], write(tmp_path / "more", 21), "--resume", path)
    assert code == 1 and "needs the images that training was begun with" in err
    fastcnn.networks.lenet5().save(tmp_path / "lenet")
    code, _, err = main(*words, tmp_path / "lenet")
    assert code == 1 and err.startswith(f"fastcnn: {tmp_path / 'lenet'}: a training is resumed from a file that a recipe")
    assert main(*words, tmp_path / "none")[0] == 1 and path.read_bytes() == before


@pytest.mark.parametrize("words, message", [
    (["lenet5", "--folder", "photos"], "--folder does not apply to lenet5, only to photos and alexnet"),
    (["alexnet", "--data", "photos", "--transpose"], "--transpose does not apply to alexnet, only to lenet5"),
    (["lenet5", "--transpose"], "--val and --transpose are for digits of --data"),
    (["lenet5", "--checkpoint-steps", "5"], "--checkpoint-steps does not apply to lenet5"),
    (["lenet5", "--mixup", "0"], "--mixup does not apply to lenet5"),
    (["lenet5", "--cache"], "--cache does not apply to lenet5"),
    (["alexnet", "--data", "photos", "--limit", "5"], "--limit does not apply to alexnet, only to lenet5"),
    (["alexnet"], "alexnet needs --data"), (["alexnet", "--data", "p", "--validation-split", "1"], "between 0 and 1"),
])
def test_options_that_do_not_apply_are_wrong_usage(main, words, message):
    code, out, err = main("train", *words)
    assert (code, out) == (2, "") and err.startswith("usage: ") and message in err


def test_train_checks_its_files_first(main, photos, tmp_path):
    for option in "--save", "--best", "--log":
        code, out, err = main("train", "alexnet", "--data", photos, option, tmp_path / "missing" / "f")
        assert (code, out) == (1, "") and err.startswith(f"fastcnn: cannot write {tmp_path / 'missing' / 'f'}: ")
    code, _, err = main("train", "alexnet", "--data", tmp_path / "missing")
    assert code == 1 and str(tmp_path / "missing") in err and err.count("\n") == 1
    code, _, err = main("train", "alexnet", "--data", photos / "dark")
    assert code == 1 and "folder of images per class" in err


def test_without_pillow(main, photos, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for words in (["train", "alexnet", "--data", photos], ["classify", photos, "--model", trained[0]],
                  ["evaluate", trained[0], "--data", photos], ["predict", trained[0], photos / "dark" / "00.png"]):
        code, _, err = main(*words)
        assert code == 1 and "pip install pillow" in err and err.count("\n") == 1 and "Error" not in err


# Afterwards


def expected(path, images, crops=1):
    """What the model makes of files."""
    model = fastcnn.load_model(path)
    p = Preparation.of(model)
    decoded = np.stack([fastcnn.images.decode_image(str(image), p.size) for image in images])
    return predict(model, decoded, p.augmentation, crops)


@pytest.mark.parametrize("crops", [None, 1, 10])
def test_predict(main, trained, photos, crops):
    images = [photos / "dark" / "03.png", photos / "light" / "07.png"]
    more = [] if crops is None else ["--crops", crops]
    code, out, err = main("predict", trained[0], *images, *more)
    rows = [line.split("\t") for line in out.splitlines()]
    y = expected(trained[0], images, crops or 1)
    assert (code, err, len(rows)) == (0, "", 4), "both classes of each"
    assert [row[:2] for row in rows] == [[str(images[0]), "dark"], [str(images[0]), "light"],
                                         [str(images[1]), "light"], [str(images[1]), "dark"]]
    assert [row[2] for row in rows] == [f"{p:.4f}" for p in (y[0, 0], y[0, 1], y[1, 1], y[1, 0])]
    assert main("predict", trained[0], images[0], "--top", 1, *more)[1] == "\t".join(rows[0]) + "\n"


def test_predict_arrays_of_photographs(main, trained, photos, tmp_path):
    source = ImageFolder(photos, size=12)
    x = np.stack([source[0][0], source[25][0]])
    p = Preparation.of(fastcnn.load_model(trained[0]))
    y = predict(fastcnn.load_model(trained[0]), x, p.augmentation)
    for name, array in ("two", x), ("float", p.augmentation(x)):
        np.save(tmp_path / f"{name}.npy", array)
        code, out, _ = main("predict", trained[0], tmp_path / f"{name}.npy", "--top", 1)
        assert code == 0 and out == "".join(
            f"{tmp_path / name}.npy[{i}]\t{c}\t{y[i, i]:.4f}\n" for i, c in enumerate(["dark", "light"]))
    np.save(tmp_path / "small.npy", x[:, :5])
    for words, message in ([tmp_path / "small.npy"], "at least (9, 9) pixels. Received: shape (2, 5, 12, 3)"), \
            ([tmp_path / "float.npy", "--crops", 10], "ten crops need uint8. Received: float32"):
        code, out, err = main("predict", trained[0], *words)
        assert (code, out) == (1, "") and message in err


def test_predict_refuses(main, trained, photos, tmp_path):
    fastcnn.networks.lenet5().save(tmp_path / "lenet")
    image = photos / "dark" / "00.png"
    for words, message in [([tmp_path / "lenet", image, "--crops", 10, "--scale", 1], "--crops is for models of"),
                           ([trained[0], image, "--invert"], "--invert is for digits")]:
        code, out, err = main("predict", *words)
        assert (code, out) == (1, "") and message in err and "Received" in err
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    code, out, err = main("predict", trained[0], tmp_path / "bad.jpg", image)
    assert code == 1 and out.count("\n") == 2 and err.count("\n") == 1 and "bad.jpg: must be an intact image" in err


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("crops", [1, 10])
def test_classify(main, trained, tmp_path, monkeypatch, archive, crops):
    """More than one batch; broken files at its beginning, in the midst and at its end; a stray one."""
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "holiday", 34, seed=2)
    broken = ["dark/00.png", "light/29.png", "light/30.png", "zz.png"]
    for name in broken:
        (folder / name).write_bytes(b"no image")
    picture(1, 9).save(folder / "stray.png")
    picture(1, 10).save(folder / "dark" / "99.png")  # a light one
    data = folder
    if archive:
        data = tmp_path / "holiday.zip"
        with zipfile.ZipFile(data, "w") as file:
            for path in sorted(folder.rglob("*.png")):
                file.write(path, path.relative_to(folder))
    code, out, err = main("classify", data, "--model", trained[0], "--crops", crops)
    lines = out.splitlines()
    assert code == 0 and re.fullmatch(r"Classified 67 photographs in \d+\.\d s: holiday\.csv", lines[0])
    assert lines[1:] == ["Accuracy 98.48 % (65 of 66 in folders called like classes)"]
    assert err.startswith("fastcnn: warning: 4 of 71 images cannot be decoded and are left out: ") and err.count("\n") == 1
    rows = list(csv.reader(open("holiday.csv", encoding="utf-8")))
    assert rows[0] == ["file", "class", "probability", "class_2", "probability_2", "error"]
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    assert [row[0] for row in rows[1:]] == names and all(len(row) == 6 for row in rows)
    wrong = {row[0]: row for row in rows[1:] if row[5]}
    assert sorted(wrong) == broken and all(row[1:5] == [""] * 4 and "intact image" in row[5] for row in wrong.values())
    right = [row for row in rows[1:] if not row[5]]
    y = expected(trained[0], [folder / row[0] for row in right], crops)
    assert [row[1] for row in right] == [["dark", "light"][i] for i in y.argmax(1)]
    assert [row[2] for row in right] == [f"{p:.4f}" for p in y.max(1)]
    assert [row[3:5] for row in right] == [[["dark", "light"][i], f"{p:.4f}"] for i, p in zip(y.argmin(1), y.min(1))]


def test_classify_options_and_failures(main, trained, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = main("classify", photos / "dark", "--model", trained[0], "--output", "o.csv", "--top", 1)
    assert code == 0 and "Accuracy" not in out
    assert next(csv.reader(open("o.csv"))) == ["file", "class", "probability", "error"]
    assert main("classify", photos / "dark", "--model", trained[0], "--output", "i.csv", "--half-weights", "int8")[0] == 0
    model, path = fastcnn.load_model(trained[0]), photos / "dark" / "00.png"
    model.half_weights("int8")
    p = Preparation.of(model)
    y = predict(model, fastcnn.images.decode_image(str(path), p.size)[None], p.augmentation)
    assert list(csv.reader(open("i.csv")))[1][:3] == ["00.png", "dark", f"{y[0, 0]:.4f}"]
    assert main("predict", trained[0], path, "--top", 1, "--half-weights", "int8")[1] == f"{path}\tdark\t{y[0, 0]:.4f}\n"
    model = fastcnn.load_model(trained[0])
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    model.save("lost")
    code, out, _ = main("classify", photos, "--model", "lost", "--output", "n.csv", "--top", 1)
    assert code == 0 and "Accuracy" not in out
    assert {tuple(row[1:]) for row in list(csv.reader(open("n.csv")))[1:]} == {("", "", "the model's answer is NaN")}
    code, out, err = main("classify", photos)
    assert code == 2 and "--model" in err
    archive = shutil.make_archive(tmp_path / "x.y", "gztar", photos)
    assert main("classify", archive, "--model", trained[0])[1].splitlines()[0].endswith(": x.y.csv")
    assert main("classify", photos, "--model", trained[0])[1].splitlines()[0].endswith(": photos.csv")
    os.remove("photos.csv")
    fastcnn.networks.lenet5().save("lenet")
    for words, message in [
        ([photos, "--model", "lenet"], "lenet does not say how its images are prepared"),
        ([photos, "--model", trained[0], "--output", "none/o.csv"], "cannot write none/o.csv"),
        ([tmp_path / "none", "--model", trained[0]], "No such file"),
        ([photos, "--model", "none"], "none: No such file"),
        (["lenet", "--model", trained[0]], "must be a folder, or an intact zip or tar archive"),
        ([photos, "--model", trained[0], "--output", "o.csv"], "o.csv is there already: --overwrite replaces it"),
        (["o.csv", "--model", trained[0], "--output", "o.csv"], "--output must not be what is classified"),
    ]:
        code, out, err = main("classify", *words)
        assert (code, out) == (1, "") and message in err and err.count("\n") == 1
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.jpg").write_bytes(b"no image")
    code, out, err = main("classify", "bad", "--model", trained[0])
    assert (code, out) == (1, "") and "must hold images that can be read. Received: 1 × no image (x.jpg)" in err
    whole = (photos / "dark" / "00.png").read_bytes()
    (tmp_path / "bad" / "x.jpg").write_bytes(whole[:len(whole) // 2])
    code, out, err = main("classify", "bad", "--model", trained[0], "--overwrite")
    assert code == 1 and out.startswith("Classified 0 photographs") and "1 of 1 images" in err


def test_evaluate(main, trained, photos, tmp_path):
    path, printed = trained
    code, out, err = main("evaluate", path, "--data", photos)
    loss = re.search(r"Validation loss (\S+),", printed)[1]
    assert (code, err) == (0, "") and re.fullmatch(
        r".*photos: 40 files, 8 images to test on and 32 that training had; 2 classes: dark \(4 \+ 16\), "
        r"light \(4 \+ 16\); left out: nothing\n"
        rf"Test on the images that training held out: loss {loss}, accuracy 100\.00 % \(8 images in \d+\.\d\d s\)\n", out)
    folder = write(tmp_path / "test", 4, seed=3)
    picture(1, 7).save(folder / "dark" / "00.png")
    (folder / "light" / "00.png").write_bytes(b"no image")
    (tmp_path / "train" / "light").mkdir(parents=True)
    picture(1, 7).save(tmp_path / "train" / "light" / "1.png")
    for data in folder, tmp_path:
        code, out, err = main("evaluate", path, "--data", data, "--crops", 10)
        found, test = out.splitlines()
        assert code == 0 and re.match(r"Test loss \d\.\d{4}, accuracy 85\.71 % \(7 images", test)
        assert "7 images to test on; 2 classes: dark (4), light (3); left out: 1 × " in found
        assert "1 × no image (" in found and ("1 × beside test (train/light/1.png)" in found) == (data == tmp_path)
        assert "1 of 8 images cannot be decoded" in err
    for words, message in [
        ([path], "--data must say which"), ([path, "--data", photos, "--limit", 5], "--limit is for digits"),
        ([path, "--data", folder / "dark"], "must hold a folder"), ([path, "--data", "cifar"], "No such file"),
    ]:
        code, out, err = main("evaluate", *words)
        assert (code, out) == (1, "") and message in err and err.count("\n") == 1
    fastcnn.networks.lenet5().save(tmp_path / "lenet")
    for words in ["--data", "cifar"], ["--crops", 1]:
        code, _, err = main("evaluate", tmp_path / "lenet", *words)
        assert code == 1 and "does not say how its images are prepared" in err and "Received" in err


def test_a_folder_of_oddities(main, tmp_path, monkeypatch):
    """200 photographs with one of each oddity: one line says what became of every file, and training takes the rest."""
    monkeypatch.chdir(tmp_path)
    expected = odd_photographs.write(tmp_path / "photos")
    code, out, err = main("train", "alexnet", "--data", "photos", "--epochs", 1, "--save", "m", *TINY)
    line, *rest = out.splitlines()
    assert code == 0 and line.startswith(
        f"photos: {expected.files} files, 150 images to train on and 50 to validate on (the folder val); 3 classes: ")
    left = line.partition("left out: ")[2].partition("; folders: ")[0]
    assert 200 + sum(map(int, re.findall(r"(\d+) × ", left))) == expected.files
    assert rest[0].startswith("Epoch 1/1") and "(50 images in " in out and Preparation.of(fastcnn.load_model("m"))
    assert err.count("\n") == 1 and "3 of 153 images cannot be decoded" in err, "those that promise an image and are none"
    code, out, _ = main("classify", "photos/train", "--model", "m")
    rows = list(csv.DictReader(open("train.csv", encoding="utf-8")))
    assert code == 0 and len(rows) == 154 and sum(bool(row["class"]) for row in rows) == 151
    assert "left out: 2 × hidden" in out and {row["error"].rpartition(": ")[2] for row in rows if row["error"]} == {
        "empty", "no image", "HEIC (pip install pillow-heif)"}


# The real network, and the page


@pytest.mark.long
def test_the_real_network(photos, tmp_path):
    """AlexNet itself, on its smallest input: one epoch in a process of its own."""
    words = [sys.executable, "-m", "fastcnn"]
    options = ["--size", "70", "--crop", "67", "--epochs", "1", "--batch-size", "16", "--save", "m"]
    environment = {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1])}
    run = subprocess.run([*words, "train", "alexnet", "--data", photos, *options], cwd=tmp_path, capture_output=True,
                         text=True, timeout=300, env=environment)
    assert run.returncode == 0 and run.stderr == "" and "(centre crop)" in run.stdout
    model = fastcnn.load_model(tmp_path / "m")
    assert model.name == "alexnet" and model.input_shape == (None, 67, 67, 3) and model.get_layer("fc6").units == 4096


def test_the_pages_commands_are_understood(main, monkeypatch):
    page = Path(__file__).resolve().parents[1] / "docs" / "alexnet.md"
    if not page.exists():
        pytest.skip("the documents are not beside the tests")
    lines = re.findall(r"^    fastcnn (.+?)(?:\s+#.*)?$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        assert cli._parser().parse_args(line.split()).command


def test_train_photos(main, photos, tmp_path):
    """A table of what is taken for what, and pictures of it beside the model, which are not replaced unasked."""
    options = ["train", "photos", "--data", photos, "--size", 12, "--epochs", 2, "--batch-size", 8, "--weights", "none"]
    code, out, err = main(*options, "--save", tmp_path / "m.safetensors")
    assert code == 0 and "32 images to train on and 8 to validate on" in out and "Saved to" in out
    assert re.search(r"^dark +\d +\d$", out, re.M) and re.search(r"^light +\d +\d$", out, re.M)
    pictures = [tmp_path / f"m-{what}.png" for what in ("confusion", "mistakes")]
    assert f"Pictures: {pictures[0]}, {pictures[1]}" in out and all(Image.open(path).size[0] > 100 for path in pictures)
    (tmp_path / "m.safetensors").unlink()
    code, _, err = main(*options, "--save", tmp_path / "m.safetensors")
    assert code == 1 and err == f"fastcnn: {pictures[0]} is there already: --overwrite replaces it\n"
    assert main(*options, "--save", tmp_path / "m.safetensors", "--overwrite")[0] == 0
    assert main("evaluate", tmp_path / "m.safetensors", "--data", photos)[0] == 0
    code, _, err = main("train", "alexnet", "--data", photos, "--resume", tmp_path / "m.safetensors")
    assert code == 1 and "was begun by `fastcnn train photos`. Received: train alexnet" in err


def test_train_cifar10(main, tmp_path):
    for kind, n in ("train", 6), ("test", 2):
        for i, name in enumerate(fastcnn.datasets.cifar10.CLASS_NAMES):
            (tmp_path / "c" / kind / name).mkdir(parents=True)
            for k in range(n):
                picture(i / 10, [i, k]).resize((32, 32)).save(tmp_path / "c" / kind / name / f"{k}.png")
    code, out, err = main("train", "cifar10", "--data", tmp_path / "c", "--epochs", 1, "--batch-size", 20, "--save",
                          tmp_path / "m.safetensors")
    assert code == 0 and "(20 images in" in out and re.search(r"^airplane( +\d){10}$", out, re.M), err
    assert len(main("predict", tmp_path / "m.safetensors", tmp_path / "c/test/ship/0.png")[1].splitlines()) == 5


def test_predict_without_a_model(main, tmp_path):
    """A picture in the model's place is read by the LeNet-5 that comes with fastcnn; names stand for what comes with it."""
    _, (x, y) = fastcnn.datasets.mnist.load_data()
    Image.fromarray(x[0]).save(tmp_path / "digit.png")
    Image.fromarray(255 - x[1]).save(tmp_path / "paper.png")
    code, out, err = main("predict", tmp_path / "digit.png")
    assert code == 0 and out.split("\t")[1] == str(y[0]) and "no model was named" in err
    assert main("predict", "mnist", tmp_path / "digit.png") == (0, out, "")
    code, out, err = main("predict", tmp_path / "paper.png", "--invert")
    assert code == 0 and out.split("\t")[1] == str(y[1]) and "light at its edges" not in err
    assert "light at its edges" in main("predict", tmp_path / "paper.png")[2]
    code, out, _ = main("predict", "cifar10", tmp_path / "digit.png", "--top", 10)
    assert code == 0 and {row.split("\t")[1] for row in out.splitlines()} == set(fastcnn.datasets.cifar10.CLASS_NAMES)
    code, out, err = main("predict", tmp_path / "none.png")
    assert (code, out) == (1, "") and "No such file" in err
    assert main("predict", "mnist")[0] == 2
    for name, meant in (("lenet5", "mnist"), ("LeNet", "mnist"), ("mnst", "mnist"), ("cifar-10", "cifar10")):
        code, out, err = main("predict", name, tmp_path / "digit.png")
        assert (code, out) == (1, "") and f"{name}: No such file or directory; did you mean {meant!r}, which" in err
