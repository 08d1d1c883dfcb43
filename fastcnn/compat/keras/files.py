"""Files of models under Keras' names: its formats where h5py is there, fastcnn's own under the same names elsewhere."""

import json
import os
import warnings

from fastcnn import arguments
from fastcnn.compat.spellings import warn
from fastcnn.io import formats

_KIND = "fastcnn_class"  # in Keras' JSON: what the model is here


def target(what, path, overwrite):
    """(path, is it to be in the format that its name says?) of the file that `what`, a method, writes; names of other
    formats, or of Keras' where h5py is not there, warn."""
    path = os.fspath(path)
    if not arguments.flag("overwrite", overwrite) and os.path.exists(path):
        raise FileExistsError(f"overwrite=False, and the file exists. Received: {arguments.shown(path)}")
    ending = formats.ending(path)
    if not ending or formats.ENDINGS.get(ending, "") is None:
        return path, False
    more = ""
    if formats.ENDINGS.get(ending) == "keras":
        try:
            import h5py  # noqa: F401
        except ImportError:
            more = ", or pip install h5py"
    if ending in formats.ENDINGS and not more:
        return path, True
    stem = os.path.splitext(os.fsdecode(path))[0]
    warn(f"{what}({os.fsdecode(path)!r})",
         f"{what}({stem + '.safetensors'!r}){more}: safetensors is what is written under either name, not {ending[1:]}")
    return path, False


def written(path, write):
    """Writes a file in the format that its name says; False: Keras has not all of its layers, which a warning says."""
    try:
        write()
    except ValueError as error:
        if formats.ENDINGS[formats.ending(path)] != "keras":
            raise
        warnings.warn(f"{os.fsdecode(path)} is written in fastcnn's own format. {error}", stacklevel=4)
        return False
    return True


def text(model):
    """The architecture as JSON that Keras reads, too; of layers that it does not have, as fastcnn has them."""
    from fastcnn.io.keras import writing

    try:
        config = writing.written(model._description())[0] if model.built else None
    except ValueError:
        config = None
    own = {"class_name": model._kind, "config": model.get_config()}
    return json.dumps({**config, _KIND: model._kind} if config else own)


def architecture(json_text):
    """{"class_name", "config"} as fastcnn has it, of such a text or of Keras' own."""
    from fastcnn.io.keras import reading

    found = arguments.from_json("json_string", json_text)
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict) or "class_name" not in found:
        raise ValueError(f'json_string must be what to_json gave, {{"class_name": …, "config": …}}. '
                         f"Received: {arguments.shown(json_text)}")
    if "seed" in found["config"]:
        return found
    config = dict(reading.described(found, None, "module" not in json_text).config)
    chain = config.pop("class_name")  # which a Model may be, too
    return {"class_name": found.get(_KIND, chain), "config": config}
