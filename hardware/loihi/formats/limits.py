"""How large a program may be that comes from a file.

A few bytes can ask for any number of neurons: a group's bias may be one value for all of them, and a kernel may slide
over any image. So these are counted before anything of their size is made. What a program takes here was measured: 8
million neurons behind a kernel of 3 x 3 take 1.1 GB in the simulator, 64 million weights 0.4 GB; a programmable neuron
takes 16 bytes more. A Loihi 2 has a million neurons and, in `published.SYNAPTIC_BYTES` a core, 16.8 million weights of
8 bits.
"""

import math
from collections.abc import Sequence

from ....export.errors import InputError
from ....export.nir.geometry import Shape
from ..synapse import ConvSynapse, Synapse

MOST_BYTES = 2**27
"""Of all arrays in the file: 64 million weights of two bytes, those of four chips."""

MOST_NEURONS = 2**23
"""The program's, with its inputs: those of eight chips."""

MOST_TAPS = 2**23
"""Places at which a kernel's taps meet an image, over all groups of channels: the simulator has an entry for each."""

MOST_LAYERS = 10_000
"""Deeper than any program whose neurons are of use here."""

MOST_AXES = 32
"""Of a shape."""

MOST_WAITING = 2**26
"""Spikes that the simulator keeps for connections with delays: those of a million neurons for the longest delay."""

MOST_DISTANCE = 2**31 - 1
"""A convolution's stride, padding and dilation: positions are computed in 64 bits."""


class ProgramSize:
    """What has been counted of a program so far. Each method raises InputError, naming the field, beyond the limits."""

    def __init__(self) -> None:
        self.neurons = 0
        self.taps = 0
        self.waiting = 0

    def add_neurons(self, shape: Shape, key: str) -> None:
        """A group of this shape, which stands under `key`, or the input."""
        # What is wrong with a size below 0 is told later, where the group is made.
        self.neurons += abs(math.prod(shape))
        if self.neurons > MOST_NEURONS:
            raise InputError(
                f"{key} must keep the program to at most {MOST_NEURONS} neurons, got {list(shape)}, with which it has "
                f"{self.neurons} so far"
            )

    def add_delays(self, neurons: int, longest: int) -> None:
        """A connection from so many neurons with delays of up to `longest` steps."""
        if not longest:
            return
        self.waiting += neurons * (longest + 1)
        if self.waiting > MOST_WAITING:
            raise InputError(
                f"delays must keep at most {MOST_WAITING} of the program's spikes for later, got {self.waiting}, with "
                f"delays of up to {longest} for {neurons} neurons"
            )

    def add_synapses(self, synapses: Sequence[Synapse]) -> None:
        """All synapses that feed one group."""
        images = [synapse for synapse in synapses if isinstance(synapse, ConvSynapse)]
        # Where one of them does not suit the order of the others, each of its channels has entries of its own.
        alike = len({synapse.output_shape for synapse in images}) == 1
        for synapse in images:
            for key in ("stride", "padding", "dilation"):
                value = getattr(synapse, key)
                if max(value) > MOST_DISTANCE:
                    raise InputError(f"{key} must be at most {MOST_DISTANCE}, got {list(value)}")
            channels, *positions = synapse.output_shape
            runs = synapse.groups if alike else channels
            self.taps += runs * math.prod(positions) * math.prod(synapse.weight.shape[2:])
            if self.taps > MOST_TAPS:
                raise InputError(
                    f"weight {list(synapse.weight.shape)} over input_shape {list(synapse.input_shape)}: the kernels of "
                    f"the program up to it must have at most {MOST_TAPS} taps at their positions, got {self.taps}"
                )
