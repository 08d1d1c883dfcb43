"""`fastcnn bench`: rows are whole, wrong results are noticed, baselines compare. Nothing here asserts a speed."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import cli
from fastcnn.cli import bench

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "benchmarks" / "suite.py").exists():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)

suite = bench.load_suite(str(ROOT / "benchmarks"))
from benchmarks import (  # noqa: E402
    baseline,
    distributed,
    jobs,
    kernels,
    link,
    loaded,
    mnist,
    networks,
    peak,
    peers,
    report,
    steps,
    targets,
    text,
    timing,
)

COMMON = {"id", "group", "work", "pass", "batch", "unit", "ours", "quartiles", "windows", "rounds", "peers", "peer", "ratio",
          "ratio_quartiles", "due", "after", "met", "threads", "quick", "cpu", "caches", "isa", "versions", "commit", "took"}


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Nothing is measured here: no pause between contestants."""
    monkeypatch.setattr(timing, "SETTLE", 0.001)


LOOK = {"windows": 1, "window": 0.001, "most": 1}


@pytest.fixture
def tiny():
    """Settings with which a row takes next to no time."""
    return jobs.Settings(**LOOK, seeds=1, epochs=1, digits=320)


def rows_of(settings, *only):
    return suite.measure(suite.chosen(suite.all_jobs(settings), only), settings)


def a_row(name="networks/lenet5.forward.1", **more):
    """A row as written, by hand."""
    group, rest = name.split("/")
    job = jobs.Job(group, *rest.split(".")[:1], None, *rest.split(".")[1:])
    row = jobs.row(job, jobs.Settings(), **more)
    return {**row, "took": 0.1}


# Rows


def test_a_neighbour_is_busy_only_when_told():
    """What the loaded rows stand beside: stopped, started and, whatever happens, gone."""
    def used():
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("children are not listed on this system")
    before = set(children.read_text().split())
    with pytest.raises(KeyboardInterrupt), loaded.neighbour() as (begin, end):
        process, = set(children.read_text().split()) - before
        deadline = time.monotonic() + 100
        at_rest = None
        while at_rest != used() and time.monotonic() < deadline:  # it has begun, and waits
            at_rest = used()
            time.sleep(0.1)
        assert used() == at_rest
        begin()
        while used() == at_rest and time.monotonic() < deadline:
            time.sleep(0.01)
        end()
        assert used() > at_rest
        raise KeyboardInterrupt
    assert process not in children.read_text().split()



@pytest.mark.parametrize("only", [
    "peak/fma", "kernels/lenet5.conv1", "kernels/lenet5.pool1", "kernels/lenet5.tanh1", "kernels/lenet5.softmax",
    "kernels/lenet5.loss", "kernels/odd.local_response_norm.even_size",
    "kernels/odd.conv2d.depthwise", "kernels/odd.dense.primes", "kernels/lenet5.sgd",
    "networks/lenet5.forward.16", "networks/lenet5.training.1", "scaling/lenet5.training.4", "mnist/lenet5.to_99",
    "memory/lenet5.training.128", "package/installed", "images/augment_and_mix", "networks/call",
    "loaded/lenet5.forward.16", "convnetjs/mnist_demo.training.20", "convnetjs/mnist_demo.forward.1",
])
def test_rows_are_whole(only, tiny):
    rows = rows_of(tiny, only)
    assert rows and [row["error"] for row in rows if "error" in row] == []
    for row in rows:
        assert row.keys() >= COMMON
        assert json.loads(json.dumps(row)) == row
        assert row["ours"] is None if only == "mnist/lenet5.to_99" else row["ours"] > 0
        assert row["ours"] is None or row["quartiles"] is None or row["quartiles"][0] <= row["quartiles"][1]
        assert re.fullmatch(r"\w+/[\w.]+", row["id"])
        assert "  " in text.Printer.__doc__ or list(text.row_lines(row))


