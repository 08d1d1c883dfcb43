"""`fastcnn classify`: a whole folder or archive of photographs, to a CSV file."""

import os

from fastcnn.cli import options as common
from fastcnn.cli.evaluate import warn_of_broken
from fastcnn.cli.messages import Failure

_BATCH = 64  # photographs


def add(commands):
    """The command's place in the parser."""
    classify = commands.add_parser(
        "classify", help="classify all photographs of a folder or archive, into a CSV file",
        description="Write a row per photograph: file, class, probability, then the next likeliest classes and their "
                    "probabilities, and what is wrong with files that cannot be read. If photographs lie in folders called "
                    "like the model's classes, or below them, also print how many were classified as these.")
    classify.add_argument("data", metavar="DIR_OR_ARCHIVE", help="all images below or in it are classified")
    classify.add_argument("--model", metavar="MODEL", required=True, help=common.MODEL)
    classify.add_argument("--output", metavar="FILE.csv",
                          help="where to (the name of DIR_OR_ARCHIVE with .csv, in this folder)")
    common.add_overwrite(classify)
    classify.add_argument("--folder", metavar="NAME", help="where in it to look (everywhere)")
    classify.add_argument("--top", type=common.positive, default=5, metavar="K",
                          help="the K likeliest classes of each photograph (%(default)s)")
    common.add_crops(classify)
    common.add_preparation(classify)
    common.add_half_weights(classify)
    common.add_threads(classify)
    classify.set_defaults(run=run)


def run(options):
    """Writes the file, row by row as the model goes on; prints how many, how fast, how often right."""
    from time import perf_counter

    import numpy as np

    from fastcnn.callbacks import terminal
    from fastcnn.datasets import ImageFiles
    from fastcnn.datasets.listing import told
    from fastcnn.images import predict_batches
    from fastcnn.io.atomic import naming

    common.set_threads(options)
    output = options.output or f"{_stem(options.data)}.csv"
    if os.path.exists(output) and os.path.exists(options.data) and os.path.samefile(output, options.data):
        raise Failure(f"--output must not be what is classified. Received: {output}")
    common.check_writable(output, options.overwrite)
    model = common.load(options)
    p = common.preparation(model, options)
    source = ImageFiles(options.data, options.folder, p.size, p.channels, p.ground)
    if source.left_out:
        print(f"{len(source):,} images; left out: {told(source.left_out)}")
    top, start, right, known, done = min(options.top, len(p.class_names)), perf_counter(), 0, 0, 0
    with naming(output), open(output, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        write = _table(file, top)
        for numbers, rows in predict_batches(model, source, p.augmentation, options.crops or 1, _BATCH):
            rows = common.probabilities(model, rows)
            best = (rows if model.smallest_wins else -rows).argsort(axis=1, kind="stable")[:, :top]
            answers = {int(i): [(p.class_names[label], row[label]) for label in labels]
                       for i, labels, row, lost in zip(numbers, best, rows, np.isnan(rows).any(axis=1)) if not lost}
            for i in range(done, min(done + _BATCH, len(source))):
                write(source.paths[i], answers.get(i), source.broken.get(i, "the model's answer is NaN"))
                folder = next((name for name in reversed(source.paths[i].split("/")[:-1]) if name in p.class_names), None)
                if i in answers and folder:
                    known, right = known + 1, right + (folder == answers[i][0][0])
            done = min(done + _BATCH, len(source))
            if terminal.is_live():
                speed = f"{done}/{len(source)}  {done / (perf_counter() - start):.0f} images/s"
                terminal.redraw(speed[:terminal.width() - 1])
    readable = len(source) - len(source.broken)
    terminal.finish(f"Classified {readable:,} photographs in {perf_counter() - start:.1f} s: {output}")
    if known:
        print(f"Accuracy {100 * right / known:.2f} % ({right:,} of {known:,} in folders called like classes)")
    warn_of_broken(source)
    return 0 if readable else 1


def _stem(path):
    """The name of a folder or an archive, without its ending."""
    name = os.path.basename(os.path.abspath(path))
    if os.path.isdir(path):
        return name
    stem, ending = os.path.splitext(name)
    return stem.removesuffix(".tar") if ending in (".gz", ".bz2", ".xz") else stem


def _table(file, top):
    """A function that writes a row."""
    import csv

    writer = csv.writer(file, lineterminator="\n")
    more = [f"{name}_{k}" for k in range(2, top + 1) for name in ("class", "probability")]
    writer.writerow(["file", "class", "probability", *more, "error"])

    def write(path, answer, error):
        if answer is None:
            writer.writerow([path, *[""] * (2 * top), error])
            return
        writer.writerow([path, *(cell for name, value in answer for cell in (name, f"{value:.4f}")), ""])

    return write
