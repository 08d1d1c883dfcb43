"""What fastcnn costs to have: import time beyond NumPy's, and the wheel's size. `python benchmarks/package.py`"""

import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = "import time, numpy; t = time.perf_counter(); import fastcnn; print(time.perf_counter() - t)"


def import_seconds(repeat=15):
    """Seconds that `import fastcnn` takes once NumPy is there: median of fresh processes."""
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as an installed package is
    command = [sys.executable, "-c", CODE]
    runs = [float(subprocess.run(command, check=True, capture_output=True, text=True, env=cached).stdout)
            for _ in range(repeat + 1)]
    return statistics.median(runs[1:])


def wheel_sizes():
    """(bytes of the wheel, bytes of it that are data, bytes installed without data)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)],
                       check=True)
        wheel = next(Path(folder).glob("*.whl"))
        infos = zipfile.ZipFile(wheel).infolist()
        data = [i for i in infos if "/_mnist/" in i.filename]
        foreign = [i.filename for i in infos if i.filename.endswith((".c", ".h", ".pyx", ".pxd"))]
        assert not foreign, f"sources in the wheel: {foreign}"
        return (wheel.stat().st_size, sum(i.compress_size for i in data),
                sum(i.file_size for i in infos) - sum(i.file_size for i in data))


def main():
    print(f"import fastcnn beyond NumPy: {import_seconds() * 1e3:.0f} ms")
    wheel, data, installed = wheel_sizes()
    print(f"wheel: {wheel / 1e6:.2f} MB, of which MNIST {data / 1e6:.2f} MB, the rest {(wheel - data) / 1e6:.2f} MB")
    print(f"installed without MNIST: {installed / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
