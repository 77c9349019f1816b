"""The energy of a synaptic operation on ten chips, as a survey has them side by side.

The figures are those of G. Tang et al., "SENECA: building a fully digital neuromorphic processor, design trade-offs and
challenges", Frontiers in Neuroscience 17:1187252, 2023, Table 3, in pJ per synaptic operation. The survey says that a
synaptic operation is not the same thing on all chips, so its figures allow a rough comparison only; and it does not say
which were measured. Where the paper that a figure is from tells it in what could be read of it, that is the basis here:

    Loihi        SPICE, before the chip was made (Davies et al., IEEE Micro 38(1), 2018, Table 2)
    SpiNNaker    a power model that was fitted to a board of 48 chips (Stromatias et al., IJCNN 2013)
    SENECA       a core synthesized for 22 nm (the survey itself)

For the SpiNNaker others found far more: Sharp et al. (J. Neurosci. Methods 210, 2012) measured 43 nJ per postsynaptic
potential on four chips, about a thousand times the survey's 45 pJ.

The operations are NeuroBench's effective ones, accumulates and multiply-accumulates alike.
"""

from typing import NamedTuple

from .energy_model import Basis, EnergyModel, Estimate, Work

SOURCE = "Tang et al., Front. Neurosci. 17:1187252, 2023, Table 3"

LEAVES_OUT = "neuron updates, spike routing and static power, as far as the chip's figure is without them"


class Surveyed(NamedTuple):
    """A row of the table: the chip, its energy per synaptic operation, and the paper that the survey names."""

    chip: str
    operation_pj: float
    paper: str
    basis: Basis = "not stated"
    remark: str = ""


SURVEYED = (
    Surveyed("ODIN", 12.7, "Frenkel et al., 2018"),
    Surveyed("ReckOn", 5.3, "Frenkel and Indiveri, 2022"),
    Surveyed("μBrain", 26, "Stuijt et al., 2021"),
    Surveyed("TrueNorth", 2.5, "Akopyan et al., 2015"),
    Surveyed("Tianjic", 1.54, "Deng et al., 2020"),
    Surveyed("NeuronFlow", 20, "Moreira et al., 2020"),
    Surveyed("the first Loihi", 23.6, "Davies et al., 2018", "modelled"),
    Surveyed(
        "SpiNNaker",
        45,
        "Stromatias et al., 2013",
        "modelled",
        "; Sharp et al., 2012, measured about a thousand times this figure",
    ),
    Surveyed("SpiNNaker2", 10, "Höppner et al., 2021"),
    Surveyed("SENECA", 2.8, "Tang et al., 2023", "modelled"),
)
"""The table's rows that have a figure; it has none for Loihi 2."""


def operations_only(operation_pj: float, work: Work) -> Estimate:
    """The energy of the effective synaptic operations of a sample."""
    counts = work.metrics.workload
    return Estimate(operation_pj * (counts.effective_acs + counts.effective_macs) / counts.samples)


def _model(row: Surveyed) -> EnergyModel:
    return EnergyModel(
        f"{row.chip}, operations",
        row.chip,
        f"{SOURCE} ({row.paper})",
        row.basis,
        "effective synaptic operations",
        LEAVES_OUT + row.remark,
        lambda work: operations_only(row.operation_pj, work),
    )


SURVEY_MODELS = tuple(map(_model, SURVEYED))
"""A model of each row."""
