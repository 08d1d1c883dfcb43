"""One layer of a network as ConvNetJS shows it: its fields, filters, biases, and what passed through it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn.convnetjs.vol import Vol
from fastcnn.layers.base import Layer
from fastcnn.typing import Array, Config


class NetLayer:
    """A layer of a `Net`; `net.layers` has them in order.

    Its attributes are ConvNetJS' fields: `layer_type`, `out_sx`, `out_sy`, `out_depth`, and what the type has: `sx`, `sy`,
    `stride`, `pad`, `in_depth`, `num_inputs`, `l1_decay_mul`, `l2_decay_mul`, `drop_prob`, `group_size`, `k`, `n`, `alpha`,
    `beta`.

    Args:
        net: its network.
        place: its number there.
        fields: of `definitions.fields`.
        inner: fastcnn's layers that compute it.
    """

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, net: Any, place: int, fields: Config, inner: Sequence[Layer]) -> None:
        self._net, self._place, self._fields, self.inner = net, place, fields, inner
        self._sums = None
        for name, value in fields.items():
            setattr(self, name, value)

    @property
    def _learned(self):
        return self.inner[-1] if self.layer_type in ("conv", "fc") else None

    # Parameters

    @property
    def _filter_size(self):
        """(sx, sy, depth) of a filter, or of what a neuron sees."""
        return (self.sx, self.sy, self.in_depth) if self.layer_type == "conv" else (1, 1, self.num_inputs)

    def _vols(self, parameter):
        """Volumes around a parameter's columns and their gradients; whoever writes to them changes the network."""
        self._net.lend()
        arrays = self._learned.parameters[parameter].array, self._summed()[parameter]
        if parameter:
            return [Vol.of(1, 1, self.out_depth, *arrays)]
        w, dw = (a.reshape(-1, self.out_depth).T for a in arrays)
        return [Vol.of(*self._filter_size, *columns) for columns in zip(w, dw)]

    def _summed(self):
        """The sums of gradients, of each parameter."""
        if self._sums is None:
            self._sums = [np.zeros(p.shape, np.float32) for p in self._learned.parameters]
        return self._sums

    def add(self, gradients: Mapping[str, Array]) -> None:
        """Adds the gradients of the layer's own parameters, among those of the model, to the sums."""
        if self._learned is not None:
            for total, p in zip(self._summed(), self._learned.parameters):
                total += gradients.get(f"{self._learned.name}/{p.name}", 0)  # frozen layers have none

    @property
    def filters(self) -> list[Vol]:
        """A `Vol` for each filter of a conv layer or neuron of an fc layer. They show the network's own weights: what is
        written to `w` counts from the next `forward` on. `dw` has what `backward` has summed up."""
        self._need_parameters("filters")
        return self._vols(0)

    @property
    def biases(self) -> Vol:
        """A `Vol` of the biases, as `filters`."""
        self._need_parameters("biases")
        return self._vols(1)[0]

    def _need_parameters(self, name):
        if self._learned is None:
            raise AttributeError(f"a layer of type {self.layer_type} has no {name}")

    def getParamsAndGrads(self) -> list[dict[str, Any]]:
        """[{"params", "grads", "l1_decay_mul", "l2_decay_mul"}] of each filter and of the biases: arrays that show the
        network's own, empty for layers that learn nothing."""
        if self._learned is None:
            return []
        volumes = [(vol, self.l1_decay_mul, self.l2_decay_mul) for vol in self.filters] + [(self.biases, 0.0, 0.0)]
        return [{"params": vol.w, "grads": vol.dw, "l1_decay_mul": l1, "l2_decay_mul": l2} for vol, l1, l2 in volumes]

    # Values

    def _vol(self, values, gradients=None):
        dw = None if gradients is None else gradients.reshape(-1).astype(np.float64)
        return Vol.of(self.out_sx, self.out_sy, self.out_depth, values.reshape(-1).astype(np.float64), dw)

    @property
    def out_act(self) -> Vol:
        """The layer's output at the last `forward` as a `Vol`, with the gradients of the last `backward` as its `dw`."""
        values, gradients = self._net.passed()
        return self._vol(values[self._place], None if gradients is None else gradients[self._place])

    @property
    def in_act(self) -> Vol:
        """The layer's input at the last `forward`: `out_act` of the layer before it."""
        return self._net.layers[max(self._place - 1, 0)].out_act

    # Files

    def toJSON(self) -> Config:
        """The layer as ConvNetJS' `toJSON` gives it, in JSON's types."""
        json = {name: value for name, value in self._fields.items() if name != "bias_pref"}
        if self._learned is not None:
            arrays = [p.value for p in self._learned.parameters]
            json["filters"] = [Vol.of(*self._filter_size, w).toJSON() for w in arrays[0].reshape(-1, self.out_depth).T]
            json["biases"] = Vol.of(1, 1, self.out_depth, arrays[1]).toJSON()
        return json

    def read(self, json: Any) -> None:
        """Takes filters and biases from such JSON.

        Raises:
            ValueError: there are none, or of other sizes.
        """
        if self._learned is None:
            return
        kernel, bias = self._learned.parameters
        where, filters = f"layer {self._place}, {self.layer_type}", json.get("filters")
        if not isinstance(filters, (list, dict)) or len(filters) != self.out_depth or "biases" not in json:
            raise ValueError(f"{where} must have {self.out_depth} filters, and biases. Received: "
                             f"{len(filters) if isinstance(filters, (list, dict)) else 'no'} filters"
                             + ("" if "biases" in json else ", no biases"))
        columns = kernel.array.reshape(-1, self.out_depth)
        for i in range(self.out_depth):
            columns[:, i] = self._numbers(where, filters[i] if isinstance(filters, list) else filters[str(i)],
                                          *self._filter_size)
        bias.array[...] = self._numbers(where, json["biases"], 1, 1, self.out_depth)

    @staticmethod
    def _numbers(where, json, sx, sy, depth):
        vol = Vol([0.0]).fromJSON(json)
        if (vol.sx, vol.sy, vol.depth) != (sx, sy, depth):
            raise ValueError(f"volumes of {where} must be of size {sx}x{sy}x{depth}. "
                             f"Received: {vol.sx}x{vol.sy}x{vol.depth}")
        if np.abs(vol.w).max() > np.finfo(np.float32).max:
            raise ValueError(f"numbers of {where} must be finite in float32. Received: {np.abs(vol.w).max():g}")
        return vol.w

    def __repr__(self):
        return f"<{self.layer_type} {self.out_sx}x{self.out_sy}x{self.out_depth}>"
