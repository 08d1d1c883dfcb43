# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn import (
    callbacks as callbacks, compat as compat, constraints as constraints, convnetjs as convnetjs, datasets as datasets,
    distributed as distributed,
    images as images, initializers as initializers, io as io, lab as lab, layers as layers, losses as losses,
    metrics as metrics, networks as networks, ops as ops, optimizers as optimizers, recipes as recipes,
    reference as reference, regularizers as regularizers, search as search, sklearn as sklearn, vis as vis,
)
from fastcnn.reference.check_gradients import check_gradients as check_gradients
from fastcnn.reference.compare import compare as compare
from fastcnn.configuration import (
    __version__ as __version__, config_context as config_context, get_config as get_config, set_config as set_config,
    show_config as show_config,
)
from fastcnn.model.cloning import clone_model as clone_model
from fastcnn.model.loading import load_model as load_model
from fastcnn.layers.input import Input as Input
from fastcnn.model.model import Model as Model
from fastcnn.model.sequential import Sequential as Sequential
from fastcnn.random import set_random_seed as set_random_seed
from fastcnn.threads import (
    get_num_threads as get_num_threads, num_threads as num_threads, set_num_threads as set_num_threads,
)
