"""Damaged files, each read in a child of its own that may take 1 GiB and 5 seconds of processor time.

    python tests/mutants.py FORMAT|all [--count 10000] [--first 0] [--keep]

`sound_files.py` has sound small files of each format; a mutant is one of them with bytes changed, lost, doubled or taken
from another, and depends on its number alone. What wraps the damage, checksums and lengths, is mostly made right again. A
mutant must load, or be refused by an error that names it. Ends with code 1 if one crashes, hangs, takes more memory, raises
anything else, or touches what lies outside its folder. `tests/corpus` keeps mutants that are refused in different words, or
once were not: they come first. --keep adds those that this run has found.
"""

import argparse
import collections
import faulthandler
import gzip
import hashlib
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
from sound_files import FORMATS, NEEDED, entries, zipped

import fastcnn

SECONDS, WAITED, MEMORY = 5, 60, 1 << 30  # of processor time, of any
CORPUS = Path(__file__).parent / "corpus"
LOADED, REFUSED, UNCLEAN, OUTSIDE, MEMORY_ERROR = range(10, 15)  # codes of children
NAMES = {LOADED: "loaded", REFUSED: "refused", UNCLEAN: "unclean error", OUTSIDE: "touched other files or ran something",
         MEMORY_ERROR: "too much memory"}
GOOD = {"loaded", "refused"}
_KEPT, _SMALL = 60, 20_000  # of a format: mutants, and their bytes
_NUMBERS = [0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_WORDS = [b"../", b"/etc/passwd", b"\0", b"..\\", b"-1", b"1e999", b"[" * 60, b"{" * 60, "\N{SNOWMAN}".encode(), b"\xff\xfe",
          b"__import__", b"float64"]
_VALUES = [None, -1, 0, 1, 2**31, 2**63, 1e308, "", "a", [], {}, True, [None], "x" * 1000, {"class_name": "Dense"}]
_RUN = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect"}
_CHANGED = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"}
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def mutant(number, sound):
    """(index of the file, its damaged bytes): of the files' contents."""
    rng = np.random.default_rng([20, number])
    index = int(rng.integers(len(sound)))
    return index, _changed(rng, sound[index], sound)


def _changed(rng, data, sound):
    """Damage, mostly within what a format wraps, which is made right again."""
    if rng.random() < 0.2:
        return _damaged(rng, data, sound)
    for begins, change in _WRAPPINGS.items():
        if data.startswith(begins):
            return change(rng, data, sound)
    own = _DIGEST.search(data[:200])
    return (_in_safetensors if own else _damaged)(rng, data, sound)


def _in_zip(rng, data, sound):
    found = entries(data)
    texts = [name for name in found if name.endswith((".json", ".pkl"))]
    name = str(rng.choice([*found, *texts * 4]))
    found[name] = _changed(rng, found[name], list(found.values()))
    return zipped(found)


def _in_gzip(rng, data, sound):
    return gzip.compress(_changed(rng, gzip.decompress(data), sound), 1, mtime=0)


def _in_json(rng, data, sound):
    try:
        return _rearranged(rng, data) if rng.random() < 0.7 else _damaged(rng, data, sound)
    except ValueError:  # damaged already
        return _damaged(rng, data, sound)


def _in_png(rng, data, sound):
    """One of the chunks, with a right checksum."""
    start, chunks = 8, []
    while start + 12 <= len(data):
        length = int.from_bytes(data[start:start + 4], "big")
        chunks.append((data[start + 4:start + 8], data[start + 8:start + 8 + length]))
        start += 12 + length
    place = int(rng.integers(len(chunks)))
    chunks[place] = chunks[place][0], _damaged(rng, chunks[place][1], sound)
    return data[:8] + b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                               for kind, body in chunks)


