"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict

from fastcnn import arguments
from fastcnn.callbacks.base import HOOKS, Callback
from fastcnn.typing import Unpack

Hook: TypeAlias = "Callable[..., Any] | None"


class OtherHooks(TypedDict, total=False):
    """Hooks that `LambdaCallback` takes by name alone."""

    on_batch_begin: Hook
    on_batch_end: Hook
    on_test_begin: Hook
    on_test_end: Hook
    on_test_batch_begin: Hook
    on_test_batch_end: Hook
    on_predict_begin: Hook
    on_predict_end: Hook
    on_predict_batch_begin: Hook
    on_predict_batch_end: Hook


class LambdaCallback(Callback):
    """Calls functions at hooks.

    Args:
        on_epoch_begin, on_epoch_end: f(epoch, logs).
        on_train_begin, on_train_end: f(logs).
        on_train_batch_begin, on_train_batch_end: f(batch, logs).
        other_hooks: any other hook of `Callback`, with its arguments.

    Raises:
        TypeError: no such hook, or not callable.

    Example:
        >>> seen = []
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        >>> callback.on_epoch_end(3, {})
        >>> seen
        [3]
    """

    def __init__(self, on_epoch_begin: Hook = None, on_epoch_end: Hook = None, on_train_begin: Hook = None,
                 on_train_end: Hook = None, on_train_batch_begin: Hook = None, on_train_batch_end: Hook = None,
                 **other_hooks: Unpack[OtherHooks]) -> None:
        hooks = dict(on_epoch_begin=on_epoch_begin, on_epoch_end=on_epoch_end, on_train_begin=on_train_begin,
                     on_train_end=on_train_end, on_train_batch_begin=on_train_batch_begin,
                     on_train_batch_end=on_train_batch_end, **other_hooks)
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"hooks are {', '.join(HOOKS)}. Received: {arguments.shown(name)}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"{name} must be callable. Received: {arguments.shown(function)}")
            setattr(self, name, function)
