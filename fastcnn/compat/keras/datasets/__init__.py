"""keras.datasets: those of fastcnn, images in the backend's data format."""

from fastcnn.compat.keras.datasets import cifar10
from fastcnn.datasets import fashion_mnist, mnist

__all__ = ["cifar10", "fashion_mnist", "mnist"]
