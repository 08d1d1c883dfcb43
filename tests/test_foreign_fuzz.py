"""Damaged files of other programs' formats: the first 500 of `python tests/foreign_fuzz.py FORMAT 10000`."""

import pytest
from foreign_fuzz import FORMATS, fuzz

NEEDS = {"keras": "h5py", "h5": "h5py", "caffe": "google.protobuf", "onnx": "onnx"}


@pytest.mark.skipif("sys.platform != 'linux'", reason="limits of children are Linux'")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_load_or_are_refused(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    found = fuzz(name, 500)
    assert {answer for answer in found if answer.startswith("failed")} == set()
    assert found["refused"] > 50 and found["loaded"] > 5  # it is damage, and not too much of it
