"""What the processor is called, as Linux, macOS and Windows tell it."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fastcnn import processor

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 106
model name\t: Intel(R) Xeon(R) Processor @ 2.80GHz
stepping\t: 6
flags\t\t: fpu vme

processor\t: 1
model\t\t: 107
power management:
"""
NEOVERSE = """processor\t: 0
BogoMIPS\t: 243.75
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
"""
CACHES = {
    "index0": ("1", "Data", "48K", "0"),
    "index1": ("1", "Instruction", "32K", "0"),
    "index2": ("2", "Unified", "1280K", "0,64"),
    "index3": ("3", "Unified", "49152K", "0-15,64-79"),
    "index4": ("4", "Unified", "", "0"),  # a size that nobody knows
}
SYSCTL = """machdep.cpu.brand_string: Apple M2
hw.perflevel0.l1dcachesize: 131072
hw.l1dcachesize: 65536
hw.l1icachesize: 131072
hw.l2cachesize: 4194304
"""


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """A system of two CPUs whose files are to be written, by path."""
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    monkeypatch.setattr(processor, "_ROOT", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    return write


@pytest.mark.parametrize("cpuinfo, expected", [
    (XEON, "Intel(R) Xeon(R) Processor @ 2.80GHz, family 6, model 106, stepping 6, 2 CPUs"),
    (NEOVERSE, "aarch64, implementer 0x41, part 0xd0c, variant 0x3, 2 CPUs"),
    ("nothing that can be read\n", "aarch64, 2 CPUs"),
])
def test_what_linux_tells(linux, cpuinfo, expected):
    linux("proc/cpuinfo", cpuinfo)
    assert processor.described() == expected


def test_caches_of_linux(linux):
    assert processor.caches() == ""
    for folder, texts in CACHES.items():
        for file, text in zip(("level", "type", "size", "shared_cpu_list"), texts):
            linux(f"sys/devices/system/cpu/cpu0/cache/{folder}/{file}", text)
    assert processor.caches() == "L1 data 48 KB, L1 instructions 32 KB, L2 1.25 MB (of 2 CPUs), L3 48 MB (of 32 CPUs)"


def test_what_macos_tells(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=SYSCTL))
    assert processor.described() == "Apple M2, 8 CPUs"
    assert processor.caches() == "L1 data 128 KB, L1 instructions 128 KB, L2 4 MB"


def test_a_system_that_tells_nothing(linux, monkeypatch):
    """Windows has neither the files nor the program, but names its processor."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    name = "Intel64 Family 6 Model 106 Stepping 6, GenuineIntel"
    monkeypatch.setattr(processor.platform, "processor", lambda: name)
    assert (processor.described(), processor.caches()) == (f"{name}, 1 CPU", "")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("sysctl")))
    assert (processor.described(), processor.caches()) == (f"{name}, 1 CPU", "")


def test_this_machine():
    assert re.fullmatch(r".+, \d+ CPUs?", processor.described())
    assert re.fullmatch(r"(?:L\d.* \d[\d.]* [KM]B.*)?", processor.caches())
