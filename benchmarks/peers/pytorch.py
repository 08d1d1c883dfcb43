"""torch: eager, channels_last, and compiled (its forward pass with frozen weights)."""

import functools
import importlib

import torch
import torch.fx

import fastcnn
from benchmarks.peers import translation


def network(model, softmax=False):
    """The same network, in training mode; without the softmax, as torch's loss wants it.

    torch.fx writes its forward pass down as one would by hand, and gives up each value after its last use."""
    torch.set_num_threads(fastcnn.get_num_threads())
    steps, modules, graph = translation.steps(model), {}, torch.fx.Graph()
    if not softmax and steps[-1].kind == "softmax":
        steps = steps[:-1]
    values = {-1: graph.placeholder("x")}
    for i, step in enumerate(steps):
        taken = [values[place] for place in step.inputs]
        if step.kind == "concat":
            values[i] = graph.call_function(torch.cat, (taken, 1))
        elif step.kind == "add":
            values[i] = functools.reduce(lambda x, y: graph.call_function(torch.add, (x, y)), taken)
        else:
            modules[f"step{i}"] = _module(step)
            values[i] = graph.call_module(f"step{i}", (taken[0],))
    graph.output(values[i])
    return torch.fx.GraphModule(modules, graph)


def _module(step):
    nn, options = torch.nn, step.options
    if step.kind == "conv":
        out_c, in_c, *size = step.weights[0].shape
        module = nn.Conv2d(in_c * options["groups"], out_c, tuple(size), options["strides"], options["padding"],
                           options["dilation"], options["groups"], len(step.weights) > 1)
    elif step.kind == "dense":
        module = nn.Linear(*reversed(step.weights[0].shape), len(step.weights) > 1)
    elif step.kind == "batch_norm":
        module = nn.BatchNorm2d(len(step.weights[0]), options["epsilon"], 1 - options["momentum"])
    else:
        return _PLAIN[step.kind](step)
    names = ("weight", "bias", "running_mean", "running_var")
    with torch.no_grad():
        for name, value in zip(names, [*step.weights, *step.statistics]):
            getattr(module, name).copy_(torch.from_numpy(value))
    module.multipliers = step.multipliers
    return module


def _pool(module):
    return lambda step: module(step.options["size"], step.options["strides"], step.options["padding"],
                               ceil_mode=step.options["ceil_mode"])


_PLAIN = {
    "max_pool": _pool(torch.nn.MaxPool2d),
    "avg_pool": _pool(functools.partial(torch.nn.AvgPool2d, count_include_pad=False)),
    "adaptive_pool": lambda step: torch.nn.AdaptiveAvgPool2d(step.options["size"]),
    "global_pool": lambda step: torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()),
    "lrn": lambda step: torch.nn.LocalResponseNorm(*(step.options[k] for k in ("size", "divided_alpha", "beta", "k"))),
    "dropout": lambda step: torch.nn.Dropout(step.options["rate"]),
    "relu": lambda step: torch.nn.ReLU(inplace=step.alone),  # as torchvision has it
    "tanh": lambda step: torch.nn.Tanh(),
    "sigmoid": lambda step: torch.nn.Sigmoid(),
    "flatten": lambda step: torch.nn.Flatten(),
    "softmax": lambda step: torch.nn.Softmax(1),
}


def parameters_of(model):
    """A fastcnn model's parameters in torch's order and shapes."""
    return translation.weights(model)


def optimizer(net, rate, momentum, decay):
    """SGD with coupled decay; biases learn at their own rates, as in the model."""
    groups = []
    for module in net.children():
        for name, parameter in module.named_parameters(recurse=False):
            by_rate, by_decay = module.multipliers if name == "bias" else (1.0, 1.0)
            groups.append(((by_rate, by_decay), parameter))
    found = [{"params": [p for kind, p in groups if kind == key], "lr": rate * key[0], "weight_decay": decay * key[1]}
             for key in dict.fromkeys(kind for kind, _ in groups)]
    return torch.optim.SGD(found, lr=rate, momentum=momentum, fused=True)


def forward(model, x, form="eager"):
    """Probabilities of a batch that lies in torch's order already."""
    net, x = network(model, softmax=True).eval(), torch.from_numpy(translation.channels_first(x))
    net, x = _formed(net, x, form)

    def call():
        with torch.no_grad():
            return net(x).numpy()

    return call


def training(model, x, y, rate, momentum, decay, form="eager"):
    """A step on a batch that lies in torch's order already; returns the loss."""
    net, x = network(model).train(), torch.from_numpy(translation.channels_first(x))
    update, y = optimizer(net, rate, momentum, decay), torch.from_numpy(y)
    parameters = list(net.parameters())
    net, x = _formed(net, x, form)

    def call():
        update.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        update.step()
        return loss.item()

    call.parameters = lambda: [p.detach().numpy() for p in parameters]
    return call


def _formed(net, x, form):
    if form == "channels_last":
        return net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if form == "compile":
        torch.compiler.reset()
        importlib.import_module("torch._inductor.config").freezing = not net.training
        return torch.compile(net), x
    return net, x
