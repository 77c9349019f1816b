"""<Z> of each qubit of a re-upload circuit, exact, in a batch and differentiable, by its light cone.

The measured Z_i is read backwards (the Heisenberg picture). A rotation of a qubit and its noise are real matrices on
that qubit's Pauli vector, and a CZ gate turns X_i into X_i Z_j for each neighbour j and leaves Z alone. So what Z_i
depends on grows by one neighbour to either side a block, however wide the circuit is. With r_q = (x_q, y_q, z_q) the
Bloch vector of qubit q after the first block, and c = (c_I, c_Z, c_X, c_Y) what Z_i becomes before the second one and
the noise in front of it, two blocks are closed:

    <Z_i> = c_I + c_Z z_i + (c_X x_i + c_Y y_i) z_(i-1) z_(i+1)

with z = 1 beyond the ends of a line. The cost is linear in the number of qubits.

The CZ gates after the last block are left out with noise too: pulled back through the channels that follow them, Z
becomes a Z + b I, which commutes with CZ. One block is <Z_i> = a z_i + b.

For b >= 3 blocks on n qubits there are three exact ways, and the one that costs least is taken. Its cost is estimated
as the numbers that a sample takes, with factors from measurements on one processor core:

    light cone        n 4^(2b - 5)         needs a line, or a ring of 2b - 1 qubits, so that it does not meet itself
    state vector      b 2^n + 500          without noise
    density matrix    b 4^n / 2 + 500      with noise

All of it is plain real arithmetic on the tensors' own device, from sines, cosines, sums and products only, so gradients
are finite at every angle.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ....export.circuit.reupload import Entangler, entangled_pairs
from ....export.errors import InputError
from ..noise import NOISELESS, Noise
from .bloch import LocalMaps, local_maps
from .cone_recursion import cone_expectations
from .density_matrix import density_matrix_bloch_vectors
from .state_vector import state_vector_bloch_vectors

MOST_NUMBERS = 2**25
"""In one tensor of one sample; a state vector of 24 qubits has as many."""

NUMBERS_PER_RUN = 2**22
"""In one tensor of the samples that run at once."""


class Method(NamedTuple):
    """A way to compute a circuit: its estimated cost and its largest tensor, both in numbers per sample."""

    name: Literal["closed form", "light cone", "state vector", "density matrix"]
    cost: int
    numbers: int


def cheapest_method(n_qubits: int, n_blocks: int, entangler: Entangler, noisy: bool) -> Method:
    """The way that a circuit is computed: the closed form up to two blocks, then the least estimated cost."""
    if n_blocks <= 2:
        return Method("closed form", 9 * n_qubits, 9 * n_qubits)
    if noisy:
        methods = [Method("density matrix", n_blocks * 4**n_qubits // 2 + 500, 4**n_qubits)]
    else:
        methods = [Method("state vector", n_blocks * 2**n_qubits + 500, 2 * 2**n_qubits)]
    if not _is_ring(n_qubits, entangler) or n_qubits >= 2 * n_blocks - 1:
        window = n_qubits * 4 ** (2 * n_blocks - 5)
        methods.append(Method("light cone", window, 4 * window))
    return min(methods, key=lambda method: method.cost)


def allowed_method(n_qubits: int, n_blocks: int, entangler: Entangler, noisy: bool) -> Method:
    """The cheapest method. Raises `InputError` where a sample would take more than `MOST_NUMBERS` numbers."""
    method = cheapest_method(n_qubits, n_blocks, entangler, noisy)
    if method.numbers > MOST_NUMBERS:
        raise InputError(
            f"circuit: {n_blocks} blocks on a {entangler} of {n_qubits} qubits must take at most {MOST_NUMBERS} "
            f"numbers per sample, got at least {method.numbers}; take fewer blocks or qubits"
        )
    return method


def expectations(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    entangler: Entangler,
    noise: Noise | None = None,
) -> Float[Tensor, "sample qubit"]:
    """<Z> of each qubit for angles and weights in radians, with the meaning of `ReuploadCircuit`.

    Gradients reach both. The result has the angles' type; weights of another floating type are converted to it. Samples
    of deep circuits run in parts that are computed again for their gradients, so that memory stays bounded.

    Raises `InputError` for shapes that do not fit, an entangler that is not known, and circuits that are too large.
    """
    _check(angles, weights)
    n_blocks, n_qubits = weights.shape[:2]
    entangled_pairs(n_qubits, entangler)
    method = allowed_method(n_qubits, n_blocks, entangler, bool(noise))
    weights = weights.to(angles.dtype)

    def run(part: Tensor, weights: Tensor) -> Tensor:
        return _expectations(part, weights, entangler, noise or NOISELESS, method)

    # An exported graph must hold for any number of samples.
    if torch.compiler.is_compiling():
        return run(angles, weights)
    if len(angles) == 0:
        return angles[..., 0] * weights.sum()
    step = max(1, NUMBERS_PER_RUN // method.numbers)
    if len(angles) <= step:
        return run(angles, weights)
    parts = [
        checkpoint(run, part, weights, use_reentrant=False, preserve_rng_state=False) for part in angles.split(step)
    ]
    return torch.cat(parts)


def _expectations(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    entangler: Entangler,
    noise: Noise,
    method: Method,
) -> Float[Tensor, "sample qubit"]:
    n_qubits = weights.shape[1]
    pairs = entangled_pairs(n_qubits, entangler)
    maps = local_maps(angles, weights, noise.after_block, noise.before_measurement)
    match method.name:
        case "closed form":
            values = _closed_form(maps, _is_ring(n_qubits, entangler))
        case "light cone":
            values = cone_expectations(maps, _is_ring(n_qubits, entangler))
        case "state vector":
            values = _value(maps.measured, *state_vector_bloch_vectors(angles, weights, pairs).unbind(1))
        case "density matrix":
            values = _value(maps.measured, *density_matrix_bloch_vectors(maps, pairs).unbind(1))
    return values.transpose(0, 1)


def _is_ring(n_qubits: int, entangler: Entangler) -> bool:
    """Whether each qubit has two neighbours."""
    return entangler == "ring" and n_qubits > 2


def _closed_form(maps: LocalMaps, ring: bool) -> Float[Tensor, "qubit sample"]:
    x, y, z = maps.prepared.unbind(1)
    if ring:
        neighbours = z.roll(1, 0) * z.roll(-1, 0)
    else:
        end = torch.ones_like(z[:1])
        neighbours = torch.cat((end, z[:-1])) * torch.cat((z[1:], end))
    return _value(maps.measured, x * neighbours, y * neighbours, z)


def _value(
    observable: Float[Tensor, "qubit 4 sample"],
    x: Float[Tensor, "qubit sample"],
    y: Float[Tensor, "qubit sample"],
    z: Float[Tensor, "qubit sample"],
) -> Float[Tensor, "qubit sample"]:
    on_i, on_z, on_x, on_y = observable.unbind(1)
    return on_i + on_z * z + on_x * x + on_y * y


def _check(angles: Tensor, weights: Tensor) -> None:
    if weights.ndim != 3 or weights.shape[0] < 1 or weights.shape[1] < 1 or weights.shape[2] != 3:
        raise InputError(
            "weights must have the shape [block, qubit, 3] with at least one block and one qubit, got "
            f"{list(weights.shape)}"
        )
    if angles.ndim != 3 or angles.shape[1:] != weights.shape[1:]:
        raise InputError(f"angles must have the shape [sample, {weights.shape[1]}, 3], got {list(angles.shape)}")
    for name, tensor in (("angles", angles), ("weights", weights)):
        if not tensor.is_floating_point():
            raise InputError(f"{name} must be floating-point numbers, got {tensor.dtype}")
