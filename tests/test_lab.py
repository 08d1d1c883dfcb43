"""The lab without a browser: training in its thread, what a page is shown of it, and all that it may ask for."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lab_client import Client, unpacked

import fastcnn
from fastcnn import layers
from fastcnn.lab import Lab
from fastcnn.lab.actions import Actions
from fastcnn.lab.data import Images, load
from fastcnn.lab.presets import PRESETS

(X, Y), (X_TEST, Y_TEST) = fastcnn.datasets.mnist.load_data()
DIGITS = (X[:640], Y[:640]), (X_TEST[:200], Y_TEST[:200])
FEW = (X[:96], Y[:96]), (X_TEST[:20], Y_TEST[:20])
RNG = np.random.default_rng(0)


@pytest.fixture
def opened(tmp_path):
    """Opens labs, and closes them: (lab, client, first frame)."""
    labs = []

    def open_lab(model="lenet5", data=DIGITS):
        lab = Lab(model, data, str(tmp_path / "models"))
        labs.append(lab)
        client = Client(lab.start())
        text, _ = client.wait(lambda text: True)
        return lab, client, text

    yield open_lab
    for lab in labs:
        lab.close()


def small(classes=10, shape=(28, 28, 1)):
    return fastcnn.Sequential([layers.Conv2D(4, 5, strides=2, activation="relu", input_shape=shape), layers.Dropout(0.25),
                               layers.Flatten(), layers.Dense(classes, "softmax")], seed=1)


def done(text):
    return text["state"] == "paused" and text["step"] > 0


# Training


@pytest.mark.parametrize("name", ["lenet5", "resnet"])  # without and with moving averages
def test_bits_are_those_of_fit(opened, name):
    data = DIGITS if name == "lenet5" else FEW
    lab, client, _ = opened(name, data)
    images, twin = lab.trainer.images, lab.trainer.call(lab.bench._again)
    client.post("settings", epochs=2)
    client.post("do", action="start")
    names = [fact["name"] for fact in client.get("network")["layers"]]
    text, _ = client.wait(done, names)
    twin.fit(images.inputs, images.y, batch_size=32, epochs=2, verbose=0)
    assert text["epoch"] == 2 and text["step"] == len(data[0][0]) // 16
    assert all(np.array_equal(a, b) for a, b in zip(lab.model.get_weights(), twin.get_weights()))


def test_pausing_and_stepping_change_no_bits(opened):
    lab, client, _ = opened()
    images, twin = lab.trainer.images, lab.trainer.call(lab.bench._again)
    for steps in (1, 2, 3):
        client.post("do", action="step")
        assert client.wait(lambda text, steps=steps: text["state"] == "paused" and text["step"] == steps)
    assert client.frame()[0]["step"] == 3
    client.post("do", action="start")
    client.post("do", action="pause")
    steps = lab.trainer.step
    assert steps >= 3 and client.wait(lambda text: text["state"] == "paused" and text["step"] == steps)
    twin.fit(images.inputs, images.y, batch_size=32, epochs=1, verbose=0, steps_per_epoch=steps)
    assert all(np.array_equal(a, b) for a, b in zip(lab.model.get_weights(), twin.get_weights()))


def test_numbers_change_while_it_learns(opened):
    lab, client, _ = opened(small())
    client.post("settings", epochs=1000)
    client.post("do", action="start")
    client.post("settings", learning_rate=0.02, momentum=0.5, weight_decay=0.01, dropout=0.5)
    text, _ = client.wait(lambda text: text["settings"]["dropout"] == 0.5)
    optimizer = lab.model.optimizer
    assert (optimizer.learning_rate, optimizer.momentum, optimizer.weight_decay, lab.model.layers[1].rate) == (
        0.02, 0.5, 0.01, 0.5)
    client.post("settings", optimizer="Adam")
    client.wait(lambda text: text["settings"]["optimizer"] == "Adam")
    assert type(lab.model.optimizer) is fastcnn.optimizers.Adam and lab.model.optimizer.weight_decay == 0.01
    client.post("settings", batch_size=64)
    text, _ = client.wait(lambda text: text["settings"]["batch_size"] == 64)
    assert text["state"] == "running" and text["message"] == ""
    assert client.wait(lambda other: other["step"] > text["step"])
    rows = text["curves"]["training"]["rows"]
    assert all(a[0] < b[0] for a, b in zip(rows, rows[1:])), "the curve goes forward, whatever changes"


@pytest.mark.parametrize("settings", [
    {"learning_rate": -1}, {"learning_rate": "fast"}, {"momentum": 1.0}, {"dropout": 1.0}, {"batch_size": 0}, {"epochs": 0},
    {"batch_size": 10**9}, {"optimizer": "newton"}, {"colour": 1}, {"weight_decay": None}, {"learning_rate": [1]},
])
def test_wrong_numbers_are_refused(opened, settings):
    lab, client, text = opened(small())
    assert "Received: " in client.refused("settings", **settings)["error"]
    assert client.frame()[0]["settings"] == text["settings"]


def test_it_stops_after_so_many_epochs_and_goes_on(opened):
    lab, client, _ = opened(small())
    client.post("settings", epochs=1)
    client.post("do", action="start")
    text, _ = client.wait(done)
    assert text["epoch"] == 1 and "1 epochs are done" in text["message"]
    assert text["test"]["count"] == 200 and 0 <= text["test"]["accuracy"] <= 1
    client.post("do", action="start")
    assert client.wait(done)[0]["step"] == 20
    client.post("settings", epochs=2)
    client.post("do", action="start")
    assert client.wait(lambda text: text["step"] == 40 and done(text))[0]["epoch"] == 2


def test_reset(opened):
    lab, client, _ = opened()
    before = [w.copy() for w in lab.model.get_weights()]
    client.post("do", action="step")
    client.wait(done)
    assert not np.array_equal(before[0], lab.model.get_weights()[0])
    client.post("do", action="reset")
    client.wait(lambda text: text["revision"] == 2)
    assert all(np.array_equal(a, b) for a, b in zip(before, lab.model.get_weights()))
    assert [run["label"] for run in client.get("network")["runs"]] == ["LeNet-5, tanh, SGD 0.05"]


def test_an_error_in_training_pauses_it(opened, monkeypatch):
    lab, client, _ = opened()

    def fails(*values, **named):
        raise MemoryError("no room")

    monkeypatch.setattr(type(lab.trainer.model), "fit", fails)
    client.post("do", action="start")
    text, _ = client.wait(lambda text: text["message"])
    assert text["state"] == "paused" and text["message"] == "Training has stopped: no room"
    monkeypatch.undo()
    client.post("do", action="step")
    assert client.wait(done)


def test_numbers_that_are_none(opened):
    """A learning rate that is far too large: training pauses, and all that is told is still JSON."""
    lab, client, _ = opened()
    client.post("settings", learning_rate=1e9, epochs=50)
    client.post("do", action="start")
    with np.errstate(all="ignore"):
        text, _ = client.wait(lambda text: text["message"], ["c1", "c3"])
        client.post("do", action="step")
        text, _ = client.wait(lambda other: other["step"] > text["step"], ["c1", "output"])
    assert text["state"] == "paused" and client.frame()[0]["layers"][0]["activations"] == [None, None]
    assert client.get("answers")["strip"] and client.get("pixel", layer="c3", place="[0, 0, 0]")["value"] is None
    client.post("do", action="reset")
    assert np.isfinite(client.wait(lambda text: text["revision"] == 2)[0]["loss"])


# What is shown


def test_numbers_are_those_of_gradients(opened):
    lab, client, _ = opened()
    client.post("do", action="step")
    client.wait(done)
    client.post("specimen", kind="test", number=7)
    names = ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    text, content = client.wait(lambda text: text["specimen"]["number"] == 7, names)
    images, model = lab.trainer.images, lab.model
    x, y = images.prepare(images.x_test[7:8]), images.y_test[7:8]
    loss, gradients = model.gradients(x, y, wrt=["weights", *names], training=False)
    assert text["loss"] == loss and [fact["name"] for fact in text["layers"]] == names
    for fact in text["layers"]:
        name = fact["name"]
        output = fastcnn.Model(model.input, model.get_layer(name).output).predict(x)
        kinds = {"activations": output, "gradients": gradients[name]}
        if model.get_layer(name).parameters:
            kinds.update(filters=model.get_layer(name).weights[0], filter_gradients=gradients[f"{name}/kernel"])
        for kind, values in kinds.items():
            assert fact[kind] == [float(values.min()), float(values.max())], (name, kind)
        for kind in ("activations", "gradients"):
            found, values = fact["pictures"][kind], kinds[kind][0]
            maps = values.transpose(2, 0, 1) if values.ndim == 3 else values.reshape(-1, 1, 1)
            assert (found["count"], found["height"], found["width"]) == maps.shape
            shown = np.frombuffer(content, np.uint8, maps.size, found["start"]).reshape(maps.shape).astype(int) - 128
            scale = np.abs(maps).max()
            assert np.abs(shown * scale / 127 - maps).max() <= 0.51 * scale / 127
    assert text["specimen"]["likeliest"][0][0] == model.predict_classes(x)[0]


def tricky():
    """Convolutions of every kind, a graph."""
    x = layers.Input((12, 12, 4), name="image")
    a = layers.Conv2D(4, 3, padding="same", strides=2, groups=2, activation="tanh", name="grouped")(x)
    b = layers.Conv2D(4, (3, 5), padding=((1, 2), (0, 3)), strides=2, dilation_rate=(2, 1), use_bias=False, name="odd")(x)
    b = layers.AveragePooling2D(2, strides=1, padding="same", name="mean")(b)
    b = layers.Conv2D(4, 1, connection_table=[[0], [1, 3], [2], [0, 1, 2, 3]], name="table")(b)
    a = layers.ZeroPadding2D(0, name="same")(a)
    b = layers.Cropping2D(((0, b.shape[1] - a.shape[1]), (0, b.shape[2] - a.shape[2])), name="cut")(b)
    y = layers.MaxPooling2D(3, strides=2, padding=1, name="largest")(layers.Add(name="sum")([a, b]))
    y = layers.ReLU(name="relu")(y)
    y = layers.Dense(3, name="scores", bias_initializer="ones")(layers.Flatten(name="flat")(y))
    return fastcnn.Model(x, layers.Softmax(name="softmax")(y), seed=3)


ACTIVATED = {"linear": lambda x: x, "tanh": np.tanh, "relu": lambda x: max(x, 0.0)}


@pytest.mark.parametrize("name", ["grouped", "odd", "mean", "table", "largest", "relu", "scores", "softmax", "sum"])
def test_the_arithmetic_of_a_number(name):
    from fastcnn.lab.arithmetic import arithmetic

    model = tricky()
    x = RNG.standard_normal((1, 12, 12, 4)).astype(np.float32)
    output = fastcnn.Model(model.input, model.get_layer(name).output).predict(x)[0]
    for place in RNG.permutation(list(np.ndindex(*output.shape)))[:12]:
        found = json.loads(json.dumps(arithmetic(model, x, name, place.tolist())))
        value = float(output[tuple(place)])
        assert found["value"] == value
        windows, near = found.get("windows"), {"rel": 1e-5, "abs": 1e-6}
        if found["kind"] == "sum":
            terms = [np.multiply(w["x"], w["w"]).sum() for w in windows] if windows else [
                t["x"] * t["w"] for t in found["terms"]]
            assert len(terms) == found["channels"] if windows else len(terms) == min(24, found["inputs"])
            assert not windows and found["inputs"] > 24 or sum(terms) == pytest.approx(found["sum"], **near)
            assert found["sum"] + found["bias"] == pytest.approx(found["before"], **near)
            assert ACTIVATED[found["activation"]](found["before"]) == pytest.approx(value, **near)
        elif found["kind"] in ("max", "mean"):
            seen = [v for row in windows[0]["x"] for v in row if v is not None]
            assert {"max": max, "mean": np.mean}[found["kind"]](seen) == pytest.approx(value, **near)
        elif found["kind"] == "function":
            assert ACTIVATED[found["activation"]](found["before"]) == pytest.approx(value, **near)
    assert {"sum": "other", "softmax": "softmax", "relu": "function", "largest": "max", "mean": "mean"}.get(
        name, "sum") == found["kind"]


def test_a_page_asks_for_the_arithmetic(opened):
    lab, client, _ = opened()
    found = client.get("pixel", layer="c3", place="[2, 3, 4]")
    assert found["kind"] == "sum" and len(found["windows"]) == 6 and found["step"] == 0
    for query in ("layer=c3&place=[2,3]", "layer=c3&place=[2,3,16]", "layer=no&place=[0]", "layer=c3&place=[true,0,0]",
                  "layer=c3&place=7", "place=[0]"):
        assert client.ask("GET", f"/api/pixel?{query}")[0] == 400, query


def test_numbers_of_other_maps(opened):
    lab, client, _ = opened()
    client.wait(lambda text: True)
    images, kernel = lab.trainer.images, lab.model.get_layer("c3").kernel.value
    x, y = images.prepare(images.x_test[:1]), images.y_test[:1]
    names = [layer.name for layer in lab.model.layers if layer.name != "flatten"]
    _, gradients = lab.model.gradients(x, y, wrt=["weights", *names], training=False)
    for layer, kind, place, value in [
            ("c3", "gradients", [2, 3, 4], gradients["c3"][0, 2, 3, 4]),
            ("f6", "gradients", [0, 0, 5], gradients["f6"][0, 5]),
            ("c3", "filters", [1, 2, 3], kernel[1, 2, 3, 0]),
            ("c3", "filter_gradients", [1, 2, 7], gradients["c3/kernel"][1, 2, 1, 1]),
            ("f6", "filters", [5, 6, 0], lab.model.get_layer("f6").kernel.value[6, 5])]:
        found = client.get("pixel", layer=layer, kind=kind, place=json.dumps(place))
        assert found["value"] == float(value) and found["kind"] == kind, (layer, kind)
    for query in ("layer=c3&kind=filters&place=[9,0,0]", "layer=c3&kind=no&place=[0,0,0]",
                  "layer=s2&kind=filters&place=[0,0,0]", "layer=c3&kind=gradients&place=[0,0]"):
        status, answer = client.ask("GET", f"/api/pixel?{query}")
        assert status == 400 and answer["error"], query


def test_answers_are_those_of_predict(opened):
    lab, client, _ = opened()
    client.post("settings", epochs=1)
    client.post("do", action="start")
    client.wait(done)
    images, found = lab.trainer.images, client.get("answers", first=3, count=5)
    best = lab.model.predict_classes(images.prepare(images.x_test))
    right = best == images.labels_test
    assert found["count"] == 200 and found["accuracy"] == right.mean() and found["wrong"] == (~right).sum()
    assert found["confusion"] == np.histogram2d(images.labels_test, best, [range(11)] * 2)[0].tolist()
    assert [card["number"] for card in found["strip"]] == [3, 4, 5, 6, 7]
    assert [card["likeliest"][0][0] for card in found["strip"]] == best[3:8].tolist()
    sure = [card["likeliest"][0][1] for card in found["mistakes"]]
    assert sure == sorted(sure, reverse=True) and all(c["likeliest"][0][0] != c["label"] for c in found["mistakes"])
    label, answer = np.argwhere(np.array(found["confusion"]) > 0)[0]
    cards = client.get("confused", label=label, answer=answer)["images"]
    assert cards and all((c["label"], c["likeliest"][0][0]) == (label, answer) for c in cards)
    text, content = unpacked(client.get("pictures", numbers="[5, 0]"))
    assert text["shape"] == [2, 28, 28, 1] and content == images.x_test[[5, 0]].tobytes()


@pytest.mark.parametrize("query", [
    "numbers=[]", "numbers=[200]", "numbers=[-1]", "numbers={}", "numbers=[0.5]", "numbers=7", "x=1",
    "numbers=" + str(list(range(61))).replace(" ", "")])
def test_wrong_numbers_of_images_are_refused(opened, query):
    _, client, _ = opened()
    assert client.ask("GET", f"/api/pictures?{query}")[0] == 400


def test_dead_units_are_counted(opened):
    model = small()
    model.layers[0].set_weights([np.zeros((5, 5, 1, 4)) + [0, 0, 1, 0], [-1.0, 1.0, 0.0, -1.0]])
    lab, client, text = opened(model)
    assert text["dead"]["conv2d"] == [3, 4] and text["dead"]["dense"][1] == 10


def test_a_drawing_goes_through_the_network(opened):
    lab, client, _ = opened()
    pixels = RNG.integers(0, 256, 784).tolist()
    client.post("specimen", kind="drawing", pixels=pixels)
    text, content = client.wait(lambda text: text["specimen"]["kind"] == "drawing")
    assert text["picture"] == [28, 28, 1] and list(content[:784]) == pixels and text["specimen"]["label"] is None
    x = lab.trainer.images.prepare(np.array(pixels, np.uint8).reshape(1, 28, 28, 1))
    assert text["specimen"]["likeliest"][0] == [int(lab.model.predict(x).argmax()), float(lab.model.predict(x).max())]
    for wrong in ({"pixels": pixels[1:]}, {"pixels": [256] * 784}, {"pixels": "x" * 784}, {"pixels": [0.5] * 784}, {}):
        client.refused("specimen", kind="drawing", **wrong)
    for wrong in ({"kind": "test", "number": 200}, {"kind": "training", "number": -1}, {"kind": "photo"}, {}):
        client.refused("specimen", **wrong)
    client.post("specimen", kind="training", number=639)
    assert client.wait(lambda text: text["specimen"]["number"] == 639)[0]["specimen"]["label"] == Y[639]
    client.post("specimen", kind="training", number=None)
    assert client.wait(lambda text: text["specimen"]["follows"])


def test_two_readers_see_the_same(opened):
    lab, client, text = opened()
    other = Client(lab.url)
    client.post("do", action="step")
    frames = [each.wait(lambda text: text["step"] == 1)[0] for each in (client, other)]
    assert min(frame.pop("version") for frame in frames) > text["version"] and frames[0] == frames[1]


def test_curves_come_in_parts(opened):
    lab, client, text = opened()
    marks = {name: tail["mark"] for name, tail in text["curves"].items()}
    client.post("settings", epochs=2)
    client.post("do", action="start")
    client.wait(done)
    whole, rest = client.frame()[0]["curves"], client.frame(**marks)[0]["curves"]
    for name in ("training", "test"):
        tail = rest[name]
        assert tail["from"] == len(text["curves"][name]["rows"]) and whole[name]["rows"][tail["from"]:] == tail["rows"]
        assert whole[name]["rows"][-1][0] == 2 * 640
    client.post("do", action="reset")
    assert client.frame(**{name: tail["mark"] for name, tail in whole.items()})[0]["curves"]["training"]["from"] == 0


def test_some_frames_answer_one_question(opened):
    lab, client, text = opened()
    client.post("settings", epochs=10**5)
    client.post("do", action="start")
    found, rows = client.frames(text["version"], ["c1"]), text["curves"]["training"]["rows"]
    client.post("do", action="pause")
    assert len(found) > 1 and len({text["step"] for text, _ in found}) == len(found)
    for i, (text, content) in enumerate(found):
        assert content and text["layers"][0]["pictures"]["activations"]["of"] == 6
        tail = text["curves"]["training"]
        assert tail["from"] == (len(rows) if i else 0)  # the question had no marks
        rows = [*rows[:tail["from"]], *tail["rows"]]
    assert rows and client.frame()[0]["curves"]["training"]["rows"][:len(rows)] == rows
    assert client.ask("GET", "/api/frames?after=now")[0] == 400


def test_frames_that_fail_are_cut_off(opened, monkeypatch):
    """Nothing follows the frames that were sent; the next question is answered."""
    _, client, _ = opened()
    right, count = Actions._frame, iter(range(9))

    def wrong(*given):
        if next(count):
            raise ValueError("no more")
        return right(*given)

    with monkeypatch.context() as patched:
        patched.setattr(Actions, "_frame", wrong)
        with socket.create_connection(client.address.split(":"), timeout=100) as connection:
            head = "GET /api/frames HTTP/1.1", f"Host: {client.address}", f"X-Lab-Token: {client.token}", "", ""
            connection.sendall("\r\n".join(head).encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.count(b"HTTP/1.1 ") == 1 and b"no more" not in answer
    assert client.frame()[0]["layers"]


# Networks


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 48, 3)])
@pytest.mark.parametrize("name", PRESETS)
def test_presets(opened, name, shape):
    if PRESETS[name].digits and shape != (28, 28, 1):
        pytest.skip("for MNIST's digits alone")
    x = RNG.integers(0, 256, (12, *shape)).astype(np.uint8)
    data = (x, np.arange(12) % 5), (x, np.arange(12) % 5)
    if PRESETS[name].digits:
        data = (x, np.arange(12) % 10), (x, np.arange(12) % 10)
    lab, client, text = opened(name, data)
    client.post("do", action="step")
    text, _ = client.wait(done)
    assert np.isfinite(text["loss"]) and not text["message"]
    network = client.get("network")
    assert network["text"] and network["why_not"] is None and client.post("build", text=network["text"])["layers"]


def test_a_preset_brings_its_settings(opened):
    lab, client, _ = opened()
    client.post("preset", name="convnetjs-mnist")
    text, _ = client.wait(lambda text: text["revision"] == 2)
    assert text["settings"]["optimizer"] == "Adadelta" and text["settings"]["batch_size"] == 20
    assert client.get("network")["layers"][0]["parameters"] == "8x5x5x1+8 = 208"
    assert lab.model.input_shape == (None, 24, 24, 1)
    assert "Received: 'nothing'" in client.refused("preset", name="nothing")["error"]


def test_editing_keeps_what_stays_the_same(opened):
    lab, client, _ = opened()
    client.post("do", action="step")
    client.wait(done)
    before = {layer.name: layer.get_weights() for layer in lab.model.layers}
    text = client.get("network")["text"].replace('"units": 84', '"units": 50')
    assert client.post("build", text=text)["parameters"] == lab.model.count_params() - 34 * 121 - 34 * 10
    assert client.post("apply", text=text)["kept"] == ["c1", "c3", "c5"]
    frame, _ = client.wait(lambda text: text["revision"] == 2)
    for name in ("c1", "c3", "c5"):
        assert all(np.array_equal(a, b) for a, b in zip(before[name], lab.model.get_layer(name).get_weights()))
    assert frame["settings"]["learning_rate"] == 0.05 and frame["step"] == 0
    client.post("do", action="step")
    assert client.wait(lambda text: text["step"] == 1)


def test_mistakes_in_a_network_are_shown_where_they_are(opened):
    lab, client, _ = opened()
    text = client.get("network")["text"]
    for wrong, place, line, words in [
        (text.replace('"units": 84', '"units": -1'), 7, 9, "units"),
        (text.replace('"filters": 16', '"filters": 16, "colour": 3'), 3, 5, "colour"),
        (text.replace('"Flatten"', '"Flaten"'), 5, 7, "Did you mean 'Flatten'"),
        (text.replace('"kernel_size": 5', '"kernel_size": 99'), 3, 5, "99"),
        (text.replace('"units": 10', '"units": 9'), 8, 10, "10 numbers"),
        (text.replace('"units": 120', '"units": 900000000'), 6, 8, "parameters"),
        (text.replace('"c3"', '"c1"'), 3, 5, "names of layers must differ"),
        (text + "\nalert(1)", None, 12, "alert"),
        (text.replace('"units": 84', '"units": 84;'), 7, 9, "no layer"),
    ]:
        for found in (client.post("build", text=wrong), client.refused("apply", text=wrong)):
            assert (found["place"], found["line"]) == (place, line) and words in found["error"], found
    for wrong in (None, 3, "", "[]", "x" * 60_000, "{" * 40_000, "[{}]", '[{"layer": 3}]', '[{"layer": "Input"}]'):
        assert client.post("build", text=wrong)["error"]
    assert client.frame()[0]["revision"] == 1


def test_convnetjs_definitions_as_people_write_them(opened):
    lab, client, _ = opened()
    text = """// of the demo
