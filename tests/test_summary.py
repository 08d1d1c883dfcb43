"""`summary()` at any width and for any standard output, and the tables that notebooks show."""

import doctest
import io
import os
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from test_graphs import inception, residual, shared

import fastcnn
from fastcnn import layers as L
from fastcnn import tables
from fastcnn.callbacks import terminal
from fastcnn.model import base

MODELS = {"lenet5": fastcnn.networks.lenet5, "alexnet": fastcnn.networks.alexnet, "inception": inception,
          "residual": lambda: residual(norm=True), "shared": shared}


def lines_of(model, **options):
    lines = []
    model.summary(lines.append, **options)
    return lines


def squeezed(lines):
    """All that a table says, without spaces and rules."""
    return re.sub(r"[\s─]+", "", "".join(lines))


def test_examples():
    for module, names in ((tables, {}), (base, {"fastcnn": fastcnn})):
        result = doctest.testmod(module, extraglobs=names)
        assert result.attempted and not result.failed


@pytest.mark.parametrize("width", [40, 57, 80, 100, 120, 200])
@pytest.mark.parametrize("name", MODELS)
def test_lines_fit(name, width):
    model = MODELS[name]()
    lines, whole = lines_of(model, line_length=width, algorithms=width > 100), lines_of(model)
    assert max(map(len, lines)) <= width
    rules = [line for line in lines if set(line) == {"─"}]
    assert len(rules) == 3 and len(set(rules)) == 1
    if width >= len(whole[1]) and width <= 100:
        assert lines == whole
    said = squeezed(lines)
    for layer in model.layers:  # whatever is left out or broken, names and parameters are there
        assert f"{layer.count_params():,}" in said
    assert f"{model.count_params():,}" in said


def test_what_is_left_out_is_said():
    model = fastcnn.networks.lenet5()
    assert not any("left out" in line for line in lines_of(model, line_length=80))
    lines = lines_of(model, line_length=70)
    assert lines[-1] == "left out for want of room: connections"
    assert "Multiply-adds" in lines[2] and "Connections" not in lines[2]
    lines = lines_of(model, line_length=40)
    assert " ".join(lines[-2:]) == "left out for want of room: connections, multiply-adds"
    assert lines[2].split() == ["Layer", "(type)", "Output", "shape", "Parameters"]


def test_shapes_are_shortened_before_anything_is_left_out():
    model = fastcnn.networks.lenet5()
    assert lines_of(model)[4].split("  ")[1].strip().startswith("(None") or "(None, 28, 28, 6)" in lines_of(model)[4]
    line = lines_of(model, line_length=78)[4]
    assert line.split() == ["c1", "(Conv2D)", "28×28×6", "156", "117,600", "122,304"]


def test_names_are_broken_where_they_have_parts():
    start = fastcnn.Input((6, 6, 3))
    x = L.LocalResponseNormalization(name="the_first_of_all_normalizations_of_this_network")(start)
    model = fastcnn.Model(start, L.Add()([x, start]))
    lines = lines_of(model, line_length=60)
    named = [line.split("  ")[0].strip() for line in lines[4:] if line.strip()]
    first = next(i for i, text in enumerate(named) if text.startswith("the_"))
    parts = "".join(named[first:first + 5])
    assert parts.startswith("the_first_of_all_normalizations_of_this_network(") and named[first].endswith("_")


@pytest.mark.parametrize("wrong", [39, 0, -1])
def test_wrong_lengths(wrong):
    with pytest.raises(ValueError, match=f"line_length.*40.*Received: {wrong}"):
        fastcnn.networks.lenet5().summary(line_length=wrong)
    with pytest.raises(TypeError, match="line_length.*Received: '80'"):
        fastcnn.networks.lenet5().summary(line_length="80")


# Standard output


class Terminal(io.TextIOWrapper):
    """A standard output of an encoding, which says that it is a terminal."""

    def __init__(self, encoding, live=True):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self.live = live

    def isatty(self):
        return self.live

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_terminal_s_width(columns, monkeypatch):
    model, screen = residual(), Terminal("utf-8")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    model.summary()
    lines = screen.text().splitlines()
    assert max(map(len, lines)) <= columns and lines == lines_of(model, line_length=columns)


def test_a_terminal_that_tells_its_width(monkeypatch):
    screen = Terminal("utf-8")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(screen, "fileno", lambda: 1, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((64, 20)))
    monkeypatch.setattr(sys, "stdout", screen)
    fastcnn.networks.lenet5().summary()
    assert max(map(len, screen.text().splitlines())) <= 64
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((9, 20)))
    fastcnn.networks.lenet5().summary()  # narrower than any table: as for 40
    assert max(map(len, screen.text().splitlines())) <= 64


