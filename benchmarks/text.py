"""Rows as lines to read on a terminal."""

MARKS = {"after": "✓✓", "due": "✓", "no": "✗"}


def number(value):
    """Three digits or more, thousands separated."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(quartiles):
    """Such as "225–236"."""
    return "" if not quartiles or quartiles[0] == quartiles[1] else f"{number(quartiles[0])}–{number(quartiles[1])}"


class Printer:
    """Prints rows one by one, with a head for each group; on a terminal also which one is being measured."""

    def __init__(self, out):
        self.out, self.group, self.live = out, None, ""

    def begin(self, number, count, name):
        """A row is begun: the number-th of count."""
        if self.out.isatty():
            self._show(f"  {number}/{count}  {name} …")

    def _show(self, line):
        self.live, before = line, self.live
        if before or line:
            print(f"\r{' ' * len(before)}\r{line}", end="", file=self.out, flush=True)

    def __call__(self, row):
        self._show("")
        if row["group"] != self.group:
            self.group = row["group"]
            print(f"\n{self.group}", file=self.out)
        for line in row_lines(row):
            print(line, file=self.out, flush=True)


def lines(rows):
    """All lines of these rows."""
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            yield f"\n{group}"
        yield from row_lines(row)


def verdict(row):
    """Whether a row's target is met, as a mark, or why nobody can tell; "": it was not measured."""
    if row["met"]:
        return MARKS[row["met"]]
    judged = row["ratio"] if row.get("judged") == "ratio" else row["ours"]
    return "" if judged is None else "not judged, too few quiet windows"


def row_lines(row):
    """The row; below it what peers reached."""
    name = row["id"].split("/", 1)[1]
    if row.get("error"):
        yield f"  {name:32} FAILED: {row['error']}"
        return
    line = f"  {name:32} {number(row['ours']):>8} {row['unit'] or '':9} {spread(row['quartiles']):15}"
    if row.get("of_ceiling") is not None:
        speed = f"{number(row['gflops'])} GFLOP/s" if "gflops" in row else f"{number(row['gbs'])} GB/s"
        line += f" {speed:>14} {row['of_ceiling']:5.0%} of {row['ceiling']}"
        line += f", {row['of_sgemm']:.0%} of sgemm" if "of_sgemm" in row else ""
    if row["ratio"] is not None:
        line += f" {number(row['ratio'])}× {row['peer']} ({spread(row['ratio_quartiles']) or 'one window'})"
    if row["due"] is not None:
        aims = ", ".join(f"{word} {number(row[word])}" for word in ("due", "after") if row[word] is not None)
        line += f"  [{aims}{': ' + verdict(row) if verdict(row) else ''}]"
    if row.get("note"):
        line += f"  {row['note']}"
    if row["rounds"]:
        line += f"  {row['windows']}/{row['rounds']} quiet"
    yield line.rstrip()
    if row["peers"]:
        yield "    " + ", ".join(f"{name} n/a ({peer['error']})" if "error" in peer else f"{name} {number(peer['value'])}"
                                 for name, peer in row["peers"].items())
