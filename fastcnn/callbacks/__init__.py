"""Callbacks: what happens around training, by Keras' names."""

from fastcnn.callbacks.base import Callback, CallbackList
from fastcnn.callbacks.csv_logger import CSVLogger
from fastcnn.callbacks.early_stopping import EarlyStopping
from fastcnn.callbacks.history import History
from fastcnn.callbacks.lambda_callback import LambdaCallback
from fastcnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastcnn.callbacks.model_checkpoint import ModelCheckpoint
from fastcnn.callbacks.progress import Progress
from fastcnn.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = ["CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
           "LearningRateScheduler", "ModelCheckpoint", "Progress", "ReduceLROnPlateau", "TerminateOnNaN"]
