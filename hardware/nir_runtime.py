"""NIR graphs in floating point: the reference meaning of every node.

A neuron's step is the one of `spiq.export.neurons`. A Threshold gives x > threshold.

An edge has no delay within a step, but for those from neurons into their own cycle (`spiq.export.ordering`). With one
w_rec from the neurons back to themselves, a recurrent group is

    x[t] = (what comes in)[t] + w_rec(s[t - 1]),   s[-1] = 0,   s[t] = the neurons' line for x[t]

as in snnTorch's RLeaky and RSynaptic. So w_rec's bias acts from t = 0 on.
"""

import math
from collections.abc import Callable

import nir
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from ..export import geometry
from ..export.errors import InputError
from ..export.graph import PlacedGraph, PlacedNode
from ..export.neurons import NEURONS, NeuronStep, neuron_step
from ..export.value_range import overflowing
from .devices import checked_spikes
from .sample_parts import over_parts

CHUNK_VALUES = 2**20
"""How many values of the widest node a thread holds at once. It bounds the memory, and what stays in the cache is twice
as fast."""


class NirRuntime:
    """Runs a NIR graph step by step, in float64 unless another type is asked for.

    Raises InputError, naming the node, where a neuron cannot be read with the graph's time step (`neuron_step`).
    """

    def __init__(self, graph: PlacedGraph, dtype: torch.dtype = torch.float64) -> None:
        self.graph, self.dtype = graph, dtype
        self._overflowing = overflowing(graph, torch.finfo(dtype).max)

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The graph's output spikes, flattened in channel-height-width order.

        Raises InputError where the spikes do not fit, where what reaches the output is not spikes, and, naming the
        node, where a value leaves the range of floating point.
        """
        if not self.graph.ends_in_spikes:
            raise InputError(f"{self.graph.name}: its output is not spikes but values; end it in a spiking neuron")
        return self._outputs(spikes, np.uint8)

    def values(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> Float[np.ndarray, "time sample feature"]:
        """The graph's output, which need not be spikes, flattened in channel-height-width order.

        Raises as `run` does.
        """
        return self._outputs(spikes, np.float64)

    def trace(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> dict[str, Float[np.ndarray, "time sample *"]]:
        """Every node's output by name, for all samples at once. Raises as `run` does."""
        checked_spikes(spikes, self.graph.input_shape)
        return {name: value.numpy() for name, value in self._trace(spikes).items()}

    def _outputs(
        self, spikes: UInt8[np.ndarray, "time sample *shape"], dtype: type[np.generic]
    ) -> Shaped[np.ndarray, "time sample feature"]:
        checked_spikes(spikes, self.graph.input_shape)
        time, samples = spikes.shape[:2]
        last, widest = self.graph.nodes[-1].name, max(math.prod(placed.output_shape) for placed in self.graph.nodes)
        out = np.empty((time, samples, math.prod(self.graph.output_shape)), dtype)

        def run(part: slice) -> None:
            out[:, part] = self._trace(spikes[:, part])[last].flatten(2).numpy()

        for _ in over_parts(run, samples, max(1, CHUNK_VALUES // (time * widest))):
            pass
        return out

    @torch.no_grad()
    def _trace(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> dict[str, Tensor]:
        groups = {group[0].name: group for group in self.graph.recurrent_groups}
        values: dict[str, Tensor] = {}
        for placed in self.graph.nodes:
            if placed.name in groups:
                self._run_recurrent(groups[placed.name], values, spikes.shape[:2])
            elif placed.name in values:
                continue  # it came with its recurrent group
            elif isinstance(placed.node, nir.Input):
                values[placed.name] = torch.from_numpy(np.ascontiguousarray(spikes)).to(self.dtype)
            else:
                first, *rest = (values[source] for source in placed.sources)
                x = sum(rest, start=first)
                if isinstance(placed.node, NEURONS):
                    values[placed.name] = self._over_time(placed, x)
                else:
                    values[placed.name] = stateless(placed, x.flatten(0, 1)).unflatten(0, x.shape[:2])
                    self._check_finite(placed, values[placed.name])
        return values

    def _over_time(
        self, placed: PlacedNode, x: Float[Tensor, "time sample *shape"]
    ) -> Float[Tensor, "time sample *shape"]:
        advance = self._neurons(placed, x[0])
        out = torch.empty_like(x)
        for step in range(len(x)):
            out[step] = advance(x[step])
        return out

    def _run_recurrent(self, group: tuple[PlacedNode, ...], values: dict[str, Tensor], batch: tuple[int, int]) -> None:
        """Add the values of a recurrent group's nodes, whose steps depend on one another, to those of earlier nodes."""
        time, samples = batch
        steps: list[tuple[PlacedNode, Tensor, Callable[[Tensor], Tensor]]] = []
        for placed in group:
            silence = torch.zeros((samples, *placed.input_shape), dtype=self.dtype)
            if isinstance(placed.node, NEURONS):
                steps.append((placed, silence, self._neurons(placed, silence)))
            else:
                steps.append((placed, silence, _stateless(placed, self.dtype)))
            values[placed.name] = silence.new_empty((time, samples, *placed.output_shape))
        for step in range(time):
            for placed, silence, compute in steps:
                terms = [values[source][step] for source in placed.sources]
                if step:
                    terms += [values[source][step - 1] for source in placed.delayed]
                values[placed.name][step] = compute(sum(terms[1:], start=terms[0]) if terms else silence)
                self._check_finite(placed, values[placed.name][step])

    def _neurons(self, placed: PlacedNode, like: Float[Tensor, "sample *shape"]) -> Callable[[Tensor], Tensor]:
        """A neuron group at rest: called with the input of each step in turn, it gives that step's output."""
        parts = neuron_step(placed, self.graph.step, f"{self.graph.name}: {placed}")
        advance = _advance(parts, like)
        v = (like.new_zeros(()) if parts.rest is None else _tensor(parts.rest, like.dtype)).expand(like.shape)

        def integrate(x: Tensor) -> Tensor:
            nonlocal v
            v = advance(v, x)
            self._check_finite(placed, v)
            return v

        if parts.threshold is None or parts.reset is None:
            return integrate
        threshold, reset = (_tensor(value, like.dtype) for value in (parts.threshold, parts.reset))

        def fire(x: Tensor) -> Tensor:
            nonlocal v
            spike = integrate(x) > threshold
            v = torch.where(spike, reset, v)
            return spike

        return fire

    def _check_finite(self, placed: PlacedNode, values: Tensor) -> None:
        # Where no value can become so large there is nothing to look for, and looking takes time.
        if placed.name in self._overflowing and not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{self.graph.name}: {placed}: its values leave the range of floating point, which ends at "
                f"{torch.finfo(self.dtype).max:.3g}; smaller weights are needed"
            )


def _advance(parts: NeuronStep, like: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The group's step (v, x) → v before the threshold; a CubaLIF's keeps its current within."""
    gain = _tensor(parts.gain, like.dtype)
    if parts.leak is None or parts.rest is None:
        return lambda v, x: v + gain * x
    leak, rest = (_tensor(value, like.dtype) for value in (parts.leak, parts.rest))
    if parts.fade is None or parts.w_in is None:
        return lambda v, x: v + leak * (rest - v + gain * x)
    fade, w_in = (_tensor(value, like.dtype) for value in (parts.fade, parts.w_in))
    current = torch.zeros_like(like)

    def advance(v: Tensor, x: Tensor) -> Tensor:
        nonlocal current
        current = current + fade * (w_in * x - current)
        return v + leak * (rest - v + gain * current)

    return advance


def stateless(placed: PlacedNode, x: Float[Tensor, "sample *shape"]) -> Float[Tensor, "sample *out"]:
    """A node without a state, over any number of samples or steps at once."""
    return _stateless(placed, x.dtype)(x)


def _stateless(placed: PlacedNode, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """What a node without a state does with [sample, *shape]; its parameters are brought to torch once."""
    node, where = placed.node, str(placed)

    def tensor(array: Float[np.ndarray, "..."]) -> Tensor:
        return _tensor(array, dtype)

    match node:
        case nir.Conv1d() | nir.Conv2d():
            conv = geometry.convolution(node, placed.input_shape, where)
            weight, bias, margins = tensor(conv.weight), tensor(conv.bias), _margins(conv.padding)

            def convolve(image: Tensor) -> Tensor:
                return F.conv2d(F.pad(image, margins), weight, bias, conv.stride, 0, conv.dilation, conv.groups)

            return convolve if isinstance(node, nir.Conv2d) else lambda x: convolve(x[..., None])[..., 0]
        case nir.SumPool2d() | nir.AvgPool2d():
            pool = geometry.pooling(node, placed.input_shape, where)
            margins, divisor = _margins(pool.padding), 1 if isinstance(node, nir.SumPool2d) else None
            return lambda x: F.avg_pool2d(F.pad(x, margins), pool.kernel, pool.stride, divisor_override=divisor)
        case nir.Linear() | nir.Affine():
            weight, bias = map(tensor, geometry.matrix(node, where))
            return lambda x: F.linear(x, weight, bias)
        case nir.Scale():
            scale = tensor(geometry.parameter(node.scale, "scale", placed.input_shape, where))
            return lambda x: x * scale
        case nir.Flatten():
            start, end = geometry.flatten_range(node, placed.input_shape, where)
            return lambda x: x.flatten(start + 1, end + 1)
        case nir.Threshold():
            threshold = tensor(geometry.parameter(node.threshold, "threshold", placed.input_shape, where))
            return lambda x: (x > threshold).to(dtype)
        case nir.Output():
            return lambda x: x
        case _:
            raise InputError(f"{where}: has no meaning in floating point")


def _tensor(values: Float[np.ndarray, "..."], dtype: torch.dtype) -> Tensor:
    # A copy, for torch takes no array that must not be written to, as those are that NumPy has broadcast.
    return torch.from_numpy(np.array(values)).to(dtype)


def _margins(padding: geometry.Margins) -> list[int]:
    """In the order of torch's pad: the last axis first."""
    (above, below), (left, right) = padding
    return [left, right, above, below]
