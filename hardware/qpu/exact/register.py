"""A whole register of qubits, each of which is multiplied by a matrix of its own.

A state is [sample, part, element]: the parts are what no qubit owns (a real and an imaginary part, or just one), the
elements are the product of the qubits' axes, qubit 0 the slowest. Neighbouring qubits go in groups, because one
multiplication by the Kronecker product of their matrices is faster than several by small ones.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


def grouped(n_qubits: int, size: int) -> list[range]:
    """The qubits in groups of `size`; the last one may be smaller."""
    return [range(start, min(start + size, n_qubits)) for start in range(0, n_qubits, size)]


def kronecker(
    first: Float[Tensor, "*batch row column"], second: Float[Tensor, "*batch row2 column2"]
) -> Float[Tensor, "*batch rows columns"]:
    """The Kronecker product of the last two axes."""
    return (first[..., :, None, :, None] * second[..., None, :, None, :]).flatten(-2).flatten(-3, -2)


def rotated(state: Float[Tensor, "sample part element"], rows: int) -> Float[Tensor, "sample part element"]:
    """The state with the qubits of its first `rows` elements moved behind all others."""
    return state.unflatten(2, (rows, -1)).transpose(2, 3).flatten(2)


def turned(
    state: Float[Tensor, "sample part element"], groups: Sequence[Float[Tensor, "sample row row"]]
) -> Float[Tensor, "sample part element"]:
    """Each group of qubits multiplied by its matrix, whose rows are [part, element of the group] flattened."""
    n_samples, parts = state.shape[:2]
    for matrix in groups:
        rows = matrix.shape[-1]
        state = (matrix @ state.reshape(n_samples, rows, -1)).view(n_samples, parts, -1)
        state = rotated(state, rows // parts)
    return state
