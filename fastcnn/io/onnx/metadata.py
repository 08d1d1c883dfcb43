"""What a model's file says besides the network: fastcnn's metadata, and what other programs have noted."""

import json

_KEY = "fastcnn"  # of an entry that holds a model's metadata as JSON


def metadata_of(model):
    """The metadata of a ModelProto: what fastcnn wrote, or its entries as they are, under "onnx"."""
    found = {entry.key: entry.value for entry in model.metadata_props}
    if _KEY in found:
        own = json.loads(found[_KEY])
        if not isinstance(own, dict):
            raise ValueError(f"metadata {_KEY!r} must be a JSON object. Received: {type(own).__name__}")
        return own
    return {"onnx": found} if found else {}


def put_metadata(model, metadata):
    """Writes a model's metadata into a ModelProto."""
    if metadata:
        entry = model.metadata_props.add()
        entry.key, entry.value = _KEY, json.dumps(metadata)