layer_defs = [];
layer_defs.push({type:'input', out_sx:24, out_sy:24, out_depth:1});
layer_defs.push({type:'conv', sx:5, filters:8, stride:1, pad:2, activation:'relu', drop_prob: 0.5,});
layer_defs.push({type:"pool", "sx":2, stride:2});
layer_defs.push({type:'svm', num_classes:10});

net = new convnetjs.Net();
net.makeLayers(layer_defs);"""
    assert [fact["type"] for fact in client.post("build", text=text)["layers"]] == [
        "Conv2D", "ReLU", "Dropout", "MaxPooling2D", "Flatten", "Dense"]
    client.post("apply", text=text)
    client.wait(lambda text: text["revision"] == 2)
    assert lab.model.loss.name == "multiclass_hinge" and client.get("network")["text"] == text
    found = client.post("build", text=text.replace('"sx":2', '"sx":99'))
    assert (found["place"], found["line"]) == (2, 5)
    assert client.post("build", text=text.replace("svm", "softmaxx"))["line"] == 6
    other = client.post("build", text=text.replace("'svm', num_classes", "'regression', num_neurons"))
    assert "regression" in other["error"]


def test_a_network_with_branches(opened):
    lab, client, _ = opened(tricky(), ((RNG.random((20, 12, 12, 4)), np.arange(20) % 3),) * 2)
    found = client.get("network")
    assert found["layers"][4]["takes"] == ["same", "cut"] or {"same", "cut"} in [set(f["takes"]) for f in found["layers"]]
    client.post("apply", text=found["text"])
    client.wait(lambda text: text["revision"] == 2)
    assert [type(layer) for layer in lab.model.layers] == [type(layer) for layer in tricky().layers]


def run_code(client, images, monkeypatch, tmp_path):
    """The model that the shown code makes, trained by it on few images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fastcnn.datasets.mnist, "load_data", lambda: FEW)
    images.name = "mnist"
    namespace = {}
    exec(compile(client.get("code")["code"], "code", "exec"), namespace)
    return namespace["model"]


