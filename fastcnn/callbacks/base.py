"""What a callback is, and the list of them that a model calls."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastcnn import arguments, calling
from fastcnn.attributes import Declared
from fastcnn.callbacks.terminal import say
from fastcnn.typing import Array, Model


class Callback(Declared):
    """Base of all callbacks: override the hooks you need.

    `self.model` is the model and `self.params` a dict of epochs, steps, samples, batch_size, verbose, metrics and
    validation_freq, with None for what is not known. Epochs and batches count from 0. `logs` of a batch hook are the
    means since the epoch's start; reading them takes a moment, so read them only when needed. A hook that
    nobody overrides is never called and costs nothing.

    Example:
        >>> class Stop(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         self.model.stop_training = logs["loss"] < 0.1
    """

    params: dict[str, Any] = None
    state: tuple[str, ...] = ()  # names of the attributes that `fit(resume=True)` must find again, of JSON's types
    reports: bool = False  # True: sees an epoch's logs after all others have added to them
    writes: bool = False  # True: prints or writes files, which is for one of several processes that train together to do
    _resumed = _silent = False
    _model: Any = None  # a weak reference

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_model"}  # copies wait for a `fit`

    @property
    def model(self) -> Model:
        """The model that calls the hooks; None before it does. A callback does not keep it: whoever drops a model gets its
        memory back, whatever became of callbacks and histories.

        Raises:
            ReferenceError: nobody has kept the model.
        """
        model = self._model and self._model()
        if self._model and model is None:
            raise ReferenceError(f"a callback knows its model as long as someone keeps it, in a variable or so. Received: "
                                 f"{type(self).__name__}.model of a model that is gone")
        return model

    @model.setter
    def model(self, model: Model) -> None:
        self._model = None if model is None else weakref.ref(model)

    def set_model(self, model: Model) -> None:
        """Called before all other hooks."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before all other hooks."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """At the start of `fit`."""

    def on_train_end(self, logs: Any = None) -> None:
        """At the end of `fit`, stopped early or not; not after an exception."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch's first batch; again when training is resumed within the epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch and its validation; `logs` is a dict, to which later callbacks see what is added."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a step of training."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a step of training."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Older name of `on_train_batch_end`."""

    def settle(self) -> None:
        """After `on_train_batch_end` or `on_epoch_end`, when all callbacks have had theirs: the time to save the model,
        whose file holds all their states. Called on those that override that hook."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before `evaluate`, or validation within `fit`."""

    def on_test_end(self, logs: Any = None) -> None:
        """After `evaluate`, or validation within `fit`."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch is evaluated."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch was evaluated."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch is predicted."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch was predicted."""

    def get_state(self) -> dict[str, Any]:
        """What exact resume must keep, as a dict of JSON-able values."""
        return {name: getattr(self, name) for name in self.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `get_state`'s answer: the next `on_train_begin` does not start anew.

        Raises:
            ValueError: the state is of another kind of callback.
        """
        if not isinstance(state, Mapping) or set(state) != set(self.get_state()):
            raise ValueError(f"state must have the keys {sorted(self.get_state())}. Received: {arguments.shown(state)}")
        for name, value in state.items():
            setattr(self, name, value)
        self._resumed = True

    def get_arrays(self) -> dict[str, Array]:
        """Arrays that belong to the state, {name: array}; mostly none."""
        return {}

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """Take back `get_arrays`' answer.

        Raises:
            ValueError: this callback keeps no arrays.
        """
        if arrays:
            raise ValueError(f"{type(self).__name__} keeps no arrays. Received: {sorted(arrays)}")

    def _say(self, message):
        """Prints a line, in one of several processes that train together."""
        if not self._silent:
            say(message)

    def _starts_anew(self):
        """For `on_train_begin`: False once after `set_state`."""
        resumed, self._resumed = self._resumed, False
        return not resumed


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
_OLD_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


@calling.hinting
class CallbackList:
    """Calls a hook of all callbacks in order, those that override it only.

    Args:
        callbacks: a list of callbacks, or one, or None.
        add_history, add_progbar: append a `History`, a `Progress` unless the list has one.
        model: passed to `set_model`.
        params: passed to `set_params`.

    Raises:
        TypeError: an entry is not a Callback.

    Example:
        >>> from fastcnn.callbacks import History
        >>> callbacks = CallbackList([History()])
        >>> callbacks.on_epoch_end(0, {"loss": 0.5})
        >>> callbacks.history.history
        {'loss': [0.5]}
    """

    def __init__(self, callbacks: Callback | Sequence[Callback] | None = None, add_history: bool = False,
                 add_progbar: bool = False, model: Model | None = None, **params: Any) -> None:
        from fastcnn.callbacks import History, Progress

        if callbacks is None or isinstance(callbacks, (Callback, CallbackList)):
            callbacks = getattr(callbacks, "callbacks", [callbacks] if callbacks else [])
        if not isinstance(callbacks, Iterable):
            raise TypeError("callbacks must be a list of fastcnn.callbacks.Callback. "
                            f"Received: {arguments.shown(callbacks)}")
        self.callbacks = []
        for callback in callbacks:
            self.append(callback)
        if add_history and self.history is None:
            self.append(History())
        if add_progbar and not any(isinstance(callback, Progress) for callback in self.callbacks):
            self.append(Progress(params.get("verbose", "auto")))
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)
        self._dispatch()

    _muted = False

    @property
    def history(self) -> Any:
        """The list's `History`, or None."""
        from fastcnn.callbacks import History

        return next((callback for callback in self.callbacks if isinstance(callback, History)), None)

    def append(self, callback: Callback) -> None:
        """Add one more callback, at the end."""
        self.callbacks.append(arguments.instance("a callback", callback, Callback, "a fastcnn.callbacks.Callback"))
        self._dispatch()

    def set_model(self, model: Model) -> None:
        """Tell all callbacks the model."""
        for callback in self.callbacks:
            callback.set_model(model)
        self._dispatch()

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell all callbacks the parameters of this run."""
        for callback in self.callbacks:
            callback.set_params(params)
        self._dispatch()

    def mute(self, muted: bool) -> None:
        """Leave out those that print or write files, and let others say nothing, if another process does that."""
        self._muted = muted
        for callback in self.callbacks:
            callback._silent = muted
        self._dispatch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch: all get one and the same dict and may add to it, those that report it last."""
        logs = logs if isinstance(logs, dict) else dict(logs or {})
        for method in self._methods["on_epoch_end"]:
            method(epoch, logs)
        for method in self._settlers["on_epoch_end"]:
            method()

    def on_train_end(self, logs: Any = None) -> None:
        """At the end of `fit`."""
        for method in self._methods["on_train_end"]:
            method({} if logs is None else logs)
        for callback in self.callbacks:
            callback._resumed = False

    def get_state(self) -> list[dict[str, Any]]:
        """The states of all callbacks that have one, in order, JSON-able."""
        return [{"class_name": type(c).__name__, "state": c.get_state()} for c in self._stateful()]

    def set_state(self, states: Sequence[dict[str, Any]]) -> None:
        """Hand back what `get_state` of a like list returned; call it before `on_train_begin`.

        Raises:
            ValueError: the stateful callbacks are not the same, in the same order.
        """
        names = [type(callback).__name__ for callback in self._stateful()]
        given = [state["class_name"] for state in states]
        if names != given:
            raise ValueError(f"resuming needs the callbacks {given} in this order. Received: {names}")
        for callback, state in zip(self._stateful(), states, strict=True):
            callback.set_state(state["state"])

    def get_arrays(self) -> dict[str, Array]:
        """The arrays that go with the states, {name: array}."""
        return {f"{i}/{name}": array for i, callback in enumerate(self._stateful())
                for name, array in callback.get_arrays().items()}

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """Hand back what `get_arrays` returned; call it after `set_state`."""
        for i, callback in enumerate(self._stateful()):
            parts = [(*name.partition("/"), array) for name, array in arrays.items()]
            callback.set_arrays({name: array for number, _, name, array in parts if number == str(i)})

    def _stateful(self):
        return [callback for callback in self.callbacks if callback.get_state()]

    def _dispatch(self):
        """Each other hook becomes an attribute: a loop over the methods that want it, or nothing."""
        self._methods, self._settlers = {}, {}
        for hook in HOOKS:
            callbacks = [callback for callback in self.callbacks if not (self._muted and callback.writes)]
            if hook == "on_epoch_end":
                callbacks = sorted(callbacks, key=lambda callback: callback.reports)
            callbacks = [callback for callback in callbacks if _wanted(callback, hook) is not None]
            self._methods[hook] = [_wanted(callback, hook) for callback in callbacks]
            settlers = callbacks if hook in ("on_train_batch_end", "on_epoch_end") else []
            self._settlers[hook] = [c.settle for c in settlers if getattr(c.settle, "__func__", None) is not Callback.settle]
            if hook not in ("on_epoch_end", "on_train_end"):
                setattr(self, hook, _caller(self._methods[hook], "batch" in hook or "epoch" in hook, self._settlers[hook]))


def _wanted(callback, hook):
    """The callback's own version of a hook, its class' or its own, under the new or the old name; or None."""
    for name in (hook, _OLD_NAMES.get(hook)):
        if name is not None:
            method = getattr(callback, name)
            if getattr(method, "__func__", method) is not getattr(Callback, name):
                return method
    return None


def _nothing(number=None, logs=None):
    """The hook that nobody wants."""


def _caller(methods, numbered, settlers=()):
    """A function that calls all methods, always with logs, as their authors may count on them; then the settlers."""
    if not methods:
        return _nothing

    def call(logs=None):
        for method in methods:
            method({} if logs is None else logs)

    def call_numbered(number, logs=None):
        for method in methods:
            method(number, {} if logs is None else logs)
        for settle in settlers:
            settle()

    return call_numbered if numbered else call
