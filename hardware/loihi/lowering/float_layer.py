"""A layer with real numbers: what a network for the chip is before it is quantized.

One step of its neurons is

    u ← (1 - current_decay)·u + Σ weight·spike,      v ← (1 - voltage_decay)·v + u + bias,      spike = v > threshold

and v ← 0 where they spiked, the sum going over all connections. Neurons that Lava's stock LIF cannot be (`is_stock`)
have any reset of `spiq.export.nir.neuron_step`. A sample starts with u = v = 0.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ....export.nir.geometry import Shape
from ....export.nir.neuron_step import Reset, ToValue
from .. import chip
from ..synapse import Synapse

PerNeuron = float | Float[np.ndarray, "*shape"]
"""A number for all neurons of a group, or one for each where they differ."""

AT_REST: Reset = ToValue(np.zeros(1))
"""v ← 0 after a spike."""


def is_stock(threshold: PerNeuron, current_decay: PerNeuron, voltage_decay: PerNeuron, reset: Reset) -> bool:
    """Whether Lava's stock LIF can be neurons with these parameters; otherwise they need a programmable neuron."""
    if not (isinstance(threshold, float) and isinstance(current_decay, float) and isinstance(voltage_decay, float)):
        return False
    fades = round(current_decay * chip.DECAY_UNITY) >= chip.CURRENT_DECAYS[0]
    return reset is AT_REST and threshold >= 0 and fades


@dataclass(frozen=True, eq=False)
class FloatConnection:
    """A synapse with real weights and whose spikes it reads, as in `program.Connection`.

    `largest_value` is the most that a spike of the source carries.
    """

    source: int
    synapse: Synapse
    delays: Int[np.ndarray, " source"] | int = 0
    largest_value: int = 1


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A neuron group and what feeds it, under the name of its neuron node.

    The decays are the fractions of u and v that a step takes away, from 0 to 1. `reset` is `AT_REST` itself where v
    returns to rest. The bias must find its exponent between
    the two of `bias_exponents`, both included.
    """

    name: str
    connections: tuple[FloatConnection, ...]
    bias: Float[np.ndarray, "*shape"]
    threshold: PerNeuron
    current_decay: PerNeuron
    voltage_decay: PerNeuron
    bias_exponents: tuple[int, int] = chip.BIAS_EXPONENTS
    reset: Reset = AT_REST

    @property
    def shape(self) -> Shape:
        return self.bias.shape

    @property
    def is_stock(self) -> bool:
        return is_stock(self.threshold, self.current_decay, self.voltage_decay, self.reset)

    @property
    def reset_by(self) -> Float[np.ndarray, "*broadcasting"]:
        """The voltage or the amount of the reset."""
        return self.reset.value if isinstance(self.reset, ToValue) else self.reset.amount

    def forward_sources(self, index: int) -> tuple[int, ...]:
        """Whose spikes the layer of this index reads, itself left out; each once."""
        return tuple(dict.fromkeys(connection.source for connection in self.connections if connection.source != index))

    @property
    def synapses(self) -> tuple[Synapse, ...]:
        return tuple(connection.synapse for connection in self.connections)

    @property
    def weights(self) -> tuple[Float[np.ndarray, "out ..."], ...]:
        """Each connection's weights."""
        return tuple(synapse.weight for synapse in self.synapses)

    @property
    def largest_weight(self) -> float:
        return max(float(np.abs(weight).max()) for weight in self.weights)

    @property
    def largest_values(self) -> tuple[int, ...]:
        """The most that a spike carries which a connection reads, for each."""
        return tuple(connection.largest_value for connection in self.connections)

    @property
    def largest_fan_in(self) -> int:
        """The most that one neuron receives where each of its weights is 1, in all connections together."""
        return sum(
            math.prod(weight.shape[1:]) * largest
            for weight, largest in zip(self.weights, self.largest_values, strict=True)
        )
