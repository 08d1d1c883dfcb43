"""ONNX' own cases (`onnx.backend.test`) read by fastcnn: which pass, which are refused, and whether any comes out wrong.

    python tests/onnx_backend.py [--only PATTERN] [--list]

A node's case gives weights as inputs; networks have them in the file. So where a case is not read as it is, it is read again
with all inputs but the first as constants. Ends with code 1 if a result is wrong, an error is unclean, or a case is refused
for which there is no reason in `REASONS`.
"""

import argparse
import collections
import os
import re
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test import loader, runner

import fastcnn
from fastcnn.io import FileFormatError
from fastcnn.io.onnx import constants, nodes

KINDS = "node", "simple", "pytorch-converted", "pytorch-operator", "real"
REASONS = {  # of cases whose operators are all known: a pattern of the message, and what it is about
    r"must be of float32, a batch|of floats|to data type": "no batches of float32 come in, or none go out",
    r"of values that the network computes": "operators that are read on constants and shapes alone",
    r"must be of a version": "a version of the operators that is not read",
    r"samples of a batch|sample to sample|batch of any size|turned samples|by the batch|joins samples|to each sample|"
    r"axes \[0\] of|Expand":
        "about the batch as a whole, not each sample",
    r"works on (images|rows)|of \d axes|fit \(|must have \d axes|not rows and columns|over axes|axes from|no matrix":
        "of other ranks or axes",
    r"must be a constant|must depend on|outputs must depend|of constants alone|by what the network computes|takes constants":
        "constants where there is a layer for values alone, or the reverse",
    r"its output .* is needed": "a second output",
    r"pads by|nearest|repeated whole": "other padding or enlarging than of zeros, of whole pixels",
    r"different|pixel to pixel|along an axis|do not fit|takes values of samples|of more axes|drops values":
        "kinds of broadcasting",
    r"step of a local": "a power that is no step of a normalization",
    r"part of gelu": "an error function that is no part of gelu",
    r"must be \S+, not|reaches beyond|needs several|beyond|above 0|must be less|p must": "constants that no layer takes",
}


_ALONE = "no inputs besides the first"


