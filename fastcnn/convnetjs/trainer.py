"""ConvNetJS' `Trainer`: its methods and options, on fastcnn's optimizers and whole batches."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np

from fastcnn import arguments, optimizers, regularizers
from fastcnn.attributes import Declared
from fastcnn.convnetjs.net import Net
from fastcnn.typing import Callback, Config, Data, History, Unpack

METHODS = ("sgd", "adagrad", "adadelta", "windowgrad", "nesterov", "adam")


class MistakenAdam(optimizers.Adam):
    """Adam with ConvNetJS' bias correction, which multiplies by 1 − betaᵏ instead of dividing, k being the samples seen.

    Args:
        batch_size: samples per step.
        options: of `fastcnn.optimizers.Adam`.
    """

    config = ("batch_size", *optimizers.Adam.config)

    def __init__(self, batch_size, **options):
        super().__init__(**options)
        self.batch_size = batch_size

    @property
    def correction(self):
        """The factor of the learning rate of the next step."""
        k = (self.iterations + 1) * self.batch_size
        return (1 - self.beta_1**k) / math.sqrt(1 - self.beta_2**k)


def _at_least_0(name, value):
    return arguments.number(name, value, 0)


class _Setting:
    """An option that can be changed between steps."""

    def __init__(self, check):
        self.check = check

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, trainer, owner=None):
        return self if trainer is None else trainer.__dict__[self.name]

    def __set__(self, trainer, value):
        trainer.__dict__[self.name] = self.check(self.name, value)
        trainer._changed.add(self.name)


class FitOptions(TypedDict, total=False):
    """Arguments of `Sequential.fit` that `Trainer.fit` hands on."""

    verbose: int | str
    callbacks: Callback | Sequence[Callback] | None
    validation_split: float
    validation_data: Data
    shuffle: bool
    initial_epoch: int
    resume: bool


class Trainer(Declared):
    """Trains a `Net` as ConvNetJS' `Trainer` does.

    g is the sum of the gradients of batch_size samples; a layer's weights w (not its biases) take part with their decay:
    g ← (g + l2_decay·l2_decay_mul·w + l1_decay·l1_decay_mul·sign(w)) / batch_size, so decay shrinks with larger batches (and
    l1_decay_mul is 0 unless a definition says otherwise). Then, from zeros,

        sgd         v ← momentum·v − learning_rate·g                w ← w + v
        nesterov    v ← momentum·v − learning_rate·g                w ← w + momentum·v − learning_rate·g
        adagrad     a ← a + g²                                      w ← w − learning_rate·g / √(a + eps)
        windowgrad  a ← ro·a + (1 − ro)·g²                          w ← w − learning_rate·g / √(a + eps)
        adadelta    a ← ro·a + (1 − ro)·g²   d = −g·√((b + eps) / (a + eps))   b ← ro·b + (1 − ro)·d²   w ← w + d
        adam        as `fastcnn.optimizers.Adam` with beta1, beta2, eps

    Args:
        net: a `Net`.
        method: "sgd", "adagrad", "adadelta", "windowgrad", "nesterov" (ConvNetJS spells it "netsterov") or "adam"; or a
            dictionary of all options, as ConvNetJS takes them: `Trainer(net, {"method": "adam", "batch_size": 10})`.
        batch_size: samples per step.
        learning_rate, momentum, ro, eps, beta1, beta2: constants of the methods. As in ConvNetJS, those that a method has no
            use for may be given. eps is 1e-6, of adam 1e-8.
        l1_decay, l2_decay: what weights are pulled to 0 by.

    They are attributes too, and may be changed between steps; all but method.

    Attributes:
        k: samples seen; `fit` counts an epoch's smaller last batch as a whole one.

    Raises:
        TypeError, ValueError: for such options.

    Example:
        >>> net = fastcnn.convnetjs.Net([{"type": "input", "out_sx": 1, "out_sy": 1, "out_depth": 2},
        ...                              {"type": "softmax", "num_classes": 2}], seed=0)
        >>> trainer = Trainer(net, method="adadelta", batch_size=2, l2_decay=0.001)
        >>> for step in range(100):
        ...     for x, y in (([1, 0], 0), ([0, 1], 1)):
        ...         stats = trainer.train(x, y)
        >>> stats["cost_loss"] < 0.5, trainer.k
        (True, 200)

    Source: Karpathy 2014, ConvNetJS; Zeiler 2012 (adadelta, windowgrad).
    """

    batch_size = _Setting(arguments.integer)
    learning_rate, l1_decay, l2_decay = _Setting(_at_least_0), _Setting(_at_least_0), _Setting(_at_least_0)
    momentum, ro, beta1, beta2 = (_Setting(arguments.part) for _ in range(4))
    eps = _Setting(arguments.small)

    def __init__(self, net: Net, method: str | Config = "sgd", batch_size: int = 1, learning_rate: float = 0.01,
                 momentum: float = 0.9, ro: float = 0.95, eps: float | None = None, beta1: float = 0.9, beta2: float = 0.999,
                 l1_decay: float = 0.0, l2_decay: float = 0.0) -> None:
        from fastcnn.convnetjs.net import Net

        if not isinstance(net, Net):
            raise TypeError(f"net must be a fastcnn.convnetjs.Net. Received: {arguments.shown(net)}")
        if isinstance(method, dict):
            named = batch_size, learning_rate, momentum, ro, eps, beta1, beta2, l1_decay, l2_decay
            if named != Trainer.__init__.__wrapped__.__defaults__[1:]:
                raise TypeError("options come in a dictionary or by name, not both. "
                                f"Received: {arguments.shown(method)} and others")
            return self.__init__(net, **method)
        method = "nesterov" if method == "netsterov" else method
        self.net, self._method, self._changed = net, arguments.choice("method", method, METHODS), set()
        self.batch_size, self.learning_rate, self.momentum, self.ro = batch_size, learning_rate, momentum, ro
        self.eps = (1e-8 if method == "adam" else 1e-6) if eps is None else eps
        self.beta1, self.beta2, self.l1_decay, self.l2_decay = beta1, beta2, l1_decay, l2_decay
        self.k, self._waiting, self._model = 0, [], None

    @property
    def method(self) -> str:
        """The method's name; another one is another Trainer."""
        return self._method

    def _optimizer(self):
        own = {"weight_decay": self.l2_decay / self.batch_size, "decoupled": False}
        if self.method in ("sgd", "nesterov"):
            return optimizers.SGD(self.learning_rate, self.momentum, self.method == "nesterov", **own)
        if self.method == "adagrad":
            return optimizers.Adagrad(self.learning_rate, 0.0, self.eps, **own)
        if self.method == "windowgrad":
            return optimizers.WindowGrad(self.learning_rate, self.ro, self.eps, **own)
        if self.method == "adadelta":
            return optimizers.Adadelta(1.0, self.ro, self.eps, **own)
        own.update(learning_rate=self.learning_rate, beta_1=self.beta1, beta_2=self.beta2, epsilon=self.eps)
        return MistakenAdam(self.batch_size, **own) if self.net.faithful else optimizers.Adam(**own)

    def _ready(self):
        """The network's model, compiled for the options as they are now; what the method has gathered stays."""
        self.net._need_layers()
        model = self.net.model
        if model is not self._model:
            self._regularize()
            model.compile(self._optimizer(), self.net.loss)
            self._model = model
        elif self._changed == {"learning_rate"} and self.method != "adadelta":
            model.optimizer.learning_rate = self.learning_rate
        elif self._changed:
            self._regularize()
            before, kept = model.optimizer, model._states
            model.optimizer = self._optimizer()
            model.optimizer.iterations = before.iterations
            if before.states == model.optimizer.states:
                model._states = kept
        self._changed.clear()
        return model

    def _regularize(self):
        for layer, weights in self._weights():
            l1 = self.l1_decay * layer.l1_decay_mul / self.batch_size
            weights.regularizer = regularizers.L1(l1) if l1 else None

    def _weights(self):
        return [(layer, layer.inner[-1].parameters[0]) for layer in self.net.layers if layer.layer_type in ("conv", "fc")]

    def train(self, x: Any, y: Any) -> dict[str, float]:
        """Takes one sample, and a step whenever batch_size of them have come.

        Args:
            x: as `Net.forward` takes it.
            y: as `Net.backward` takes it.

        Returns:
            dict: `cost_loss` of this sample as the network predicts it (`net.getPrediction()` tells what); `l1_decay_loss`,
            Σ l1_decay·|w|, and `l2_decay_loss`, Σ l2_decay·w²/2, at steps, else 0; their sum `loss`; `softmax_loss`, which
            is `cost_loss`; `fwd_time` and `bwd_time` in milliseconds.
        """
        start = time.perf_counter()
        self.net.forward(x)
        target = self.net.target(y)
        cost = self.net.cost(target)
        middle = time.perf_counter()
        self._waiting.append((self.net._x.copy(), target))
        self.k += 1
        decays = 0.0, 0.0
        if len(self._waiting) >= self.batch_size:
            images, targets = (np.concatenate(arrays) for arrays in zip(*self._waiting))
            self._waiting = []
            _, decays = self._step(images, targets)
        return self._stats(cost, decays, middle - start, time.perf_counter() - middle)

    @staticmethod
    def _stats(cost, decays, forward=0.0, backward=0.0):
        return {"fwd_time": 1e3 * forward, "bwd_time": 1e3 * backward, "l1_decay_loss": decays[0],
                "l2_decay_loss": decays[1], "cost_loss": cost, "softmax_loss": cost, "loss": cost + sum(decays)}

    def _step(self, x, y):
        """(mean cost before the step, what both decays cost)."""
        model, decays = self._ready(), self._decay_losses()
        return model.train_on_batch(x, y) - decays[0] / self.batch_size, decays

    def _decay_losses(self):
        l1 = l2 = 0.0
        for layer, weights in self._weights():
            l1_decay, l2_decay = self.l1_decay * layer.l1_decay_mul, self.l2_decay * layer.l2_decay_mul
            w = weights.value.reshape(-1)
            if l1_decay:
                l1 += l1_decay * float(np.abs(w).sum(dtype=np.float64))
            if l2_decay:
                l2 += l2_decay / 2 * float(w @ w)
        return l1, l2

    def train_batch(self, x: Any, y: Any) -> dict[str, float]:
        """One step on many samples at once: much faster than one by one.

        Args:
            x: array (samples, sy, sx, depth); their mean gradient counts, however many they are.
            y: labels (samples,), or for regression targets (samples, outputs), where NaN means that none is given.

        Returns:
            dict: as of `train`, `cost_loss` being the mean before the step.
        """
        start = time.perf_counter()
        cost, decays = self._step(np.asarray(x), y)
        self.k += len(x)
        factor, addend = self.net.mistake
        return self._stats(cost * factor + addend, decays, backward=time.perf_counter() - start)

    def fit(self, x: Any, y: Any, epochs: int = 1, **options: Unpack[FitOptions]) -> History:
        """Trains on whole data sets, batch_size samples per step; an epoch's last batch may be smaller.

        Args:
            x, y: as `train_batch`.
            epochs: how often to go through them.
            options: of `Sequential.fit`: `shuffle`, `validation_data`, `callbacks`, `verbose` …

        Returns:
            fastcnn.callbacks.History: whose "loss" is the mean `cost_loss` (of l1_decay a batch_size-th besides).
        """
        model = self._ready()
        before = model.optimizer.iterations
        history = model.fit(x, y, batch_size=self.batch_size, epochs=epochs, **options)
        self.k += self.batch_size * (model.optimizer.iterations - before)
        return history
