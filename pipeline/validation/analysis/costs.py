"""What the spiking half costs, on the first samples of a ladder."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from ....hardware.cost.costs import costs
from ....hardware.network.cosimulation import sliced
from ..failures import failures, reason
from .climbed import Climbed

SAMPLES = 256
"""The first samples of a ladder, on which costs are counted."""


class Costs(BaseModel):
    """What the spiking stages cost.

    Attributes:
        stages: One entry for each spiking stage, as `hardware.cost.costs.costs` tells it.
        unmeasured: Why the costs are not counted; None where they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: list[dict[str, Any]] = []
    unmeasured: str | None = None


def stage_costs(climbed: Climbed) -> Costs:
    """The costs of each spiking stage; nothing that fails here is raised."""
    samples = sliced(climbed.bundle.network, climbed.samples, slice(0, SAMPLES))
    # What a ladder has proved must not be lost because its cost is not known.
    try:
        return Costs(stages=costs(climbed.bundle, samples)["spiking"])
    except failures() as error:
        return Costs(unmeasured=reason(error))
