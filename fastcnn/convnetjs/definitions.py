"""Networks as ConvNetJS describes them: its shorthand written out, and the fields of each layer, as its files have them."""

from fastcnn import arguments
from fastcnn.convnetjs.text import at, objects

LOSSES = ("softmax", "svm", "regression")
ACTIVATIONS = ("relu", "sigmoid", "tanh", "maxout")

_LEARNED = ("l1_decay_mul", "l2_decay_mul", "bias_pref")
_KEYS = {  # of each type what its definition may say, beside what any may
    "input": ("out_sx", "out_sy", "out_depth"),
    "conv": ("sx", "sy", "filters", "stride", "pad", *_LEARNED),
    "fc": ("num_neurons", "filters", *_LEARNED),
    "pool": ("sx", "sy", "stride", "pad"),
    "relu": (), "sigmoid": (), "tanh": (),
    "maxout": ("group_size",),
    "dropout": ("drop_prob",),
    "lrn": ("k", "n", "alpha", "beta"),
    "softmax": ("num_classes",), "svm": ("num_classes",), "regression": ("num_neurons",),
}
_SIZES = ("in_sx", "in_sy", "in_depth")  # ConvNetJS writes them into the definitions that it reads
TYPES = tuple(_KEYS)


def desugar(layer_defs):
    """A list of definitions with ConvNetJS' shorthand written out.

    `activation` and `drop_prob` become layers behind the one that names them, softmax, svm and regression get the fc layer
    that they need before them, and biases begin at .1 where the activation is "relu", else at 0.

    Args:
        layer_defs: list of dictionaries with `type` and what it takes, or such a list as text, in JSON or JavaScript.

    Returns:
        list of new dictionaries, one per layer.

    Raises:
        TypeError, ValueError: something else, unknown types or keys.

    Example:
        >>> desugar([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2},
        ...          {"type": "fc", "num_neurons": 5, "activation": "relu", "drop_prob": 0.5},
        ...          {"type": "softmax", "num_classes": 3}])[1:4]
        [{'type': 'fc', 'num_neurons': 5, 'bias_pref': 0.1}, {'type': 'relu'}, {'type': 'dropout', 'drop_prob': 0.5}]
    """
    plain = []
    for definition in _checked(layer_defs):
        kind, definition = definition["type"], {key: value for key, value in definition.items() if key != "tensor"}
        activation, drop_prob = definition.pop("activation", None), None
        if kind != "dropout":
            drop_prob = definition.pop("drop_prob", None)
        group_size = definition.pop("group_size", None) if kind != "maxout" else None
        if group_size is not None and activation != "maxout":
            raise ValueError(f"group_size goes with activation='maxout'. "
                             f"Received: {kind} with activation={arguments.shown(activation)}")
        if kind in LOSSES:
            count = "num_neurons" if kind == "regression" else "num_classes"
            plain.append({"type": "fc", "num_neurons": _need(definition, count), "bias_pref": 0.0})
        if kind in ("conv", "fc"):
            definition.setdefault("bias_pref", 0.1 if activation == "relu" else 0.0)
        plain.append(definition)
        if activation is not None:
            arguments.choice("activation", activation, ACTIVATIONS)
            plain.append({"type": activation, **({} if group_size is None else {"group_size": group_size})})
        if drop_prob is not None:
            plain.append({"type": "dropout", "drop_prob": drop_prob})
    return plain


def _checked(layer_defs):
    if isinstance(layer_defs, str):
        layer_defs = [definition for _, definition in objects(layer_defs)]
    if not isinstance(layer_defs, (list, tuple)) or not all(isinstance(d, dict) for d in layer_defs):
        raise TypeError(f"layer_defs must be a list of dictionaries, or one as text. Received: {type(layer_defs).__name__}")
    kinds = [_kind(definition, "type") for definition in layer_defs]
    _check_order(kinds)
    for kind, definition in zip(kinds, layer_defs):
        known = {"type", *_KEYS[kind], *_SIZES}
        if kind not in LOSSES:
            known |= {"activation", "group_size", "drop_prob"}
        for key in definition:
            if key == "tensor" and not definition[key]:
                continue
            if key == "tensor":
                raise ValueError("tensor, the layer of type quadtransform, has no counterpart here. "
                                 f"Received: {kind} with tensor={arguments.shown(definition[key])}")
            if key not in known:
                raise ValueError(f"a layer of type {kind} takes {', '.join(sorted(known - {'type', *_SIZES}))}. "
                                 f"Received: {arguments.shown(key)}")
    return layer_defs


