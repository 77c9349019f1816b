"""NIR graphs in floating point: the reference meaning of every node.

NIR's neurons are differential equations. They are read with one Euler step of dt a time step:

    IF       v ← v + r·x                                         spike = v > v_threshold, then v ← v_reset
    LIF      v ← v + dt/tau·(v_leak - v + r·x)                   likewise
    CubaLIF  i ← i + dt/tau_syn·(w_in·x - i), then the LIF's line with i for x
    LI       v ← v + dt/tau·(v_leak - v + r·x)                   gives v
    I        v ← v + r·x                                         gives v
    Threshold                                                    gives x > threshold

The comparison is strict. A sample starts at rest: v at v_leak, or at 0 where there is none, and i at 0. An edge has
no delay within a step. This is the convention of norse and of snnTorch's exporter, and that of sinabs but for its
"at or above the threshold".
"""

from collections.abc import Callable, Iterator
from typing import Any

import nir
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ..export import geometry
from ..export.errors import InputError
from ..export.graph import PlacedGraph, PlacedNode
from ..export.time_step import DEFAULT_DT, checked_dt
from .devices import checked_spikes

CHUNK_VALUES = 2**24
"""How many values of the widest node are held at once: what bounds the memory."""

NEURONS = (nir.IF, nir.LIF, nir.CubaLIF, nir.LI, nir.I)
"""The nodes with a state."""


