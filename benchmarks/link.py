"""A slow network on one machine: two network namespaces, a link between them (veth), its rate shaped by tc.

Needs Linux, the rights to make namespaces, iproute2, and MPICH, whose ranks then speak TCP. `Unavailable` says what is
missing.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BURST, QUEUE = "32kb", "50ms"  # of the token bucket that shapes the rate: bytes that pass at once, the longest wait
TCP = {"MPIR_CVAR_NOLOCAL": "1", "UCX_TLS": "tcp,self", "FI_PROVIDER": "tcp"}  # two ranks do not share memory


class Unavailable(RuntimeError):
    """There can be no such link here."""


class Link:
    """A context: `command(mpiexec, *program)` runs a rank on either side of a link of so many Gbit/s."""

    def __init__(self, gbit):
        self.gbit = gbit
        self._spaces = [f"fastcnn-{os.getpid()}-{side}" for side in "ab"]
        self._ends = [f"fc{os.getpid()}{side}" for side in "ab"]  # 15 letters at most
        self._hosts = ["10.213.77.1", "10.213.77.2"]

    def __enter__(self):
        for tool in ("ip", "tc"):
            if shutil.which(tool) is None:
                raise Unavailable(f"no {tool}: a shaped link needs iproute2")
        self._place = tempfile.TemporaryDirectory()
        try:
            self._make()
        except subprocess.CalledProcessError as error:
            self.__exit__()
            raise Unavailable(f"{' '.join(error.cmd)}: {error.stderr.strip()}") from None
        except BaseException:  # Ctrl-C: no namespace stays
            self.__exit__()
            raise
        return self

    def _make(self):
        for space in self._spaces:
            _run("ip", "netns", "add", space)
        _run("ip", "link", "add", self._ends[0], "type", "veth", "peer", "name", self._ends[1])
        for space, end, host in zip(self._spaces, self._ends, self._hosts):
            _run("ip", "link", "set", end, "netns", space)
            _run("ip", "-n", space, "addr", "add", f"{host}/24", "dev", end)
            for device in ("lo", end):
                _run("ip", "-n", space, "link", "set", device, "up")
            _run("ip", "netns", "exec", space, "tc", "qdisc", "add", "dev", end, "root", "tbf", "rate", f"{self.gbit}gbit",
                 "burst", BURST, "latency", QUEUE)
        self._launcher = Path(self._place.name) / "launch"  # in the place of ssh
        self._launcher.write_text(f"""#!/bin/sh
[ "$1" = -x ] && shift
space={self._spaces[1]}
[ "$1" = {self._hosts[0]} ] && space={self._spaces[0]}
shift
exec ip netns exec $space sh -c "$*"
""")
        self._launcher.chmod(0o755)

    def __exit__(self, *_):
        for space in self._spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)
        self._place.cleanup()

    def command(self, mpiexec, *program):
        """What runs the program twice, and (to add to the environment) how its ranks speak to each other."""
        version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, check=False).stdout
        if "HYDRA" not in version:
            raise Unavailable(f"MPICH's launcher, Hydra, is needed. Found: {version.strip().splitlines()[:1]}")
        hydra = [mpiexec, "-genvall", "-launcher", "ssh", "-launcher-exec", str(self._launcher), "-n", "2",
                 "-hosts", ",".join(self._hosts), "-iface", self._ends[0]]
        return ["ip", "netns", "exec", self._spaces[0], *hydra, *program], dict(TCP)


def _run(*words):
    subprocess.run(words, capture_output=True, text=True, check=True)
