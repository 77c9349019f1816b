"""What a model of energy is: published figures of one chip, and the sum that they are put into.

The figures may be measured on silicon or modelled, say simulated before the chip was made. What is estimated of them
for a network is never measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..loihi.cost.activity import Activity
from ..loihi.cost.resources import Resources
from ..loihi.program import LoihiProgram
from .neurobench.metrics import Metrics

Basis = Literal["measured", "modelled", "not stated"]
"""How the figures were found: on silicon, by a model, or not told by the source that is named."""


class ChipWork(NamedTuple):
    """A program in Loihi's fixed point, what it takes of the chip, and what it did on samples."""

    program: LoihiProgram
    taken: Resources
    activity: Activity


class Work(NamedTuple):
    """What a spiking stage does: NeuroBench's counts in floating point, and those on the chip where it has a form."""

    metrics: Metrics
    on_chip: ChipWork | None


class Estimate(NamedTuple):
    """For one sample; the time is None where nothing is published of it."""

    energy_pj: float
    time_us: float | None = None


@dataclass(frozen=True)
class EnergyModel:
    """Published figures of a chip, and what follows from them for a network.

    Attributes:
        name: What reports call it.
        chip: Of what the figures are.
        source: Where they are published.
        basis: How they were found.
        includes: What of a network's work is in the sum.
        leaves_out: What is not.
        estimate: The sum for a stage's work; None where the model has nothing to say of it.
    """

    name: str
    chip: str
    source: str
    basis: Basis
    includes: str
    leaves_out: str
    estimate: Callable[[Work], Estimate | None]
