"""NIR graphs in floating point: the reference meaning of every node.

A neuron's step is `spiq.export.nir.neuron_step`, any other node's meaning its form of `spiq.export.nir.operations`.

An edge has no delay within a step, but for those from neurons into their own cycle (`spiq.export.nir.ordering`). With
one w_rec from the neurons back to themselves, a recurrent group is

    x[t] = (what comes in)[t] + w_rec(s[t - 1]),   s[-1] = 0,   s[t] = the neurons' line for x[t]

as in snnTorch's RLeaky and RSynaptic. So w_rec's bias acts from t = 0 on.
"""

import math
from collections.abc import Callable
from functools import partial

import nir
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from ...export.errors import InputError
from ...export.nir.geometry import Margins
from ...export.nir.graph import ResolvedGraph, ResolvedNode
from ...export.nir.neurons import neuron_step
from ...export.nir.nodes.table import has_state
from ...export.nir.operations import Comparison, Convolution, DelayLine, Factor, Matrix, Operation, Pooling, Reshape
from ...export.nir.time_step import TimeStep
from ...export.nir.value_range import overflowing
from .network_input import Values, checked_values, largest_magnitude
from .neuron_state import NeuronState, as_tensor
from .sample_parts import over_parts

NeuronWatch = Callable[[ResolvedNode, NeuronState], None]
"""Told of each neuron group after each of its steps."""

CHUNK_VALUES = 2**20
"""How many values of the widest node a thread holds at once. It bounds the memory, and what stays in the cache is twice
as fast."""