def test_ids_are_unique_and_targets_have_rows():
    settings = jobs.Settings()
    names = [job.id for job in suite.all_jobs(settings)]
    assert len(set(names)) == len(names) > 200
    assert set(targets.TARGETS) <= set(names)
    works = {job.work for job in suite.all_jobs(settings)}
    assert {kernels.name_of(case) for case in kernels.cases.CONV2D} <= works
    quick = [job.id for job in suite.all_jobs(jobs.Settings(quick=True))]
    assert set(quick) < set(names)


def test_rows_are_chosen_by_name():
    found = suite.all_jobs(jobs.Settings())
    assert [job.id for job in suite.chosen(found, ["networks/alexnet.forward.1"])] == ["networks/alexnet.forward.1"]
    assert {job.batch for job in suite.chosen(found, ["networks/alexnet.forward"])} == {1, 32, 128}
    assert {job.work for job in suite.chosen(found, ["kernels/*.conv2.data*"])} == {
        "lenet5.conv2", "alexnet.conv2", "cifar.conv2"}
    assert suite.chosen(found, ["package", "peak"])[0].group == "peak", "in the suite's order"
    with pytest.raises(ValueError, match="Received: 'nothing'"):
        suite.chosen(found, ["nothing"])


def test_a_failing_row_costs_no_other(tiny):
    def fail(settings):
        raise ZeroDivisionError("so it is")

    found = [jobs.Job("peak", "a", fail), jobs.Job("peak", "b", lambda settings: {"unit": "s", "ours": 1.0})]
    seen = []
    rows = suite.measure(found, tiny, seen.append)
    assert rows == seen and rows[0]["error"] == "ZeroDivisionError: so it is" and rows[1]["ours"] == 1
    assert "FAILED: ZeroDivisionError" in "".join(text.row_lines(rows[0]))


def test_the_best_peer_and_targets():
    others = {"a": {"value": 10.0, "ratio": 3.0, "quartiles": (2.9, 3.1)}, "b": {"value": 12.0, "ratio": 2.5},
              "c": {"error": "not installed"}}
    row = a_row(unit="images/s", ours=30.0, peers=others)
    assert (row["peer"], row["ratio"], row["due"], row["after"], row["met"]) == ("b", 2.5, 2.2, 3.0, "due")
    assert a_row(ours=1.0, peers={"a": {"value": 1, "ratio": 3}})["met"] == "after"
    assert a_row(ours=1.0, peers={"a": {"value": 1, "ratio": 2.1}})["met"] == "no"
    assert a_row(ours=1.0)["met"] is None
    assert [a_row("mnist/lenet5.to_99", ours=value)["met"] for value in (6, 4, 2)] == ["no", "due", "after"]
    line = "".join(text.row_lines(row))
    assert "2.5× b" in line and "[due 2.2, after 3: ✓]" in line and "c n/a (not installed)" in line


@pytest.mark.parametrize("windows, both, met", [(0, 0, None), (2, 2, None), (3, 2, None), (7, 0, None), (3, 3, "due"),
                                                (7, 7, "due")])
def test_no_target_is_claimed_from_windows_that_were_not_quiet(windows, both, met):
    """Reached or missed: beside other processes nobody can tell."""
    peer = {"value": 10.0, "ratio": 2.5, "quartiles": (2.4, 2.6), "windows": windows, "both": both}
    row = a_row(ours=30.0, windows=windows, rounds=7, peers={"a": peer}, watched=True)
    assert row["met"] == met and row["quiet"] == (windows >= 3)
    line = "".join(text.row_lines(row))
    wrong = a_row(ours=1.0, windows=windows, rounds=7, peers={"a": {**peer, "ratio": 1.0}}, watched=True)
    assert ("not judged, too few quiet windows" in line) == (met is None) and f"{windows}/7 quiet" in line
    assert wrong["met"] == (None if met is None else "no")
    assert baseline.figures(row) == ({} if both < 3 else {"a": 2.5})
    kernel = a_row("kernels/lenet5.conv1", ours=1.0, of_ceiling=0.5, ceiling="fma", windows=windows, rounds=7,
                   watched=True)
    assert baseline.figures(kernel) == ({} if windows < 3 else {"part of fma": 0.5})
    ours = a_row("networks/call", ours=1.0, windows=windows, rounds=7, watched=True)
    assert ours["met"] == (None if windows < 3 else "due")


