"""PyTorch's arrays of a network, read and written without torch: files of `torch.save` and of safetensors.

A state dict has no architecture. `load` puts its arrays into a model, by name, by order and shape, or as a mapping says;
`save` writes them; `code` writes the network's `nn.Module` as Python, which takes what `save` wrote.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from fastcnn.importing import listing
from fastcnn.io.archives import archive, pack
from fastcnn.io.atomic import replacing
from fastcnn.io.errors import FileFormatError
from fastcnn.io.safetensors import load_file, save_file
from fastcnn.io.torch import names as naming
from fastcnn.io.torch.code import source
from fastcnn.io.torch.pickled import Foreign, Storage, Tensor, pickled, unpickled
from fastcnn.typing import Array, Model, Path

__all__ = ["ALEXNET", "code", "load", "load_state", "save"]
__dir__ = listing(__name__)

ALEXNET = naming.ALEXNET
_SAVE = "torch.save(model.state_dict(), path) writes what is read here"
_ZIPPED = b"PK"


def read(path):
    """Refused: such a file has arrays alone."""
    raise FileFormatError(f"{os.fsdecode(path)}: must hold an architecture. Received: PyTorch's arrays alone, which "
                          f"fastcnn.io.torch.load(model, path) puts into a model")


def write(description, path, names=None):
    """Writes a description's arrays as a state dict; see `save`."""
    state = {}
    modules = naming.module_names(description) | dict(names or {})
    for layer, table in naming.turns(description).items():
        for own, (name, to, _) in table.items():
            state[f"{modules[layer]}.{name}"] = to(description.arrays[f"{layer}/{own}"])
            if own == "moving_variance":
                state[f"{modules[layer]}.num_batches_tracked"] = np.zeros((), np.int64)
    if os.fsdecode(path).lower().endswith(".safetensors"):
        save_file(state, path)
        return
    tensors = {name: Tensor(Storage(str(i), array.dtype.str, array.size), 0, array.shape,
                            tuple(stride // array.itemsize for stride in array.strides))
               for i, (name, array) in enumerate(state.items())}
    entries = {"data.pkl": pickled(tensors), "byteorder": b"little", "version": b"3\n",
               **{f"data/{i}": array.reshape(-1).view(np.uint8) for i, array in enumerate(state.values())}}
    with replacing(path) as file:
        pack(file, {f"archive/{name}": content for name, content in entries.items()})


def load_state(path: Path, key: str | None = None) -> dict[str, Array]:
    """{name: array} of a state dict.

    Args:
        path: of a file of torch.save since version 1.6 (.pt, .pth), or of safetensors.
        key: of a checkpoint, under which the state dict lies; None: it is the only dictionary of tensors.

    Raises:
        FileFormatError: it is damaged, holds a whole module or a script, or no such dictionary.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> save(model, "lenet5.pt")
        >>> load_state("lenet5.pt")["c1.weight"].shape
        (6, 1, 5, 5)
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == _ZIPPED
    if not zipped:
        return load_file(path, verify=False)[0]
    try:
        with archive(path, compressed=True) as found:
            return _state(found, key)
    except FileFormatError as error:
        raise FileFormatError(f"{os.fsdecode(path)}: {error}") from None


def _state(found, key):
    roots = [name[:-len("data.pkl")] for name in found if name.endswith("data.pkl")]
    if len(roots) != 1 or f"{roots[0]}constants.pkl" in found:
        raise FileFormatError(f"must hold a state dict: {_SAVE}. Received: a script, or no file of torch.save")
    root = roots[0]
    content = unpickled(found.read(f"{root}data.pkl"))
    if isinstance(content, Foreign):
        raise FileFormatError(f"must hold a state dict: {_SAVE}. Received: an object of {content.name}")
    order = "<" if f"{root}byteorder" not in found or found.read(f"{root}byteorder") == b"little" else ">"
    stored = {}

    def array(tensor):
        if tensor.storage not in stored:
            stored[tensor.storage] = _storage(found.read(f"{root}data/{tensor.storage.key}"), tensor.storage, order)
        return _part(stored[tensor.storage], tensor)

    return {name: array(tensor) for name, tensor in _tensors(content, key).items()}


def _tensors(content, key):
    """The dictionary of tensors in a checkpoint."""
    if key is not None:
        content = content.get(key) if isinstance(content, dict) else None
    if content == {}:
        return {}
    candidates = [content, *(content.values() if key is None and isinstance(content, dict) else ())]
    found = [part for part in candidates if isinstance(part, dict) and part
             and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in part.items())]
    if len(found) != 1:
        names = [str(name)[:40] for name in content][:10] if isinstance(content, dict) else type(content).__name__
        raise FileFormatError(f"must hold one dictionary of tensors (key= says which). Received: {len(found)} among {names}")
    return found[0]


def _storage(data, storage, order):
    half = storage.dtype == "bfloat16"
    dtype = np.dtype("<u2" if half else storage.dtype).newbyteorder(order)
    if len(data) != storage.count * dtype.itemsize:
        raise FileFormatError(f"storage {storage.key!r} must take {storage.count * dtype.itemsize} bytes. "
                              f"Received: {len(data)}"[:200])
    values = np.frombuffer(data, dtype)
    return (values.astype(np.uint32) << 16).view(np.float32) if half else values


def _part(values, tensor):
    """The part of a storage that is a tensor; no value twice."""
    count = last = 1
    for n, stride in zip(tensor.shape, tensor.strides):
        count, last = count * n, last + (n - 1) * stride
    if count and (count > values.size or tensor.offset + last > values.size):
        raise FileFormatError(f"a tensor must lie in its storage of {values.size} values. Received: shape {tensor.shape}")
    if not count:
        return np.zeros(tensor.shape, values.dtype)
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset:], tensor.shape, strides, writeable=False)


def load(model: Model, path: Path | Mapping[str, Array], names: Mapping[str, str] | None = None,
         key: str | None = None) -> None:
    """Puts PyTorch's arrays into a model of the same architecture.

    Args:
        model: a built model; nothing changes unless all arrays fit.
        path: as `load_state`; or a dictionary {name: array}.
        names: {layer: module}, where they differ, as `ALEXNET`; None: modules are called as layers (as torchvision's are in
            vgg, resnet, squeezenet and googlenet), or come in their order.
        key: as `load_state`.

    Raises:
        FileFormatError: the file is damaged.
        ValueError: arrays that are missing, left over, or of other shapes.

    Example:
        >>> model = fastcnn.networks.alexnet(10, "torchvision", input_shape=(63, 63, 3))
        >>> save(model, "alexnet.pt", ALEXNET)
        >>> load(model, "alexnet.pt", ALEXNET)
    """
    state = dict(path) if isinstance(path, Mapping) else load_state(path, key)
    description = model._description()
    turns, modules = naming.turns(description), naming.module_names(description)
    state = {name: array for name, array in state.items() if not name.endswith("num_batches_tracked")}
    groups = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    if names is not None:
        modules |= dict(names)
    elif not any(module in groups for module in modules.values()) and len(groups) == len(modules):
        modules = dict(zip(modules, groups))
    found, problems = {}, []
    for layer, table in turns.items():
        for own, (name, to, back) in table.items():
            there, here = f"{modules[layer]}.{name}", description.arrays[f"{layer}/{own}"]
            array = np.asarray(state.pop(there)) if there in state else None
            if array is None or array.shape != to(here).shape:
                problems.append(f"{there} of shape {to(here).shape} for {layer}/{own}, not {getattr(array, 'shape', None)}")
            else:
                found[f"{layer}/{own}"] = back(array)
    if problems or state:
        raise ValueError(f"the arrays must be those of the model's layers. Received: {'; '.join(problems[:10]) or 'all'}; "
                         f"left over: {', '.join(list(state)[:10]) or 'none'}")
    model._take_arrays(found)


def save(model: Model, path: Path, names: Mapping[str, str] | None = None) -> None:
    """Writes a model's arrays as PyTorch has them: `torch.load(path)` gives a state dict.

    Args:
        model: a built model.
        path: of the file; .safetensors: as safetensors.
        names: {layer: module}, where they are to differ, as `ALEXNET`.

    Raises:
        ValueError: layers whose arrays PyTorch has no word for: all of them are named.

    Example:
        >>> save(fastcnn.networks.lenet5(), "lenet5.pt")
    """
    write(model._description(), path, names)


def code(model: Model, name: str = "Network") -> str:
    """The source of an `nn.Module` that computes what the model does, of images (N, C, H, W).

    Args:
        model: a built model.
        name: of the class.

    Raises:
        ValueError: layers that cannot be written so: all of them are named.

    Example:
        >>> text = code(fastcnn.networks.lenet5())
        >>> print(text[text.index("        self.c1"):].splitlines()[0])
                self.c1 = nn.Conv2d(1, 6, (5, 5), padding=(2, 2))
    """
    return source(model._description(), name)
