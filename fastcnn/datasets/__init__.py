"""Data sets as NumPy arrays: `mnist`, and `idx`, the file format it comes in; imported on first use."""

__all__ = ["idx", "mnist"]


def __getattr__(name):
    if name in __all__:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