def test_what_has_no_windows_is_judged():
    """Memory and import; and everything where the system does not tell what others use."""
    assert a_row("memory/lenet5.training.128", ours=40.0)["met"] == "due" and "not judged" not in "".join(
        text.row_lines(a_row("networks/lenet5.forward.1", ours=1.0)))
    blind = a_row("networks/call", ours=1.0, windows=0, rounds=7, watched=False)
    assert blind["met"] == "due"
    ours = timing.Timing([(1, 0), (1, 0.5), (2, 0)])
    assert timing.left_alone(ours, timing.Timing([(1, 0), (1, 0), (1, 0.9)])) == 1


def test_lenet5_has_one_name_in_all_groups():
    found = suite.all_jobs(jobs.Settings())
    groups = {job.group for job in suite.chosen(found, ["lenet5"])}
    assert groups == {"kernels", "networks", "scaling", "loaded", "memory", "mnist", "distributed"}
    assert [job.id for job in found if re.search(r"\blenet(?!5)", job.work)] == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal(tiny):
    """Which row is being measured, of how many; it makes room for the row."""
    found = [jobs.Job("peak", name, lambda settings: {"unit": "s", "ours": 1.0}) for name in ("first", "second")]
    for out, live in ((Terminal(), True), (io.StringIO(), False)):
        printer = text.Printer(out)
        suite.measure(found, tiny, printer, printer.begin)
        assert ("1/2  peak/first …" in out.getvalue() and "2/2  peak/second …" in out.getvalue()) == live
        shown = [line.rpartition("\r")[2].split() for line in out.getvalue().split("\n")[:-1]]
        assert shown == [[], ["peak"], ["first", "1", "s"], ["second", "1", "s"]]


# Timing


def test_ratios_are_of_windows_that_were_quiet_for_both():
    ours = timing.Timing([(1, 0), (1, 0.5), (2, 0), (1, 0), (1, 0)])
    theirs = timing.Timing([(2, 0), (99, 0), (4, 0), (2, 0), (77, 0.9)])
    assert timing.ratio(ours, theirs) == (2, (2, 2))
    assert ours.kept == 4 and ours.rounds == 5 and theirs.best == 2
    busy = timing.Timing([(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6)])
    assert busy.kept == 0 and busy.median == 3, "the quietest three"


def test_contestants_take_turns():
    calls = []
    result = timing.in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, windows=1, window=1e-4, most=2,
                            before={"a": lambda: calls.append("before a")})
    assert set(result) == {"a", "b"} and 1 <= result["a"].rounds == result["b"].rounds <= 2
    turns = [name for name, last in zip(calls, [None, *calls]) if name != last]
    assert turns == ["before a", "a", "b"] * (1 + result["a"].rounds)


# Checks: what they are for is wrong results


def test_wrong_results_are_noticed(tiny, monkeypatch):
    right = fastcnn.reference.conv2d
    monkeypatch.setattr(fastcnn.reference, "conv2d", lambda *a, **k: right(*a, **k) * 1.0001)
    for only in ("kernels/lenet5.conv1.forward", "networks/lenet5.forward.1"):
        assert "WrongResult" in rows_of(tiny, only)[0]["error"]


def test_predictions_that_say_nothing_are_refused():
    with pytest.raises(jobs.WrongResult, match="all alike"):
        networks.expected.check_predictions(np.full((2, 10), 0.1), np.full((2, 10), 0.1), "x")
    p = np.random.default_rng(0).dirichlet(np.ones(10), 3)
    networks.expected.check_predictions(p, p, "x")
    with pytest.raises(jobs.WrongResult, match="differ by"):
        networks.expected.check_predictions(p * 1.001, p, "x")