@pytest.mark.parametrize("name", ["lenet5", "lenet5-1998", "convnetjs-mnist", "resnet"])
def test_code_trains_the_same(opened, name, monkeypatch, tmp_path):
    lab, client, _ = opened(name, FEW)
    client.post("settings", epochs=1)
    model = run_code(client, lab.trainer.images, monkeypatch, tmp_path)
    client.post("do", action="start")
    client.wait(done)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), lab.model.get_weights()))


def test_saving_and_loading(opened, tmp_path):
    lab, client, _ = opened()
    client.post("do", action="step")
    client.wait(done)
    saved = [w.copy() for w in lab.model.get_weights()]
    client.post("save", name="my net-1.0")
    assert client.get("files")["names"] == ["my net-1.0"]
    again = fastcnn.load_model(tmp_path / "models" / "my net-1.0.safetensors")
    assert fastcnn.images.Preparation.of(again).shape == (28, 28, 1), "fastcnn predict knows how"
    client.post("preset", name="perceptron")
    client.post("load", name="my net-1.0")
    client.wait(lambda text: text["revision"] == 3)
    assert client.get("network")["title"] == "my net-1.0"
    assert all(np.array_equal(a, b) for a, b in zip(saved, lab.model.get_weights()))
    client.post("do", action="step")
    assert client.wait(done)
    assert "missing" in client.refused("load", name="missing")["error"]
    (tmp_path / "models" / "bad.safetensors").write_bytes(b"no model")
    client.refused("load", name="bad")
    fastcnn.networks.lenet5(7).save(tmp_path / "models" / "seven.safetensors")
    assert "10 outputs" in client.refused("load", name="seven")["error"]
    assert client.frame()[0]["revision"] == 3


