"""What is published of Loihi's capacity, energy and speed: every figure with its source, in one place.

Sources:

    [Brief]   Intel Labs, "Taking Neuromorphic Computing to the Next Level with Loihi 2", technology brief, 2021
    [Loihi]   M. Davies et al., "Loihi: A Neuromorphic Manycore Processor with On-Chip Learning", IEEE Micro 38(1),
              2018, pages 82-99
    [Survey]  M. Davies et al., "Advancing Neuromorphic Computing With Loihi: A Survey of Results and Outlook",
              Proceedings of the IEEE 109(5), 2021, pages 911-934

[Brief] gives Loihi 2's capacities: 128 neuro-cores a chip, up to 8192 neurons, 192 KB of memory and 128 KB of synaptic
memory a core, one million neurons and 120 million synapses a chip.

Energy and time of a single operation are public for the first Loihi only: Table 2 of [Loihi], simulated before the
chip was made, at 0.75 V; the paper finds first measurements consistent with it. For Loihi 2, [Brief] says only how much
faster it is at best (neuron updates 2 times, synaptic operations 5 times); it gives no energies.
"""

CORES_PER_CHIP = 128
"""Neuro-cores of a Loihi 2 chip ([Brief])."""

NEURONS_PER_CORE = 8192
"""Neurons of a Loihi 2 core at most ([Brief])."""

CORE_BYTES = 192 * 1024
"""Memory of a Loihi 2 core in bytes, for everything ([Brief]: 192 KB, flexible allocation)."""

SYNAPTIC_BYTES = 128 * 1024
"""Memory of a Loihi 2 core in bytes that synapses can take ([Brief])."""

NEURON_BYTES = 24
"""State of a neuron in bytes. [Brief] has 24 for the first Loihi's neuron, which Lava's LIF is, and 0 to 4096 for
Loihi 2, by the neuron's program. That Loihi 2 takes 24 for this neuron is our assumption."""

ROUTING_BYTES = 20 * 1024
"""Routing tables of a core in bytes. [Survey] has 20 kB for the first Loihi; that Loihi 2 takes as much is our
assumption."""

SYNAPTIC_OPERATION_PJ = 23.6
"""Energy of a synaptic operation in pJ, at least ([Loihi], Table 2: "Energy per synaptic spike op (min)")."""

NEURON_UPDATE_PJ = 81.0
"""Energy of an active neuron's update in pJ ([Loihi], Table 2; 52 pJ for an inactive one)."""

SPIKE_PJ = 1.7
"""Energy of a spike sent within a tile in pJ ([Loihi], Table 2; a hop to the next tile adds 3.0 or 4.0 pJ)."""

SYNAPTIC_OPERATION_NS = 3.5
"""Time of a synaptic operation in ns, at most ([Loihi], Table 2: "Time per synaptic spike op (max)")."""

NEURON_UPDATE_NS = 8.4
"""Time of an active neuron's update in ns ([Loihi], Table 2; 5.3 ns for an inactive one)."""

BARRIER_NS = 465.0
"""Time in ns until all cores of a chip have ended a step ([Loihi], Table 2: 113 ns for one tile to 465 ns for 32)."""

ENERGY_CHIP = "the first Loihi"
"""The chip that the energies and times are of, for whoever reads an estimate."""

ENERGY_SOURCE = f"{ENERGY_CHIP}: Davies et al., IEEE Micro 38(1), 2018, Table 2"
"""The chip and where its energies and times are published."""
