"""Plots of training, networks and predictions. Each function returns a matplotlib figure and shows nothing by itself:
`figure.savefig("it.png")`, or `matplotlib.pyplot.show()`. Needs matplotlib: pip install matplotlib.

One colour rule holds in all of them: blue is below zero, white is zero, red is above."""

from fastcnn.importing import listing
from fastcnn.vis.activations import activations
from fastcnn.vis.confusion_matrix import confusion_matrix
from fastcnn.vis.filters import filters
from fastcnn.vis.gradients import gradients
from fastcnn.vis.graph import graph
from fastcnn.vis.history import history
from fastcnn.vis.mistakes import mistakes
from fastcnn.vis.profile import profile
from fastcnn.vis.rbf_prototypes import rbf_prototypes
from fastcnn.vis.saliency import saliency

__all__ = ["activations", "confusion_matrix", "filters", "gradients", "graph", "history", "mistakes", "profile",
           "rbf_prototypes", "saliency"]
__dir__ = listing(__name__)