def test_optimizers_are_compared(opened):
    lab, client, _ = opened()
    before = [w.copy() for w in lab.model.get_weights()]
    chosen = [{"optimizer": "SGD", "learning_rate": 0.1, "momentum": 0.9}, {"optimizer": "Adam", "learning_rate": 0.001}]
    client.post("compare", optimizers=chosen)
    while client.get("compare")["seen"] < 640:
        client.wait(lambda text: text["state"] == "comparing")
    client.post("compare")
    found = client.get("compare")
    assert found["names"] == ["SGD 0.1", "Adam 0.001"] and not found["running"]
    (n, *_), (m, *_) = (curve[0] for curve in found["curves"])
    assert n == m and found["curves"][0][0][1] == pytest.approx(found["curves"][1][0][1]), "they begin alike"
    assert all(np.array_equal(a, b) for a, b in zip(before, lab.model.get_weights()))
    for wrong in ([], [{}] * 7, [{"optimizer": "no"}], "SGD", [3], [{"optimizer": "SGD", "learning_rate": -1}]):
        client.refused("compare", optimizers=wrong)


# Models and data of one's own


def test_a_compiled_model_is_trained_as_compiled(opened):
    x = X[:320, ..., None] / np.float32(255)
    model = small()
    model.compile(fastcnn.optimizers.SGD(fastcnn.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5), clipnorm=1.0),
                  "categorical_crossentropy")
    y = np.eye(10, dtype=np.float32)[Y[:320]]
    lab, client, text = opened(model, ((x, y), (x[:50], y[:50])))
    assert lab.model is model and text["settings"]["learning_rate"] == 0.1 and text["test"]["of"] == 50
    client.post("settings", epochs=1)
    client.post("do", action="start")
    text, _ = client.wait(done)
    assert text["settings"]["learning_rate"] == pytest.approx(0.1 * 0.5**2) and model.optimizer.clipnorm == 1.0
    assert text["curves"]["training"]["rows"][-1][2] is None, "no accuracy among the metrics"
    client.post("specimen", kind="drawing", pixels=[255] * 784)
    assert client.wait(lambda text: text["specimen"]["kind"] == "drawing")


