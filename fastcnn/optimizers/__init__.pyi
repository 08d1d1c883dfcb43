# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.optimizers import schedules as schedules
from fastcnn.optimizers.adagrad import Adadelta as Adadelta, Adagrad as Adagrad
from fastcnn.optimizers.adam import Adam as Adam, AdamW as AdamW
from fastcnn.optimizers.base import Optimizer as Optimizer, get as get, serialize as serialize
from fastcnn.optimizers.rmsprop import RMSprop as RMSprop, WindowGrad as WindowGrad
from fastcnn.optimizers.sdlm import SDLM as SDLM
from fastcnn.optimizers.sgd import SGD as SGD