def test_a_wrong_normalization_shows_in_alexnets_predictions():
    """Its images and weights are such that forgetting to multiply α by the size is no small thing."""
    model = networks.network("alexnet", classes=10, input_shape=(67, 67, 3))
    x, _ = networks.batch_of(model, 1)
    p = model.predict_on_batch(x)
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "LocalResponseNormalization":
            layer["config"]["alpha_mode"] = "mean"
    other = fastcnn.Sequential.from_config(config)
    other.set_weights(model.get_weights())
    with pytest.raises(jobs.WrongResult, match="differ by"):
        networks.expected.check_predictions(other.predict_on_batch(x), p, "x")


def test_seconds_to_the_goal():
    assert mnist._seconds_to_goal([(2, 0.98), (3, 0.99), (4, 0.995)]) == 5
    assert mnist._seconds_to_goal([(2, 0.98)]) is None


# Peers


def test_a_peer_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "benchmarks.peers.intel_openvino", raising=False)
    assert peers.why_not("openvino") == "openvino is not installed"
    names = [name for name, _ in peers.contestants("forward", ("torch", "onnxruntime"))]
    assert names == ["torch", "torch channels_last", "torch.compile", "onnxruntime"]


def test_translation_for_channels_first_libraries():
    from benchmarks.peers import translation

    steps = translation.steps(networks.network("lenet5"))
    assert [step.kind for step in steps] == [
        *["conv", "tanh", "avg_pool"] * 2, "flatten", *["dense", "tanh"] * 2, "dense", "softmax"]
    assert steps[3].weights[0].shape == (16, 6, 5, 5) and steps[0].options["padding"] == (2, 2)
    steps = translation.steps(fastcnn.networks.alexnet(10, input_shape=(67, 67, 3)))
    norm = next(step for step in steps if step.kind == "lrn")
    assert norm.options == {"size": 5, "beta": 0.75, "k": 2.0, "divided_alpha": pytest.approx(5e-4)}
    assert steps[0].multipliers == (2.0, 0.0)
    same = fastcnn.Sequential([fastcnn.layers.Conv2D(2, 2, padding="same", input_shape=(4, 4, 1))])
    with pytest.raises(ValueError, match="asymmetric"):
        translation.steps(same)


@pytest.fixture
def beside(tiny, monkeypatch):
    """The row of LeNet-5 beside a package in its plain form, where that is installed."""
    def measured(package, stage, batch):
        tiny.peers, unable = peers.installed((package,))
        if unable:
            pytest.skip(unable[package])
        monkeypatch.setitem(peers._FORMS, stage, {package: peers._FORMS[stage][package]})
        row, = rows_of(tiny, f"networks/lenet5.{stage}.{batch}")
        return row

    return measured


@pytest.mark.parametrize("package, stage, batch", [("torch", "forward", 16), ("torch", "training", 16),
                                                   ("onnxruntime", "forward", 16), ("ncnn", "forward", 1),
                                                   ("mnn", "forward", 16), ("litert", "forward", 16),
                                                   ("dlib", "training", 16)])
def test_peers_agree(package, stage, batch, beside):
    row = beside(package, stage, batch)
    assert "error" not in row["peers"][package] and row["peer"] == package and row["ratio"] > 0