def _in_safetensors(rng, data, sound):
    """The header, a JSON text in it, or the data, with right lengths and digest."""
    end = 8 + int.from_bytes(data[:8], "little")
    text, values, kind = data[8:end], data[end:], int(rng.integers(4))
    if kind == 0:
        values = _damaged(rng, values, sound)
    elif kind == 1:
        text = _damaged(rng, text, sound)
    else:
        header = json.loads(text)
        metadata = header["__metadata__"]
        inner = [name for name in ("model", "training", "metadata") if metadata.get(name, "null")[:1] == "{"]
        if kind == 2 and inner:
            name = str(rng.choice(inner))
            metadata[name] = _rearranged(rng, metadata[name]).decode()
            text = json.dumps(header, separators=(",", ":")).encode()
        else:
            text = json.dumps(json.loads(_rearranged(rng, text)), separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    whole = len(text).to_bytes(8, "little") + text + values
    found = _DIGEST.search(whole)
    if not found:
        return whole
    start = found.start(1)
    digest = hashlib.sha256(whole[:start] + b"0" * 64 + whole[start + 64:]).hexdigest().encode()
    return whole[:start] + digest + whole[start + 64:]


_WRAPPINGS = {b"PK": _in_zip, b"\x1f\x8b": _in_gzip, b"{": _in_json, b"[": _in_json, b"\x89PNG": _in_png}


def _rearranged(rng, text):
    """A JSON text with a value exchanged for another, or left out."""
    config, holders = json.loads(text), []
    stack = [config]
    while stack:
        one = stack.pop()
        if isinstance(one, (dict, list)) and one:
            holders.append(one)
            stack += one.values() if isinstance(one, dict) else one
    if not holders:
        return json.dumps(_VALUES[int(rng.integers(len(_VALUES)))]).encode()
    holder, other = (holders[int(rng.integers(len(holders)))] for _ in range(2))
    keys, others = (list(one) if isinstance(one, dict) else range(len(one)) for one in (holder, other))
    key, from_there = keys[int(rng.integers(len(keys)))], others[int(rng.integers(len(others)))]
    kind = int(rng.integers(3))
    if kind == 0:
        del holder[key]
    else:
        taken = json.loads(json.dumps(other[from_there]))
        holder[key] = taken if kind == 1 else _VALUES[int(rng.integers(len(_VALUES)))]
    return json.dumps(config).encode()


def _damaged(rng, data, sound):
    data = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 8]))):
        kind, at = int(rng.integers(9)), int(rng.integers(max(1, len(data))))
        length = int(min(len(data) - at, rng.choice([1, 2, 4, 8, 64, 1000])))
        if not data:
            break
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            number_ = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
            width = int(rng.choice([1, 2, 4, 8]))
            data[at:at + width] = (number_ & (1 << 8 * width) - 1).to_bytes(width, "little")
        elif kind == 3:
            data[at:at] = _varint(_NUMBERS[int(rng.integers(len(_NUMBERS)))])
        elif kind == 4:
            del data[at:at + length]
        elif kind == 5:
            data[at:at] = data[at:at + length]
        elif kind == 6:
            other = sound[int(rng.integers(len(sound)))]
            start = int(rng.integers(max(1, len(other))))
            data[at:at + length] = other[start:start + length]
        elif kind == 7:
            data[at:at] = _WORDS[int(rng.integers(len(_WORDS)))]
        else:
            del data[at:]
    return bytes(data)


def _varint(n):
    found = bytearray()
    while n > 0x7F:
        found.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(found) + bytes([n])


def load(path, read):
    """What a child does: (its exit code, the words of an error)."""
    try:
        read(path)
        return LOADED, ""
    except MemoryError:
        return MEMORY_ERROR, ""
    except (ValueError, OSError) as error:  # FileFormatError and ImageError are such
        return REFUSED if os.path.basename(path) in str(error) else UNCLEAN, f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  that is what is looked for
        return UNCLEAN, f"{type(error).__name__}: {error}"


def _watch(folder):
    """From here on whoever opens a file outside the folder and Python's own, or runs something, ends the process."""
    tempfile.tempdir = folder
    own = os.path.dirname(fastcnn.__file__)  # what is installed for development is on no path
    allowed = tuple(map(os.path.realpath, {folder, own, sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)}))

    def hook(event, arguments):
        if event in _RUN or event in _CHANGED:
            os._exit(OUTSIDE)
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith((*allowed, "/proc/", "/sys/", "/dev/null")):
                os._exit(OUTSIDE)

    sys.addaudithook(hook)