def _check_order(kinds):
    if len(kinds) < 2 or kinds[0] != "input" or kinds[-1] not in LOSSES or any(k in ("input", *LOSSES) for k in kinds[1:-1]):
        raise ValueError(f"a network must begin with input, end in {', '.join(LOSSES[:-1])} or {LOSSES[-1]}, and have them "
                         f"nowhere else. Received: {', '.join(kinds) or 'nothing'}")


def _kind(definition, key):
    kind = definition.get(key)
    if kind == "quadtransform":
        raise ValueError("quadtransform has no counterpart here. Received: a layer of this type")
    if kind not in _KEYS:
        raise ValueError(f"{key} must be one of {', '.join(TYPES)}. Received: {arguments.shown(kind)}")
    return kind


def _need(definition, key):
    if key not in definition:
        raise ValueError(f"a layer of type {definition['type']} must have {key}. Received: {arguments.shown(definition)}")
    return definition[key]


def fields(definitions):
    """The fields of each layer, as ConvNetJS' files have them, from definitions without shorthand; `bias_pref` besides.

    Args:
        definitions: what `desugar` returned.

    Returns:
        list of dictionaries with `layer_type`, the output's `out_sx`, `out_sy`, `out_depth`, and what the type has.

    Example:
        >>> pool = fields([{"type": "input", "out_sx": 24, "out_sy": 24, "out_depth": 8}, {"type": "pool", "sx": 2}])[1]
        >>> pool["stride"], pool["out_sx"]
        (2, 12)
    """
    found, shape = [], None
    for place, definition in enumerate(definitions):
        kind = definition["type"]
        given = {key: definition[key] for key in _SIZES if key in definition} if place else {}
        if given and shape != tuple(given.get(key, size) for key, size in zip(_SIZES, shape)):
            raise ValueError(f"layer {place}, {kind}, comes after an output of {_times(shape)}. Received: {given}")
        layer, shape = _FIELDS[kind](definition, shape)
        if min(shape) < 1:
            raise ValueError(f"layer {place}, {kind}, has an output of {_times(shape)}: its window of {layer['sx']}x"
                             f"{layer['sy']} does not fit. Received: {arguments.shown(definition)}")
        layer.update(zip(("out_sx", "out_sy", "out_depth"), shape), layer_type=kind)
        found.append(layer)
    return found


def located(found):
    """Fields of definitions in a text, and for each layer where its definition stands.

    Args:
        found: [(line, definition)], as `text.objects` returns.

    Returns:
        (what `fields` returns, [(place, line)]).

    Raises:
        Wrong: the first definition that does not fit to those before it.

    Example:
        >>> located([(1, {"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2}),
        ...          (2, {"type": "softmax", "num_classes": 3})])[1]
        [(0, 1), (1, 2), (1, 2)]
    """
    definitions, places = [definition for _, definition in found], []
    for place, (line, _) in enumerate(found):
        end = [] if place == len(found) - 1 else [{"type": "softmax", "num_classes": 2}]
        with at(place, line):
            made = fields(desugar(definitions[:place + 1] + end))
            places += [(place, line)] * (len(made) - 2 * len(end) - len(places))
    return made, places


def _times(shape):
    return "x".join(str(size) for size in shape)


def _input(definition, _):
    keys = ("out_sx", "out_sy", "out_depth")
    given = {key: definition.get(key, definition.get(own)) for own, key in zip(_SIZES, keys)}
    return {}, tuple(arguments.integer(key, size) for key, size in given.items())


def _window(definition, shape, stride):
    """Fields of what slides over images, and the output's width and height; windows that do not fit whole are left out."""
    sx = arguments.integer("sx", _need(definition, "sx"))
    layer = {"sx": sx, "sy": arguments.integer("sy", definition.get("sy", sx)),
             "stride": arguments.integer("stride", definition.get("stride", stride)), "in_depth": shape[2],
             "pad": arguments.integer("pad", definition.get("pad", 0), 0)}
    return layer, tuple((size + 2 * layer["pad"] - window) // layer["stride"] + 1
                        for size, window in zip(shape, (sx, layer["sy"])))


