"""Trainings that are known to work, from data to test accuracy: what `fastcnn train` runs."""

from fastcnn.importing import listing
from fastcnn.recipes.alexnet import train_alexnet
from fastcnn.recipes.cifar10 import train_cifar10
from fastcnn.recipes.digits import digits_preparation, load_digits, prepare_digits
from fastcnn.recipes.lenet5 import Trained, train_lenet5
from fastcnn.recipes.lenet5_1998 import train_lenet5_1998
from fastcnn.recipes.photographs import TrainedOnImages, recorded_recipe, recorded_settings
from fastcnn.recipes.photos import train_photos

__all__ = ["Trained", "TrainedOnImages", "digits_preparation", "load_digits", "prepare_digits", "recorded_recipe",
           "recorded_settings", "train_alexnet", "train_cifar10", "train_lenet5", "train_lenet5_1998", "train_photos"]
__dir__ = listing(__name__)
