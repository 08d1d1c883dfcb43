# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.images.affine import affine_matrices as affine_matrices, affine_transform as affine_transform
from fastcnn.images.augmentation import Augmentation as Augmentation
from fastcnn.images.batches import ImageBatches as ImageBatches
from fastcnn.images.decode import ImageError as ImageError, decode_image as decode_image
from fastcnn.images.distortion import ArrayBatches as ArrayBatches, Distortion as Distortion
from fastcnn.images.measure import Statistics as Statistics, statistics as statistics
from fastcnn.images.prediction import predict as predict, predict_batches as predict_batches
from fastcnn.images.preparation import Preparation as Preparation
