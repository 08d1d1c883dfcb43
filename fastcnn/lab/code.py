"""Python that makes the network of the page, and trains it in the same way."""

from fastcnn.lab import network

_DATA = {
    "mnist": "(x, y), (x_test, y_test) = fastcnn.datasets.mnist.load_data()",
    "fashion": "(x, y), (x_test, y_test) = fastcnn.datasets.fashion_mnist.load_data()",
    "cifar10": "(x, y), (x_test, y_test) = fastcnn.datasets.cifar10.load_data()",
}


def code_of(model, images, batch_size, epochs):
    """The program, as text; run alone, it trains anew.

    Args:
        model: compiled, as `network.entries` can write it.
        images: an `Images` that is fitted to it.
        batch_size, epochs: of the training.
    """
    lines = ["import fastcnn", "from fastcnn import layers", ""]
    lines.append(_DATA.get(images.name, f"(x, y), (x_test, y_test) = ...  # {images.name}: images, and labels from 0"))
    if images.shape[2] == 1:
        lines.append("x, x_test = x.reshape(*x.shape[:3], 1), x_test.reshape(*x_test.shape[:3], 1)")
    if images.preparation is not None:
        change = images.preparation.augmentation
        lines += [f"prepare = fastcnn.images.{_call(type(change).__name__, _plain(type(change), change.get_config()))}",
                  "x, x_test = prepare(x), prepare(x_test)"]
    lines += ["", *_network(model), ""]
    optimizer = model.optimizer
    lines += [f"model.compile(fastcnn.optimizers.{_call(type(optimizer).__name__, _plain(type(optimizer), optimizer.get_config()))},",
              f"              fastcnn.losses.{_call(type(model.loss).__name__, _plain(type(model.loss), model.loss.get_config()))},",
              '              metrics=["accuracy"])',
              f"model.fit(x, y, batch_size={batch_size}, epochs={epochs}, validation_data=(x_test, y_test))",
              'model.save("network.safetensors")']
    return "\n".join(lines) + "\n"


def _network(model):
    """Lines that make it: a list of layers, or each called on those whose values it takes."""
    first, *found = network.entries(model)
    calls = [_call(f"layers.{entry['layer']}", {k: v for k, v in entry.items() if k not in ("layer", "takes")}) for entry in found]
    if not any("takes" in entry for entry in found):
        inner = [f"layers.Input({tuple(first['shape'])})", *calls]
        return ["model = fastcnn.Sequential([", *(f"    {call}," for call in inner), f"], seed={model.seed})"]
    places, lines, before = {"input": "values['input']"}, [f"values = {{'input': layers.Input({tuple(first['shape'])})}}"], "input"
    for entry, call in zip(found, calls):
        taken = [places[name] for name in entry.get("takes", [before])]
        before = entry["name"]
        places[before] = f"values[{before!r}]"
        lines.append(f"{places[before]} = {call}({taken[0] if len(taken) == 1 else '[' + ', '.join(taken) + ']'})")
    return [*lines, f"model = fastcnn.Model({places['input']}, {places[before]}, seed={model.seed})"]


def _plain(cls, config):
    """Of a configuration what differs from the class' defaults."""
    found = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in config.items()}
    for key in list(found):
        less = {name: value for name, value in found.items() if name != key}
        try:
            if _same(cls(**less).get_config(), config):
                found = less
        except (TypeError, ValueError):
            continue
    return found


def _same(a, b):
    return repr({k: getattr(v, "tolist", lambda v=v: v)() for k, v in a.items()}) == repr(
        {k: getattr(v, "tolist", lambda v=v: v)() for k, v in b.items()})


def _call(name, arguments):
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
