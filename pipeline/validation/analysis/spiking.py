"""What the spiking half did, as a report holds it: each layer in floating point and on the chip, one sample in full."""

from pydantic import BaseModel, ConfigDict


class Edge(BaseModel):
    """What a layer reads.

    Attributes:
        source: The name of a layer, or "input".
        kind: "conv" or "dense"; "" where the stage has no form on the chip.
        recurrent: Whether these are spikes of the step before, from this layer itself or a later one.
        delay: The longest delay, in steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    kind: str = ""
    recurrent: bool = False
    delay: int = 0


class Activity(BaseModel):
    """What a layer did in one form.

    Attributes:
        rate: Mean spikes per neuron and step.
        dead: Neurons that never spiked.
        saturated: Neurons that spiked at every step of every sample.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float
    dead: int
    saturated: int


class LayerReport(BaseModel):
    """A layer; None where a form is missing.

    Attributes:
        name: The neuron node's name.
        kind: The neuron node's type; "" for a layer that only the chip has, such as a relay.
        shape: Of the layer.
        neurons: How many it has.
        reads: What it reads.
        in_float: What it did in floating point.
        on_chip: What it did in fixed point.
        changed: Spikes that differ between the two, over all samples and steps.
        synapses: Connections between two neurons.
        cores: Neuro-cores of a Loihi 2.
        range_used: The largest integer weight as a fraction of the largest that the chip could hold.
        weights: Weights that are not 0 in floating point.
        zeroed: Of these, how many are 0 on the chip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    shape: list[int]
    neurons: int
    reads: list[Edge]
    in_float: Activity | None = None
    on_chip: Activity | None = None
    changed: int | None = None
    synapses: int | None = None
    cores: int | None = None
    range_used: float | None = None
    weights: int | None = None
    zeroed: int | None = None


class Panel(BaseModel):
    """One form of the stage.

    Attributes:
        name: The rung that gives it.
        spikes: [step, row] of each spike, the row one of the raster's neurons.
        differing: [step, row] of each spike that is there or missing against the panel before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    spikes: list[tuple[int, int]]
    differing: list[tuple[int, int]]


class Raster(BaseModel):
    """A golden sample's output spikes.

    Attributes:
        sample: The golden sample's number.
        steps: T.
        neurons: The numbers of the neurons that are shown, one for each row.
        of: How many neurons the stage gives.
        panels: One for each form.
        notes: Why a form is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: int
    steps: int
    neurons: list[int]
    of: int
    panels: list[Panel]
    notes: list[str]


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
