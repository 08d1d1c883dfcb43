"""The networks of ConvNetJS' demos, for images of any size, and what trains them."""

MNIST = 4, (8, 2), (16, 3)  # pixels cut off; of each stage: filters, and size and stride of the pooling
CIFAR10 = 0, (16, 2), (20, 2), (20, 2)
BATCH_SIZE = 20
OPTIMIZER = {"class_name": "Adadelta", "config": {  # {method:'adadelta', batch_size:20, l2_decay:0.001}
    "learning_rate": 1.0, "epsilon": 1e-6, "weight_decay": 0.001 / BATCH_SIZE, "decoupled": False}}


def text(demo, shape, classes):
    """The definitions of a demo's network, as its page has them.

    Args:
        demo: `MNIST` or `CIFAR10`.
        shape: (height, width, channels) of the images.
        classes: how many there are.

    Example:
        >>> print(text(MNIST, (28, 28, 1), 10).splitlines()[1])
        layer_defs.push({type:'input', out_sx:24, out_sy:24, out_depth:1});
    """
    (cut, *stages), (height, width, depth) = demo, shape
    defs = [f"type:'input', out_sx:{width - cut}, out_sy:{height - cut}, out_depth:{depth}"]
    for filters, pool in stages:
        defs += [f"type:'conv', sx:5, filters:{filters}, stride:1, pad:2, activation:'relu'",
                 f"type:'pool', sx:{pool}, stride:{pool}"]
    defs.append(f"type:'softmax', num_classes:{classes}")
    return "\n".join(["layer_defs = [];", *(f"layer_defs.push({{{each}}});" for each in defs)])
