"""Random programs of Loihi that have a bit of everything: a convolution with groups, and a recurrent layer."""

import numpy as np

from spiq.hardware.loihi.neuron_group import NeuronGroup
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse


def random_program(seed: int) -> LoihiProgram:
    """Two layers: a convolution, and a dense one with two ways to it and one to itself."""
    random = np.random.default_rng(seed)
    groups = int(random.integers(1, 3))
    size = (groups, int(random.integers(4, 8)), int(random.integers(4, 8)))
    weight = random.integers(-128, 128, (2 * groups, 1, 3, 2)) * 2
    conv = ConvSynapse(weight, size, (1, 2), (1, 0), (1, 1), groups)
    bias = random.integers(-4096, 4096, (2 * groups, 1, 1))
    first = NeuronGroup(conv.output_shape, int(random.integers(2**17)), 4096, 0, bias, int(random.integers(8)))
    dense, again = (DenseSynapse(random.integers(0, 256, (5, first.size))) for _ in range(2))
    loop = DenseSynapse(-random.integers(0, 256, (5, 5)))
    second = NeuronGroup((5,), 3000, int(random.integers(1, 4097)), 17, random.integers(-9, 9, 5), 3)
    # Two from the layer before, the last from the layer itself.
    connections = (Connection(0, dense), Connection(0, again), Connection(1, loop))
    layers = (
        Layer("größe/1", (Connection(INPUT, conv),), first, 12.5),
        Layer("", connections, second, random.random() + 1e-9),
    )
    return LoihiProgram(size, layers)
