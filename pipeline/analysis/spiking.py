"""What the spiking half did: each layer in floating point and on the chip, and one sample's spikes in full."""

from pydantic import BaseModel, ConfigDict

from .climbed import Climbed


class SpikingHalf(BaseModel):
    """A spiking stage.

    Attributes:
        stage: Its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str


def spiking_halves(climbed: Climbed) -> list[SpikingHalf]:
    """Every spiking stage of the network, in its order."""
    return [SpikingHalf(stage=name) for name in climbed.bundle.network.spiking]
