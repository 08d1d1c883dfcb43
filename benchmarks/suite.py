"""Runs jobs and tells: lines for people as they come, JSON lines, a report, and what fell below the baseline."""

import fnmatch
import json
import re
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import fastcnn
from benchmarks import (
    apart,
    baseline,
    convnetjs,
    distributed,
    images,
    imported,
    jobs,
    kernels,
    loaded,
    memory,
    mnist,
    networks,
    package,
    peak,
    scaling,
    text,
)
from fastcnn import processor

RUNS = Path(__file__).parent / "runs"
GROUPS = {module.__name__.rsplit(".", 1)[1]: module for module in
          (peak, kernels, networks, imported, scaling, distributed, loaded, memory, package, mnist, images,
           convnetjs)}


def all_jobs(settings):
    """Every group's jobs, in order."""
    return [job for group in GROUPS.values() for job in group.jobs(settings)]


def chosen(found, only):
    """Those whose id begins with, or matches, one of the words; a ValueError for a word that chooses none."""
    if not only:
        return found
    result = []
    for word in only:
        fitting = [job for job in found if job.id == word] or [job for job in found if is_called(job.id, word)]
        if not fitting:
            raise ValueError(f"--only: no row is called so; groups are {', '.join(GROUPS)}, and --list names all rows. "
                             f"Received: {word!r}")
        result += fitting
    return [job for job in found if job in result]


def measure(found, settings, each=None, begin=None):
    """The rows of these jobs; `each` is called with every row, `begin` before it is measured, with its number, that of all
    and its id. What goes wrong is a row's "error"."""
    rows = []
    for number, job in enumerate(found, 1):
        if begin is not None:
            begin(number, len(found), job.id)
        rows.append(measured(job, settings))
        if each is not None:
            each(rows[-1])
    return rows


def measured(job, settings):
    """The row of a job."""
    start = time.perf_counter()
    try:
        with no_warnings():
            row = jobs.row(job, settings, **job.run(settings))
    except Exception as error:  # noqa: BLE001  one row must not cost the others
        row = jobs.row(job, settings, error=jobs.describe(error))
    row["took"] = round(time.perf_counter() - start, 1)
    return row


@contextmanager
def no_warnings():
    """Peers' warnings do not concern us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read(path):
    """The rows of a file of JSON lines; of several runs in one file each row's last."""
    with open(path, encoding="utf-8") as file:
        try:
            rows = [json.loads(line) for line in file if line.strip()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: not a file of JSON lines: {error}") from None
    return list({row["id"]: row for row in rows}.values())


def kept_in():
    """The file of benchmarks/runs/ with this machine's official runs: a line for each row of each run, in their order."""
    RUNS.mkdir(exist_ok=True)
    cpu = processor.facts()
    words = [cpu["name"], *(f"{name} {size >> 10}K" for name, size in cpu["caches"].items()), f"{cpu['count']} cpus"]
    return RUNS / f"{re.sub(r'[^a-z0-9]+', '-', ' '.join(words).lower()).strip('-')}.jsonl"


def run(settings, only=(), listing=False, source=None, output=None, report=None, compare=None, update=None, keep=False):
    """Does what `fastcnn bench` was asked for.

    Args:
        settings: jobs.Settings.
        only: beginnings or patterns of rows' ids; none: all.
        listing: only print the ids.
        source: a file of rows to use instead of measuring.
        output: file to write rows to as JSON lines, as they come; "-": standard output, and tables to standard error.
        report: folder to write a report to.
        compare: file of the baseline to compare with.
        update: file of the baseline to change.
        keep: also append the rows to the machine's file of official runs?

    Returns:
        The exit code: 1 if a row went wrong or fell below the baseline.
    """
    if report is not None:
        from benchmarks import report as reports

        reports.check_plots()
    if compare is not None:
        compare = baseline.load(compare)
    found = [] if source else chosen(all_jobs(settings), only)
    if listing:
        print("\n".join(job.id for job in found))
        return 0
    out = sys.stderr if output == "-" else sys.stdout
    if source:
        rows = [row for row in read(source) if not only or any(is_called(row["id"], word) for word in only)]
        for line in text.lines(rows):
            print(line, file=out)
    else:
        rows = _measured(found, settings, output, out, kept_in() if keep else None)
    if report is not None:
        print(f"Report: {reports.write(rows, report)}", file=out)
    code = 1 if any(row.get("error") for row in rows) else 0
    if compare is not None:
        code = max(code, _compare(rows, compare, out))
    if update is not None:
        print(f"Baseline: {baseline.update(rows, update)} rows in {update}", file=out)
    return code


def is_called(name, word):
    """Does a row's id, with the group or without, begin so, or match? "lenet5" is LeNet-5 in all groups."""
    return name.startswith(word) or name.split("/", 1)[1].startswith(word) or fnmatch.fnmatchcase(name, word)


def _measured(found, settings, output, out, kept):
    head = jobs.machine()
    print(f"{head['cpu']}; {head['isa']}, {fastcnn.get_num_threads()} threads; "
          + ", ".join(f"{name} {version}" for name, version in head["versions"].items())
          + (f"; commit {head['commit']}" if head["commit"] else "")
          + ("\nQuick: a look, no official figures" if settings.quick else ""), file=out, flush=True)
    printer, started = text.Printer(out), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with ExitStack() as stack:
        files = [sys.stdout] if output == "-" else []
        for path, mode in (output, "w"), (kept, "a"):
            if path is not None and path != "-":
                files.append(stack.enter_context(open(path, mode, encoding="utf-8")))

        def each(row):
            row["run"] = started
            printer(row)
            for file in files:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()

        return (apart.measure if settings.peers else measure)(found, settings, each, printer.begin)


def _compare(rows, expected, out):
    fallen, compared, missing = baseline.compare(rows, expected)
    print(f"Baseline: {compared} figures compared, {len(fallen)} fell by more than {baseline.FALL:.0%}"
          + (f", {missing} of it were not measured in quiet windows" if missing else ""), file=out)
    for name, key, was, now in fallen:
        print(f"  {name}, {key}: {was:.3g} → {now:.3g} ({now / was - 1:+.0%})", file=out)
    return 1 if fallen else 0
