"""From spike counts to rotation angles: where the two halves of the network meet.

    angle[sample, qubit, axis] = angle_scale / T · count[sample, 3·qubit + axis]

in radians, with T time steps: a firing rate between 0 and 1, scaled.
"""

from typing import TypeVar

ANGLES = 3
"""Angles of a Rot gate, so features of the encoder for each qubit."""

Values = TypeVar("Values")
"""A NumPy array or a torch tensor."""


def angles_from_counts(counts: Values, steps: int, angle_scale: float) -> Values:
    """Angles [sample, qubit, 3] in radians from counts [sample, feature] over that many time steps.

    Takes NumPy arrays and torch tensors of a floating type; gradients pass.
    """
    return (angle_scale / steps) * counts.reshape(len(counts), -1, ANGLES)  # type: ignore[attr-defined]
