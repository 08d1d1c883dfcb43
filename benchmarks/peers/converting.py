"""Converters of other libraries, each a process of its own, in a folder that is removed."""

import subprocess
import tempfile
from pathlib import Path


def converted(name, data, command, read):
    """What `read(folder)` finds in the folder, a temporary one, in which a converter found these bytes under this name."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(data)
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"the converter ended with {run.returncode}: {(run.stderr or run.stdout).strip()[-100:]}")
        return read(Path(folder))