class Case:
    """A case of ONNX', run."""

    def __init__(self, case):
        self.name, self.rtol, self.atol = case.name, case.rtol, case.atol
        self.model = case.model
        if self.model is None:
            path = os.path.join(os.path.dirname(onnx.__file__), "..", case.url) if case.url else \
                os.path.join(case.model_dir, "model.onnx")
            self.model = onnx.load(path)
            case.data_sets = [_light(path, self.model)] if case.url else list(_data_sets(case.model_dir))
        self.data_sets = [[[_array(x) for x in part] for part in data] for data in case.data_sets]

    @property
    def operators(self):
        """Those of the graph and of its branches."""
        found, left = set(), list(self.model.graph.node)
        while left:
            node = left.pop()
            found.add(f"{node.domain}:{node.op_type}" if node.domain else node.op_type)
            left += [inner for a in node.attribute for inner in a.g.node]
        return found

    def run(self):
        """(what came of it, why)."""
        words, how = "", "passed"
        for inputs, expected in self.data_sets:
            try:
                model, notes = self.load(inputs, False)
            except FileFormatError as first:
                words = str(first)
                try:
                    model, notes = self.load(inputs, True)
                    how, inputs = "passed with constants", inputs[:1]
                except FileFormatError as error:
                    return "refused", words if str(error) == _ALONE else str(error)
            given = [_turned(x, order) for x, order in zip(inputs, _orders(notes, "input"))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y = model.predict(given if len(given) > 1 else given[0], batch_size=len(given[0]))
            given_back = zip(y if isinstance(y, list) else [y], _orders(notes, "output"))
            found = [_turned_back(v, order) for v, order in given_back]
            try:
                runner.Runner.assert_similar_outputs(expected, found, self.rtol, self.atol)
            except AssertionError as error:
                if not self.right_before_softmax(given[0], expected[0]):
                    return "wrong", str(error).strip().splitlines()[0]
                how = "passed before the softmax"
        return how, ""

    def right_before_softmax(self, x, expected):
        """Are logits those of the expected probabilities, to 1e-6 of the largest? A softmax of logits of 10^9, as constant
        weights make them, tells last bits apart."""
        last = self.model.graph.node[-1]
        if last.op_type != "Softmax":
            return False
        whole = onnx.ModelProto()
        whole.CopyFrom(self.model)
        last.op_type = "Identity"
        del last.attribute[:]
        y, logits = self.load([], False)[0].predict(x).ravel(), np.log(expected.astype(np.float64)).ravel()
        self.model = whole
        return np.abs(y - y.mean() - (logits - logits.mean())).max() < 1e-6 * np.abs(y).max()

    def load(self, inputs, constant):
        """The model, and notes, of the file; constant: all inputs but the first are arrays in it."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        names = [entry.name for entry in model.graph.input if entry.name not in {t.name for t in model.graph.initializer}]
        if constant:
            if len(names) < 2 or any(not isinstance(x, np.ndarray) for x in inputs):
                raise FileFormatError(_ALONE)
            model.graph.initializer.extend(numpy_helper.from_array(x, name) for name, x in zip(names[1:], inputs[1:]))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.onnx")
            with open(path, "wb") as file:
                file.write(model.SerializeToString())
            found = fastcnn.load_model(path)
        return found, found.notes


def _array(x):
    if isinstance(x, onnx.TensorProto):
        return numpy_helper.to_array(x)
    return np.asarray(x) if isinstance(x, np.generic) else x


def _data_sets(folder):
    for name in sorted(os.listdir(folder)):
        place = os.path.join(folder, name)
        if os.path.isdir(place):
            files = sorted(os.listdir(place), key=lambda file: int(re.sub(r"\D", "", file) or 0))
            yield [[_read(os.path.join(place, file)) for file in files if file.startswith(word)]
                   for word in ("input", "output")]


def _read(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        raw = file.read()
    try:
        tensor.ParseFromString(raw)
        return numpy_helper.to_array(tensor)
    except Exception:  # noqa: BLE001  sequences and the like
        return None


def _light(path, model):
    """Of a model with constant weights: numbers from 0 to 1 come in, as ONNX' runner has it."""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [runner.Runner.generate_dummy_data(entry) for entry in model.graph.input if entry.name not in known]
    return inputs, [_read(path.replace(".onnx", "_output_0.pb"))]


def _orders(notes, what):
    """The order of the file's axes in each input, or output; None: as they are."""
    found = []
    for note in notes:
        if note.startswith(f"{what} '"):
            order = re.search(r"its axes in the order \(([\d, ]+)\)", note)
            found.append(None if order is None else [int(n) for n in order.group(1).split(",") if n.strip()])
    return found


def _turned(x, order):
    return x if order is None else np.transpose(x, order)


def _turned_back(y, order):
    return y if order is None else np.transpose(y, np.argsort(order))


def cases(pattern=""):
    """[(kind, case)] of all whose names match."""
    return [(kind, case) for kind in KINDS for case in loader.load_model_tests(kind=kind) if re.search(pattern, case.name)]


def results(found):
    """[(kind, name, what came of it, why)]: "passed", "passed with constants", "unknown operator", "refused", "no reason",
    "wrong", "unclean"."""
    known, rows = set(nodes.TABLE) | constants.OPERATORS | {"Constant", "If"}, []
    for kind, case in found:
        try:
            case = Case(case)
            what, why = case.run()
        except Exception as error:  # noqa: BLE001  that is what is counted
            what, why = "unclean", f"{type(error).__name__}: {error}"
        if what == "refused":
            other = sorted(case.operators - known)
            reason = next((words for pattern, words in REASONS.items() if re.search(pattern, why)), None)
            what = "unknown operator" if other else "refused" if reason else "no reason"
            why = ", ".join(other) or reason or why
        rows.append((kind, case.name, what, why))
    return rows


def main(argv=None):
    parser = argparse.ArgumentParser(description="ONNX' own cases, read by fastcnn")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose names match")
    parser.add_argument("--list", action="store_true", help="a line for each case")
    options = parser.parse_args(argv)
    rows = results(cases(options.only))
    if options.list:
        for row in rows:
            print("\t".join(row))
    for kind in KINDS:
        counts = collections.Counter(what for k, _, what, _ in rows if k == kind)
        print(f"{kind:18} {sum(counts.values()):5} cases: " + ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    for why, n in collections.Counter(why for _, _, what, why in rows if what == "refused").most_common():
        print(f"refused {n:4}: {why}")
    bad = [row for row in rows if row[2] in ("wrong", "unclean", "no reason")]
    for row in bad:
        print("  ".join(row[1:]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
