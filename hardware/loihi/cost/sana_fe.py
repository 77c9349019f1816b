"""The energy and the time of a sample on the first Loihi, with the costs that SANA-FE's model of it has.

SANA-FE is a simulator of neuromorphic chips (J. A. Boyle et al., IEEE TCAD 44(8), 2025, pages 3165-3178). Its model of
the first Loihi, `arch/loihi.yaml` (github.com/SLAM-Lab/SANA-FE, commit 4f6bed48), has the costs below. The file says
that they come from the SPICE simulations in Davies et al. (IEEE Micro 38(1), 2018); the paper describes how it
calibrates them, and that the simulator meets a Loihi's energy within 12% and its latency within 25% on three
applications. What is here is no simulation but the sum of these costs over what was counted. With the layers l of a
program, T steps per sample, and counts per sample,

    energy = Σ_l (72.8 pJ · T · neurons_l + 69.3 pJ · spikes_l) + Σ_connections cost · operations
             + 111 pJ · messages + Σ_messages (3.0 pJ · hops east or west + 4.2 pJ · hops north or south)
    messages = Σ_source spikes_source · (cores of the layers that read the source)
    time = T · barrier(tiles) + max_l (work of one of the layer's cores)

where a synaptic operation costs 35.5 pJ in a dense, 33.6 pJ in a sparse encoding and 24.0 pJ in a convolution, and a
core's work is, for each neuron and step 9.7 ns, for each spike 30.0 ns, for each message that it sends 5.1 ns and that
it receives 16.0 ns, and for each operation 3.8, 4.7 or 3.1 ns.

72.8 pJ are SANA-FE's 51.2 pJ for looking at a neuron and 21.6 pJ for updating it (9.7 ns are 6.0 and 3.7 ns): all
neurons are taken as updated in every step. Cores are filled layer by layer, four to a tile, tiles column by column of
4, as SANA-FE numbers them. A layer's spikes and work are spread evenly over its cores.
"""

from itertools import accumulate
from typing import Literal, NamedTuple

from ..program import INPUT, LoihiProgram
from ..synapse import ConvSynapse
from .activity import Activity
from .resources import Resources

SOURCE = "SANA-FE, arch/loihi.yaml; Boyle et al., IEEE TCAD 44(8), 2025"
"""Where the costs are published."""

INCLUDES = "synaptic operations, neuron updates, spikes, messages, hops between tiles, barriers"
"""What the energy and the time are of."""

LEFT_OUT = (
    "the way of input spikes to their first core, static power, congestion and overlap of messages, waits between "
    "chips, x86 cores"
)
"""What they are without. Cores are counted as this project fills those of a Loihi 2."""

ACCESS_PJ, UPDATE_PJ, SPIKE_PJ = 51.2, 21.6, 69.3
"""A neuron looked at and updated in a step, and a spike of it: energy_access_neuron, energy_update_neuron,
energy_spike_out."""

ACCESS_NS, UPDATE_NS, SPIKE_NS = 6.0, 3.7, 30.0
"""latency_access_neuron, latency_update_neuron, latency_spike_out."""

SENT_PJ, SENT_NS, RECEIVED_NS = 111.0, 5.1, 16.0
"""A message: energy_message_out, latency_message_out, latency_message_in; energy_message_in is 0."""

ACROSS_PJ, ALONG_PJ = 3.0, 4.2
"""A hop to a tile of the next column and within a column: energy_east_hop and energy_north_hop, and their opposites."""

CORES_PER_TILE, TILES_PER_COLUMN = 4, 4
"""loihi_core[0..3] of a tile; height."""

BARRIERS_US = {1: 0.6, 2: 1.0, 4: 1.4, 29: 1.8}
"""Until all tiles have ended a step, from so many tiles on: latency_sync."""

Stored = Literal["dense", "sparse", "conv"]

OPERATION_PJ: dict[Stored, float] = {"dense": 35.5, "sparse": 33.6, "conv": 24.0}
"""energy_process_spike of loihi_dense_synapse, loihi_sparse_synapse and loihi_conv_synapse."""

OPERATION_NS: dict[Stored, float] = {"dense": 3.8, "sparse": 4.7, "conv": 3.1}
"""latency_process_spike of the same."""


class SanaFeCost(NamedTuple):
    """For one sample on the first Loihi."""

    energy_pj: float
    time_us: float


def estimate(program: LoihiProgram, taken: Resources, activity: Activity) -> SanaFeCost:
    """Energy and time of a sample of the mean activity, by SANA-FE's costs."""
    work = [_layer_work(program, taken, activity, index) for index in range(len(program.layers))]
    energy = sum(
        activity.steps * layer.neurons * (ACCESS_PJ + UPDATE_PJ)
        + done.spikes * SPIKE_PJ
        + sum(count * OPERATION_PJ[kind] for kind, count in done.operations)
        for layer, done in zip(taken.layers, work, strict=True)
    )
    ends = list(accumulate(layer.cores for layer in taken.layers))
    cores = [range(end - layer.cores, end) for end, layer in zip(ends, taken.layers, strict=True)]
    for index, done in enumerate(work):
        for source, spikes in done.heard.items():
            energy += spikes * SENT_PJ * len(cores[index])
            if source != INPUT:
                energy += spikes * _hops_pj(cores[source], cores[index])
    readers_cores = [
        sum(len(cores[reader]) for reader, other in enumerate(work) if index in other.heard)
        for index in range(len(work))
    ]
    busiest_ns = max(
        (
            activity.steps * layer.neurons * (ACCESS_NS + UPDATE_NS)
            + done.spikes * (SPIKE_NS + SENT_NS * reached)
            + sum(count * OPERATION_NS[kind] for kind, count in done.operations)
        )
        / layer.cores
        + RECEIVED_NS * sum(done.heard.values())
        for layer, done, reached in zip(taken.layers, work, readers_cores, strict=True)
    )
    return SanaFeCost(energy, activity.steps * barrier_us(taken.cores) + busiest_ns / 1000)


class _LayerWork(NamedTuple):
    """Per sample: a layer's spikes, those that it hears by their source, and its operations by how they are stored."""

    spikes: float
    heard: dict[int, float]
    operations: list[tuple[Stored, float]]


def _layer_work(program: LoihiProgram, taken: Resources, activity: Activity, index: int) -> _LayerWork:
    samples, connections = activity.samples, program.layers[index].connections
    found, counts = taken.layers[index].connections, activity.layers[index].operations_by_connection
    return _LayerWork(
        activity.layers[index].spikes / samples,
        {one.source: activity.spikes_of(one.source) / samples for one in connections},
        [
            ("conv" if isinstance(one.synapse, ConvSynapse) else part.encoding.kind, count / samples)
            for one, part, count in zip(connections, found, counts, strict=True)
        ],
    )


def barrier_us(cores: int) -> float:
    """How long the tiles of so many cores take to agree that a step has ended."""
    tiles = -(-cores // CORES_PER_TILE)
    return BARRIERS_US[max(least for least in BARRIERS_US if least <= max(tiles, 1))]


def _hops_pj(sources: range, targets: range) -> float:
    """What a spike of a mean core of the source pays for its hops to all of the targets."""
    return sum(_way_pj(source, target) for source in sources for target in targets) / len(sources)


def _way_pj(source: int, target: int) -> float:
    (column, row), (to_column, to_row) = (divmod(core // CORES_PER_TILE, TILES_PER_COLUMN) for core in (source, target))
    return ACROSS_PJ * abs(column - to_column) + ALONG_PJ * abs(row - to_row)
