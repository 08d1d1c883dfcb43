"""Data sets: `mnist`, `fashion_mnist`, `cifar10` and `cifar100`, and `idx`, the file format of the first two, as NumPy
arrays; `ImageFolder`, `ImageFiles` and `ImageArray`, sources of images, and `Subset`, `split` and `find_parts`, which cut
them. Imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__)
