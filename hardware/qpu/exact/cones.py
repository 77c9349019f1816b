"""The light cone of each Pauli string that a circuit measures: the gates that can change its expectation value.

Read backwards, a gate matters only where it touches a qubit of the string as it has become so far, and does not commute
with what can stand there. Of each qubit it is known whether only Z, or only X, can stand on it: a rotation about that
axis, the control side of a cx under Z, its target side under X, and both sides of a cz under Z then fall out. A swap
gate only renames qubits.

Strings whose cones have the same gates on other qubits, by other angles, are one program with several members: the nine
<Z> of a ring are one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ....export.circuit.circuit import ROTATIONS, Circuit, Gate, PauliTerm
from ....export.errors import InputError

MOST_NUMBERS = 2**25
"""Complex numbers of one sample in the state vector of a cone: a cone of 25 qubits."""

_DIAGONAL = ("rz", "z", "s", "sdg", "t", "tdg")
_ABOUT_X = ("rx", "x", "sx")
_MIXED = "?"


class Operation(NamedTuple):
    """A gate on the cone's own qubits, which count from 0. Its angle, if it has one, is the member's next."""

    name: str
    qubits: tuple[int, ...]


class Member(NamedTuple):
    """A Pauli string: of which observable, its coefficient, and the rotations of the circuit that its angles are of."""

    observable: int
    coefficient: float
    rotations: tuple[int, ...]


class Cone(NamedTuple):
    """A program on `width` qubits at rest; what is measured of it, the product of Z on `ends`; and its members."""

    width: int
    operations: tuple[Operation, ...]
    ends: tuple[int, ...]
    members: tuple[Member, ...]


class Cones(NamedTuple):
    """All that a circuit's observables take: the cones, and for each observable its share of the identity."""

    cones: tuple[Cone, ...]
    identities: tuple[float, ...]


@lru_cache(maxsize=16)
def cones_of(circuit: Circuit) -> Cones:
    """The cones of a circuit. Raises InputError where one is too wide for a state vector."""
    gates, place = _without_swaps(circuit)
    found: dict[tuple[int, tuple[Operation, ...], tuple[int, ...]], list[Member]] = defaultdict(list)
    identities = [0.0] * circuit.output_size
    for number, observable in enumerate(circuit.observables):
        for term in observable:
            if not term.paulis:
                identities[number] += term.coefficient
                continue
            width, operations, ends, rotations = _cone(gates, term, place)
            if 2**width > MOST_NUMBERS:
                raise InputError(
                    f"circuit: observable {number} must depend on at most {MOST_NUMBERS.bit_length() - 1} qubits, "
                    f"those of the largest state vector, got {width}"
                )
            found[width, operations, ends].append(Member(number, term.coefficient, rotations))
    cones = tuple(Cone(*key, tuple(members)) for key, members in found.items())
    return Cones(cones, tuple(identities))


def _without_swaps(circuit: Circuit) -> tuple[list[tuple[Gate, int]], list[int]]:
    """The other gates with the numbers of the rotations among them, and where each qubit of the circuit ends up."""
    place = list(range(circuit.n_qubits))
    gates: list[tuple[Gate, int]] = []
    rotations = 0
    for gate in circuit.gates:
        if gate.name == "swap":
            one, other = gate.qubits
            place[one], place[other] = place[other], place[one]
            continue
        gates.append((gate._replace(qubits=tuple(place[qubit] for qubit in gate.qubits)), rotations))
        rotations += gate.name in ROTATIONS
    return gates, place


def _cone(
    gates: Sequence[tuple[Gate, int]], term: PauliTerm, place: Sequence[int]
) -> tuple[int, tuple[Operation, ...], tuple[int, ...], tuple[int, ...]]:
    """The cone of a string: its width, operations, ends, and the numbers of its rotations."""
    tail = list(_into_z(term, place))
    stands = {place[qubit]: "Z" for qubit, _ in term.paulis}
    kept = [entry for entry in reversed([*gates, *tail]) if _matters(entry[0], stands)][::-1]
    local: dict[int, int] = {}
    for gate, _ in kept:
        for qubit in gate.qubits:
            local.setdefault(qubit, len(local))
    ends = tuple(sorted(local.setdefault(place[qubit], len(local)) for qubit, _ in term.paulis))
    operations = tuple(Operation(gate.name, tuple(local[qubit] for qubit in gate.qubits)) for gate, _ in kept)
    rotations = tuple(number for gate, number in kept if gate.name in ROTATIONS)
    return len(local), operations, ends, rotations


def _into_z(term: PauliTerm, place: Sequence[int]) -> Iterator[tuple[Gate, int]]:
    """The gates after which Z is measured where the string has X or Y."""
    for qubit, pauli in term.paulis:
        if pauli == "Y":
            yield Gate("sdg", (place[qubit],)), -1
        if pauli != "Z":
            yield Gate("h", (place[qubit],)), -1


def _matters(gate: Gate, stands: dict[int, str]) -> bool:
    """Whether the gate can change the string; `stands` has what can stand on its qubits, and then before the gate."""
    if not any(qubit in stands for qubit in gate.qubits):
        return False
    if len(gate.qubits) == 1:
        (qubit,) = gate.qubits
        now = stands[qubit]
        if (now == "Z" and gate.name in _DIAGONAL) or (now == "X" and gate.name in _ABOUT_X):
            return False
        if gate.name == "h":
            stands[qubit] = {"Z": "X", "X": "Z"}.get(now, _MIXED)
        elif gate.name not in ("x", "y", "z"):
            stands[qubit] = _MIXED
        return True
    # What commutes on either side: Z at a control, and at a target Z under cz, X under cx.
    sides = ("Z", "Z" if gate.name == "cz" else "X")
    there = [stands.get(qubit) for qubit in gate.qubits]
    if all(now in (None, side) for now, side in zip(there, sides, strict=True)):
        return False
    for index in (0, 1):
        other = there[1 - index]
        if other not in (None, sides[1 - index]):
            qubit, now = gate.qubits[index], there[index]
            # What does not commute at the other side brings this side's own Pauli matrix here.
            stands[qubit] = sides[index] if now in (None, sides[index]) else _MIXED
    return True
