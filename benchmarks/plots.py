"""The report's plots, a PNG file each."""

from matplotlib.figure import Figure

COLOURS = {"fastcnn": "#d1495b", "torch": "#3d5a80", "torch channels_last": "#6a8caf", "torch.compile": "#98b6d4",
           "onnxruntime": "#66a182", "openvino": "#a2c5ac", "keras": "#edae49", "ncnn": "#8b6fa8", "mnn": "#c4a7d7",
           "litert": "#b5651d", "dlib": "#5b8e7d", "numpy": "#8d96a3"}
NAMES = {"lenet5": "LeNet-5", "alexnet": "AlexNet"}


def draw(group, rows, folder):
    """Draws what there is to draw of a group: [(file name, what it shows)]."""
    rows = [row for row in rows if not row.get("error") and row["ours"] is not None]
    found = {"networks": _networks, "scaling": _scaling, "memory": _amounts, "package": _amounts, "mnist": _amounts,
             "kernels": _kernels}.get(group, lambda rows: [])(rows)
    result = []
    for name, what, figure in found:
        figure.savefig(folder / f"{group}_{name}.png", dpi=130, bbox_inches="tight")
        result.append((f"{group}_{name}.png", what))
    return result


def _axes(count, width=10.5, height=3.4):
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(1, count, squeeze=False)[0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _name(work):
    """A network's name, as its authors write it, and the format of its weights: "alexnet.int8" is AlexNet int8."""
    network, *form = work.split(".")
    return " ".join([NAMES.get(network, network), *form])


def _values(row):
    """{contestant: value}."""
    return {"fastcnn": row["ours"], **{name: peer["value"] for name, peer in row["peers"].items() if "value" in peer}}


def _bars(axes, labels, values, unit):
    """Groups of bars side by side; values: [{contestant: value}] in the order of labels."""
    names = list(dict.fromkeys(name for found in values for name in found))
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        at = [j for j, found in enumerate(values) if name in found]
        axes.bar([j + (i - (len(names) - 1) / 2) * width for j in at], [values[j][name] for j in at], width, label=name,
                 color=COLOURS.get(name))
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylabel(unit)


def _legend(axes):
    """Above the axes, where no bar is."""
    axes.legend(fontsize=8, frameon=False, ncols=8, loc="lower left", bbox_to_anchor=(0, 1.1), borderaxespad=0)


def _panels(rows):
    """{(work, pass): rows}."""
    found = {}
    for row in rows:
        found.setdefault((row["work"], row["pass"]), []).append(row)
    return found


def _networks(rows):
    panels = _panels(rows)
    for work in dict.fromkeys(work for work, _ in panels):
        mine = {stage: found for (name, stage), found in panels.items() if name == work}
        figure, axes = _axes(len(mine))
        for one, (stage, found) in zip(axes, mine.items()):
            values = [_values(row) for row in found]
            _bars(one, [f"batch {row['batch']}" for row in found], values, "images/s")
            if max(v for found in values for v in found.values()) > 50 * min(v for found in values for v in found.values()):
                one.set_yscale("log")
            one.set_title(f"{_name(work)}, {stage}")
        _legend(axes[0])
        yield work, f"images per second of {_name(work)}", figure
    with_ratio = [row for row in rows if row["ratio"] is not None]
    if with_ratio:
        yield "ratios", "ratios to the best peer and their targets", _ratios(with_ratio)


def _ratios(rows):
    figure, (axes,) = _axes(1, 8, 0.8 + 0.38 * len(rows))
    for i, row in enumerate(reversed(rows)):
        low, high = row["ratio_quartiles"] or (row["ratio"],) * 2
        spread = [[max(0, row["ratio"] - low)], [max(0, high - row["ratio"])]]
        axes.barh(i, row["ratio"], 0.6, color=COLOURS["fastcnn"], xerr=spread, error_kw={"ecolor": "#333", "capsize": 2})
        for word, mark in (("due", "-"), ("after", ":")):
            if row[word] is not None:
                axes.plot([row[word]] * 2, [i - 0.42, i + 0.42], mark, color="#333", label=word if i == 0 else None)
    axes.axvline(1, color="#999", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{_name(row['work'])} {row['pass']}, {row['batch']}" for row in reversed(rows)])
    axes.set_xlabel("times the best peer")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
    return figure


def _scaling(rows):
    panels = _panels(rows)
    figure, axes = _axes(len(panels), 3.6 * len(panels))
    for one, ((work, stage), found) in zip(axes, panels.items()):
        for count in found[0]["by_threads"]:
            one.plot([row["batch"] for row in found], [row["by_threads"][count] for row in found], "o-", markersize=3,
                     label=f"{count} thread{'s' * (count != '1')}")
        one.set_xscale("log", base=2)
        one.set_ylim(bottom=0)
        one.set_title(f"{_name(work)}, {stage}", fontsize=10)
        one.set_xlabel("batch")
    axes[0].set_ylabel("images/s")
    axes[0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    yield "threads", "images per second over batches and threads", figure


def _amounts(rows):
    rows = [row for row in rows if any("value" in peer for peer in row["peers"].values())]
    if rows:
        figure, axes = _axes(len(rows), 3 * len(rows) + 1, 2.6)
        for one, row in zip(axes, rows):
            _bars(one, [row["id"].split("/", 1)[1]], [_values(row)], row["unit"])
        axes[0].legend(fontsize=8, frameon=False)
        figure.tight_layout()
        yield "amounts", "ours beside others'", figure


def _kernels(rows):
    for network in ("lenet5", "alexnet"):
        found = [row for row in rows if row["work"].startswith(f"{network}.")]
        if not found:
            continue
        figure, (axes,) = _axes(1, 11, 3.6)
        labels = list(dict.fromkeys(row["work"] for row in found))
        stages = list(dict.fromkeys(row["pass"] for row in found))
        for i, stage in enumerate(stages):
            mine = [row for row in found if row["pass"] == stage]
            axes.bar([labels.index(row["work"]) + (i - (len(stages) - 1) / 2) * 0.8 / len(stages) for row in mine],
                     [100 * row["of_ceiling"] for row in mine], 0.8 / len(stages), label=stage)
        axes.axhline(100, color="#999", linewidth=0.8)
        axes.set_xticks(range(len(labels)), [label.split(".", 1)[1] for label in labels], rotation=45, ha="right")
        axes.set_ylabel("% of the ceiling")
        _legend(axes)
        yield network, f"each op of {_name(network)} as a part of its ceiling", figure
