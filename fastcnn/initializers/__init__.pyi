# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.initializers.base import Initializer as Initializer
from fastcnn.initializers.fixed import (
    Constant as Constant, DigitPrototypes as DigitPrototypes, Identity as Identity, Ones as Ones, Zeros as Zeros,
)
from fastcnn.initializers.names import get as get, serialize as serialize
from fastcnn.initializers.random import (
    Orthogonal as Orthogonal, RandomNormal as RandomNormal, RandomSigns as RandomSigns, RandomUniform as RandomUniform,
    TruncatedNormal as TruncatedNormal,
)
from fastcnn.initializers.scaling import (
    FanInUniform as FanInUniform, GlorotNormal as GlorotNormal, GlorotUniform as GlorotUniform, HeNormal as HeNormal,
    HeUniform as HeUniform, LecunNormal as LecunNormal, LecunUniform as LecunUniform, VarianceScaling as VarianceScaling,
)
