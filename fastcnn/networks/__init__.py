"""Well-known networks, ready built."""

from fastcnn.importing import listing
from fastcnn.initializers.prototypes import rbf_prototypes
from fastcnn.networks.alexnet import alexnet
from fastcnn.networks.cifar import cifar10
from fastcnn.networks.lenet import lenet5

__all__ = ["alexnet", "cifar10", "lenet5", "rbf_prototypes"]
__dir__ = listing(__name__)
