"""A parameterised quantum circuit as plain data, whoever made it.

All qubits start in |0>. The gates act in the order of the list, and what is measured are observables, real sums of
Pauli strings:

    value[sample, observable] = <0| U(x)† O U(x) |0>

A rotation's angle is affine in the circuit's features, and a feature is an input or a product of inputs, which the host
computes before a device sees it:

    angle = offset + sum of coefficient · feature,      feature = x_i  or  x_i · x_j · …

The gates are those of OpenQASM 3's standard library (arXiv 2104.14722) with the same names, and mean the same but for a
global phase, which no observable sees.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from ..errors import InputError

FIXED_GATES = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx")
"""Of one qubit, without an angle."""

ROTATIONS = ("rx", "ry", "rz")
"""Of one qubit, by an angle: exp(-i angle/2 P) with P = X, Y or Z."""

TWO_QUBIT_GATES = ("cx", "cz", "swap")
"""cx: the first qubit controls. cz and swap are symmetric."""

GATES = (*FIXED_GATES, *ROTATIONS, *TWO_QUBIT_GATES)

PAULIS = "XYZ"

Values = TypeVar("Values")
"""A NumPy array or a torch tensor."""

MOST_QUBITS = 4096
MOST_GATES = 2**18


class Gate(NamedTuple):
    """One gate. `offset` in radians and `slopes`, (feature, coefficient) by rising feature, are a rotation's angle."""

    name: str
    qubits: tuple[int, ...]
    offset: float = 0.0
    slopes: tuple[tuple[int, float], ...] = ()


class PauliTerm(NamedTuple):
    """coefficient · a product of Pauli matrices: (qubit, "X", "Y" or "Z") by rising qubit; of none, the identity."""

    coefficient: float
    paulis: tuple[tuple[int, str], ...]


Observable = tuple[PauliTerm, ...]
"""A real sum of Pauli strings."""

Feature = tuple[int, ...]
"""The product of these inputs, by their number."""


def pauli_z(qubit: int) -> Observable:
    """<Z> of one qubit: +1 where it is found in 0, -1 in 1."""
    return (PauliTerm(1.0, ((qubit, "Z"),)),)


