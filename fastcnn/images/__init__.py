"""Photographs: decoding, augmentation, batches made by threads, and prediction from several crops; imported on first use."""

_HOME = {
    "ArrayBatches": "distortion",
    "Augmentation": "augmentation",
    "Distortion": "distortion",
    "ImageBatches": "batches",
    "ImageError": "decode",
    "Preparation": "preparation",
    "Statistics": "measure",
    "affine_matrices": "affine",
    "affine_transform": "affine",
    "decode_image": "decode",
    "predict": "prediction",
    "predict_batches": "prediction",
    "statistics": "measure",
}

__all__ = list(_HOME)


def __getattr__(name):
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
