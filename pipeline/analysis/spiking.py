"""What the spiking half did: each layer in floating point and on the chip, and one sample's spikes in full."""

from pydantic import BaseModel, ConfigDict

from ...export.errors import SpiqError
from .climbed import Climbed
from .layers import LayerReport, measured_layers
from .raster import Raster, raster


class SpikingHalf(BaseModel):
    """A spiking stage.

    Attributes:
        stage: Its name.
        input_shape: Of the spikes that it reads, without time and sample.
        layers: Its neuron groups, each after all that it reads but for recurrence.
        samples: How many samples the layers were measured on.
        steps: T.
        raster: The output spikes of a golden sample; None where the stage could not be run.
        notes: What is missing, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    input_shape: list[int]
    layers: list[LayerReport]
    samples: int
    steps: int
    raster: Raster | None
    notes: list[str]


def spiking_halves(climbed: Climbed) -> list[SpikingHalf]:
    """Every spiking stage of the network, in its order."""
    return [_half(climbed, name) for name in climbed.bundle.network.spiking]


def _half(climbed: Climbed, stage: str) -> SpikingHalf:
    shape = list(climbed.bundle.network.spiking[stage].graph.input_shape)
    # What a ladder has proved must not be lost because it cannot be explained.
    try:
        found = measured_layers(climbed, stage)
        drawn = raster(climbed, stage)
    except SpiqError as error:
        return SpikingHalf(
            stage=stage, input_shape=shape, layers=[], samples=0, steps=0, raster=None, notes=[str(error)]
        )
    notes = [] if found.left_out is None else [f"no form on the chip: {found.left_out}"]
    return SpikingHalf(
        stage=stage,
        input_shape=shape,
        layers=found.layers,
        samples=found.samples,
        steps=found.steps,
        raster=drawn,
        notes=notes,
    )
