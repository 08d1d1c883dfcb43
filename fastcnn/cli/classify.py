"""`fastcnn classify`: a whole folder or archive of photographs, to a CSV file."""

import os

from fastcnn.cli import options as common
from fastcnn.cli.evaluate import warn_of_broken
from fastcnn.cli.messages import Failure

_BATCH = 64  # photographs


def add(commands):
    """The command's place in the parser."""
    classify = commands.add_parser(
        "classify", help="classify all photographs of a folder or zip archive, into a CSV file",
        description="Write a row per photograph: file, class, probability, then the next likeliest classes and their "
                    "probabilities, and what is wrong with files that cannot be read. If photographs lie in folders called "
                    "like the model's classes, also print how many were classified as these.")
    classify.add_argument("data", metavar="DIR_OR_ZIP", help="all images below or in it are classified")
    classify.add_argument("--model", metavar="MODEL", required=True, help="a file that `fastcnn train alexnet --save` wrote")
    classify.add_argument("--output", metavar="FILE.csv", help="where to (the name of DIR_OR_ZIP with .csv, in this folder)")
    classify.add_argument("--top", type=common.positive, default=5, metavar="K",
                          help="the K likeliest classes of each photograph (%(default)s)")
    common.add_crops(classify)
    common.add_half_weights(classify)
    common.add_threads(classify)
    classify.set_defaults(run=run)


def run(options):
    """Writes the file, row by row as the model goes on; prints how many, how fast, how often right."""
    from time import perf_counter

    from fastcnn.callbacks import terminal
    from fastcnn.datasets import ImageFiles
    from fastcnn.images import predict_batches

    common.set_threads(options)
    output = options.output or f"{os.path.splitext(os.path.basename(os.path.abspath(options.data)))[0]}.csv"
    common.check_writable(output)
    if os.path.exists(output) and os.path.samefile(output, options.data):
        raise Failure(f"--output must not be what is classified. Received: {output}")
    model = common.load(options)
    p = common.preparation(model, options.model)
    source = ImageFiles(options.data, size=p.size, channels=p.channels, ground=p.ground)
    top, start, right, known, done = min(options.top, len(p.class_names)), perf_counter(), 0, 0, 0
    with open(output, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        write = _table(file, top)
        for numbers, rows in predict_batches(model, source, p.augmentation, options.crops or 1, _BATCH):
            best = (-rows).argsort(axis=1, kind="stable")[:, :top]
            answers = {int(i): [(p.class_names[label], row[label]) for label in labels]
                       for i, labels, row in zip(numbers, best, rows)}
            for i in range(done, min(done + _BATCH, len(source))):
                write(source.paths[i], answers.get(i), source.broken.get(i))
                folder = source.paths[i].split("/")[-2:-1]
                if i in answers and folder and folder[0] in p.class_names:
                    known, right = known + 1, right + (folder[0] == answers[i][0][0])
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
