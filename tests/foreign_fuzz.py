"""Damaged files of other programs' formats, each loaded in a child with limits: it must load, or be refused cleanly.

`python tests/foreign_fuzz.py keras 10000` makes as many files of the format by chance and prints what became of them; with
--keep FOLDER those that fail stay there. A failure is a crash, more than 5 seconds, more than 1 GiB, another exception than
FileFormatError, a file opened elsewhere, a process started, or code that is run.
"""

import argparse
import collections
import io
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import zipfile
from pathlib import Path

SECONDS, BYTES = 5, 1 << 30
ODD = [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0\0\0\0\x80", b"\xff" * 8]
VALUES = [None, -1, 0, 1, 2**31, 2**63, 1e308, "", "a", [], {}, True, [None], "x" * 1000, {"class_name": "Dense"}]


def _network(shape=(8, 8, 3)):
    import fastcnn
    from fastcnn import layers as L

    x = L.Input(shape)
    y = L.Conv2D(4, 3, padding=1, activation="relu", name="c")(x)
    y = L.Add(name="a")([L.BatchNormalization(name="b")(y), y])
    y = L.MaxPooling2D(3, strides=2, ceil_mode=True, name="p")(y)
    return fastcnn.Model(x, L.Dense(3, activation="softmax", name="d")(L.Flatten(name="f")(y)), seed=0)


def exported(ending):
    """The seeds of a format that `export` writes."""
    def make(folder):
        path = folder / f"seed{ending}"
        _network().export(path)
        return [path.read_bytes()]

    return make


def _checkpoint(folder):
    """With other things in it, as programs write them: an object, numbers, a list."""
    from fastcnn.io.torch.pickled import pickled

    [plain] = exported(".pt")(folder)
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    state = entries["archive/data.pkl"][2:-1]
    extra = b"\x80\x02}(X\x05\x00\x00\x00modelq\x05" + state + b"X\x04\x00\x00\x00argscargparse\nNamespace\n)\x81}b"
    entries["archive/data.pkl"] = extra + b"X\x05\x00\x00\x00epochK\x07X\x04\x00\x00\x00list](K\x01K\x02eu."
    assert pickled({})[:2] == extra[:2]
    return [plain, _zipped(entries)]


def _caffe(folder):
    from google.protobuf import text_format

    from fastcnn.io.caffe import schema

    net = schema.message()
    net.name = "net"
    net.layer.add(name="data", type="Input", top=["data"]).input_param.shape.add(dim=[1, 3, 8, 8])
    conv = net.layer.add(name="c", type="Convolution", bottom=["data"], top=["c"])
    conv.convolution_param.num_output = 4
    conv.convolution_param.kernel_size.append(3)
    pool = net.layer.add(name="p", type="Pooling", bottom=["c"], top=["p"])
    pool.pooling_param.kernel_size.append(2), pool.pooling_param.stride.append(2)
    dense = net.layer.add(name="d", type="InnerProduct", bottom=["p"], top=["d"])
    dense.inner_product_param.num_output = 3
    for layer, shapes in ((conv, [(4, 3, 3, 3), (4,)]), (dense, [(3, 36), (3,)])):
        for shape in shapes:
            count = 1
            for n in shape:
                count *= n
            layer.blobs.add(data=[0.1] * count).shape.dim.extend(shape)
    text = text_format.MessageToString(net)
    return [net.SerializeToString(), text.encode()]


FORMATS = {  # name: (ending, its seeds, a function of a folder)
    "keras": (".keras", exported(".keras")), "h5": (".h5", exported(".h5")), "torch": (".pt", _checkpoint),
    "caffe": (".caffemodel", _caffe), "onnx": (".onnx", exported(".onnx")),
}


def _zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def mutated(data, chance):
    """The bytes with some changed; of an archive mostly those of an entry, whose checksum is made right again."""
    if data[:2] == b"PK" and chance.random() < 0.8:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        name = chance.choice([*entries, *[name for name in entries if name.endswith((".json", ".pkl"))] * 3])
        entries[name] = mutated(entries[name], chance)
        return _zipped(entries)
    if data[:1] == b"{" and chance.random() < 0.8:
        return _json(data, chance)
    found = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(found) + 1)
        kind, size = chance.randrange(6), chance.choice([1, 1, 2, 4, 8, 64])
        if kind == 0:
            found[at:at + 1] = bytes([found[at] ^ 1 << chance.randrange(8)]) if at < len(found) else b""
        elif kind == 1:
            found[at:at + size] = chance.randbytes(size)
        elif kind == 2:
            odd = chance.choice(ODD)
            found[at:at + len(odd)] = odd
        elif kind == 3:
            del found[at:at + size]
        elif kind == 4:
            found[at:at] = found[chance.randrange(len(found) + 1):][:size]
        elif chance.random() < 0.3:
            del found[at:]
    return bytes(found)


