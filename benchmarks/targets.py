"""What each row should reach. Due: promised; after: aimed at. Ratios to the best peer, or our own figure."""

from collections import namedtuple

Target = namedtuple("Target", "due after field at_most", defaults=(None, "ratio", False))

TARGETS = {
    "networks/alexnet.forward.1": Target(1.25, 1.5),
    "networks/alexnet.float16.forward.1": Target(1.8, 1.9),
    "networks/alexnet.int8.forward.1": Target(2.2, 2.5),
    "networks/alexnet.forward.32": Target(2.4, 2.7),
    "networks/alexnet.forward.128": Target(2.5, 2.9),
    "networks/alexnet.training.32": Target(2.9, 3.3),
    "networks/alexnet.training.128": Target(3.3, 3.8),
    "networks/vgg16.forward.1": Target(1.9),
    "networks/vgg16.forward.16": Target(2.4),
    "networks/vgg16.training.16": Target(2.5),
    "networks/resnet18.forward.1": Target(1.5),
    "networks/resnet18.forward.16": Target(1.8),
    "networks/resnet18.training.16": Target(2.2),
    "networks/googlenet.forward.1": Target(1.4),
    "networks/googlenet.forward.16": Target(1.55),
    "networks/googlenet.training.16": Target(1.8),
    "networks/squeezenet.forward.1": Target(1.05),
    "networks/squeezenet.forward.16": Target(1.25),
    "networks/squeezenet.training.16": Target(1.8),
    "networks/lenet5.forward.1": Target(2.2, 3.0),
    "networks/lenet5.forward.16": Target(1.9, 2.3),
    "networks/lenet5.forward.128": Target(1.9, 2.4),
    "networks/lenet5.forward.1024": Target(1.9, 2.4),
    "networks/lenet5.training.1": Target(10, 20),
    "networks/lenet5.training.16": Target(6.5, 8),
    "networks/lenet5.training.128": Target(4.5, 6.5),
    "networks/call": Target(3, None, "ours", True),  # µs
    "loaded/lenet5.training.128": Target(0.55, None, "ours"),  # part of the idle speed
    "loaded/lenet5.forward.16": Target(0.55, None, "ours"),
    "loaded/lenet5.forward.1024": Target(0.55, None, "ours"),
    "mnist/lenet5.to_99": Target(5, 3, "ours", True),  # seconds, the slowest of the seeds
    "memory/alexnet.training.128": Target(1500, 1100, "ours", True),  # MB
    "memory/lenet5.training.128": Target(45, None, "ours", True),
    "package/import": Target(0.1, 0.03, "ours", True),  # seconds
    "package/installed": Target(3, None, "ours", True),  # MB, without bundled data
}