class NirRuntime:
    """Runs a NIR graph step by step of `dt` seconds, in float64 unless another type is asked for."""

    def __init__(self, graph: PlacedGraph, dt: float = DEFAULT_DT, dtype: torch.dtype = torch.float64) -> None:
        self.graph, self.dt, self.dtype = graph, checked_dt(dt), dtype

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The graph's output spikes, flattened in channel-height-width order.

        Raises InputError where the spikes do not fit or where what reaches the output is not spikes.
        """
        if not self.graph.ends_in_spikes:
            raise InputError(f"{self.graph.name}: its output is not spikes but values; end it in a spiking neuron")
        return self.values(spikes).astype(np.uint8)

    def values(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> Float[np.ndarray, "time sample feature"]:
        """The graph's output, which need not be spikes, flattened in channel-height-width order."""
        last = self.graph.nodes[-1].name
        chunks = [trace[last].flatten(2).numpy() for trace in self._chunks(spikes)]
        return np.concatenate(chunks, axis=1) if chunks else np.zeros((len(spikes), 0, *self._features()))

    def trace(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> dict[str, Float[np.ndarray, "time sample *"]]:
        """Every node's output by name, for all samples at once."""
        checked_spikes(spikes, self.graph.input_shape)
        return {name: value.numpy() for name, value in self._trace(spikes).items()}

    def _features(self) -> tuple[int]:
        return (int(np.prod(self.graph.output_shape)),)

    def _chunks(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> Iterator[dict[str, Tensor]]:
        checked_spikes(spikes, self.graph.input_shape)
        time, samples = spikes.shape[:2]
        widest = max(int(np.prod(placed.output_shape)) for placed in self.graph.nodes)
        size = max(1, CHUNK_VALUES // (time * widest))
        for start in range(0, samples, size):
            yield self._trace(spikes[:, start : start + size])

    @torch.no_grad()
    def _trace(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for placed in self.graph.nodes:
            if isinstance(placed.node, nir.Input):
                values[placed.name] = torch.from_numpy(np.ascontiguousarray(spikes)).to(self.dtype)
                continue
            first, *rest = (values[source] for source in placed.sources)
            x = sum(rest, start=first)
            if isinstance(placed.node, NEURONS):
                values[placed.name] = self._neurons(placed, x)
            else:
                flat = stateless(placed, x.flatten(0, 1))
                values[placed.name] = flat.unflatten(0, x.shape[:2])
        return values

    def _neurons(
        self, placed: PlacedNode, x: Float[Tensor, "time sample *shape"]
    ) -> Float[Tensor, "time sample *shape"]:
        node = placed.node

        def value(key: str, scale: float = 1.0, inverse: bool = False) -> Tensor:
            array = geometry.parameter(getattr(node, key), key, placed.input_shape, str(placed))
            return torch.from_numpy(scale / array if inverse else scale * array).to(x.dtype)

        advance = _advance(node, value, self.dt, x[0])
        out = torch.empty_like(x)
        rest = value("v_leak") if hasattr(node, "v_leak") else x.new_zeros(())
        v = rest.expand(x[0].shape)
        if isinstance(node, nir.LI | nir.I):
            for step in range(len(x)):
                out[step] = v = advance(v, x[step])
            return out
        threshold, reset = value("v_threshold"), value("v_reset")
        for step in range(len(x)):
            v = advance(v, x[step])
            spike = v > threshold
            out[step] = spike
            v = torch.where(spike, reset, v)
        return out


def _advance(
    node: nir.NIRNode, value: Callable[..., Tensor], dt: float, like: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """The group's step (v, x) → v before the threshold; a CubaLIF's keeps its current within."""
    match node:
        case nir.IF() | nir.I():
            r = value("r")
            return lambda v, x: v + r * x
        case nir.LIF() | nir.LI():
            leak, rest, r = value("tau", dt, inverse=True), value("v_leak"), value("r")
            return lambda v, x: v + leak * (rest - v + r * x)
        case nir.CubaLIF():
            leak, rest, r = value("tau_mem", dt, inverse=True), value("v_leak"), value("r")
            fade, w_in = value("tau_syn", dt, inverse=True), value("w_in")
            current = torch.zeros_like(like)

            def advance(v: Tensor, x: Tensor) -> Tensor:
                nonlocal current
                current = current + fade * (w_in * x - current)
                return v + leak * (rest - v + r * current)

            return advance
        case _:
            raise InputError(f"{type(node).__name__} has no state")


def stateless(placed: PlacedNode, x: Float[Tensor, "sample *shape"]) -> Float[Tensor, "sample *out"]:
    """A node without a state, over any number of samples or steps at once."""
    node, where = placed.node, str(placed)

    def tensor(array: Any) -> Tensor:
        return torch.from_numpy(np.array(array)).to(x.dtype)

    match node:
        case nir.Conv1d() | nir.Conv2d():
            conv = geometry.convolution(node, placed.input_shape, where)
            image = x if isinstance(node, nir.Conv2d) else x[..., None]
            padded = F.pad(image, _margins(conv.padding))
            out = F.conv2d(padded, tensor(conv.weight), tensor(conv.bias), conv.stride, 0, conv.dilation, conv.groups)
            return out if isinstance(node, nir.Conv2d) else out[..., 0]
        case nir.SumPool2d() | nir.AvgPool2d():
            pool = geometry.pooling(node, placed.input_shape, where)
            divisor = 1 if isinstance(node, nir.SumPool2d) else None
            return F.avg_pool2d(F.pad(x, _margins(pool.padding)), pool.kernel, pool.stride, divisor_override=divisor)
        case nir.Linear() | nir.Affine():
            weight, bias = geometry.matrix(node, where)
            return F.linear(x, tensor(weight), tensor(bias))
        case nir.Scale():
            return x * tensor(geometry.parameter(node.scale, "scale", placed.input_shape, where))
        case nir.Flatten():
            start, end = geometry.flatten_range(node, placed.input_shape, where)
            return x.flatten(start + 1, end + 1)
        case nir.Threshold():
            threshold = geometry.parameter(node.threshold, "threshold", placed.input_shape, where)
            return (x > tensor(threshold)).to(x.dtype)
        case nir.Output():
            return x
        case _:
            raise InputError(f"{where}: has no meaning in floating point")


def _margins(padding: geometry.Margins) -> list[int]:
    """In the order of torch's pad: the last axis first."""
    (above, below), (left, right) = padding
    return [left, right, above, below]
