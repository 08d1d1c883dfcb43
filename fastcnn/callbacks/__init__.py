"""Callbacks: what happens around training, by Keras' names; each imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__, {
    "base": ["Callback", "CallbackList"],
    "csv_logger": ["CSVLogger"],
    "early_stopping": ["EarlyStopping"],
    "history": ["History"],
    "lambda_callback": ["LambdaCallback"],
    "learning_rate": ["LearningRateScheduler", "ReduceLROnPlateau"],
    "model_checkpoint": ["ModelCheckpoint"],
    "progress": ["Progress"],
    "terminate_on_nan": ["TerminateOnNaN"],
})
