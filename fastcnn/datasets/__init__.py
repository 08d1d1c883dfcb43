"""Data sets: `mnist` and `idx`, the file format it comes in, as NumPy arrays; `ImageFolder` and `ImageArray`, sources of
images. Imported on first use."""

_CLASSES = {"ImageArray": "image_array", "ImageFolder": "image_folder"}

__all__ = [*_CLASSES, "idx", "mnist"]


def __getattr__(name):
    if name in __all__:
        from importlib import import_module

        module = import_module(f"{__name__}.{_CLASSES.get(name, name)}")
        return getattr(module, name) if name in _CLASSES else module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
