"""Nodes of ONNX written by formulas: what a text says is put together, and arrays go into the file."""


def formula(writer, text, name, x, words):
    """The name of what a formula gives, such as "Mul x scale; Add y offset": operators, and what they take. x comes in, y is
    what the one before gives, - is left out; other words, and numbers, are arrays, or attributes behind "=", which may be
    called as they are. What is None is left out, too. Arrays are called by the word "name", if there is one."""
    values, steps = {"x": x, "y": x, "-": ""}, text.split("; ")
    for number, (op, *operands) in enumerate(step.split() for step in steps):
        own, taken, attributes = name if number == len(steps) - 1 else f"{name}/{op.lower()}{number}", [], {}
        for operand in operands:
            key, sign, word = operand.partition("=")
            word = word or key
            value = None if word in values else words[word] if word in words else float(word)
            if word in values:
                taken.append(values[word])
            elif value is not None and sign:
                attributes[key] = value
            elif value is not None:
                taken.append(writer.constant(f"{words.get('name', name)}/{word}", value))
        values["y"] = writer.node(op, taken, own, **attributes)
    return values["y"]


_ACTIVATIONS = {  # activation: its formula, c being its constant; another one, for opsets before
    **{name: (f"{name.title()} x",) for name in ("relu", "sigmoid", "tanh", "softplus", "softsign", "selu")},
    "exponential": ("Exp x",), "elu": ("Elu x alpha=c",), "leaky_relu": ("LeakyRelu x alpha=c",),
    "hard_sigmoid": ("HardSigmoid x alpha=c beta=0.5",), "relu6": ("Clip x 0 6",), "silu": ("Sigmoid x; Mul x y",),
    "scaled_tanh": ("Mul x 0.6666666667; Tanh y; Mul y 1.7159",), "softmax": ("Softmax x axis=",),
    "log_softmax": ("LogSoftmax x axis=",),
    "hard_silu": ("HardSwish x", "HardSigmoid x alpha=0.1666666667 beta=0.5; Mul x y", 14),
    "gelu": ("Gelu x", "Mul x 0.7071067812; Erf y; Add y 1; Mul y 0.5; Mul x y", 20),
}


def activated(writer, step, x):
    """A step's activation behind `x`, under the step's name."""
    name, constant = step.activation
    if name == "linear":
        return writer.renamed(x, step.name)
    text, *before = _ACTIVATIONS[name]
    if before and writer.opset < before[1]:
        text = before[0]
    return formula(writer, text, step.name, x, {"c": constant, "axis": 1 if len(step.size) == 3 else -1})