class Shift(layers.Layer):
    """A layer of the user's."""

    config = ("by",)

    def __init__(self, by=1.0, **base):
        super().__init__(**base)
        self.by = by

    def forward(self, x, training=False):
        return x + self.by

    def backward(self, dy):
        return dy


def test_one_output_and_a_layer_of_the_users(opened):
    model = fastcnn.Sequential([layers.Rescaling(1 / 255, input_shape=(28, 28, 1)), Shift(0.5), layers.Flatten(),
                                layers.Dense(1, "sigmoid")], seed=0)
    data = tuple((x, y % 2) for x, y in DIGITS)
    lab, client, text = opened(model, data)
    assert len(text["specimen"]["likeliest"]) == 2 and lab.trainer.images.inputs.max() == 255, "it rescales bytes itself"
    client.post("do", action="step")
    client.wait(done)
    found = client.get("network")
    client.post("apply", text=found["text"])
    client.post("do", action="reset")
    assert client.wait(lambda text: text["revision"] == 3) and type(lab.model.layers[2]).__name__ in ("Shift", "Flatten")
    assert "binary" in lab.model.loss.name


def test_a_model_that_cannot_be_edited_can_be_watched(opened):
    dense = layers.Dense(16, "relu")
    x = layers.Input((4, 4, 1))
    y = dense(dense(layers.Flatten()(x)))
    data = (RNG.random((20, 4, 4)), np.arange(20) % 2), (RNG.random((20, 4, 4)), np.arange(20) % 2)
    lab, client, _ = opened(fastcnn.Model(x, layers.Dense(2, "softmax")(y)), data)
    assert "twice" in client.get("network")["why_not"] and client.get("network")["text"] == ""
    client.post("do", action="step")
    client.wait(done)


