"""All models of energy: adding one is adding it to `ENERGY_MODELS`."""

from collections.abc import Callable
from typing import Any, Protocol

from ..loihi.cost import energy, published, sana_fe
from ..loihi.cost.activity import Activity
from ..loihi.cost.resources import Resources
from ..loihi.program import LoihiProgram
from .arithmetic import ARITHMETIC_MODELS
from .energy_model import EnergyModel, Estimate, Work
from .survey import SURVEY_MODELS


class _Cost(Protocol):
    @property
    def energy_pj(self) -> float: ...
    @property
    def time_us(self) -> float: ...


def _of_program(
    estimate: Callable[[LoihiProgram, Resources, Activity], _Cost],
) -> Callable[[Work], Estimate | None]:
    def of_work(work: Work) -> Estimate | None:
        if work.on_chip is None:
            return None
        found = estimate(*work.on_chip)
        return Estimate(found.energy_pj, found.time_us)

    return of_work


ENERGY_MODELS: tuple[EnergyModel, ...] = (
    EnergyModel(
        "the first Loihi, SPICE",
        published.ENERGY_CHIP,
        published.ENERGY_SOURCE,
        "modelled",
        energy.INCLUDES,
        energy.LEFT_OUT,
        _of_program(energy.estimate),
    ),
    EnergyModel(
        "the first Loihi, SANA-FE",
        published.ENERGY_CHIP,
        sana_fe.SOURCE,
        "modelled",
        sana_fe.INCLUDES,
        sana_fe.LEFT_OUT,
        _of_program(sana_fe.estimate),
    ),
    *ARITHMETIC_MODELS,
    *SURVEY_MODELS,
)
"""Every model that an estimate is made with, each of a chip of its own."""


def estimates(work: Work) -> dict[str, Any]:
    """What all models say of a stage's work, and how far apart they are.

    Returns:
        `estimates`, one for each model that has something to say, with `model`, `chip`, `basis`, `source`,
        `energy_pj` and `time_us` of a sample (None where nothing is published), `includes` and `leaves_out`;
        `energy_range_pj`, the least and the most; and `energy_range_models`, the names of the models of both.
    """
    found = [(model, estimate) for model in ENERGY_MODELS if (estimate := model.estimate(work)) is not None]
    ordered = sorted(found, key=lambda pair: pair[1].energy_pj)
    ends = (ordered[0], ordered[-1])
    return {
        "estimates": [
            {
                "model": model.name,
                "chip": model.chip,
                "basis": model.basis,
                "source": model.source,
                "energy_pj": estimate.energy_pj,
                "time_us": estimate.time_us,
                "includes": model.includes,
                "leaves_out": model.leaves_out,
            }
            for model, estimate in found
        ],
        "energy_range_pj": [estimate.energy_pj for _, estimate in ends],
        "energy_range_models": [model.name for model, _ in ends],
    }
