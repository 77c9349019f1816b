"""What the spiking half costs, on the first samples of a ladder."""

from typing import Any

from ....export.errors import SpiqError
from ....hardware.cost.costs import costs
from ....hardware.network.cosimulation import sliced
from .climbed import Climbed

SAMPLES = 256
"""The first samples of a ladder, on which costs are counted."""


def stage_costs(climbed: Climbed) -> list[dict[str, Any]]:
    """The costs of each spiking stage, as `hardware.cost.costs.costs` tells them; none where they cannot be counted."""
    samples = sliced(climbed.bundle.network, climbed.samples, slice(0, SAMPLES))
    # What a ladder has proved must not be lost because its cost is not known.
    try:
        return costs(climbed.bundle, samples)["spiking"]
    except SpiqError:
        return []
