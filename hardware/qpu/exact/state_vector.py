"""The state vector of the whole register, for circuits without noise that are too deep for the light cone.

The first block makes a product state, and of the last one only its observables are needed, the Bloch vectors of the
state before it: a circuit of b blocks takes b - 2 layers of gates. Everything is real arithmetic: a complex vector is
its real part and then its imaginary part, a complex matrix P is [[Re P, -Im P], [Im P, Re P]].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .register import grouped, kronecker, rotated, turned

GROUP = 3
"""Qubits that are turned at once: three make a real matrix of 16 rows."""


@dataclass(frozen=True)
class Complex:
    """A tensor of complex numbers as two real ones."""

    real: Tensor
    imaginary: Tensor

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.real + other.real, self.imaginary + other.imaginary)

    def __mul__(self, other: Complex) -> Complex:
        return Complex(
            self.real * other.real - self.imaginary * other.imaginary,
            self.real * other.imaginary + self.imaginary * other.real,
        )

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imaginary)

    def conjugate(self) -> Complex:
        return Complex(self.real, -self.imaginary)

    def kronecker(self, other: Complex) -> Complex:
        """The Kronecker product of the last two axes."""
        return Complex(
            kronecker(self.real, other.real) - kronecker(self.imaginary, other.imaginary),
            kronecker(self.real, other.imaginary) + kronecker(self.imaginary, other.real),
        )


def state_vector_bloch_vectors(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    pairs: Sequence[tuple[int, int]],
) -> Float[Tensor, "qubit 3 sample"]:
    """The Bloch vector (x, y, z) of each qubit before the last block, for two blocks or more, CZ on `pairs` between."""
    n_samples, n_qubits = angles.shape[:2]
    a, b = _first_columns(angles, weights[:-1, None])
    qubits = [
        Complex(_matrices(a.real, b.real, -1, qubit), _matrices(a.imaginary, b.imaginary, 1, qubit))
        for qubit in range(n_qubits)
    ]
    spinors = (Complex(matrix.real[0, :, :, :1], matrix.imaginary[0, :, :, :1]) for matrix in qubits)
    product = reduce(Complex.kronecker, spinors)
    state = torch.stack((product.real, product.imaginary), dim=1).flatten(2)
    signs = torch.as_tensor(_cz_signs(n_qubits, tuple(pairs)), dtype=state.dtype, device=state.device)

    groups = grouped(n_qubits, GROUP)
    gates = [Complex(matrix.real[1:], matrix.imaginary[1:]) for matrix in qubits]
    layers = [_real_form(reduce(Complex.kronecker, gates[group.start : group.stop])) for group in groups]
    for layer in range(len(weights) - 2):
        state = turned(state * signs, [matrices[layer] for matrices in layers])
    state = state * signs

    bloch_vectors = []
    for group in groups:
        amplitudes = state.view(n_samples, 2 << len(group), -1)
        correlations = (amplitudes @ amplitudes.transpose(1, 2)).flatten(1)
        pauli = torch.as_tensor(_pauli_matrices(len(group)), dtype=state.dtype, device=state.device)
        bloch_vectors.append((correlations @ pauli).unflatten(1, (len(group), 3)))
        state = rotated(state, 1 << len(group))
    return torch.cat(bloch_vectors, dim=1).movedim(0, -1)


def _first_columns(
    angles: Float[Tensor, "sample qubit 3"], weights: Float[Tensor, "block 1 qubit 3"]
) -> tuple[Complex, Complex]:
    """(a, b) of the rotations [[a, -conj(b)], [b, conj(a)]] of each block, the data's and then the weights'."""
    (a, b), (c, d) = (_first_column(turns) for turns in (weights, angles))
    return a * c + -(b.conjugate() * d), b * c + a.conjugate() * d


def _first_column(turns: Float[Tensor, "*axis 3"]) -> tuple[Complex, Complex]:
    # By the addition formulas: phi + omega itself would be rounded, by 1e-5 and more where float32 angles are large.
    cos_phi, cos, cos_omega = torch.cos(turns / 2).unbind(-1)
    sin_phi, sin, sin_omega = torch.sin(turns / 2).unbind(-1)
    cos_cos, sin_sin = cos_phi * cos_omega, sin_phi * sin_omega
    sin_cos, cos_sin = sin_phi * cos_omega, cos_phi * sin_omega
    return (
        Complex(cos * (cos_cos - sin_sin), -cos * (sin_cos + cos_sin)),
        Complex(sin * (cos_cos + sin_sin), -sin * (sin_cos - cos_sin)),
    )


def _matrices(
    a: Float[Tensor, "block sample qubit"], b: Float[Tensor, "block sample qubit"], sign: int, qubit: int
) -> Float[Tensor, "block sample 2 2"]:
    """One part of [[a, -conj(b)], [b, conj(a)]]; `sign` is -1 for the real part and 1 for the imaginary one."""
    a, b = a[..., qubit], b[..., qubit]
    return torch.stack((a, sign * b, b, -sign * a), dim=-1).unflatten(-1, (2, 2))


def _real_form(matrix: Complex) -> Float[Tensor, "*batch row column"]:
    top = torch.cat((matrix.real, -matrix.imaginary), dim=-1)
    return torch.cat((top, torch.cat((matrix.imaginary, matrix.real), dim=-1)), dim=-2)


@lru_cache(maxsize=16)
def _cz_signs(n_qubits: int, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    bits = np.arange(2**n_qubits) >> np.arange(n_qubits)[::-1, None] & 1
    both = np.zeros_like(bits[0])
    for first, second in pairs:
        both ^= bits[first] & bits[second]
    return 1 - 2 * both


@lru_cache(maxsize=GROUP)
def _pauli_matrices(n_qubits: int) -> np.ndarray:
    """X, Y and Z of each of a few qubits in real form, flattened: [entry, qubit 3]."""
    forms = []
    for qubit in range(n_qubits):
        for pauli in (np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])):
            matrix = np.kron(np.kron(np.eye(2**qubit), pauli), np.eye(2 ** (n_qubits - 1 - qubit)))
            forms.append(np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]]).ravel())
    return np.stack(forms, axis=1)