class NirRuntime:
    """Runs a NIR graph step by step, in float64 unless another type is asked for.

    Raises InputError, naming the node, where a neuron cannot be read with the graph's time step (`neuron_step`).
    """

    def __init__(self, graph: ResolvedGraph, dtype: torch.dtype = torch.float64) -> None:
        self.graph, self.dtype = graph, dtype
        self._largest_input = 1.0
        self._overflowing = overflowing(graph, torch.finfo(dtype).max)

    def run(self, spikes: Values) -> UInt8[np.ndarray, "time sample feature"]:
        """The graph's output spikes, flattened in channel-height-width order.

        What goes in may be spikes or any other numbers (`network_input`). Raises InputError where it does not fit,
        where what reaches the output is not spikes, and, naming the node, where a value leaves the range of floating
        point.
        """
        is_passed_on = isinstance(self.graph.last.node, nir.Input)
        if not self.graph.ends_in_spikes or (is_passed_on and not np.isin(spikes, (0, 1)).all()):
            raise InputError(f"{self.graph.name}: its output must be spikes, got values; end it in a spiking neuron")
        return self._outputs(spikes, np.uint8)

    def values(self, spikes: Values) -> Float[np.ndarray, "time sample feature"]:
        """The graph's output, which need not be spikes, flattened in channel-height-width order.

        Raises as `run` does.
        """
        return self._outputs(spikes, np.float64)

    def trace(self, spikes: Values, watch: NeuronWatch | None = None) -> dict[str, Float[np.ndarray, "time sample *"]]:
        """Every node's output by name, for all samples at once; `watch` sees the neurons. Raises as `run` does."""
        self._take(spikes)
        return {name: value.numpy() for name, value in self._trace(spikes, watch).items()}

    def _take(self, spikes: Values) -> None:
        """Check what goes in, and learn how large it is."""
        largest = largest_magnitude(checked_values(spikes, self.graph.input_shape))
        # The bound only grows: what holds for more holds for less, and another thread may be running.
        if largest > self._largest_input:
            self._overflowing = overflowing(self.graph, torch.finfo(self.dtype).max, largest)
            self._largest_input = largest

    def _outputs(self, spikes: Values, dtype: type[np.generic]) -> Shaped[np.ndarray, "time sample feature"]:
        self._take(spikes)
        time, samples = spikes.shape[:2]
        last, widest = self.graph.nodes[-1].name, max(math.prod(resolved.output_shape) for resolved in self.graph.nodes)
        out = np.empty((time, samples, math.prod(self.graph.output_shape)), dtype)

        def run(part: slice) -> None:
            out[:, part] = self._trace(spikes[:, part])[last].flatten(2).numpy()

        for _ in over_parts(run, samples, max(1, CHUNK_VALUES // (time * widest))):
            pass
        return out

    @torch.no_grad()
    def _trace(self, spikes: Values, watch: NeuronWatch | None = None) -> dict[str, Tensor]:
        groups = {group[0].name: group for group in self.graph.recurrent_groups}
        values: dict[str, Tensor] = {}
        for resolved in self.graph.nodes:
            if resolved.name in groups:
                self._run_recurrent(groups[resolved.name], values, spikes.shape[:2], watch)
            elif resolved.name in values:
                continue  # it came with its recurrent group
            elif isinstance(resolved.node, nir.Input):
                # Not every type of NumPy's is one of torch's.
                given = spikes if spikes.dtype == np.uint8 else spikes.astype(np.float64)
                values[resolved.name] = torch.from_numpy(np.ascontiguousarray(given)).to(self.dtype)
            else:
                first, *rest = (values[source] for source in resolved.sources)
                x = sum(rest, start=first)
                if has_state(resolved.node):
                    values[resolved.name] = self._over_time(resolved, x, watch)
                    continue
                operation = resolved.operation(self.graph.step, f"{self.graph.name}: {resolved}")
                if isinstance(operation, DelayLine):
                    values[resolved.name] = _late(operation, x)
                else:
                    compute = computed(operation, self.dtype)
                    values[resolved.name] = compute(x.flatten(0, 1)).unflatten(0, x.shape[:2])
                    self._check_finite(resolved, values[resolved.name])
        return values

    def _over_time(
        self, resolved: ResolvedNode, x: Float[Tensor, "time sample *shape"], watch: NeuronWatch | None
    ) -> Float[Tensor, "time sample *shape"]:
        neurons = self._neurons(resolved, x[0])
        out = torch.empty_like(x)
        for step in range(len(x)):
            out[step] = neurons(x[step])
            if watch:
                watch(resolved, neurons)
        return out

    def _run_recurrent(
        self,
        group: tuple[ResolvedNode, ...],
        values: dict[str, Tensor],
        batch: tuple[int, int],
        watch: NeuronWatch | None,
    ) -> None:
        """Add the values of a recurrent group's nodes, whose steps depend on one another, to those of earlier nodes."""
        time, samples = batch
        steps: list[tuple[ResolvedNode, Tensor, Callable[[Tensor], Tensor]]] = []
        for resolved in group:
            silence = torch.zeros((samples, *resolved.input_shape), dtype=self.dtype)
            if has_state(resolved.node):
                steps.append((resolved, silence, self._neurons(resolved, silence)))
            else:
                operation = resolved.operation(self.graph.step, f"{self.graph.name}: {resolved}")
                if isinstance(operation, DelayLine):
                    # What leads into the Delay of a cycle has waited one step already.
                    has_waited = bool(resolved.delayed) and operation.is_whole
                    waiting = _waiting(operation.steps - has_waited, silence)
                    steps.append((resolved, silence, waiting))
                else:
                    steps.append((resolved, silence, computed(operation, self.dtype)))
            values[resolved.name] = silence.new_empty((time, samples, *resolved.output_shape))
        for step in range(time):
            for resolved, silence, compute in steps:
                terms = [values[source][step] for source in resolved.sources]
                if step:
                    terms += [values[source][step - 1] for source in resolved.delayed]
                values[resolved.name][step] = compute(sum(terms[1:], start=terms[0]) if terms else silence)
                if watch and isinstance(compute, NeuronState):
                    watch(resolved, compute)
                self._check_finite(resolved, values[resolved.name][step])

    def _neurons(self, resolved: ResolvedNode, like: Float[Tensor, "sample *shape"]) -> NeuronState:
        parts = neuron_step(resolved, self.graph.step, f"{self.graph.name}: {resolved}")
        return NeuronState(parts, like, partial(self._check_finite, resolved))

    def _check_finite(self, resolved: ResolvedNode, values: Tensor) -> None:
        # Where no value can become so large there is nothing to look for, and looking takes time.
        if resolved.name in self._overflowing and not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{self.graph.name}: {resolved}: its values leave the range of floating point, which ends at "
                f"{torch.finfo(self.dtype).max:.3g}; take smaller weights"
            )


def _waiting(steps: Int[np.ndarray, "*shape"], silence: Float[Tensor, "sample *shape"]) -> Callable[[Tensor], Tensor]:
    """A delay line: called with the values of each step in turn, it gives those of so many steps before."""
    longest = int(steps.max())
    kept = silence.new_zeros((longest + 1, *silence.shape))
    # Which of the kept steps, counted back from the newest, each value comes from.
    back = torch.from_numpy(np.array(steps)).expand(silence.shape)[None]
    now = 0

    def wait(x: Tensor) -> Tensor:
        nonlocal now
        kept[now] = x
        found = kept.gather(0, (now - back) % (longest + 1))[0]
        now = (now + 1) % (longest + 1)
        return found

    return wait


def _late(operation: DelayLine, x: Float[Tensor, "time sample *shape"]) -> Float[Tensor, "time sample *shape"]:
    out = torch.zeros_like(x)
    for count in np.unique(operation.steps):
        late = torch.from_numpy(operation.steps == count)
        kept = max(len(x) - int(count), 0)
        out[len(x) - kept :, :, late] = x[:kept, :, late]
    return out


def stateless(
    resolved: ResolvedNode, x: Float[Tensor, "sample *shape"], step: TimeStep
) -> Float[Tensor, "sample *out"]:
    """A node without a state, over any number of samples or steps at once."""
    return computed(resolved.operation(step), x.dtype)(x)


def computed(operation: Operation, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """What the operation does with [sample, *shape]; its numbers are brought to torch once."""

    def tensor(array: Float[np.ndarray, "..."]) -> Tensor:
        return as_tensor(array, dtype)

    match operation:
        case Convolution():
            conv = operation
            weight, bias, margins = tensor(conv.weight), tensor(conv.bias), _margins(conv.padding)

            def convolve(image: Tensor) -> Tensor:
                return F.conv2d(F.pad(image, margins), weight, bias, conv.stride, 0, conv.dilation, conv.groups)

            # A signal [sample, channel, length] is an image of width 1.
            return lambda x: convolve(x) if x.ndim == 4 else convolve(x[..., None])[..., 0]
        case Pooling():
            pool = operation
            margins, divisor = _margins(pool.padding), None if pool.averages else 1
            return lambda x: F.avg_pool2d(F.pad(x, margins), pool.kernel, pool.stride, divisor_override=divisor)
        case Matrix():
            weight, bias = tensor(operation.weight), tensor(operation.bias)
            return lambda x: F.linear(x, weight, bias)
        case Factor():
            factor = tensor(operation.factor)
            return lambda x: x * factor
        case Reshape():
            shape = operation.shape
            return lambda x: x.reshape(len(x), *shape)
        case Comparison():
            threshold = tensor(operation.threshold)
            return lambda x: (x > threshold).to(dtype)
        case DelayLine():
            raise TypeError("a delay line needs its steps in turn")


def _margins(padding: Margins) -> list[int]:
    """In the order of torch's pad: the last axis first."""
    (above, below), (left, right) = padding
    return [left, right, above, below]