@dataclass(frozen=True)
class Circuit:
    """A circuit with named inputs.

    Attributes:
        n_qubits: How many qubits it has.
        inputs: The inputs' names, in their order.
        gates: Standard gates; the angle of a rotation is an offset plus a coefficient times each of some features.
        observables: Sums of Pauli strings, each with its coefficient.
        features: Products of inputs; the inputs themselves, in their order, if left out.

    Raises:
        InputError: It is no such circuit; the gate, the observable or the feature is named.

    Example:
        from spiq.export.circuit.circuit import Gate, pauli_z

        spiq.Circuit(1, ("x",), (Gate("ry", (0,), 0.5, ((0, 2.0),)),), (pauli_z(0),))    # cos(0.5 + 2 x)
    """

    n_qubits: int
    inputs: tuple[str, ...]
    gates: tuple[Gate, ...]
    observables: tuple[Observable, ...]
    features: tuple[Feature, ...] = field(default=())

    def __post_init__(self) -> None:
        if (
            isinstance(self.n_qubits, bool)
            or not isinstance(self.n_qubits, int)
            or not 1 <= self.n_qubits <= MOST_QUBITS
        ):
            raise InputError(f"n_qubits must be an integer from 1 to {MOST_QUBITS}, got {self.n_qubits!r}")
        if len(set(self.inputs)) != len(self.inputs):
            raise InputError(f"inputs must have different names, got {', '.join(self.inputs)}")
        for name in self.inputs:
            if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
                raise InputError(f"inputs must have names of letters, digits and _, got {name!r}")
        if not self.features:
            object.__setattr__(self, "features", tuple((number,) for number in range(len(self.inputs))))
        for number, feature in enumerate(self.features):
            if not feature or list(feature) != sorted(feature) or not 0 <= feature[0] <= feature[-1] < len(self.inputs):
                raise InputError(
                    f"features[{number}] must be the rising numbers of some of the {len(self.inputs)} inputs, "
                    f"got {list(feature)}"
                )
        if len(self.gates) > MOST_GATES:
            raise InputError(f"gates must have at most {MOST_GATES} entries, got {len(self.gates)}")
        for number, gate in enumerate(self.gates):
            self._check_gate(number, gate)
        if not self.observables:
            raise InputError("observables must have at least one entry, got none")
        for number, observable in enumerate(self.observables):
            self._check_observable(number, observable)

    @property
    def input_size(self) -> int:
        return len(self.inputs)

    @property
    def output_size(self) -> int:
        return len(self.observables)

    @property
    def has_products(self) -> bool:
        """Whether a feature is a product of inputs, or an input is no feature of its own."""
        return self.features != tuple((number,) for number in range(len(self.inputs)))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature: the input's own, or those of a product joined by `_x_`."""
        return tuple("_x_".join(self.inputs[number] for number in feature) for feature in self.features)

    def checked_inputs(self, values: Float[np.ndarray, "sample input"]) -> Float[np.ndarray, "sample input"]:
        """A float64 copy of values that fit. Raises InputError where their shape does not, or one is not finite."""
        found = np.asarray(values)
        if found.dtype.kind not in "fiu":
            raise InputError(f"circuit inputs must be real numbers, got the type {found.dtype}")
        if found.ndim != 2 or found.shape[1] != self.input_size:
            raise InputError(f"circuit inputs must have the shape [sample, {self.input_size}], got {list(found.shape)}")
        copy = np.array(found, dtype=np.float64, order="C")
        if not np.isfinite(copy).all():
            sample, number = map(int, np.argwhere(~np.isfinite(copy))[0])
            raise InputError(
                f"circuit inputs must be finite numbers, got {copy[sample, number]} for {self.inputs[number]} in "
                f"sample {sample}"
            )
        return copy

    def feature_values(self, values: Values) -> Values:
        """Each feature's value [sample, feature] for inputs [sample, input]: what the host computes for a device."""
        if not self.has_products:
            return values
        given: Any = values
        columns = [
            math.prod((given[:, k] for k in feature[1:]), start=given[:, feature[0]]) for feature in self.features
        ]
        if isinstance(given, np.ndarray):
            return np.stack(columns, axis=-1)  # type: ignore[return-value]
        import torch

        return torch.stack(columns, dim=-1)  # type: ignore[return-value]

    @cached_property
    def bounds(self) -> Float[np.ndarray, " observable"]:
        """The largest absolute value that each observable can have at most: the sum of its coefficients' sizes."""
        return np.array([sum(abs(term.coefficient) for term in observable) for observable in self.observables])

    def __repr__(self) -> str:
        return (
            f"Circuit({self.n_qubits} qubits, {len(self.gates)} gates, {self.input_size} inputs, "
            f"{self.output_size} observables)"
        )

    def _check_gate(self, number: int, gate: Gate) -> None:
        where = f"gates[{number}]"
        if gate.name not in GATES:
            raise InputError(f"{where}: its name must be one of {', '.join(GATES)}, got {gate.name!r}")
        wanted = 2 if gate.name in TWO_QUBIT_GATES else 1
        self._check_qubits(where, gate.qubits)
        if len(gate.qubits) != wanted:
            raise InputError(f"{where}: the number of {gate.name}'s qubits must be {wanted}, got {len(gate.qubits)}")
        if gate.name not in ROTATIONS and (gate.offset or gate.slopes):
            raise InputError(f"{where}: a gate with an angle must be one of {', '.join(ROTATIONS)}, got {gate.name}")
        numbers = [feature for feature, _ in gate.slopes]
        if numbers != sorted(set(numbers)) or (numbers and not 0 <= numbers[0] <= numbers[-1] < len(self.features)):
            raise InputError(
                f"{where}: the features of its angle must be rising numbers under {len(self.features)}, got {numbers}"
            )
        odd = [one for one in (gate.offset, *(coefficient for _, coefficient in gate.slopes)) if not math.isfinite(one)]
        if odd:
            raise InputError(f"{where}: the angle of {gate.name} must be made of finite numbers, got {odd[0]}")

    def _check_observable(self, number: int, observable: Observable) -> None:
        where = f"observables[{number}]"
        for term in observable:
            qubits = tuple(qubit for qubit, _ in term.paulis)
            self._check_qubits(where, qubits)
            if list(qubits) != sorted(qubits):
                raise InputError(f"{where}: its qubits must be rising numbers, got {list(qubits)}")
            odd = [pauli for _, pauli in term.paulis if pauli not in PAULIS or len(pauli) != 1]
            if odd:
                raise InputError(f"{where}: its operators must be X, Y or Z, got {odd[0]!r}")
            if not math.isfinite(term.coefficient):
                raise InputError(f"{where}: its coefficients must be finite numbers, got {term.coefficient}")

    def _check_qubits(self, where: str, qubits: Iterable[int]) -> None:
        qubits = tuple(qubits)
        if any(
            isinstance(qubit, bool) or not isinstance(qubit, int) or not 0 <= qubit < self.n_qubits for qubit in qubits
        ):
            raise InputError(f"{where}: its qubits must be integers from 0 to {self.n_qubits - 1}, got {list(qubits)}")
        if len(set(qubits)) != len(qubits):
            raise InputError(f"{where}: its qubits must be different, got {list(qubits)}")
