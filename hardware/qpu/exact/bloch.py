"""The circuit's single-qubit half: what its rotations and its noise do to Bloch vectors, in plain real arithmetic.

A rotation of a qubit rotates its Bloch vector by R = Rz(omega) Ry(theta) Rz(phi). Read backwards (the Heisenberg
picture), it takes the observable a X + b Y + c Z, the row (a, b, c), to that row times R. With noise the identity joins
in: a block and the noise before it are one 4x4 Pauli transfer matrix, in the order I, Z, X, Y.

Tensors have the samples last and contiguous, which is what makes arithmetic on them fast.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..noise import BlochMap


class LocalMaps(NamedTuple):
    """A circuit without its CZ gates, for a batch of angles.

    `prepared` is the Bloch vector (x, y, z) after the first block. `between` has the transfer matrices of the blocks
    that are neither first nor last, entry [after, before] with the Pauli matrices in the order I, Z, X, Y, each with
    the noise that comes before it. `measured` is the observable (I, Z, X, Y) to which the measured Z is pulled back,
    through the noise after the last block, the last block, and the noise before it.
    """

    prepared: Float[Tensor, "qubit 3 sample"]
    between: Float[Tensor, "block qubit 4 4 sample"]
    measured: Float[Tensor, "qubit 4 sample"]


def rotation_matrices(angles: Float[Tensor, "qubit column 3"]) -> Float[Tensor, "qubit 3 3 column"]:
    """R = Rz(omega) Ry(theta) Rz(phi) for each (phi, theta, omega), entry [row, column of R] in the order X, Y, Z."""
    turns = angles.movedim(-1, 0).contiguous()
    cos_phi, cos_theta, cos_omega = torch.cos(turns).unbind()
    sin_phi, sin_theta, sin_omega = torch.sin(turns).unbind()
    tilt_cos, tilt_sin = cos_theta * cos_phi, cos_theta * sin_phi
    entries = (
        cos_omega * tilt_cos - sin_omega * sin_phi,
        -cos_omega * tilt_sin - sin_omega * cos_phi,
        cos_omega * sin_theta,
        sin_omega * tilt_cos + cos_omega * sin_phi,
        cos_omega * cos_phi - sin_omega * tilt_sin,
        sin_omega * sin_theta,
        -sin_theta * cos_phi,
        sin_theta * sin_phi,
        cos_theta,
    )
    return torch.stack(entries, dim=1).unflatten(1, (3, 3))


def local_maps(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    after_block: BlochMap,
    before_measurement: BlochMap,
) -> LocalMaps:
    """The rotations and the noise of a circuit.

    `after_block` acts after each block but the last, `before_measurement` after the last one. With one block `measured`
    is only pulled back through `before_measurement`.
    """
    data = rotation_matrices(angles.transpose(0, 1))
    trained = rotation_matrices(weights.transpose(0, 1)).movedim(-1, 0)
    prepared = trained[0] @ data[:, :, 2]
    identity = torch.tensor([[1.0], [0.0], [0.0], [0.0]], dtype=data.dtype, device=data.device)

    columns = data.flatten(2)
    z_x_y = (trained[1:-1].roll(1, dims=2) @ columns).unflatten(-1, (3, -1))
    between = _before_noise(z_x_y, after_block)
    between = torch.cat((identity.expand_as(between[:, :, :1]), between), dim=2)

    if len(weights) == 1:
        measured = identity.roll(1, 0).expand(prepared.shape[0], -1, angles.shape[0])
    else:
        last = (trained[-1, :, 2:] @ columns).unflatten(-1, (3, -1))[:, 0]
        measured = _before_noise(last, after_block)
    measured = measured * before_measurement.z + identity * before_measurement.shift
    return LocalMaps(prepared, between, measured)


def _before_noise(observables: Float[Tensor, "*axis 3 sample"], noise: BlochMap) -> Float[Tensor, "*axis 4 sample"]:
    """Observables (X, Y, Z) pulled back through `noise`, in the order I, Z, X, Y."""
    x, y, z = observables.unbind(-2)
    return torch.stack((noise.shift * z, noise.z * z, noise.x * x, noise.y * y), dim=-2)
