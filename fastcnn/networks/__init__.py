"""Well-known networks, ready built."""

from fastcnn.networks.lenet import lenet5

__all__ = ["lenet5"]
