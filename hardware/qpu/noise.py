"""Local noise of a quantum processor, as what it does to a qubit's Bloch vector.

Every channel here maps the Bloch vector r = (<X>, <Y>, <Z>) by a diagonal matrix and a shift along Z:

    r → diag(x, y, z) r + (0, 0, shift)

    bit flip p              x = 1, y = z = 1 - 2p
    phase flip p            x = y = 1 - 2p, z = 1
    depolarizing p          x = y = z = 1 - 4p/3
    amplitude damping g     x = y = sqrt(1 - g), z = 1 - g, shift = g
    phase damping g         x = y = sqrt(1 - g), z = 1

Each follows from the channel's Kraus operators in PennyLane (`pennylane/ops/channel.py`).
"""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

from ...export.errors import InputError


class BlochMap(NamedTuple):
    """A channel: r → (x r_x, y r_y, z r_z + shift)."""

    x: float = 1.0
    y: float = 1.0
    z: float = 1.0
    shift: float = 0.0

    def then(self, after: "BlochMap") -> "BlochMap":
        """This channel and then another one."""
        return BlochMap(self.x * after.x, self.y * after.y, self.z * after.z, self.shift * after.z + after.shift)


@dataclass(frozen=True)
class Noise:
    """The noise that every qubit meets after each block, and the error of its readout.

    The channels act after the block's rotations and CZ gates, after the last block too, in the order of the fields:
    bit flip, phase flip, depolarizing, amplitude damping, phase damping. Each number is a probability with PennyLane's
    meaning: `qml.BitFlip(bit_flip)`, `qml.PhaseFlip(phase_flip)`, `qml.DepolarizingChannel(depolarizing)` (each of X, Y
    and Z with a third of it), `qml.AmplitudeDamping(amplitude_damping)`, `qml.PhaseDamping(phase_damping)`.
    `readout` is the probability that a measured bit is read as the other one, the same for 0 and 1: a
    `qml.BitFlip(readout)` just before the measurement, once.

    Raises `InputError`, naming the field, for what is no probability.
    """

    bit_flip: float = 0.0
    phase_flip: float = 0.0
    depolarizing: float = 0.0
    amplitude_damping: float = 0.0
    phase_damping: float = 0.0
    readout: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InputError(f"{field.name} must be a probability from 0 to 1, got {value!r}")

    @property
    def after_block(self) -> BlochMap:
        """All channels of one block as one."""
        flip, phase, keep = 1 - 2 * self.bit_flip, 1 - 2 * self.phase_flip, 1 - 4 * self.depolarizing / 3
        damped, dephased = math.sqrt(1 - self.amplitude_damping), math.sqrt(1 - self.phase_damping)
        return (
            BlochMap(1.0, flip, flip)
            .then(BlochMap(phase, phase, 1.0))
            .then(BlochMap(keep, keep, keep))
            .then(BlochMap(damped, damped, 1 - self.amplitude_damping, self.amplitude_damping))
            .then(BlochMap(dephased, dephased, 1.0))
        )

    def __bool__(self) -> bool:
        """Whether any of it happens."""
        return self != NOISELESS

    def queue(self, qubit: int) -> None:
        """Queue one block's channels on a wire, those that happen, inside a quantum function of PennyLane's."""
        import pennylane as qml

        channels = (
            (qml.BitFlip, self.bit_flip),
            (qml.PhaseFlip, self.phase_flip),
            (qml.DepolarizingChannel, self.depolarizing),
            (qml.AmplitudeDamping, self.amplitude_damping),
            (qml.PhaseDamping, self.phase_damping),
        )
        for channel, probability in channels:
            if probability:
                channel(probability, wires=qubit)

    def queue_readout(self, qubit: int) -> None:
        """Queue the readout's error on a wire, if there is one, before it is measured."""
        import pennylane as qml

        if self.readout:
            qml.BitFlip(self.readout, wires=qubit)

    @property
    def before_measurement(self) -> BlochMap:
        """The noise of the last block and the readout's error as one."""
        flip = 1 - 2 * self.readout
        return self.after_block.then(BlochMap(1.0, flip, flip))


NOISELESS = Noise()
"""No noise at all."""
