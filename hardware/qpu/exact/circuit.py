"""The exact expectation values of any circuit: the way that costs least for it.

A re-upload circuit goes by its closed form and recursion (`lightcone`), any other by the state vectors of its light
cones (`cones`).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ....export.circuit.circuit import ROTATIONS, Circuit
from ....export.circuit.reupload import ANGLES, as_reupload
from .cone_states import cone_values
from .cones import Cone, cones_of
from .lightcone import expectations

NUMBERS_AT_ONCE = 2**21
"""Complex numbers of a state vector that the samples which run at once have together."""


def circuit_expectations(circuit: Circuit, inputs: Float[Tensor, "sample input"]) -> Float[Tensor, "sample observable"]:
    """The observables' exact values for each sample, in the inputs' floating type; gradients reach these.

    Raises InputError where a cone has too many qubits, or a re-upload circuit too many blocks.

    Example:
        circuit_expectations(reupload_circuit(weights), torch.rand(100, 27, dtype=torch.float64))
    """
    reupload = as_reupload(circuit)
    if reupload is not None:
        weights = torch.tensor(reupload.weights, dtype=inputs.dtype, device=inputs.device)
        return expectations(inputs.reshape(len(inputs), reupload.n_qubits, ANGLES), weights, reupload.entangler)
    return general_expectations(circuit, inputs)


def general_expectations(circuit: Circuit, inputs: Float[Tensor, "sample input"]) -> Float[Tensor, "sample observable"]:
    """The same by the cones' state vectors, whatever the circuit."""
    found = cones_of(circuit)
    widest = max((len(cone.members) * 2**cone.width for cone in found.cones), default=1)
    size = max(1, NUMBERS_AT_ONCE // widest)
    identities = torch.tensor(found.identities, dtype=inputs.dtype, device=inputs.device)
    parts = []
    for part in inputs.split(size) if len(inputs) else (inputs,):
        angles = _angles(circuit, part)
        values = identities.expand(len(part), -1)
        for cone in found.cones:
            values = values + _observables(cone, angles, circuit.output_size)
        parts.append(values)
    return torch.cat(parts)


def _angles(circuit: Circuit, inputs: Float[Tensor, "sample input"]) -> Float[Tensor, "sample rotation"]:
    """The angle of every rotation of the circuit, in the order of the gates."""
    gates = [gate for gate in circuit.gates if gate.name in ROTATIONS]
    slopes = torch.zeros(len(circuit.features), len(gates), dtype=torch.float64)
    for column, gate in enumerate(gates):
        for feature, coefficient in gate.slopes:
            slopes[feature, column] = coefficient
    offsets = torch.tensor([gate.offset for gate in gates], dtype=torch.float64).to(inputs)
    features = circuit.feature_values(inputs)
    return offsets + features @ slopes.to(inputs)


def _observables(
    cone: Cone, angles: Float[Tensor, "sample rotation"], count: int
) -> Float[Tensor, "sample observable"]:
    """What the cone's members add to the observables."""
    index = torch.tensor([member.rotations for member in cone.members], dtype=torch.long, device=angles.device)
    # [member, rotation] of [sample, rotation], as [rotation, member and sample].
    chosen = angles[:, index].permute(2, 1, 0).flatten(1)
    values = cone_values(cone, chosen).unflatten(0, (len(cone.members), len(angles)))
    share = torch.zeros(len(cone.members), count, dtype=angles.dtype, device=angles.device)
    for row, member in enumerate(cone.members):
        share[row, member.observable] = member.coefficient
    return values.T @ share
