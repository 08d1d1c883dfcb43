"""What is seen of training: lines in a log, a live line on a terminal; neither costs nor breaks training."""

import contextlib
import io
import math
import os
import re
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from fastcnn.callbacks import CallbackList, Progress, terminal

pty = pytest.importorskip("pty")

PARAMS = {"epochs": 2, "steps": 10, "samples": 310, "batch_size": 32, "verbose": 1, "metrics": ["loss"]}
TRAIN = """
import sys, time
from fastcnn.callbacks import CallbackList, EarlyStopping, Progress
from fastcnn.callbacks.terminal import say

class Logs(dict):
    reads = 0
    def items(self):
        Logs.reads += 1
        return super().items()

def train(epochs=2, steps=40, seconds=0.02, test=True, names=("loss", "accuracy"), known=True, say_at=None):
    watchers = CallbackList([Progress("auto")])
    watchers.set_params({"epochs": epochs, "steps": steps if known else None, "batch_size": 32,
                         "samples": steps * 32 - 10 if known else None})
    watchers.on_train_begin()
    for epoch in range(epochs):
        watchers.on_epoch_begin(epoch)
        logs = Logs({name: 0.5 for name in names})
        for batch in range(steps):
            watchers.on_train_batch_begin(batch)
            time.sleep(seconds)
            watchers.on_train_batch_end(batch, logs)
            if (epoch, batch) == say_at:
                say("a message")
        if test:
            watchers.on_test_begin()
            for batch in range(3):
                watchers.on_test_batch_end(batch, logs)
            watchers.on_test_end(logs)
        watchers.on_epoch_end(epoch, dict(logs, **{"val_" + name: 0.25 for name in names} if test else {}))
    watchers.on_train_end()
"""


@pytest.fixture(autouse=True)
def no_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    yield
    terminal.release()


