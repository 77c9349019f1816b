"""45 nm arithmetic, for the CPUs of its time: what the operations alone would take.

The energies are those of M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, pages
10-14, Figure 1.1.9: "rough energy costs" at 45 nm and 0.9 V, of which it does not say how they were found. In pJ:

                add     multiply
    float32     0.9     3.7
    int8        0.03    0.2

A CPU spends far more on fetching what it computes with (the same figure has 10 pJ for 64 bits from a cache of 8 KB), so
these are bounds from below. An accumulate is an addition, a multiply-accumulate both; a neuron's update is both, the
leak and the input.
"""

from typing import NamedTuple

from .energy_model import EnergyModel, Estimate, Work

CHIP = "45 nm CMOS, 0.9 V"

SOURCE = "Horowitz, ISSCC 2014, Figure 1.1.9"

LEAVES_OUT = "memory accesses, instructions, control, static power; a CPU spends most of its energy on these"


class Arithmetic(NamedTuple):
    """Energies of single operations in pJ."""

    add_pj: float
    multiply_pj: float

    @property
    def both_pj(self) -> float:
        return self.add_pj + self.multiply_pj


FLOAT32 = Arithmetic(0.9, 3.7)
INT8 = Arithmetic(0.03, 0.2)


def every_weight(arithmetic: Arithmetic, work: Work) -> Estimate:
    """All weights are multiplied in every step, whether something comes in or not, and all neurons updated."""
    counts = work.metrics.workload
    operations = counts.dense + counts.samples * counts.steps * counts.neurons
    return Estimate(arithmetic.both_pj * operations / counts.samples)


def spikes_only(arithmetic: Arithmetic, work: Work) -> Estimate:
    """NeuroBench's effective operations and its membrane updates."""
    counts = work.metrics.workload
    both = counts.effective_macs + counts.membrane_updates
    return Estimate((arithmetic.add_pj * counts.effective_acs + arithmetic.both_pj * both) / counts.samples)


ARITHMETIC_MODELS = (
    EnergyModel(
        "45 nm float32, every weight",
        CHIP,
        SOURCE,
        "not stated",
        "a multiply-accumulate for each dense operation and for each neuron and step",
        LEAVES_OUT,
        lambda work: every_weight(FLOAT32, work),
    ),
    EnergyModel(
        "45 nm float32, spikes only",
        CHIP,
        SOURCE,
        "not stated",
        "effective accumulates and multiply-accumulates, membrane updates",
        LEAVES_OUT,
        lambda work: spikes_only(FLOAT32, work),
    ),
    EnergyModel(
        "45 nm int8, spikes only",
        CHIP,
        SOURCE,
        "not stated",
        "effective accumulates and multiply-accumulates, membrane updates, all of 8 bits",
        LEAVES_OUT,
        lambda work: spikes_only(INT8, work),
    ),
)
"""The whole network in each arithmetic."""
