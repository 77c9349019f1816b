"""Any circuit as ONNX operators: a state vector in real arithmetic, all samples at once.

The state is two values, its real and its imaginary part, each double [sample, 2^n]; qubit 0 is the highest bit of a
basis state's number b. With z_q(b) = 1 where bit q of b is 0 and -1 where it is 1, and psi(b ^ q) the state with that
bit turned over, each gate is a few operators on whole rows. With c = cos(angle/2) and s = sin(angle/2),

    rx    c psi(b) - i s psi(b ^ q)              h      (z_q(b) psi(b) + psi(b ^ q)) / sqrt 2
    ry    c psi(b) - s z_q(b) psi(b ^ q)         x, y   psi(b ^ q), z_q(b) psi(b ^ q)
    rz    c psi(b) - i s z_q(b) psi(b)           z      z_q(b) psi(b)

and s, t, sdg, tdg and sx are rotations by a quarter or an eighth of a turn; all but for a global phase. A Pauli string
with the turned bits m (of its X and Y) and k matrices Y is

    <P> = sum over b of (-i)^k z(b) conj(psi(b)) psi(b ^ m),      z the product of z_q over its Y and Z.
"""

import math
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from onnx import TensorProto, helper

from ...circuit.circuit import ROTATIONS, Circuit, Gate, PauliTerm
from ...errors import InputError
from ..model import OnnxNodes

MOST_QUBITS = 14
"""Of the state vector: 2^14 complex numbers per sample."""

MOST_GATES = 2000
"""Each is a dozen operators at most, of which a model may have 30,000."""

_TURNS = {
    "s": ("rz", math.pi / 2),
    "sdg": ("rz", -math.pi / 2),
    "t": ("rz", math.pi / 4),
    "tdg": ("rz", -math.pi / 4),
    "sx": ("rx", math.pi / 2),
}
"""The rotations that these gates are, but for a global phase."""


class _State(NamedTuple):
    """The names of the real and the imaginary part, double [sample, 2^n]."""

    real: str
    imaginary: str


def state_nodes(nodes: OnnxNodes, inputs: str, circuit: Circuit) -> str:
    """Append the operators from the inputs, double [sample, input], to the observables, double [sample, observable].

    Returns the name of these. Raises InputError where the observables depend on more than `MOST_QUBITS` qubits, or on
    more than `MOST_GATES` gates.
    """
    gates, place = _needed(circuit)
    if len(place) > MOST_QUBITS or len(gates) > MOST_GATES:
        raise InputError(
            f"circuit: its observables must depend on at most {MOST_GATES} gates on {MOST_QUBITS} qubits in ONNX, got "
            f"{len(gates)} gates on {len(place)} qubits"
        )
    return _Register(nodes, inputs, circuit, place).values(gates)


def _needed(circuit: Circuit) -> tuple[list[Gate], dict[int, int]]:
    """The gates that the observables can depend on, and the qubits of these with their place in the register."""
    terms = (term for observable in circuit.observables for term in observable)
    reached = {qubit for term in terms for qubit, _ in term.paulis}
    kept = []
    for gate in reversed(circuit.gates):
        if reached.intersection(gate.qubits):
            reached.update(gate.qubits)
            kept.append(gate)
    return kept[::-1], {qubit: number for number, qubit in enumerate(sorted(reached or {0}))}


