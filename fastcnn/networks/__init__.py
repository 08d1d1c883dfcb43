"""Well-known networks, ready built."""

from fastcnn.importing import answering, listing
from fastcnn.initializers.prototypes import rbf_prototypes
from fastcnn.networks.alexnet import alexnet
from fastcnn.networks.cifar import cifar10
from fastcnn.networks.googlenet import googlenet
from fastcnn.networks.lenet import lenet5
from fastcnn.networks.nin import nin
from fastcnn.networks.resnet import resnet
from fastcnn.networks.squeezenet import squeezenet
from fastcnn.networks.vgg import vgg
from fastcnn.networks.zfnet import zfnet

__all__ = ["alexnet", "cifar10", "googlenet", "lenet5", "nin", "rbf_prototypes", "resnet", "squeezenet", "vgg", "zfnet"]
__dir__, __getattr__ = listing(__name__), answering(__name__)
