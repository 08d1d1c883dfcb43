"""Rows as a page: targets first, then each group's plots and tables, in a folder that can be passed on."""

import html
from pathlib import Path

from benchmarks import text

TITLES = {
    "networks": ("Networks", "Images per second, in turn with peers: more is better. The ratio is to the best peer; its "
                             "range are the quartiles over the kept windows."),
    "mnist": ("MNIST", "Seconds of training until 99 % of the test set are right, the slowest seed; the recipe's accuracy."),
    "memory": ("Memory", "Most bytes resident at any time in a process that trains, in MB: less is better."),
    "package": ("Package", "Import beyond NumPy, and megabytes installed: less is better."),
    "scaling": ("Scaling", "Images per second over batch sizes, at each number of threads."),
    "distributed": ("Several processes", "Images per second in two processes; efficiency predicted at 64 machines and "
                                         "10 Gbit/s, and simulated at 16 threads (docs/distributed.md)."),
    "kernels": ("Kernels", "Every op by itself. Convolutions and dense layers as a part of the multiply-add peak, counted "
                           "as if computed directly (Winograd's algorithm may pass it); others as a part of a copy of as "
                           "many bytes, which small arrays cannot reach: waking the threads takes longer."),
    "images": ("Images", "Batches of photographs, images per second."),
    "convnetjs": ("ConvNetJS", "Its MNIST demo's network, here and in node, images per second."),
    "peak": ("Ceilings", "What this machine can do."),
}
MARKS = {"after": "reached what we are after", "due": "reached what is due", "no": "missed", None: "not judged"}
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}
h1,h2{line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid #ddd}
.about{color:#666;font-size:.9rem}
table{border-collapse:collapse;font-size:.9rem;margin:1rem 0}
td,th{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid #eee;vertical-align:top}
td:first-child,th:first-child{text-align:left}
.after{color:#17692f}.due{color:#6b7a1e}.no{color:#a52714}.wrong{color:#a52714;text-align:left}.range{color:#888;font-size:.8rem}
img{max-width:100%}summary{cursor:pointer}
"""


def check_plots():
    """An ImportError that says what to do if there is nothing to plot with."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("--report plots with matplotlib, which is not installed: pip install matplotlib. "
                          f"Received: {error}") from None


def write(rows, folder):
    """Writes index.html and its plots and returns the page's path."""
    check_plots()
    from benchmarks import plots

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_head(rows), _targets(rows)]
    for group, (title, words) in TITLES.items():
        found = [row for row in rows if row["group"] == group]
        if not found:
            continue
        parts.append(f"<h2>{title}</h2><p>{words}</p>")
        parts += [f'<img src="{name}" alt="{html.escape(what)}">' for name, what in plots.draw(group, found, folder)]
        table = _table(found)
        parts.append(table if len(found) < 30 else f"<details><summary>All {len(found)} rows</summary>{table}</details>")
    page = folder / "index.html"
    page.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>fastcnn: benchmarks</title><style>{STYLE}'
                    f"</style>{''.join(parts)}</html>\n", encoding="utf-8")
    return str(page)


def _head(rows):
    if not rows:
        return "<h1>fastcnn: benchmarks</h1><p>No rows.</p>"
    first = rows[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    quick = "<p><b>Quick: a look, no official figures.</b></p>" if any(row["quick"] for row in rows) else ""
    watched = "" if first["watched"] else " This system does not tell what other processes use; every window counted."
    about = (f"{first['cpu']}; caches: {first.get('caches') or 'unknown'}; {first['isa']}, {first['threads']} threads; "
             f"{versions}; commit {first['commit'] or 'unknown'}.{watched}")
    return f'<h1>fastcnn: benchmarks</h1><p class="about">{html.escape(about)}</p>{quick}'


def _targets(rows):
    found = [row for row in rows if row["due"] is not None]
    if not found:
        return ""
    lines = []
    for row in found:
        if row["judged"] == "ours":
            value, spread, unit = row["ours"], row["quartiles"], row["unit"]
        else:
            value, spread, unit = row["ratio"], row["ratio_quartiles"], f"× {row['peer']}" if row["peer"] else ""
        lines.append([html.escape(row["id"]), f"{text.number(value)} {html.escape(unit or '')}{_range(spread)}",
                      text.number(row["due"]), text.number(row["after"]),
                      f'<span class="{row["met"] or ""}">{MARKS[row["met"]]}</span>'])
    return "<h2>Targets</h2>" + _rows(["row", "measured", "due", "after", ""], lines)


def _range(quartiles):
    words = text.spread(quartiles)
    return f' <span class="range">({words})</span>' if words else ""


def _table(rows):
    lines = []
    for row in rows:
        if row.get("error"):
            lines.append([html.escape(row["id"]), f'<span class="wrong">{html.escape(row["error"])}</span>', "", "", ""])
            continue
        beside = f"{row['of_ceiling']:.0%} of {row['ceiling']}" if row.get("of_ceiling") is not None else ""
        if row["ratio"] is not None:
            times = f"{text.number(row['ratio'])}× {html.escape(row['peer'])}{_range(row['ratio_quartiles'])}"
            beside = "<br>".join(filter(None, (times, beside)))
        others = "<br>".join(html.escape(f"{name} {text.number(peer['value'])}" if "error" not in peer
                                         else f"{name}: {peer['error']}") for name, peer in row["peers"].items())
        ours = f"{text.number(row['ours'])} {row['unit']}{_range(row['quartiles'])}"
        lines.append([html.escape(row["id"].split("/", 1)[1]), ours, beside, others or html.escape(row.get("note", "")),
                      f"{row['windows']} of {row['rounds']}" if row["rounds"] else ""])
    return _rows(["row", "fastcnn", "beside", "others", "quiet windows"], lines)


def _rows(head, lines):
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>{body}</table>"
