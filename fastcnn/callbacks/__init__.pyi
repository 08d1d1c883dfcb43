# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.callbacks.base import Callback as Callback, CallbackList as CallbackList
from fastcnn.callbacks.csv_logger import CSVLogger as CSVLogger
from fastcnn.callbacks.early_stopping import EarlyStopping as EarlyStopping
from fastcnn.callbacks.history import History as History
from fastcnn.callbacks.lambda_callback import LambdaCallback as LambdaCallback
from fastcnn.callbacks.learning_rate import (
    LearningRateScheduler as LearningRateScheduler, ReduceLROnPlateau as ReduceLROnPlateau,
)
from fastcnn.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from fastcnn.callbacks.progress import Progress as Progress
from fastcnn.callbacks.terminate_on_nan import TerminateOnNaN as TerminateOnNaN
