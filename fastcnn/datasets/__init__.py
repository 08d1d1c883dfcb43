"""Data sets: `mnist`, `fashion_mnist` and `cifar10`, and `idx`, the file format of the first two, as NumPy arrays;
`ImageFolder`, `ImageFiles` and `ImageArray`, sources of images, and `Subset`, `split` and `find_parts`, which cut them.
Imported on first use."""

_HOME = {"ImageArray": "image_array", "ImageFiles": "image_files", "ImageFolder": "image_folder", "Subset": "subset",
         "find_parts": "image_folder", "split": "subset"}

__all__ = [*_HOME, "cifar10", "fashion_mnist", "idx", "mnist"]


def __getattr__(name):
    if name in __all__:
        from importlib import import_module

        module = import_module(f"{__name__}.{_HOME.get(name, name)}")
        return getattr(module, name) if name in _HOME else module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