def child(path, read):
    """(what became of reading a file: a word of NAMES, "crash" or "hang"; the words of an error)."""
    given, taken = os.pipe()
    pid = os.fork()
    if not pid:
        code = UNCLEAN
        faulthandler.disable()  # a crash is counted, not told
        warnings.simplefilter("ignore")
        try:
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, 2 * SECONDS))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(WAITED)
            _watch(os.path.dirname(path))
            code, words = load(path, read)
            os.write(taken, words[:500].encode(errors="replace"))
        finally:
            os._exit(code)
    os.close(taken)
    with open(given, "rb") as pipe:
        words = pipe.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hang" if number in (signal.SIGALRM, signal.SIGXCPU) else f"crash by signal {number}", words
    return NAMES.get(os.WEXITSTATUS(status), "crash"), words


def results(kind, count, first=0, keep=False):
    """[(number, what became of the mutant, the words of an error)] of a format's, in children of this process; numbers of
    the corpus are its names."""
    write, read = FORMATS[kind]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write(folder)
        for path in paths:
            code, words = load(path, read)  # imports what it needs
            if code != LOADED:
                raise ValueError(f"{path} must be sound. Received: {words}")
        sound = [Path(path).read_bytes() for path in paths]
        beside = [name for name in os.listdir(folder) if os.path.join(folder, name) not in paths]

        def become(number, name, data):
            with tempfile.TemporaryDirectory() as place:
                for other in beside:
                    shutil.copy(os.path.join(folder, other), place)
                path = os.path.join(place, name)
                Path(path).write_bytes(data)
                rows.append((number, *child(path, read)))

        kept = entries((CORPUS / f"{kind}.zip").read_bytes()) if (CORPUS / f"{kind}.zip").exists() else {}
        with fastcnn.num_threads(1):
            for name, data in kept.items():
                become(name, name.partition("/")[2], data)
            seen = {_plain(words) for _, _, words in rows}
            for number in range(first, first + count):
                index, data = mutant(number, sound)
                name = os.path.basename(paths[index])
                become(number, name, data)
                words = _plain(rows[-1][2])
                if words not in seen and len(data) <= _SMALL and len(kept) < _KEPT or rows[-1][1] not in GOOD:
                    kept[f"{number}/{name}"] = data
                seen.add(words)
    if keep:
        CORPUS.mkdir(exist_ok=True)
        (CORPUS / f"{kind}.zip").write_bytes(zipped(kept, compressed=True))
    return rows


def _plain(words):
    """An error's words without what differs from file to file."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S*|[\d.,x-]+", "…", words.partition("Received")[0])


def main(argv=None):
    parser = argparse.ArgumentParser(description="Damaged files, each read in a limited child")
    parser.add_argument("format", choices=[*FORMATS, "all"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="add to tests/corpus what is refused in other words")
    options = parser.parse_args(argv)
    kinds = FORMATS if options.format == "all" else [options.format]
    return min(1, sum(bad(kind, options.count, options.first, options.keep) for kind in kinds))


def bad(kind, count, first=0, keep=False):
    """Prints what became of mutants of a format; how many ended badly."""
    if importlib.util.find_spec(NEEDED.get(kind, "numpy")) is None:
        print(f"{kind}: {NEEDED[kind]} is not installed")
        return 0
    rows = results(kind, count, first, keep)
    kept = sum(isinstance(number, str) for number, *_ in rows)
    counts = collections.Counter(what for _, what, _ in rows)
    print(f"{kind}: {len(rows) - kept} mutants, {kept} of the corpus: "
          + ", ".join(f"{n} {what}" for what, n in counts.most_common()), flush=True)
    found = [row for row in rows if row[1] not in GOOD]
    for number, what, words in found[:50]:
        print(f"  mutant {number}: {what}: {words[:200]}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
