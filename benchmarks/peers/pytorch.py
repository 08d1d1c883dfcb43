"""torch: eager, channels_last, and compiled (its forward pass with frozen weights)."""

import importlib

import torch

import fastcnn
from benchmarks.peers import translation


def network(model, softmax=False):
    """The same network, in training mode; without the softmax, as torch's loss wants it."""
    torch.set_num_threads(fastcnn.get_num_threads())
    steps = translation.steps(model)
    if not softmax and steps[-1].kind == "softmax":
        steps = steps[:-1]
    return torch.nn.Sequential(*map(_module, steps))


def _module(step):
    nn, options = torch.nn, step.options
    if step.kind == "conv":
        out_c, in_c, *size = step.weights[0].shape
        module = nn.Conv2d(in_c * options["groups"], out_c, tuple(size), options["strides"], options["padding"],
                           options["dilation"], options["groups"])
    elif step.kind == "dense":
        module = nn.Linear(*reversed(step.weights[0].shape))
    elif step.kind == "lrn":
        return nn.LocalResponseNorm(options["size"], options["divided_alpha"], options["beta"], options["k"])
    elif step.kind in ("max_pool", "avg_pool"):
        return (nn.MaxPool2d if step.kind == "max_pool" else nn.AvgPool2d)(options["size"], options["strides"])
    elif step.kind == "dropout":
        return nn.Dropout(options["rate"])
    else:
        return {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "flatten": nn.Flatten,
                "softmax": lambda: nn.Softmax(1)}[step.kind]()
    with torch.no_grad():
        for parameter, value in zip((module.weight, module.bias), step.weights):
            parameter.copy_(torch.from_numpy(value))
    module.multipliers = step.multipliers
    return module


def parameters_of(model):
    """A fastcnn model's parameters in torch's order and shapes."""
    return translation.weights(model)


def optimizer(net, rate, momentum, decay):
    """SGD with coupled decay; biases learn at their own rates, as in the model."""
    groups = []
    for module in net:
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