@pytest.mark.parametrize("model, data, words", [
    (3, DIGITS, "model must be"), ("lenet6", DIGITS, "lenet6"),
    (fastcnn.Sequential([layers.Dense(3)]), DIGITS, "input shape"),
    (fastcnn.Sequential([layers.Dense(3, input_shape=(4,))]), DIGITS, "take an image"),
    ("lenet5", (DIGITS[0],), "test"), ("lenet5", ((X[:3], Y[:2]), DIGITS[1]), "label for each"),
    ("lenet5", ((X[:3], -Y[:3].astype(int) - 1), DIGITS[1]), "integers from 0"),
    ("lenet5", ((X[:3], np.array(["a", "b", "c"])), DIGITS[1]), "integers from 0"),
    ("lenet5", (DIGITS[0], (X_TEST[:3, :20], Y_TEST[:3])), "like training"), ("lenet5", ((None, None), DIGITS[1]), "images"),
])
def test_what_cannot_be_shown_is_refused(model, data, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Lab(model, data)


@pytest.mark.parametrize("model, data, words", [
    (None, "nothing-of-this-name", "nothing-of-this-name"), (small(7), DIGITS, "10 outputs"),
    (small(10, (20, 20, 3)), DIGITS, "must take images"),
])
def test_what_turns_out_later_ends_the_lab(model, data, words, capsys):
    with pytest.raises(ValueError, match=words):
        Lab(model, data).serve(browser=False)


def test_photographs(tmp_path, opened):
    pytest.importorskip("PIL", reason="Pillow is not installed")
    import few_data

    few_data.write_photographs(tmp_path)
    for data, model in (("flowers", None), ("flowers.zip", small(5, (40, 40, 3)))):
        lab, client, text = opened(model, str(tmp_path / data))
        network = client.get("network")
        side = 64 if model is None else 40
        assert network["classes"] == list(few_data.FLOWERS) and network["shape"] == [side, side, 3]
        assert text["layers"][0]["pictures"] == {} and network["data"] == data
        filters = client.frame(-1, [text["layers"][0]["name"]])[0]["layers"][0]["pictures"]["filters"]
        assert filters["colours"], "the first layer's filters are shown in colours"


def test_a_file_says_how_photographs_are_read(tmp_path, opened):
    """A model decodes and prepares them in the lab as it did when it was trained, whatever size a lab begins with."""
    pytest.importorskip("PIL", reason="Pillow is not installed")
    import few_data

    few_data.write_photographs(tmp_path)
    model, names = small(5, (40, 40, 3)), list(few_data.FLOWERS)
    change = fastcnn.images.Augmentation(40, False, False, mean=[120, 110, 100], std=[60, 60, 60])
    preparation = fastcnn.images.Preparation(48, change, names)
    preparation.put(model)
    model.save(tmp_path / "mine.safetensors")
    lab, client, _ = opened(str(tmp_path / "mine.safetensors"), str(tmp_path / "flowers.zip"))
    images = lab.trainer.images
    assert images.shape == (48, 48, 3) and client.get("network")["title"] == "mine"
    x = preparation.decode(str(tmp_path / "flowers" / "train" / "daisy" / "0.jpg"))
    assert any(np.array_equal(x, other) for other in images.x)
    assert np.array_equal(images.prepare(x[None]), change.evaluation()(x[None]))
    lab, client, _ = opened(None, str(tmp_path / "flowers"))
    assert fastcnn.images.Preparation.of(lab.model).size == 64, "sides keep their proportions in fastcnn predict, too"


def test_models_that_come_along(opened):
    lab, client, _ = opened()
    assert client.get("files") == {"names": [], "shipped": ["lenet5-mnist", "resnet20-cifar10"]}
    client.post("load", name="lenet5-mnist", shipped=True)
    text, _ = client.wait(lambda text: text["revision"] == 2)
    assert text["test"]["accuracy"] > 0.97
    for name, shipped in (("resnet20-cifar10", True), ("lenet5-mnist", False), ("../x", True)):
        assert client.refused("load", name=name, shipped=shipped)["error"]


def test_every_optimizer_is_offered(opened):
    lab, client, _ = opened(small())
    usual = client.get("network")["optimizers"]
    for name, numbers in usual.items():
        client.post("settings", optimizer=name)
        text, _ = client.wait(lambda text, name=name: text["settings"]["optimizer"] == name)
        assert {key: text["settings"][key] for key in numbers} == numbers
    kinds = {type(getattr(fastcnn.optimizers, name)(0.1)).__name__ for name in usual if name != "Nesterov"}
    assert kinds == set(fastcnn.optimizers.base.offered()) and usual["Adam"] == {"learning_rate": 0.001, "momentum": 0.9}


def test_files_of_digits(tmp_path):
    import few_data

    few_data.write(tmp_path)
    said = []
    images = load(str(tmp_path / "mnist"), say=said.append)
    assert images.shape == (28, 28, 1) and len(images.x) == few_data.DIGITS[0] and said
    assert images.class_names == list("0123456789")


def test_drawings_in_units_of_the_users():
    x = RNG.random((5, 4, 4, 1)) * 2 - 1
    images = Images((x, np.arange(5)), (x, np.arange(5)))
    drawn = images.of_bytes(bytes(range(0, 256, 17)))
    assert drawn.min() == pytest.approx(x.min()) and drawn.max() == pytest.approx(x.max())
    assert images.to_bytes(drawn).ravel().tolist() == list(range(0, 256, 17))


# The command, notebooks


def test_a_notebook_shows_the_lab(opened):
    lab, _, _ = opened()
    assert re.fullmatch(rf'<iframe src="{re.escape(lab.url)}" [^>]*></iframe>', lab._repr_html_())


def process(*options):
    root = str(Path(fastcnn.__file__).parents[1])
    return subprocess.Popen([sys.executable, "-m", "fastcnn", "lab", "--no-browser", *options], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root})


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_the_command_ends_by_ctrl_c_and_by_the_page(tmp_path):
    for by_page in (False, True):
        running = process("--folder", str(tmp_path))
        url = running.stdout.readline().split()[-1]
        client = Client(url)
        try:
            client.wait(lambda text: True)
            client.post("do", action="start")
            client.wait(lambda text: text["step"] > 0)
            client.post("do", action="stop") if by_page else running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=300)
        finally:
            running.kill()
        assert running.returncode == 0 and err == "", err


def test_a_wrong_command_is_one_line():
    for options, words in ((("--data", "nowhere"), "nowhere"), (("--model", "nothing"), "nothing")):
        _, err = (running := process(*options)).communicate(timeout=300)
        assert running.returncode == 1 and words in err and err.count("\n") == 1


def test_closing(opened):
    lab, client, _ = opened()
    client.post("do", action="start")
    lab.close()
    lab.close()
    assert not lab.trainer.thread.is_alive()
    with pytest.raises(OSError):
        client.ask("GET", "/")
    with pytest.raises(RuntimeError, match="closed"):
        lab.trainer.call(print)
