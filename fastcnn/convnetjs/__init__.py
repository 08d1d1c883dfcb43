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

from fastcnn.convnetjs.net import Net
from fastcnn.convnetjs.statistics import LayerStatistics, statistics
from fastcnn.convnetjs.trainer import Trainer
from fastcnn.convnetjs.vol import Vol, augment

__all__ = ["LayerStatistics", "Net", "Trainer", "Vol", "augment", "statistics"]
