"""What `Model.profile` gives: where the time of a model goes, as a table, as JSON, as a picture."""

from __future__ import annotations

from typing import Any

from fastcnn.tables import Table
from fastcnn.typing import Axes, Figure

_MULTIPLE = ("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)


class Profile:
    """What `Model.profile` found: `print` shows a table, a notebook too, and `plot` draws it.

    Attributes:
        steps: a dictionary for each step of the plan, in order: `phase`, `layer`, `op` (with what is fused into it), `pass`,
            `algorithm`; `seconds` of processor time, summed over threads, and its `share`; `gflops` of products as if
            computed directly, else None; `bytes` that it must read and write, and `gbs`; `ceiling`, "arithmetic" or
            "memory", whichever binds it, and `of_ceiling`, the part that the step reaches. Those in Python have seconds
            alone.
        model, training, batch, threads, isa: what was run, and how.
        runs, seconds: how often; how long the quickest run took.
        images_per_second: in that.
        processor: its name, family and caches.
        ceilings: of one core: "arithmetic" in GFLOP/s, and copies of four sizes in GB/s.
    """

    model: str
    training: bool
    batch: int
    threads: int
    isa: str
    runs: int
    seconds: float
    images_per_second: float
    processor: dict[str, Any]
    ceilings: dict[str, float]
    steps: list[dict[str, Any]]

    def __init__(self, found: dict[str, Any]) -> None:
        self.__dict__.update(found)

    def to_dict(self) -> dict[str, Any]:
        """The attributes, in JSON's types."""
        return dict(vars(self))

    def to_json(self) -> str:
        """The attributes as JSON.

        Example:
            >>> import json
            >>> profile = fastcnn.networks.lenet5().profile(np.zeros((1, 28, 28)), seconds=0)
            >>> sorted(json.loads(profile.to_json())) == sorted(vars(profile))
            True
        """
        import json

        return json.dumps(self.to_dict(), ensure_ascii=False)

    def plot(self, ax: Axes | None = None) -> Figure:
        """A bar for each step; see `fastcnn.vis.profile`."""
        from fastcnn import vis

        return vis.profile(self, ax=ax)

    def _caption(self):
        kind = "training" if self.training else "forward"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return (f'Model "{self.model}", {kind}, batch {self.batch}, {threads}, {self.isa}: '
                f"{_short(1e3 * self.seconds)} ms = {_short(self.images_per_second)} images/s, the quickest of {self.runs}")

    def _notes(self):
        copies = ", ".join(f"{gbs:.3g} ({name.removeprefix('copy.')})" for name, gbs in self.ceilings.items() if "." in name)
        yield f"one core: {self.ceilings['arithmetic']:.3g} GFLOP/s of multiply-adds; copies at {copies} GB/s"

    def _table(self):
        headings = ["Phase", "Layer", "Op", "Pass", "Algorithm", "ms", "Share", "GFLOP/s", "GB/s", "Bytes", "Of ceiling"]
        rows = [[str(s["phase"]), s["layer"], s["op"], s["pass"], s["algorithm"], _short(1e3 * s["seconds"]),
                 f"{s['share']:.1%}", _short(s["gflops"]), _short(s["gbs"]), _amount(s["bytes"]),
                 "" if s["of_ceiling"] is None else f"{s['of_ceiling']:.0%} {s['ceiling']}"] for s in self.steps]
        total = ["", "all, of all threads", "", "", "", _short(1e3 * sum(s["seconds"] for s in self.steps)), *[""] * 5]
        return Table(headings, rows, total, numbers=headings[5:])

    def __str__(self) -> str:
        return "\n".join([self._caption(), *self._table().lines(), *self._notes()])

    def _repr_html_(self):
        return self._table().html(self._caption(), self._notes())

    def __repr__(self):
        return f"<Profile of {self.model!r}: {len(self.steps)} steps>"


def _short(value):
    """Three digits; nothing for None."""
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _amount(size):
    """Bytes in the largest unit that they fill."""
    unit, one = next((u, n) for u, n in reversed(_MULTIPLE) if (size or 0) >= n or n == 1)
    return "" if size is None else f"{_short(size / one)} {unit}"
