"""NeuroBench's workload metrics: what a graph does on spikes, counted in floating point.

**Activation sparsity** (neurobench/metrics/workload/activation_sparsity.py): the fraction of zeros in all that the
activation layers gave, over all layers, steps and samples.

**Synaptic operations** (neurobench/metrics/workload/synaptic_operations.py and metrics/utils/layers/macs.py), per
sample. Each step of a connection layer makes, without its bias,

    effective operations = Σ_input [input ≠ 0] · (its synapses whose weight is not 0)
    dense operations     = Σ_input (all its synapses)

where an input has a synapse for each output that reads it: none comes from a convolution's padding. The effective ones
are accumulates (ACs) where all that the layer read in this step, over all samples, is 0, 1 or -1, and otherwise
multiply-accumulates (MACs); an average of spikes makes MACs.

**Membrane updates** (neurobench/metrics/workload/membrane_updates.py and hooks/neuron.py), per sample: in the first
step all neurons, in each later one those whose potential the step changed. The potential is what snnTorch keeps as
`mem`. Where a neuron resets to a value, that differs from NIR's: Leaky, whose reset comes in the next step by default,
keeps the potential before the reset; the others keep what the reset left. Both give the same spikes, so a file does not
say which it was: a neuron without a current outside of all cycles is counted as Leaky with its default.

NeuroBench adds up the operations of one step of a layer in single precision, so from 2^24 on, over all samples of a
batch, its sum may be rounded. Here it is exact. It also judges ACs and MACs batch by batch, where here all samples are
one batch.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped

from ....export.errors import InputError
from ....export.nir.graph import ResolvedGraph, ResolvedNode
from ....export.nir.neuron_step import ToValue
from ....export.nir.neurons import neuron_step
from ....export.nir.operations import Convolution, Matrix
from ...runtime.neuron_state import NeuronState
from ...runtime.nir_runtime import NirRuntime, computed
from .layers import activation_layers, connection_layers

CHUNK_VALUES = 2**23
"""How many values of all nodes together are held at once: what bounds the memory."""


class Workload(NamedTuple):
    """Counts over all samples. `neurons` are those of the activation layers, `steps` the time steps of a sample."""

    samples: int
    steps: int
    neurons: int
    spikes: int
    dense: int
    effective_macs: int
    effective_acs: int
    membrane_updates: int


def counted(graph: ResolvedGraph, batches: Iterable[Shaped[np.ndarray, "time sample *shape"]]) -> Workload:
    """Run the graph in float64 on the input spikes, batch by batch, and count.

    Raises InputError where there is no sample, where batches differ in their steps, and where the runtime cannot run
    the graph or read the spikes.
    """
    counting: _Counting | None = None
    runtime = NirRuntime(graph)
    held = sum(math.prod(resolved.output_shape) for resolved in graph.nodes)
    for batch in batches:
        if counting is None:
            counting = _Counting(graph, len(batch))
        elif len(batch) != counting.steps:
            raise InputError(f"a batch of spikes must have {counting.steps} steps, as those before, got {len(batch)}")
        size = max(1, CHUNK_VALUES // (len(batch) * held))
        for start in range(0, batch.shape[1], size):
            counting.add(runtime, batch[:, start : start + size])
    if counting is None or not counting.samples:
        raise InputError("there must be at least one sample of spikes to count on, got none")
    return counting.workload()


class _Counting:
    """The counts while samples come in."""

    def __init__(self, graph: ResolvedGraph, steps: int) -> None:
        self.steps, self.samples, self.spikes, self.updates = steps, 0, 0, 0
        by_name = {resolved.name: resolved for resolved in graph.nodes}
        self.connections = [
            _Connection(by_name[name], operation, steps) for name, operation in connection_layers(graph).items()
        ]
        self.layers = {resolved.name: _keeps_before_reset(resolved, graph) for resolved in activation_layers(graph)}
        self.neurons = sum(math.prod(by_name[name].output_shape) for name in self.layers)

    def add(self, runtime: NirRuntime, spikes: Shaped[np.ndarray, "time sample *shape"]) -> None:
        self.samples += spikes.shape[1]
        before: dict[str, torch.Tensor] = {}

        def watch(resolved: ResolvedNode, neurons: NeuronState) -> None:
            if resolved.name not in self.layers:
                return
            potential = neurons.computed if self.layers[resolved.name] else neurons.kept
            last = before.get(resolved.name)
            self.updates += potential.numel() if last is None else int((potential != last).sum())
            before[resolved.name] = potential

        values = runtime.trace(spikes, watch)
        self.spikes += sum(int(np.count_nonzero(values[name])) for name in self.layers)
        for connection in self.connections:
            connection.add(values)

    def workload(self) -> Workload:
        return Workload(
            self.samples,
            self.steps,
            self.neurons,
            self.spikes,
            dense=self.samples * self.steps * sum(connection.synapses for connection in self.connections),
            effective_macs=sum(connection.operations(accumulates=False) for connection in self.connections),
            effective_acs=sum(connection.operations(accumulates=True) for connection in self.connections),
            membrane_updates=self.updates,
        )


class _Connection:
    """One connection layer: its operations in each step, over all samples so far."""

    def __init__(self, resolved: ResolvedNode, operation: Convolution | Matrix, steps: int) -> None:
        self.resolved = resolved
        self.synapses = int(_fan_out(operation, np.ones_like(operation.weight), resolved).sum())
        self.fan_out = _fan_out(operation, (operation.weight != 0).astype(float), resolved)
        self.active = np.zeros((steps, self.fan_out.size), np.int64)
        self.multiplies: Bool[np.ndarray, " time"] = np.zeros(steps, bool)

    def add(self, values: dict[str, Float[np.ndarray, "time sample *"]]) -> None:
        read = _read(self.resolved, values)
        active = read != 0
        self.active += active.sum(1, dtype=np.int64).reshape(self.active.shape)
        self.multiplies |= (active & (np.abs(read) != 1)).reshape(len(read), -1).any(1)

    def operations(self, accumulates: bool) -> int:
        chosen = self.multiplies != accumulates
        return int((self.active[chosen] @ self.fan_out).sum())


def _read(resolved: ResolvedNode, values: dict[str, Float[np.ndarray, "time sample *"]]) -> np.ndarray:
    """What the node read: what its sources gave in the same step, and the delayed ones a step before."""
    terms = [values[name] for name in resolved.sources]
    for name in resolved.delayed:
        late = np.zeros_like(values[name])
        late[1:] = values[name][:-1]
        terms.append(late)
    return terms[0] if len(terms) == 1 else np.sum(terms, 0)


def _fan_out(
    operation: Convolution | Matrix, weight: Float[np.ndarray, "..."], resolved: ResolvedNode
) -> Int64[np.ndarray, " source"]:
    """How many synapses each input has, for weights of 1 where there is one: the slope of the outputs' sum."""
    silent = operation._replace(weight=weight, bias=np.zeros_like(operation.bias))
    with torch.enable_grad():
        x = torch.zeros((1, *resolved.input_shape), dtype=torch.float64, requires_grad=True)
        computed(silent, torch.float64)(x).sum().backward()
    assert x.grad is not None
    return x.grad.numpy().round().astype(np.int64).reshape(-1)


def _keeps_before_reset(resolved: ResolvedNode, graph: ResolvedGraph) -> bool:
    """Whether the potential that NeuroBench sees is the one before the reset."""
    step = neuron_step(resolved, graph.step, str(resolved))
    recurrent = any(resolved.name in cycle for cycle in graph.cycles)
    return isinstance(step.reset, ToValue) and step.current is None and not recurrent
