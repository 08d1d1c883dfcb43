"""What the processor is: its name, its family, its caches, as far as the system tells."""

import os
import platform
import re
from glob import glob

_FAMILY = {"vendor_id": "vendor", "cpu family": "family", "model": "model", "stepping": "stepping",  # x86
           "CPU implementer": "vendor", "CPU part": "model", "CPU variant": "stepping"}              # ARM
_CACHES = "/sys/devices/system/cpu/cpu0/cache/index*"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


def processor():
    """{"name", "count", "family": {"vendor", "family", "model", "stepping"}, "caches": {"L1d": bytes of one, "L2" …}}; what
    the system does not tell is left out of family and caches.

    Example:
        >>> sorted(processor())
        ['caches', 'count', 'family', 'name']
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            found = dict(re.findall(r"^(.*?)\s*: (.*)$", file.read(), re.MULTILINE))
    except OSError:
        found = {}
    name = found.get("model name") or found.get("Hardware") or platform.processor() or platform.machine()
    family = {ours: found[theirs] for theirs, ours in _FAMILY.items() if theirs in found}
    return {"name": name, "count": os.cpu_count() or 1, "family": family, "caches": _caches()}


def _caches():
    found = {}
    for folder in sorted(glob(_CACHES)):
        try:
            level, kind, size = (_read(f"{folder}/{name}") for name in ("level", "type", "size"))
        except OSError:
            continue
        number = re.fullmatch(r"(\d+)([KM]?)", size)
        if number and kind != "Instruction":
            found[f"L{level}{'d' if kind == 'Data' else ''}"] = int(number[1]) * _UNITS[number[2]]
    return found


def _read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()
