"""Well-known networks, ready built."""

from fastcnn.networks.alexnet import alexnet
from fastcnn.networks.lenet import lenet5

__all__ = ["alexnet", "lenet5"]
