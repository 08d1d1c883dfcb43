"""Where training stands: what a model's file keeps so that `fit` goes on as if it had never stopped."""

import copy

import numpy as np

from fastcnn import arguments


class Standing:
    """The place within an epoch, the sums of its logs so far, and the callbacks with their states.

    `step` steps of the epoch after `model.epochs_seen` are done, and `drawn` batches since the source began; the largest
    had `rows` samples. `totals` are the epoch's sum of losses, number of samples, and sums of each output's losses where
    there are several.
    """

    def __init__(self):
        self.step = self.drawn = self.rows = 0
        self.totals = [0.0, 0]
        self.watchers = None  # the CallbackList of the training that goes on
        self._states, self._arrays = [], {}  # those of the last one, or that a file held

    def __getstate__(self):
        states, arrays = self.callbacks()
        return {**vars(self), "watchers": None, "_states": states, "_arrays": arrays}

    def rest(self):
        """Keeps what the callbacks hold in their place: a model that knew them would be known by what they know."""
        (self._states, self._arrays), self.watchers = self.callbacks(), None

    def check(self, batches):
        """Refuses to go on in the midst of an epoch whose batches are not those it began with.

        Raises:
            ValueError: another batch size, or fewer batches than steps were done.
        """
        if not self.step:
            return
        size = None if batches.timed else batches.size
        if size not in (None, self.rows):
            raise ValueError(f"resuming in the midst of an epoch needs batch_size={self.rows}, as before. Received: {size}")
        if batches.steps is not None and batches.steps < self.step:
            raise ValueError(f"resuming after step {self.step} of an epoch needs as many batches. Received: {batches.steps}")

    def callbacks(self):
        """(states, arrays) of the callbacks, as `CallbackList` gives and takes them."""
        if self.watchers is None:
            return self._states, self._arrays
        return copy.deepcopy(self.watchers.get_state()), self.watchers.get_arrays()

    def get_state(self, metrics):
        """(values of JSON's types, arrays by name), with the state of the metrics in the midst of an epoch."""
        states, arrays = self.callbacks()
        held = {f"callbacks/{name}": array for name, array in arrays.items()}
        state = {"step": self.step, "drawn": self.drawn, "rows": self.rows, "callbacks": states, "metrics": [],
                 "totals": self.totals if self.step else [0.0, 0]}
        for i, metric in enumerate(metrics if self.step else ()):
            values = metric_state(metric)
            found = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
            held.update({f"metrics/{i}/{name}": array for name, array in found.items()})
            state["metrics"].append({name: value for name, value in values.items() if name not in found})
        return json_types("the training state", state), held

    def set_state(self, state, arrays, metrics):
        """Takes back what `get_state` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else, or of other metrics.
        """
        step, drawn, rows = (arguments.integer(name, state[name], 0, 2**63 - 1) for name in ("step", "drawn", "rows"))
        loss, samples, *others = state["totals"]
        totals = [float(loss), arguments.integer("samples", samples, 0, 2**63 - 1), *map(float, others)]
        if not isinstance(state["callbacks"], list):
            raise TypeError(f"callbacks must be a list. Received: {arguments.shown(state['callbacks'])}")
        if step:
            for i, (metric, values) in enumerate(zip(metrics, state["metrics"], strict=True)):
                start = f"metrics/{i}/"
                values = {**values, **{n[len(start):]: a.copy() for n, a in arrays.items() if n.startswith(start)}}
                if set(values) != set(metric_state(metric)):
                    raise ValueError(f"{metric.name} has the state {sorted(metric_state(metric))}. "
                                     f"Received: {sorted(values)}")
                set_metric_state(metric, values)
        self.step, self.drawn, self.rows, self.totals = step, drawn, rows, totals
        self._states = state["callbacks"]
        self._arrays = {n[len("callbacks/"):]: a for n, a in arrays.items() if n.startswith("callbacks/")}


def metric_state(metric):
    """What a metric has gathered: all its attributes but its configuration and functions."""
    return {name: value for name, value in vars(metric).items()
            if name not in (*metric.config, "_made") and not callable(value)}


def set_metric_state(metric, state):
    """Hands back what `metric_state` gave."""
    vars(metric).update(state)


def json_types(name, value):
    """`value` if JSON can hold it and would give the same back.

    Raises:
        TypeError: names the part that is of another type.

    Example:
        >>> json_types("metadata", {"class_names": ["cat", "dog"]})
        {'class_names': ['cat', 'dog']}
    """
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} must have keys that are strings. Received: {arguments.shown(key)}")
            json_types(f"{name}[{key!r}]", part)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            json_types(f"{name}[{i}]", part)
    elif value is not None and not isinstance(value, (str, bool, int, float)):
        raise TypeError(f"{name} must be of JSON's types: dict, list, str, int, float, bool or None. "
                        f"Received: {type(value).__name__}")
    return value

