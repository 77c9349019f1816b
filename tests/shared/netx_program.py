"""A small program that a netx file can hold."""

import numpy as np

from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse


def small_program() -> LoihiProgram:
    """A convolution and a matrix with recurrence, which fire now and then."""
    rng = np.random.default_rng(5)
    neuron = NeuronGroup((2, 4, 3), 300, 4096, 0, np.full((2, 1, 1), 9, np.int16), 6)
    conv = ConvSynapse((rng.integers(-60, 100, (2, 1, 3, 3)) * 2).astype(np.int16), (1, 4, 3), padding=(1, 1))
    forward, recurrent = ((rng.integers(-60, 80, (5, size)) * 2).astype(np.int16) for size in (24, 5))
    connections = (Connection(0, DenseSynapse(forward)), Connection(1, DenseSynapse(recurrent)))
    output = Layer("output", connections, NeuronGroup((5,), 200, 3000, 100, np.zeros(1, np.int16), 6), 1.0)
    return LoihiProgram((1, 4, 3), (Layer("conv", (Connection(INPUT, conv),), neuron, 1.0), output))