def _json(data, chance):
    """A configuration with a value exchanged, left out or moved."""
    config = json.loads(data)
    for _ in range(chance.choice([1, 1, 2])):
        holders, stack = [], [config]
        while stack:
            one = stack.pop()
            inner = list(one.values()) if isinstance(one, dict) else one
            holders += [one] if inner else []
            stack += [part for part in inner if isinstance(part, (dict, list))]
        if not holders:
            break
        holder, other = chance.choice(holders), chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        kind = chance.randrange(3)
        if kind == 0:
            holder[key] = chance.choice(VALUES)
        elif kind == 1:
            del holder[key]
        else:
            holder[key] = json.loads(json.dumps(chance.choice(list(other.values()) if isinstance(other, dict) else other)))
    return json.dumps(config).encode()


def _watch(folder, heard):
    """Notes what a reader must not do."""
    roots = (folder, *sys.path, sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev")
    allowed = tuple(os.path.realpath(path) for path in roots)

    def hook(event, arguments):
        if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class", "ctypes.dlopen"):
            heard.append(f"{event} {arguments[:1]}")
        elif event == "open" and isinstance(arguments[0], (str, bytes)):
            path, mode = os.path.realpath(os.fsdecode(arguments[0])), arguments[1] or "r"
            if not path.startswith(allowed) or set("wax+") & set(mode):
                heard.append(f"open {path} {mode}")

    sys.addaudithook(hook)


def _child(folder, path, tasks, answers):
    """Loads what is put at the path, once per number that comes."""
    import resource

    import fastcnn
    from fastcnn.io import FileFormatError

    def load():
        if str(path).endswith(".pt"):
            fastcnn.io.torch.load_state(path)
        else:
            fastcnn.load_model(path)

    load()  # modules are there from here on
    size = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) << 10
    resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    heard = []
    _watch(folder, heard)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    answers.send("ready")
    for _ in iter(tasks.recv, None):
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            load()
            answer = "loaded"
        except FileFormatError:
            answer = "refused"
        except MemoryError:
            answer = "failed: more than 1 GiB"
        except BaseException as error:
            answer = f"failed: {type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        if heard:
            answer = f"failed: {heard.pop()}"
            heard.clear()
        answers.send(answer[:500])


class _Reader:
    """A child that loads files, one after the other."""

    def __init__(self, folder, path):
        context = multiprocessing.get_context("spawn")
        (tasks, self.give), (self.take, answers) = context.Pipe(False), context.Pipe(False)
        self.process = context.Process(target=_child, args=(folder, path, tasks, answers), daemon=True)
        self.process.start()
        answers.close(), tasks.close()
        self.take.recv()

    def answer(self, number):
        """What became of the file that is there now; None: the child is gone."""
        try:
            self.give.send(number)
            return self.take.recv() if self.take.poll(4 * SECONDS) else None
        except (EOFError, OSError):
            return None

    def end(self):
        """Why it is gone."""
        self.process.join(SECONDS)
        code = self.process.exitcode
        self.process.kill()
        return "failed: longer than 5 s" if code in (None, -signal.SIGALRM) else f"failed: crash, exit code {code}"


def fuzz(name, count, seed=0, keep=None):
    """Counter of what became of the files: "loaded", "refused", "failed: …"."""
    ending, seeds = FORMATS[name]
    found, reader = collections.Counter(), None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"case{ending}"
        bases = seeds(Path(folder))
        for number in range(count):
            chance = random.Random(f"{name} {seed} {number}")
            data = mutated(chance.choice(bases), chance)
            if reader is None:
                path.write_bytes(bases[0])
                reader = _Reader(folder, path)
            path.write_bytes(data)
            answer = reader.answer(number)
            if answer is None:
                answer, reader = reader.end(), None
            found[answer] += 1
            if keep and answer.startswith("failed"):
                Path(keep, f"{name}-{number}{ending}").write_bytes(data)
        if reader is not None:
            reader.give.send(None)
            reader.process.join()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep")
    given = parser.parse_args()
    result = fuzz(given.format, given.count, given.seed, given.keep)
    for answer, number in result.most_common():
        print(f"{number:6} {answer}")
    sys.exit(any(answer.startswith("failed") for answer in result))
