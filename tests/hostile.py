"""Files made to take endless time or memory: each must be refused by an error that names it, in a second of processor time
and 200 MB.

    python tests/hostile.py [NAME]
"""

import json
import stat
import sys
import tempfile
import zipfile
from pathlib import Path

import mutants
from sound_files import naming, read_archive, read_batch, read_model
from test_found_photographs import png

import fastcnn
from fastcnn.compat import keras
from fastcnn.convnetjs import Net
from fastcnn.images import decode_image

DEEP = "[" * 100_000 + "]" * 100_000
EMPTY = {"name": "m", "seed": 0, "input_shape": None, "layers": []}


def header(**parts):
    """A safetensors file of nothing but a header: JSON texts by name."""
    text = ("{" + ",".join(f'"{name}":{part}' for name, part in parts.items()) + "}").encode()
    return len(text).to_bytes(8, "little") + text


def model(**parts):
    """The file of a model of which some parts are other texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        fastcnn.io.save_file({}, path, {"format": "fastcnn model 2", "model": json.dumps(EMPTY), "training": "null",
                                        "metadata": "{}", **parts})
        return path.read_bytes()


def archive(**links):
    """A zip archive of links."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as found:
            for name, target in links.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                found.writestr(entry, target)
        file.seek(0)
        return file.read()


def arrays(count):
    return header(**{f"a{i}": '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' for i in range(count)})


def read_definitions(path):
    Net(Path(path).read_text())


def read_json(path):
    keras.models.model_from_json(Path(path).read_text())


batch, picture = naming(read_batch), lambda path: decode_image(path, 16)
CASES = {  # name: (a function that gives the file's content, who reads it)
    **{f"35 MB of {code!r}": (lambda code=code: code * (35_000_000 // len(code)), batch)
       for code in (b"(", b"]", b"N", b"K\1", b")", b"\x94", b"2", b"(l")},
    "300,000 arrays": (lambda: arrays(300_000), read_model),
    "300,000 arrays, read as such": (lambda: arrays(300_000), lambda path: fastcnn.io.load_file(path, verify=False)),
    "endless lists": (lambda: header(a="[" + "[]," * 20_000_000 + "[]]"), read_model),
    "endless numbers": (lambda: header(a="[" + "1.5," * 20_000_000 + "1]"), read_model),
    "deep header": (lambda: header(a=DEEP), read_model),
    "deep objects": (lambda: header(a='{"a":' * 100_000 + "1" + "}" * 100_000), read_model),
    **{f"deep {name}": (lambda name=name: model(**{name: DEEP}), read_model) for name in ("model", "training", "metadata")},
    "no layers": (model, read_model),
    "no layers, but a shape": (lambda: model(model=json.dumps({**EMPTY, "input_shape": [3]})), read_model),
    "no layers, but an input": (lambda: model(model=json.dumps({**EMPTY, "layers": [
        {"class_name": "InputLayer", "config": {"shape": [3], "name": "x"}}]})), read_model),
    "no calls": (lambda: model(model=json.dumps({"class_name": "Model", **EMPTY, "calls": [], "inputs": [],
                                                 "outputs": []})), read_model),
    "deep definitions": (DEEP.encode, naming(read_definitions)),
    "deep architecture": (DEEP.encode, naming(read_json)),
    "wide picture": (lambda: png(89_000_000, 1), picture), "high picture": (lambda: png(1, 89_000_000), picture),
    "looping links": (lambda: archive(**{"a.png": "b.png", "b.png": "a.png", "c": "."}), read_archive),
}


def main(name=None):
    mutants.SECONDS, mutants.MEMORY = 1, 200_000_000
    bad = 0
    with tempfile.TemporaryDirectory() as folder, fastcnn.num_threads(1):
        for case in CASES if name is None else [name]:
            content, read = CASES[case]
            path = Path(folder) / "file"
            path.write_bytes(content())
            what, words = mutants.child(str(path), read)
            print(f"{case}: {what}: {words[:200]}")
            bad += what != "refused"
    return bad


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