def _learned(definition):
    return {"l1_decay_mul": arguments.number("l1_decay_mul", definition.get("l1_decay_mul", 0.0), 0),
            "l2_decay_mul": arguments.number("l2_decay_mul", definition.get("l2_decay_mul", 1.0), 0),
            "bias_pref": arguments.number("bias_pref", definition.get("bias_pref", 0.0))}


def _conv(definition, shape):
    layer, sizes = _window(definition, shape, 1)
    return {**layer, **_learned(definition)}, (*sizes, arguments.integer("filters", _need(definition, "filters")))


def _fc(definition, shape):
    key = "num_neurons" if "num_neurons" in definition or "filters" not in definition else "filters"
    layer = {"num_inputs": shape[0] * shape[1] * shape[2], **_learned(definition)}
    return layer, (1, 1, arguments.integer(key, _need(definition, key)))


def _pool(definition, shape):
    layer, sizes = _window(definition, shape, 2)
    if layer["pad"] >= min(layer["sx"], layer["sy"]):
        raise ValueError(f"pad must be less than the window, else some see nothing. Received: {arguments.shown(definition)}")
    return layer, (*sizes, shape[2])


def _plain(definition, shape):
    return {}, shape


def _maxout(definition, shape):
    group_size = arguments.integer("group_size", definition.get("group_size", 2))
    if shape[2] % group_size:
        raise ValueError(f"group_size must divide the depth {shape[2]}. Received: {group_size}")
    return {"group_size": group_size}, (*shape[:2], shape[2] // group_size)


def _dropout(definition, shape):
    return {"drop_prob": arguments.part("drop_prob", definition.get("drop_prob", 0.5))}, shape


def _lrn(definition, shape):
    layer = {key: arguments.number(key, _need(definition, key)) for key in ("k", "alpha", "beta")}
    return {**layer, "n": arguments.integer("n", _need(definition, "n"))}, shape


def _loss(definition, shape):
    count = shape[0] * shape[1] * shape[2]
    return {"num_inputs": count}, (1, 1, count)


_FIELDS = {"input": _input, "conv": _conv, "fc": _fc, "pool": _pool, "relu": _plain, "sigmoid": _plain, "tanh": _plain,
           "maxout": _maxout, "dropout": _dropout, "lrn": _lrn, "softmax": _loss, "svm": _loss, "regression": _loss}


def definitions_of(layers):
    """Definitions without shorthand of layers in JSON, whose fields they must lead to again.

    Args:
        layers: list of dictionaries with `layer_type` and what the type has.

    Example:
        >>> definitions_of([{"layer_type": "input", "out_sx": 2, "out_sy": 2, "out_depth": 1},
        ...                 {"layer_type": "softmax", "num_inputs": 4}])[0]
        {'type': 'input', 'out_sx': 2, 'out_sy': 2, 'out_depth': 1}
    """
    definitions = []
    for place, layer in enumerate(layers):
        if not isinstance(layer, dict):
            raise ValueError(f"layers must be objects. Received: {type(layer).__name__} as layer {place}")
        kind = _kind(layer, "layer_type")
        definition = {"type": kind, **{key: layer[key] for key in _KEYS[kind] if key in layer and key != "filters"}}
        if kind in ("conv", "fc"):
            definition["filters"] = _need(layer | {"type": kind}, "out_depth")
            definition.setdefault("l1_decay_mul", 1.0)  # of old files
        definitions.append(definition)
    _check_order([definition["type"] for definition in definitions])
    for place, (layer, own) in enumerate(zip(layers, fields(definitions))):
        for key, value in own.items():
            if key in layer and key not in ("l1_decay_mul", "l2_decay_mul", "bias_pref") and layer[key] != value:
                raise ValueError(f"{key} of layer {place}, {own['layer_type']}, follows from the layers before: {value}. "
                                 f"Received: {arguments.shown(layer[key])}")
    return definitions
