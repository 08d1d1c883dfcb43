# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.datasets import (
    cifar10 as cifar10, cifar100 as cifar100, fashion_mnist as fashion_mnist, idx as idx, mnist as mnist,
)
from fastcnn.images.image_array import ImageArray as ImageArray
from fastcnn.datasets.image_files import ImageFiles as ImageFiles
from fastcnn.datasets.image_folder import ImageFolder as ImageFolder, find_parts as find_parts
from fastcnn.datasets.subset import Subset as Subset, split as split
