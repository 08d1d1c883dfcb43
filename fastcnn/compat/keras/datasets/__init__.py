"""keras.datasets: those of fastcnn, images in the backend's data format."""

from fastcnn.compat.keras.datasets import cifar10, cifar100, mnist
from fastcnn.datasets import fashion_mnist

__all__ = ["cifar10", "cifar100", "fashion_mnist", "mnist"]