@pytest.mark.parametrize("package", ["onnxruntime", "openvino", "ncnn", "mnn", "litert"])
def test_a_peer_prints_nothing_where_rows_may_be(package):
    """That is, to standard output, whatever it prints in C."""
    if package not in peers.installed((package,))[0]:
        pytest.skip(f"{package} is not installed")
    code = ("import sys\nfrom benchmarks import networks, peers\nmodel = networks.network('lenet5')\n"
            "build, = [build for _, build in peers.contestants('forward', sys.argv[1:])]\n"
            "assert build(model, networks.batch_of(model, 1)[0])().shape == (1, 10)")
    run = subprocess.run([sys.executable, "-c", code, package], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr


def test_images_that_keep_machines_busy():
    """The model of many machines: fewer images would do no longer; exact mode computes dense gradients of all images."""
    costs = {"total": 0.02, "dense": 0.004, "before": 0.008, "constant": 0.1, "gathered": 18000, "normalized": 0, "chunk": 8,
             "added": 3e6, "weights": 58e6, "meetings": 20}
    needed = distributed.images_needed(costs, "fast", 64, 10)
    enough, fewer = (distributed.efficiency(costs, "fast", 64, 10, images) for images in (needed, needed - 32))
    assert enough >= 0.9 > fewer
    assert distributed.images_needed(costs, "exact", 64, 10) is None


def test_a_link_needs_iproute2(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(link.Unavailable, match="no ip: a shaped link needs iproute2"), link.Link(1):
        pass


def test_a_peer_without_batches(beside):
    row = beside("ncnn", "forward", 16)
    assert "one image at a time. Received: a batch of 16" in row["peers"]["ncnn"]["error"] and row["ours"] > 0


def test_a_model_that_a_converter_refuses(tmp_path, monkeypatch):
    """Its last words are the error; nothing stays behind."""
    pytest.importorskip("onnx")
    from benchmarks.peers import onnx_graph

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    words = "import pathlib, sys; sys.exit(f'no operator in {len(pathlib.Path(\"model.onnx\").read_bytes())} bytes')"
    model = networks.network("lenet5")
    size = len(onnx_graph.serialized(model, 1))
    with pytest.raises(RuntimeError, match=f"ended with 1: no operator in {size} bytes"):
        onnx_graph.converted(model, 1, [sys.executable, "-c", words], None)
    assert list(tmp_path.iterdir()) == []


def test_convnetjs_agrees(tiny):
    """Where node finds it; its time counts as our own, and the process ends with the row."""
    try:
        from benchmarks.peers import convnetjs_node
    except ImportError as error:
        pytest.skip(str(error))
    tiny.peers = (convnetjs_node.PACKAGE,)
    for row in rows_of(tiny, "convnetjs/mnist_demo.forward", "convnetjs/mnist_demo.one_by_one"):
        assert "error" not in row and row["peer"] == "convnetjs" and row["ratio"] > 0
    assert not timing.WORKERS


def test_the_time_of_a_worker_is_our_own():
    if not timing.is_watched():
        pytest.skip("this system does not tell what processes use")
    code = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        worker.stdout.readline()
        without = timing.busy()[1]
        timing.WORKERS.add(worker.pid)
        try:
            assert timing.busy()[1] - without >= 0.2
        finally:
            timing.WORKERS.discard(worker.pid)
            worker.stdin.close()


# Baseline


def test_baseline(tmp_path):
    path = tmp_path / "baseline.json"
    row = a_row(ours=1.0, peers={"torch": {"value": 1, "ratio": 2.0}, "x": {"error": "no"}})
    kernel = a_row("kernels/lenet5.conv1", unit="ms", ours=1.0, of_ceiling=0.5, ceiling="fma")
    broken = a_row("networks/lenet5.training.1", error="it broke")
    assert baseline.update([row, kernel, broken], path) == 2
    known = baseline.load(path)
    assert known == {row["id"]: {"torch": 2.0}, kernel["id"]: {"part of fma": 0.5}}
    assert baseline.compare([row, kernel], known) == ([], 2, 0)
    slower = {**row, "peers": {"torch": {"value": 1, "ratio": 1.79}}}
    assert baseline.compare([slower], known) == ([(row["id"], "torch", 2.0, 1.79)], 1, 1)
    assert baseline.compare([{**row, "peers": {"torch": {"value": 1, "ratio": 1.81}}}], known)[0] == [], "a tenth is no fall"
    assert baseline.compare([broken], known) == ([], 0, 2)
    assert baseline.update([slower], path) == 2 and baseline.load(path)[row["id"]] == {"torch": 1.79}
    path.write_text("[1]")
    with pytest.raises(ValueError, match="no baseline"):
        baseline.load(path)


# Command line


@pytest.fixture
def main(capsys):
    """(exit code, standard output, standard error) of a command."""
    before = fastcnn.get_num_threads()

    def call(*words):
        code = cli.main([str(word) for word in words])
        return (code, *capsys.readouterr())

    yield call
    fastcnn.set_num_threads(before)


def test_list(main):
    code, out, _ = main("bench", "--list", "--only", "networks/lenet5")
    assert code == 0 and out.splitlines()[0] == "networks/lenet5.forward.1"
    code, out, _ = main("bench", "--list", "--only", "networks/lenet5.forward", "--batch", "7")
    assert out.splitlines() == ["networks/lenet5.forward.7"]


def test_command(main, tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "is_watched", lambda: False)  # every window counts, whatever else runs here
    monkeypatch.setattr(timing, "calls", lambda call, window: (1, 0.001))
    found, known = tmp_path / "rows.jsonl", tmp_path / "baseline.json"
    code, out, err = main("bench", "--quick", "--only", "kernels/odd.dense.one_weight", "--json", found, "--threads", 1)
    assert code == 0 and err == "" and "odd.dense.one_weight.forward.128" in out
    rows = suite.read(found)
    assert [row["pass"] for row in rows] == ["forward", "data", "weights"] and rows[0]["threads"] == 1 and rows[0]["quick"]
    assert main("bench", "--from", found, "--update-baseline", known)[0] == 0
    code, out, _ = main("bench", "--from", found, "--baseline", known)
    assert code == 0 and "3 figures compared, 0 fell" in out
    part = f"part of {rows[0]['ceiling']}"
    known.write_text(json.dumps({rows[0]["id"]: {part: 9.0}}))
    code, out, _ = main("bench", "--from", found, "--baseline", known)
    assert code == 1 and f"{rows[0]['id']}, {part}: 9 →" in out


def test_official_runs_are_kept(main, tmp_path, monkeypatch):
    """A file for each machine; of several runs a row's last figure counts."""
    monkeypatch.setattr(suite, "RUNS", tmp_path / "runs")
    for _ in range(2):
        assert main("bench", "--only", "package/installed", "--keep")[0] == 0
    file, = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 2 and all(line["run"] and "caches" in line and "family" in line for line in lines)
    assert re.fullmatch(r"[a-z0-9-]+\.jsonl", file.name) and suite.read(file) == lines[1:]


def test_rows_are_a_part_of_the_ceiling_that_binds(tiny, monkeypatch):
    """Multiply-adds of what computes much for its bytes; a copy of what moves much."""
    convolution, = rows_of(tiny, "kernels/lenet5.conv2.forward")
    plain, = rows_of(tiny, "kernels/lenet5.tanh1.forward")
    network, = rows_of(tiny, "networks/lenet5.training.128")
    assert convolution["ceiling"] == network["ceiling"] == "fma" and plain["ceiling"].startswith("copy.")
    assert convolution["gflops"] > 0 and network["gflops"] > 0 and plain["gbs"] > 0
    for row in convolution, plain, network:
        assert row["of_ceiling"] > 0 and row["ceilings"][row["ceiling"]] > 0
    assert "of fma" in "".join(text.row_lines(network))


def test_no_ceiling_is_below_what_sgemm_reaches(tiny, monkeypatch):
    """Of all that multiplies and adds the quickest is the ceiling."""
    order = []

    def in_turn(contestants, **more):
        order.append(list(contestants))
        return {name: timing.Timing([(0.01 if name == "sgemm" else 1.0, 0.0)]) for name in contestants}

    monkeypatch.setattr(jobs.Settings, "in_turn", lambda self, contestants, **more: in_turn(contestants, **more))
    assert peak.contestant("fma", tiny).variant == "sgemm"
    assert {name.split(",")[0] for name in order[0]} == {"sgemm", *fastcnn._ops.usable_isas()[-2:]}


def test_rows_on_standard_output_are_nothing_but_json(main, monkeypatch):
    monkeypatch.setattr(jobs.Settings, "in_turn", lambda self, sides, **more: timing.in_turn(sides, **{**more, **LOOK}))
    row = "kernels/odd.dense.one_weight.forward"
    code, out, err = main("bench", "--quick", "--longest", 1, "--only", row, "--json", "-")
    assert code == 0 and [json.loads(line)["work"] for line in out.splitlines()] == ["odd.dense.one_weight"]
    assert "odd.dense.one_weight.forward.128" in err


@pytest.mark.parametrize("words, error", [
    (["--only", "nothing"], "no row is called so"),
    (["--peers", "nothing"], "Received: nothing"),
    (["--update-baseline", "--quick"], "no --quick"), (["--keep", "--batch", "3"], "no --quick and no --batch"),
    (["--from", "missing.jsonl", "--keep"], "no --keep"),
    (["--baseline", "missing.json", "--only", "peak/fma"], "missing.json"),
    (["--from", "missing.jsonl"], "missing.jsonl"),
    (["--json", "missing/rows.jsonl"], "cannot write"),
])
def test_wrong_options(words, error, main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fastcnn, "__file__", str(ROOT / "fastcnn" / "__init__.py"))  # a wheel has none beside it
    code, _, err = main("bench", *words)
    assert code == 1 and error in err and len(err.splitlines()) == 1


def test_without_a_checkout(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fastcnn, "__file__", str(tmp_path / "fastcnn" / "__init__.py"))
    code, _, err = main("bench", "--list")
    assert code == 1 and "in the checkout's folder" in err


def test_a_report_without_matplotlib(main, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = main("bench", "--only", "peak/fma", "--report", tmp_path / "report")
    assert code == 1 and out == "" and "pip install matplotlib" in err, "before anything is measured"


def test_a_report(main, tmp_path):
    pytest.importorskip("matplotlib")
    others = {"torch": {"value": 10.0, "ratio": 3.0, "quartiles": (2.9, 3.1)}, "keras": {"error": "<not> installed"}}
    rows = [a_row("networks/lenet5.forward.16", unit="images/s", ours=30.0, quartiles=(29, 31), windows=3, rounds=4,
                  peers=others),
            a_row("memory/lenet5.training.128", unit="MB", ours=40.0, peers={"torch": {"value": 300, "ratio": 7.5}}),
            a_row("scaling/lenet5.forward.4", unit="images/s", ours=30.0, by_threads={"1": 20.0, "2": 30.0}),
            a_row("kernels/lenet5.forward", unit="ms", ours=1.0, gbs=1.0, of_ceiling=0.5, ceiling="copy.1MB"),
            a_row("mnist/lenet5.to_99", unit="s", ours=None, note="(none)"), a_row("peak/fma", error="it <broke>")]
    found = tmp_path / "rows.jsonl"
    found.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = main("bench", "--from", found, "--report", tmp_path / "report")
    assert code == 1 and "index.html" in out, "one row went wrong"
    page = (tmp_path / "report" / "index.html").read_text()
    assert "&lt;not&gt; installed" in page and "&lt;broke&gt;" in page and "3× torch" in page
    images = re.findall(r'src="([^"]+)"', page)
    assert len(images) >= 4
    for name in images:
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG"), name
    assert report.write([], tmp_path / "empty").endswith("index.html")


# Steps


@pytest.mark.parametrize("training", [False, True])
def test_steps_of_a_network(training):
    """Every step has a time; a program that is no longer watched leaves the array alone."""
    plan, run = steps.plan_of(networks.network("lenet5"), 9, training, 2)
    seconds, best, runs = steps.seconds_of(plan, run, 2, 0)
    assert runs == 3 and best > 0 and seconds.shape == (len(plan.steps),) and (seconds >= 0).all()
    watched = plan.program.watch(1)
    with pytest.raises(ValueError, match="2"):
        plan.program.run(9, 2)
    ended = plan.program.watch(0)
    plan.program.run(9, 2)
    assert not watched.any() and ended.shape[0] == 0


def test_steps_are_printed(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["steps", "lenet5", "--batch", "2", "--seconds", "0"])
    steps.main()
    head, _, columns, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith('Model "lenet5", forward, batch 2, 1 thread, ')
    assert columns.split()[:4] == ["Phase", "Layer", "Op", "Pass"]
    assert [row.split()[1] for row in rows if " conv2d + tanh " in row] == ["c1", "c3"]
