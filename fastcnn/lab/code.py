"""Python that makes the network of the page, and trains it in the same way."""

from fastcnn.lab.data import NAMES
from fastcnn.lab.network import entries, short_config


def code_of(model, images, batch_size, epochs):
    """The program, as text; run alone, it trains anew.

    Args:
        model: compiled, as `network.entries` can write it.
        images: an `Images` that is fitted to it.
        batch_size, epochs: of the training.
    """
    source = f"fastcnn.datasets.{NAMES[images.name]}.load_data()" if images.name in NAMES else \
        f"...  # {images.name}: images as arrays, and labels from 0"
    lines = ["import fastcnn", "from fastcnn import layers", "", f"(x, y), (x_test, y_test) = {source}"]
    if images.shape[2] == 1:
        lines.append("x, x_test = x.reshape(*x.shape[:3], 1), x_test.reshape(*x_test.shape[:3], 1)")
    if images.preparation is not None:
        lines += [f"prepare = fastcnn.images.{_made(images.preparation.augmentation)}",
                  "x, x_test = prepare(x), prepare(x_test)"]
    lines += ["", *_network(model), "", f"model.compile(fastcnn.optimizers.{_made(model.optimizer)},",
              f"              fastcnn.losses.{_made(model.loss)},", '              metrics=["accuracy"])',
              f"model.fit(x, y, batch_size={batch_size}, epochs={epochs}, validation_data=(x_test, y_test))",
              'model.save("network.safetensors")']
    return "\n".join(lines) + "\n"


def _network(model):
    """Lines that make it: a list of layers, or each called on those whose values it takes."""
    first, *found = entries(model)
    start = f"layers.Input({tuple(first['shape'])})"
    calls = [_call(f"layers.{entry.pop('layer')}", {k: v for k, v in entry.items() if k != "takes"}) for entry in found]
    if not any("takes" in entry for entry in found):
        return ["model = fastcnn.Sequential([", *(f"    {call}," for call in (start, *calls)), f"], seed={model.seed})"]
    lines, before = ["value = {}", f"value['input'] = {start}"], "input"
    for entry, call in zip(found, calls):
        taken = [f"value[{name!r}]" for name in entry.get("takes", [before])]
        before = entry["name"]
        lines.append(f"value[{before!r}] = {call}({taken[0] if len(taken) == 1 else '[' + ', '.join(taken) + ']'})")
    return [*lines, f"model = fastcnn.Model(value['input'], value[{before!r}], seed={model.seed})"]


def _made(thing):
    return _call(type(thing).__name__, short_config(thing))


def _call(name, arguments):
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
