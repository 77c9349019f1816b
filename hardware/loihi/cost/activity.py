"""What a program does on data, counted: spikes and synaptic operations.

A synaptic operation is a spike at a synapse: each spike of a source makes as many as the synapses that its source
neuron has in the connection,

    operations = Σ_neuron spikes[neuron] · fan_out[neuron]

with weights of zero where the connection's encoding stores them (`resources`). A recurrent connection's spikes of a
sample's last step count too: the chip delivers them, although the next sample starts from rest.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ....export.errors import InputError
from ..program import INPUT, LoihiProgram
from ..simulator.simulate import sample_chunks, simulate_layers
from .resources import stored_fan_out


class LayerActivity(NamedTuple):
    """All samples together: the layer's own spikes, and the synaptic operations of each connection that feeds it."""

    spikes: int
    operations_by_connection: tuple[int, ...]

    @property
    def operations(self) -> int:
        return sum(self.operations_by_connection)


class Activity(NamedTuple):
    """All samples together; `steps` is T, the time steps of one sample."""

    samples: int
    steps: int
    input_spikes: int
    layers: tuple[LayerActivity, ...]

    @property
    def spikes(self) -> int:
        """The input's and every layer's."""
        return self.input_spikes + sum(layer.spikes for layer in self.layers)

    @property
    def operations(self) -> int:
        return sum(layer.operations for layer in self.layers)

    def spikes_of(self, source: int) -> int:
        """Of a layer by its number, or of INPUT."""
        return self.input_spikes if source == INPUT else self.layers[source].spikes


def measured(program: LoihiProgram, batches: Iterable[UInt8[np.ndarray, "time sample *shape"]]) -> Activity:
    """Run the input spikes, batch by batch, and count.

    Raises InputError where there is no sample or no step, where batches differ in their steps, or where the program
    cannot read the spikes.
    """
    sources = range(INPUT, len(program.layers))
    spikes = {source: np.zeros(math.prod(program.shape_of(source)), np.int64) for source in sources}
    samples, steps = 0, 0
    for batch in batches:
        if not len(batch) or steps not in (0, len(batch)):
            needed = f"{steps} steps, as those before" if steps else "at least one step"
            raise InputError(f"a batch of spikes must have {needed}, got {len(batch)}")
        samples, steps = samples + batch.shape[1], len(batch)
        for chunk in sample_chunks(batch, sum(map(len, spikes.values()))):
            fired = (batch[:, chunk], *simulate_layers(program, batch[:, chunk]))
            for source, found in zip(sources, fired, strict=True):
                # A graded spike from outside is one spike, whatever it carries.
                fires = found != 0 if source == INPUT and program.is_graded else found
                spikes[source] += fires.sum((0, 1), dtype=np.int64).reshape(-1)
    if not samples:
        raise InputError("there must be at least one sample of spikes to measure on, got none")
    return Activity(
        samples,
        steps,
        int(spikes[INPUT].sum()),
        tuple(
            LayerActivity(
                int(spikes[index].sum()),
                tuple(int(spikes[one.source] @ stored_fan_out(one.synapse)) for one in layer.connections),
            )
            for index, layer in enumerate(program.layers)
        ),
    )