def environment():
    import fastcnn

    return {**os.environ, "PYTHONPATH": str(Path(fastcnn.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}


def on_terminal(code, columns=100):
    """What a program writes to a terminal, as text."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", TRAIN + code], stdout=theirs, stderr=subprocess.PIPE,
                               env=environment())
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    error = process.stderr.read().decode()
    assert process.wait(300) == 0, error
    return text.decode().replace("\r\n", "\n")


def screen(text, columns):
    """The lines that remain on a terminal, trailing spaces cut."""
    lines, column = [[]], 0
    for character in text:
        if character == "\r":
            column = 0
        elif character == "\n":
            lines.append([])
            column = 0
        else:
            if column == columns:
                lines.append([])
                column = 0
            lines[-1] += [" "] * (column + 1 - len(lines[-1]))
            lines[-1][column] = character
            column += 1
    return ["".join(line).rstrip() for line in lines]


def redraws(text):
    return [line.rstrip() for line in text.split("\r") if line.strip()]


EPOCH = (r"Epoch {}/2  \d\.\d\d s  [\d,]+ images/s  loss 0\.5000  accuracy 0\.5000  val_loss 0\.2500  "
         r"val_accuracy 0\.2500")


def test_live_line():
    text = on_terminal("train()", 110)
    lines = screen(text, 110)
    assert len(lines) == 3 and lines[2] == ""  # no residue of longer lines, no line but these
    assert re.fullmatch(EPOCH.format(1), lines[0]) and re.fullmatch(EPOCH.format(2), lines[1])
    seen = redraws(text)
    assert max(map(len, seen)) <= 109
    assert seen[0].startswith("Epoch 1/2  ─") and seen[0].endswith("0/40")
    live = r"Epoch [12]/2  ━*─*  \d+/40  [\d,]+ images/s  loss 0\.5000  accuracy 0\.5000  \d:\d\d left"
    middle = [line for line in seen if re.fullmatch(live, line)]
    assert len(middle) >= 6
    first = [line for line in middle if line.startswith("Epoch 1")]
    bars = [line.count("━") / (line.count("━") + line.count("─")) for line in first]
    assert bars == sorted(bars) and bars[0] < 0.3 and bars[-1] == 1
    assert any("40/40" in line and line.endswith("validating") for line in seen)


def test_redrawn_at_most_ten_times_a_second():
    start = time.perf_counter()
    text = on_terminal("train(epochs=1, steps=4000, seconds=0.0002, test=False)\nprint('reads', Logs.reads)")
    seconds = time.perf_counter() - start
    count = len(redraws(text)) - 2  # the final line and "reads"
    assert 3 <= count <= 10 * seconds + 3
    assert int(re.search(r"reads (\d+)", text).group(1)) <= count  # logs are read for redraws only


@pytest.mark.parametrize("columns", [20, 40, 60, 79, 80, 81, 200])
def test_width(columns):
    names = ("loss", "accuracy", "top_5", "mean_squared_error")
    text = on_terminal(f"train(epochs=1, steps=20, names={names})", columns)
    live = [line for line in redraws(text) if "val_" not in line]
    assert len(live) >= 4 and max(map(len, live)) < columns  # a full line would wrap and could not be redrawn
    assert any("20/20" in line for line in live)
    if columns >= 60:
        assert any("loss 0.5000" in line and "left" in line for line in live)
    rest = "".join(screen(text, columns))
    assert rest.startswith("Epoch 1/1") and rest.count("loss") == 2 and "left" not in rest


def test_steps_unknown():
    seen = redraws(on_terminal("train(epochs=2, steps=15, test=False, known=False)"))
    first = [line for line in seen if line.startswith("Epoch 1/2") and "batches" in line]
    second = [line for line in seen if line.startswith("Epoch 2/2") and "/15" in line]
    assert first and not any("left" in line for line in first)
    assert any("left" in line for line in second)  # the first epoch told how many there are


def test_messages_stand_above_the_live_line():
    lines = screen(on_terminal("train(epochs=1, steps=20, say_at=(0, 9), test=False)"), 100)
    assert lines[0] == "a message" and lines[1].startswith("Epoch 1/1") and lines[2:] == [""]


def test_lines_in_each_others_place(capsys):
    terminal.redraw("a long live line")
    terminal.redraw("short")
    assert screen(capsys.readouterr().out, 80) == ["short"]
    terminal.say("hello")
    assert screen("short" + capsys.readouterr().out, 80) == ["hello", "short"]
    terminal.redraw("again")
    terminal.finish("end")
    assert screen(capsys.readouterr().out, 80) == ["end", ""]
    terminal.redraw("cut off")
    terminal.release()
    terminal.release()
    assert screen(capsys.readouterr().out, 80) == ["cut off", ""]


def test_the_last_batch_is_shown_however_fast():
    seen = redraws(on_terminal("train(epochs=1, steps=5, seconds=0)"))
    assert any("5/5" in line and "validating" not in line for line in seen)


def test_encoding_without_bars():
    code = "import io\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'ascii')\ntrain(1, 10)"
    text = on_terminal(code)
    assert re.search(r"Epoch 1/1  =+\.*  \d+/10", text) and text.isascii()


def test_evaluate_and_predict_on_a_terminal():
    text = on_terminal("""
watchers = CallbackList([Progress(1)])
watchers.set_params({"steps": 20, "samples": 640, "batch_size": 32})
watchers.on_test_begin()
for batch in range(20):
    time.sleep(0.02)
    watchers.on_test_batch_end(batch, Logs(loss=0.5))
watchers.on_test_end({"loss": 0.25})
watchers.on_predict_begin()
for batch in range(20):
    time.sleep(0.01)
    watchers.on_predict_batch_end(batch)
watchers.on_predict_end()
""")
    lines = screen(text, 100)
    assert re.fullmatch(r"Evaluate  \d\.\d\d s  [\d,]+ images/s  loss 0\.2500", lines[0])
    assert re.fullmatch(r"Predict  \d\.\d\d s  [\d,]+ images/s", lines[1])
    assert re.search(r"Evaluate  ━+─+  \d+/20  [\d,]+ images/s  loss 0\.5000  0:00 left", text)
    assert re.search(r"Predict  ━+─+  \d+/20", text)


# Without a terminal


def run(progress, params=PARAMS, logs=None, epochs=1):
    watchers = CallbackList([progress])
    watchers.set_params(params)
    watchers.on_train_begin()
    for epoch in range(epochs):
        watchers.on_epoch_begin(epoch)
        for batch in range(10):
            watchers.on_train_batch_end(batch, {})
        watchers.on_epoch_end(epoch, dict(logs or {"loss": 0.5}))
    watchers.on_train_end()


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_a_line_per_epoch_in_a_log(verbose, capsys):
    logs = {"loss": 0.51239, "acc": 0.9, "val_loss": 1e-5, "val_acc": 123456.0}
    run(Progress(verbose), epochs=2, logs=logs)
    lines = capsys.readouterr().out.split("\n")
    rest = r"  \d\.\d\d s  [\d,]+ images/s  loss 0\.5124  acc 0\.9000  val_loss 1e-05  val_acc 1\.23e\+05"
    assert len(lines) == 3 and all(re.fullmatch(f"Epoch {i + 1}/2{rest}", lines[i]) for i in range(2))


def test_verbose_0_and_2(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "is_live", lambda: True)
    run(Progress(0))
    assert capsys.readouterr().out == ""
    run(Progress(2))
    assert "\r" not in capsys.readouterr().out
    run(Progress(1))
    assert "\r" in capsys.readouterr().out


def test_rate_counts_images_of_training_alone(capsys, monkeypatch):
    from fastcnn.callbacks import progress as module

    clock = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: clock[0])
    watchers = CallbackList([Progress(2)])
    watchers.set_params(PARAMS)
    watchers.on_train_begin()
    watchers.on_epoch_begin(0)
    for batch in range(10):
        clock[0] += 0.2
        watchers.on_train_batch_end(batch, {})
    watchers.on_test_begin()
    clock[0] += 3
    watchers.on_test_batch_end(0, {})
    watchers.on_test_end({})
    watchers.on_epoch_end(0, {"loss": math.nan, "data_wait": 0.034, "note": "x"})
    assert capsys.readouterr().out == "Epoch 1/2  5.00 s  155 images/s  loss nan  wait 3 %  note x\n"


def test_time_left(capsys, monkeypatch):
    from fastcnn.callbacks import progress as module

    clock = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(terminal, "is_live", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    watchers = CallbackList([Progress(1)])
    watchers.set_params({**PARAMS, "epochs": 3})
    watchers.on_train_begin()
    seen = []
    for epoch in range(3):
        watchers.on_epoch_begin(epoch)
        for batch in range(10):
            clock[0] += 60
            watchers.on_train_batch_end(batch, {})
            found = re.findall(r"\S+ left", capsys.readouterr().out)
            seen.append(found[-1])
        watchers.on_test_begin()
        clock[0] += 300
        watchers.on_test_end({})
        watchers.on_epoch_end(epoch, {})
    assert seen[0] == "29:00 left" and seen[9] == "20:00 left"  # nothing known of validation yet
    assert seen[10] == "29:00 left"                              # 9 + 5 of this epoch, 15 of the last
    assert seen[29] == "5:00 left"


def test_batches_per_second_without_batch_size(capsys):
    run(Progress(2), {"epochs": 1})
    assert re.fullmatch(r"Epoch 1/1  \d\.\d\d s  [\d,.]+ batches/s  loss 0\.5000\n", capsys.readouterr().out)


def test_standard_output_is_looked_up_when_written():
    first, second, progress = io.StringIO(), io.StringIO(), Progress(2)
    with contextlib.redirect_stdout(first):
        run(progress)
    with contextlib.redirect_stdout(second):
        run(progress)
    assert first.getvalue().count("\n") == second.getvalue().count("\n") == 1


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Broken(), io.BytesIO(), object()])
@pytest.mark.parametrize("live", [False, True])
def test_no_standard_output_stops_training(stream, live, monkeypatch):
    if isinstance(stream, io.BytesIO):
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    assert not terminal.is_live() and terminal.width() == 80
    monkeypatch.setattr(terminal, "is_live", lambda: live)
    run(Progress(1), epochs=2)  # raises nothing


def test_a_broken_pipe_does_not_stop_training(tmp_path):
    done = tmp_path / "done"
    code = TRAIN + f"train(seconds=0.01)\nopen({str(done)!r}, 'w').close()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment())
    process.stdout.close()
    process.stderr.read()
    process.wait(300)
    assert done.exists()


# Notebooks: IPython and its kernel's standard output, stood in for


class Cell:
    """What the outputs of cells show: displays by number, and the text that was printed."""

    def __init__(self, monkeypatch):
        self.shows, self.printed, self.shell = [], io.StringIO(), types.SimpleNamespace(kernel=object(), execution_count=1)
        module, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        module.get_ipython, module.display, display.display = lambda: self.shell, display, self.display
        stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
        stream.write, stream.isatty = self.printed.write, lambda: False
        for name, value in (("IPython", module), ("IPython.display", display)):
            monkeypatch.setitem(sys.modules, name, value)
        monkeypatch.setattr(sys, "stdout", stream)

    def display(self, data, raw, display_id):
        assert raw and display_id is True
        number = len(self.shows)
        self.shows.append([data["text/plain"]])
        return types.SimpleNamespace(update=lambda data, raw: self.shows[number].append(data["text/plain"]))


def test_a_notebook_has_one_output_for_a_training(monkeypatch):
    cell = Cell(monkeypatch)
    monkeypatch.setattr("fastcnn.callbacks.progress._INTERVAL", 0)
    progress = Progress("auto")
    run(progress, epochs=2)
    (shown,) = cell.shows
    assert cell.printed.getvalue() == "" and len(shown) > 20
    lines = shown[-1].splitlines()
    assert len(lines) == 2 and all(re.match(rf"Epoch {i}/2  \d\.\d\d s  ", line) for i, line in enumerate(lines, 1))
    assert any(re.match("Epoch 2/2  [━=]", text.splitlines()[-1]) for text in shown), "a live line to the end"
    assert all(len(line) < 100 for text in shown for line in text.splitlines())
    run(Progress("auto"), epochs=2)
    assert len(cell.shows) == 2 and len(cell.shows[0]) == len(shown)


def test_what_is_printed_between_leaves_the_output_alone(monkeypatch):
    cell = Cell(monkeypatch)
    progress = Progress(1)
    progress.set_params(PARAMS)
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        progress.on_train_batch_end(0, {"loss": 0.5})
        print("the user's", epoch)
        terminal.say("a message")
        inner = Progress(1)  # of a prediction that a callback makes
        inner.set_params({**PARAMS, "epochs": 1})
        inner.on_predict_begin()
        inner.on_predict_batch_end(0, {})
        inner.on_predict_end()
        progress.on_epoch_end(epoch, {"loss": 0.25})
    progress.on_train_end()
    (shown,) = cell.shows
    assert [line.split()[0] for line in shown[-1].splitlines()] == ["a", "Predict", "Epoch"] * 2
    assert cell.printed.getvalue() == "the user's 0\nthe user's 1\n" and not terminal.is_busy()


def test_many_epochs_are_cut_in_a_notebook(monkeypatch):
    cell = Cell(monkeypatch)
    progress = Progress(1)
    progress.set_params({**PARAMS, "epochs": 130})
    progress.on_train_begin()
    for epoch in range(130):
        progress.on_epoch_begin(epoch)
        progress.on_epoch_end(epoch, {"loss": 0.25})
    lines = cell.shows[0][-1].splitlines()
    assert lines[0] == "… 30 lines before" and lines[1].startswith("Epoch 31/130") and len(lines) == 101


def test_the_next_cell_has_an_output_of_its_own(monkeypatch):
    """Whatever ended the last one."""
    cell = Cell(monkeypatch)
    Progress(1)._begin("Evaluate")
    cell.shell.execution_count = 2
    assert not terminal.is_busy()
    run(Progress(1), epochs=1)
    assert len(cell.shows) == 2 and "Evaluate" not in "".join(cell.shows[1])


def test_a_line_per_epoch_in_a_notebook_is_printed(monkeypatch):
    cell = Cell(monkeypatch)
    run(Progress(2), epochs=2)
    assert cell.shows == [] and cell.printed.getvalue().count("\n") == 2


def test_redirected_output_of_a_notebook_is_no_display(monkeypatch):
    cell = Cell(monkeypatch)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run(Progress(1), epochs=1)
    assert cell.shows == [] and text.getvalue().count("\n") == 1