def test_elsewhere_lines_are_as_long_as_they_need(monkeypatch):
    screen, model = Terminal("utf-8", live=False), residual()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    model.summary()
    assert screen.text().splitlines() == lines_of(model)


@pytest.mark.parametrize("encoding, rule, times", [("utf-8", "─", "×"), ("cp1252", "-", "×"), ("latin-1", "-", "×"),
                                                   ("ascii", "-", "x"), ("cp437", "─", "x")])
def test_any_encoding(encoding, rule, times, monkeypatch):
    screen = Terminal(encoding, live=False)
    monkeypatch.setattr(sys, "stdout", screen)
    model = fastcnn.networks.alexnet()
    model.summary(algorithms=True)
    lines = screen.text().splitlines()
    assert lines == [line.replace("─", rule).replace("×", times) for line in lines_of(model, algorithms=True)]
    assert set(lines[1]) == {rule} and any(f"F(4{times}4, " in line for line in lines)


def test_other_letters_of_names(monkeypatch):
    screen = Terminal("ascii", live=False)
    monkeypatch.setattr(sys, "stdout", screen)
    fastcnn.Sequential([L.Dense(2, input_shape=(3,), name="schlüssel")]).summary()
    assert "schl?ssel (Dense)" in screen.text()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_no_standard_output(stream, monkeypatch):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    if stream is None:
        fastcnn.networks.lenet5().summary()
    assert terminal.width()  # nothing else minds either


# Notebooks


class Cells(HTMLParser):
    """Rows of a table's cells; what opens must close."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.caption, self.notes = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "div":
            self.notes.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open[-1] == "div":
            self.notes[-1] += data
        else:
            self.caption += data


@pytest.mark.parametrize("name", MODELS)
def test_models_in_notebooks(name):
    """The same cells as summary's."""
    model = MODELS[name]()
    cells, lines = Cells(model._repr_html_()), lines_of(model)
    assert cells.caption == lines[0] and cells.notes == lines[-1:]
    assert [re.sub(r"\s+", " ", " ".join(row)).strip() for row in cells.rows] == [
        re.sub(r"\s+", " ", line).strip() for line in [lines[2], *lines[4:-3], lines[-2]]]


def test_models_without_a_shape_in_notebooks():
    cells = Cells(fastcnn.Sequential([L.Flatten(), L.Dense(3)], name="a<b")._repr_html_())
    assert cells.caption == 'Model "a<b", not built yet' and cells.rows == [["Type"], ["Flatten"], ["Dense"]]
    assert Cells(fastcnn.Sequential()._repr_html_()).rows == [["Type"]]


def test_half_weights_in_notebooks():
    model = fastcnn.networks.lenet5()
    model.half_weights("int8")
    notes = Cells(model._repr_html_()).notes
    assert len(notes) == 2 and "int8" in notes[1] and notes == lines_of(model)[-2:]


def test_layers_in_notebooks():
    model = fastcnn.networks.lenet5()
    cells = Cells(model.get_layer("c3")._repr_html_())
    assert cells.caption == 'Conv2D "c3"'
    rows = dict(cells.rows[1:])
    assert rows["input"] == "(None, 14, 14, 6)" and rows["output"] == "(None, 10, 10, 16)"
    assert rows["kernel"] == "5 × 5 × 6 × 16: 2,400 parameters" and rows["filters"] == "16" and rows["activation"] == "tanh"
    assert rows["kernel_initializer"] == "GlorotUniform" and "kernel_regularizer" not in rows
    loose = dict(Cells(L.Dense(3, kernel_regularizer="l2")._repr_html_()).rows[1:])
    assert loose["units"] == "3" and loose["kernel_regularizer"] == "L2" and "input" not in loose
    table = [[i, i + 1] for i in range(30)]
    long = L.Conv2D(30, 3, connection_table=table, input_shape=(5, 5, 31))
    assert len(dict(Cells(long._repr_html_()).rows[1:])["connection_table"]) == 80
    assert Cells(L.Add()._repr_html_()).caption == "Add"


def test_layers_of_one_s_own_in_notebooks():
    class Double(L.Layer):
        def forward(self, x, training=False):
            return 2 * x

    layer = Double()
    assert Cells(layer._repr_html_()).caption == "Double"
    layer(np.ones((1, 2)))
    assert dict(Cells(layer._repr_html_()).rows[1:]) == {"input": "(None, 2)", "output": "(None, 2)"}
