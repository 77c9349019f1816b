"""An estimate of the energy and the time that a sample takes, from published figures for single operations.

The figures are the first Loihi's (`published`), since none are public for Loihi 2's energy; with the layers l of a
program, T steps per sample, and spikes and synaptic operations per sample as measured,

    energy = 23.6 pJ · Σ_l operations_l + 81 pJ · T · Σ_l neurons_l + 1.7 pJ · messages
    messages = Σ_source spikes_source · (cores of the layers that read the source)
    time = T · 465 ns + max_l (3.5 ns · operations_l + 8.4 ns · T · neurons_l) / cores_l

All neurons are taken as active at every step, and a spike as sent once to every core of a layer that reads it: both
count too much rather than too little. A synaptic operation is published with its least energy and its longest time.
All layers work at once, each on another step, samples follow each other without a gap, a layer's work is spread
evenly over its cores, and the slowest layer keeps the others waiting. The estimate leaves out what LEFT_OUT says, and
that single steps and cores are busier than the mean.
"""

from typing import NamedTuple

from ..program import LoihiProgram
from . import published
from .activity import Activity
from .resources import Resources

INCLUDES = "synaptic operations, updates of all neurons in every step, spikes within a tile, barriers"
"""What the energy and the time are of."""

LEFT_OUT = "input and output, static power, tile hops, waits between chips, x86 cores"
"""What the energy and the time are without."""


class Cost(NamedTuple):
    """For one sample on the first Loihi: energies in pJ, times in µs."""

    operations_pj: float
    neuron_updates_pj: float
    spikes_pj: float
    computing_us: float
    barrier_us: float

    @property
    def energy_pj(self) -> float:
        return self.operations_pj + self.neuron_updates_pj + self.spikes_pj

    @property
    def time_us(self) -> float:
        return self.computing_us + self.barrier_us


def estimate(program: LoihiProgram, taken: Resources, activity: Activity) -> Cost:
    """Energy and time of a sample of the mean activity on the first Loihi."""
    samples, steps = activity.samples, activity.steps
    updates = steps * sum(layer.neurons for layer in taken.layers)
    messages = sum(
        activity.spikes_of(source) * layer.cores
        for layer, fed in zip(taken.layers, program.layers, strict=True)
        for source in {connection.source for connection in fed.connections}
    )
    slowest_ns = max(
        (
            published.SYNAPTIC_OPERATION_NS * active.operations / samples
            + published.NEURON_UPDATE_NS * steps * layer.neurons
        )
        / layer.cores
        for layer, active in zip(taken.layers, activity.layers, strict=True)
    )
    return Cost(
        operations_pj=published.SYNAPTIC_OPERATION_PJ * activity.operations / samples,
        neuron_updates_pj=published.NEURON_UPDATE_PJ * updates,
        spikes_pj=published.SPIKE_PJ * messages / samples,
        computing_us=slowest_ns / 1000,
        barrier_us=published.BARRIER_NS * steps / 1000,
    )
