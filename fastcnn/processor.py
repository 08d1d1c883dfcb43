"""What this processor is called, its family and its caches: the system is asked, nothing is measured.

Linux tells in files, macOS by a program, Windows in a variable, which has no caches; what is not told is left out.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path("/")
_NAME = ("model name", "Hardware", "machdep.cpu.brand_string")
_FAMILY = {  # word: what Linux and macOS call it
    "family": ("cpu family", "machdep.cpu.family"),
    "model": ("model", "machdep.cpu.model"),
    "stepping": ("stepping", "machdep.cpu.stepping"),
    "implementer": ("CPU implementer",),
    "part": ("CPU part",),
    "variant": ("CPU variant",),
}
_FILES = ("level", "type", "size", "shared_cpu_list")
_CACHES = {"L1 data": "l1dcachesize", "L1 instructions": "l1icachesize", "L2": "l2cachesize", "L3": "l3cachesize"}  # macOS


def facts() -> dict[str, Any]:
    """{"name", "count" of CPUs, "family": {"family", "model", …}, "caches": {"L1d": bytes, "L2" …}}, as far as is told.

    Example:
        >>> from fastcnn import processor
        >>> sorted(processor.facts())
        ['caches', 'count', 'family', 'name']
    """
    told = _facts()
    name = next((told[key] for key in _NAME if key in told), platform.processor() or platform.machine())
    family = {word: told[key] for word, keys in _FAMILY.items() for key in keys if key in told}
    sizes = {name.replace(" data", "d"): kilobytes * 1024 for name, kilobytes, _ in _caches() if "instructions" not in name}
    return {"name": name, "count": os.cpu_count() or 1, "family": family, "caches": sizes}


def described() -> str:
    """Name, family and number of CPUs.

    Example:
        >>> from fastcnn import processor
        >>> processor.described()  # doctest: +SKIP
        'Intel(R) Xeon(R) Processor @ 2.80GHz, family 6, model 106, stepping 6, 2 CPUs'
    """
    found = facts()
    return ", ".join([found["name"], *map(" ".join, found["family"].items()), _cpus(found["count"])])


def caches() -> str:
    """The caches of the first CPU, from the nearest on; "" where the system does not tell.

    Example:
        >>> from fastcnn import processor
        >>> processor.caches()  # doctest: +SKIP
        'L1 data 48 KB, L1 instructions 32 KB, L2 1.25 MB, L3 48 MB (of 2 CPUs)'
    """
    return ", ".join(f"{name} {_size(kilobytes)}{f' (of {_cpus(sharing)})' if sharing > 1 else ''}"
                     for name, kilobytes, sharing in _caches())


def _facts():
    """{word: value} as the system has them, of the first CPU."""
    try:
        if sys.platform == "darwin":
            command = ["sysctl", "machdep.cpu", "hw"]
            text = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout
        else:
            text = (_ROOT / "proc/cpuinfo").read_text(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    pairs = (line.split(":", 1) for line in reversed(text.splitlines()) if ":" in line)
    return {word.strip(): value.strip() for word, value in pairs if value.strip()}


def _caches():
    return _caches_of_macos() if sys.platform == "darwin" else _caches_of_linux()


def _caches_of_linux():
    """(name, kilobytes, how many CPUs share it) of each."""
    found = []
    for folder in sorted((_ROOT / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size, cpus = ((folder / file).read_text().strip() for file in _FILES)
            name = f"L{level}" + {"Data": " data", "Instruction": " instructions"}.get(kind, "")
            found.append((name, int(size.removesuffix("K")), _count(cpus)))
        except (OSError, ValueError):
            continue
    return found


def _caches_of_macos():
    told = _facts()
    sizes = {name: told.get(f"hw.perflevel0.{word}") or told.get(f"hw.{word}") or "0" for name, word in _CACHES.items()}
    return [(name, int(size) // 1024, 1) for name, size in sizes.items() if int(size)]


def _count(listed):
    """How many numbers Linux' "0-3,8" has."""
    return sum(int(last or first) - int(first) + 1 for first, last in re.findall(r"(\d+)(?:-(\d+))?", listed))


def _cpus(count):
    return f"{count} CPU{'s' * (count > 1)}"


def _size(kilobytes):
    return f"{kilobytes} KB" if kilobytes < 1024 else f"{kilobytes / 1024:.3g} MB"
