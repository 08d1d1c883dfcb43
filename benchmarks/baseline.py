"""A file of ratios that must not fall: each row's ratio to each peer, and its part of a ceiling.

Ratios, not speeds: they hold from day to day and, roughly, from machine to machine.
"""

import json
from pathlib import Path

from benchmarks.jobs import is_quiet

FALL = 0.1
FILE = Path(__file__).parent / "baseline.json"


def figures(row):
    """{what it is compared with: ratio}; higher is better. What was seen beside other processes is none."""
    if row.get("error"):
        return {}
    found = {name: peer["ratio"] for name, peer in row["peers"].items()
             if peer.get("ratio") is not None and is_quiet(row, name)}
    if row.get("of_ceiling") is not None and is_quiet(row):
        found[f"part of {row['ceiling']}"] = row["of_ceiling"]
    return found


def compare(rows, expected):
    """([(id, what with, was, is) of figures that fell by more than a tenth], how many were compared, how many of the
    baseline are not in the rows)."""
    fallen, compared = [], 0
    for row in rows:
        for key, now in figures(row).items():
            was = expected.get(row["id"], {}).get(key)
            if was is not None:
                compared += 1
                if now < was * (1 - FALL):
                    fallen.append((row["id"], key, was, now))
    return fallen, compared, sum(map(len, expected.values())) - compared


def load(path):
    """{id: {what with: ratio}}."""
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise ValueError(f"{path} is no baseline: it must be an object of objects of numbers")
    return found


def update(rows, path):
    """Enters these rows' figures, keeps those of other rows, and returns how many rows there are now."""
    path = Path(path)
    known = load(path) if path.exists() else {}
    known.update({row["id"]: figures(row) for row in rows if figures(row)})
    lines = [f"  {json.dumps(name)}: {json.dumps(known[name], sort_keys=True)}" for name in sorted(known)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return len(known)
