"""ConvNetJS' vocabulary: networks from its definitions and JSON, volumes, and its trainer, on fastcnn's layers.

Example:
    >>> net = fastcnn.convnetjs.Net([{"type": "input", "out_sx": 24, "out_sy": 24, "out_depth": 1},
    ...     {"type": "conv", "sx": 5, "filters": 8, "stride": 1, "pad": 2, "activation": "relu"},
    ...     {"type": "pool", "sx": 2, "stride": 2},
    ...     {"type": "conv", "sx": 5, "filters": 16, "stride": 1, "pad": 2, "activation": "relu"},
    ...     {"type": "pool", "sx": 3, "stride": 3},
    ...     {"type": "softmax", "num_classes": 10}])
    >>> net.forward(np.zeros((24, 24, 1))).depth, net.model.count_params()
    (10, 5994)
"""

from typing import TYPE_CHECKING

from fastcnn.convnetjs.net import Net
from fastcnn.convnetjs.statistics import LayerStatistics, statistics
from fastcnn.convnetjs.trainer import Trainer
from fastcnn.convnetjs.vol import Vol, augment, img_to_vol
from fastcnn.importing import listing

SGDTrainer = Trainer  # its old name, which the demos use

__all__ = ["LayerStatistics", "Net", "SGDTrainer", "Trainer", "Vol", "augment", "img_to_vol", "statistics"]
__dir__ = listing(__name__)

_INSTEAD = {  # ConvNetJS' names that are not here: what to write
    "MagicNet": "train several Nets and keep what is best on held-out samples",
    "arrContains": "x in list", "arrUnique": "list(dict.fromkeys(list))", "cnnutil": "NumPy", "cnnvis": "fastcnn.vis",
    "deepqlearn": "a loop of your own around Trainer.train(x, {'dim': action, 'val': reward})",
    "getopt": "options.get(name, default)", "maxmin": "numpy.argmax, argmin, max and min", "randf": "random.uniform(a, b)",
    "randi": "random.randrange(a, b)", "randn": "random.gauss(mu, std)", "randperm": "numpy.random.permutation(n)",
    "weightedSample": "random.choices(list, probs)[0]", "zeros": "numpy.zeros(n)",
}

if not TYPE_CHECKING:  # which would take it that there is any name
    def __getattr__(name):
        instead = "a definition in Net(layer_defs)" if name.endswith("Layer") else _INSTEAD.get(name)
        hint = f". ConvNetJS' {name} has no counterpart here; instead: {instead}" if instead else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
