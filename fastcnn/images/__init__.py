"""Photographs: decoding, augmentation, batches made by threads, and prediction from several crops; imported on first use."""

from fastcnn.importing import on_demand

__all__, __getattr__, __dir__ = on_demand(__name__, {
    "affine": ["affine_matrices", "affine_transform"],
    "augmentation": ["Augmentation"],
    "batches": ["ImageBatches"],
    "decode": ["ImageError", "decode_image"],
    "distortion": ["ArrayBatches", "Distortion"],
    "measure": ["Statistics", "statistics"],
    "prediction": ["predict", "predict_batches"],
    "preparation": ["Preparation"],
})