class _Register:
    """The state vector in the making."""

    def __init__(self, nodes: OnnxNodes, inputs: str, circuit: Circuit, place: dict[int, int]) -> None:
        self.nodes, self.inputs, self.circuit, self.place = nodes, inputs, circuit, place
        self.states = np.arange(2 ** len(place))
        self.constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def values(self, gates: list[Gate]) -> str:
        """From the state at rest through the gates to the observables."""
        sine, cosine = self._angles([gate for gate in gates if gate.slopes])
        state = self._at_rest()
        by_data = 0
        for gate in gates:
            if gate.slopes:
                column = self._constant(np.array([by_data]))
                turn = (self._add("Gather", sine, column, axis=1), self._add("Gather", cosine, column, axis=1))
                by_data += 1
            else:
                half = (gate.offset if gate.name in ROTATIONS else _TURNS.get(gate.name, ("", 0.0))[1]) / 2
                turn = (self._constant(np.array(math.sin(half))), self._constant(np.array(math.cos(half))))
            state = self._after(gate, state, *turn)
        return self._measured(state)

    def _angles(self, gates: list[Gate]) -> tuple[str, str]:
        """Sine and cosine of half of each angle that depends on the data, double [sample, gate]; "" without any."""
        if not gates:
            return "", ""
        slopes = np.zeros((len(self.circuit.features), len(gates)))
        for column, gate in enumerate(gates):
            for feature, coefficient in gate.slopes:
                slopes[feature, column] = coefficient / 2
        offsets = np.array([gate.offset / 2 for gate in gates])
        turned = self._add("MatMul", self._features(), self._constant(slopes))
        half = self._add("Add", turned, self._constant(offsets))
        # onnxruntime 1.20 has no cosine in double.
        later = self._add("Add", half, self._constant(np.array(math.pi / 2)))
        return self._add("Sin", half), self._add("Sin", later)

    def _features(self) -> str:
        """The products of inputs, double [sample, feature]."""
        circuit = self.circuit
        if not circuit.has_products:
            return self.inputs
        # A column of ones stands for the factor that a shorter product does not have.
        first = self._add("Gather", self.inputs, self._constant(np.array([0])), axis=1)
        zeros = self._add("Mul", first, self._constant(np.array(0.0)))
        columns = self._add("Concat", self.inputs, self._add("Add", zeros, self._constant(np.array(1.0))), axis=1)
        longest = max(len(feature) for feature in circuit.features)
        filled = [(*feature, *[circuit.input_size] * (longest - len(feature))) for feature in circuit.features]
        found = ""
        for chosen in zip(*filled, strict=True):
            factors = self._add("Gather", columns, self._constant(np.array(chosen)), axis=1)
            found = self._add("Mul", found, factors) if found else factors
        return found

    def _at_rest(self) -> _State:
        samples = self._add("Shape", self.inputs, start=0, end=1)
        size = self._add("Concat", samples, self._constant(np.array([len(self.states)])), axis=0)
        value = helper.make_tensor("value", TensorProto.DOUBLE, [1], [0.0])
        zeros = self._add("ConstantOfShape", size, value=value)
        return _State(self._add("Add", zeros, self._constant((self.states == 0).astype(np.float64))), zeros)

    def _after(self, gate: Gate, state: _State, sine: str, cosine: str) -> _State:
        qubits = [self.place[qubit] for qubit in gate.qubits]
        bits = [self._bit(qubit) for qubit in qubits]
        match gate.name:
            case "cx":
                return self._permuted(state, np.where(self.states & bits[0], self.states ^ bits[1], self.states))
            case "swap":
                differ = ((self.states & bits[0]) > 0) != ((self.states & bits[1]) > 0)
                return self._permuted(state, np.where(differ, self.states ^ bits[0] ^ bits[1], self.states))
            case "cz":
                both = (self.states & bits[0] > 0) & (self.states & bits[1] > 0)
                return self._times(state, np.where(both, -1.0, 1.0))
            case "x":
                return self._permuted(state, self.states ^ bits[0])
            case "y":
                return self._times(self._permuted(state, self.states ^ bits[0]), self._z(qubits[0]))
            case "z":
                return self._times(state, self._z(qubits[0]))
            case "h":
                root = math.sqrt(0.5)
                kept = self._times(state, self._z(qubits[0]) * root)
                other = self._times(self._permuted(state, self.states ^ bits[0]), np.array(root))
                return _State(*(self._add("Add", one, two) for one, two in zip(kept, other, strict=True)))
        turn = gate.name if gate.name in ROTATIONS else _TURNS[gate.name][0]
        kept = _State(*(self._add("Mul", part, cosine) for part in state))
        other = state if turn == "rz" else self._permuted(state, self.states ^ bits[0])
        other = self._times(other, self._z(qubits[0])) if turn != "rx" else other
        other = _State(*(self._add("Mul", part, sine) for part in other))
        if turn == "ry":
            return _State(*(self._add("Sub", one, two) for one, two in zip(kept, other, strict=True)))
        # -i (x + i y) is y - i x.
        return _State(self._add("Add", kept.real, other.imaginary), self._add("Sub", kept.imaginary, other.real))

    def _measured(self, state: _State) -> str:
        """The observables: for all strings that turn the same bits over, one product of the state with itself."""
        groups: dict[tuple[int, bool], list[tuple[int, PauliTerm]]] = defaultdict(list)
        identity = np.zeros((1, self.circuit.output_size))
        for number, observable in enumerate(self.circuit.observables):
            for term in observable:
                if not term.paulis:
                    identity[0, number] += term.coefficient
                    continue
                mask = sum(self._bit(self.place[qubit]) for qubit, pauli in term.paulis if pauli != "Z")
                groups[mask, _count_y(term) % 2 == 1].append((number, term))
        # Without any string something must still tell how many samples there are.
        parts = [] if groups else [self._weighed(state.real, [])]
        parts += [self._weighed(self._product(state, *key), terms) for key, terms in groups.items()]
        return self._add("Sum", *parts, self._constant(identity))

    def _weighed(self, product: str, terms: list[tuple[int, PauliTerm]]) -> str:
        weights = np.zeros((len(self.states), self.circuit.output_size))
        for number, term in terms:
            weights[:, number] += term.coefficient * self._signs(term)
        return self._add("MatMul", product, self._constant(weights))

    def _product(self, state: _State, mask: int, odd: bool) -> str:
        """Re(conj(psi(b)) psi(b ^ mask)), or if `odd` the imaginary part, double [sample, 2^n]."""
        other = self._permuted(state, self.states ^ mask) if mask else state
        one, two = (other.imaginary, other.real) if odd else other
        first, second = self._add("Mul", state.real, one), self._add("Mul", state.imaginary, two)
        return self._add("Sub" if odd else "Add", first, second)

    def _signs(self, term: PauliTerm) -> Float[np.ndarray, " state"]:
        """z(b), with what is real of (-i)^k: of an odd k one factor -i has made the imaginary part of the product."""
        signs = np.full(len(self.states), (-1.0) ** (_count_y(term) // 2))
        for qubit, pauli in term.paulis:
            if pauli != "X":
                signs *= self._z(self.place[qubit])
        return signs

    def _bit(self, qubit: int) -> int:
        return 1 << (len(self.place) - 1 - qubit)

    def _z(self, qubit: int) -> Float[np.ndarray, " state"]:
        return np.where(self.states & self._bit(qubit), -1.0, 1.0)

    def _permuted(self, state: _State, order: Int64[np.ndarray, " state"]) -> _State:
        return _State(*(self._add("Gather", part, self._constant(order), axis=1) for part in state))

    def _times(self, state: _State, factors: Float[np.ndarray, "..."]) -> _State:
        return _State(*(self._add("Mul", part, self._constant(factors)) for part in state))

    def _add(self, operator: str, *inputs: str, **attributes: object) -> str:
        return self.nodes.add(operator, inputs, f"state_{len(self.nodes.operators)}", **attributes)

    def _constant(self, value: np.ndarray) -> str:
        """The constant; the same value, such as the signs of a qubit, stands in the file once."""
        key = (str(value.dtype), value.shape, value.tobytes())
        if key not in self.constants:
            self.constants[key] = self.nodes.constant(f"constant_{len(self.nodes.constants)}", value)
        return self.constants[key]


def _count_y(term: PauliTerm) -> int:
    return sum(pauli == "Y" for _, pauli in term.paulis)
