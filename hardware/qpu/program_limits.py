"""How large an OpenQASM program may be: counted in its text and in its syntax tree, before Qiskit builds anything.

A short text can ask for any number of qubits, and gates that are made of gates double with every level. Counted are
gates as they are once every gate is spelled out, each as often as it acts on a register's qubits:

    gates(call) = qubits of a register · angles · 32^controls · 8^(qubits, where there is a pow) · gates(definition)

An angle that is handed on in a sum of two has two terms a level further down, so the terms count too. A control spells
a gate out in others, and `pow` takes the matrix of a gate; both factors lie above what Qiskit 2.6 was seen to make.
"""

import re
from collections.abc import Iterator
from typing import Any

import openqasm3
from openqasm3 import ast

from ...export.errors import InputError

PROGRAM = "OpenQASM 3 program"

MOST_CHARACTERS = 2**20
"""Of the text."""

MOST_TOKENS = 40_000
"""Names, numbers and signs: some 6,000 gates. openqasm3's parser takes 50 to 100 µs each."""

MOST_TOKEN_CHARACTERS = 256
"""Of one name or number."""

MOST_DEPTH = 100
"""Brackets within brackets."""

MOST_QUBITS = 64
"""Qubits, and bits; how many Aer has memory for is another matter."""

MOST_GATES = 10_000
"""Once every gate is spelled out, for which Qiskit takes up to 0.4 ms and 27 KB a gate. 16 qubits and 8 blocks, the
most that a configuration allows, take 900."""

CONTROL_GATES = 32
POWER_GATES = 8

_TOKEN = re.compile(r"[\w.$]+|[^\w\s]")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)

_ALLOWED = (
    ast.Include,
    ast.QubitDeclaration,
    ast.ClassicalDeclaration,
    ast.IODeclaration,
    ast.AliasStatement,
    ast.QuantumGateDefinition,
    ast.QuantumGate,
    ast.QuantumPhase,
    ast.QuantumBarrier,
    ast.QuantumMeasurementStatement,
    # It is refused later, by its name.
    ast.QuantumReset,
)


def parsed(text: str) -> tuple[ast.Program, int]:
    """The program's syntax tree and its number of gates once all are spelled out.

    Raises InputError beyond the limits, and for a statement that is neither a declaration, a gate nor a measurement;
    the errors of openqasm3's parser where it is no OpenQASM 3.
    """
    _check_text(text)
    program = openqasm3.parse(text)
    count = _Count()
    for statement in program.statements:
        count.add(statement)
    return program, count.gates


def _check_text(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"{PROGRAM}: must have at most {MOST_CHARACTERS} characters, got {len(text)}")
    tokens = depth = 0
    for found in _TOKEN.finditer(_COMMENT.sub(" ", text)):
        tokens += 1
        token = found[0]
        if len(token) > MOST_TOKEN_CHARACTERS:
            raise InputError(
                f"{PROGRAM}: a name or a number must have at most {MOST_TOKEN_CHARACTERS} characters, got {len(token)}"
            )
        if token in "([{":
            depth += 1
            if depth > MOST_DEPTH:
                raise InputError(f"{PROGRAM}: must have at most {MOST_DEPTH} brackets within brackets, got more")
        elif token in ")]}":
            depth -= 1
        elif token[0] == "$":
            _check_most("physical qubits", int(token[1:]) + 1 if token[1:].isdecimal() else 0, MOST_QUBITS)
    if tokens > MOST_TOKENS:
        raise InputError(
            f"{PROGRAM}: must have at most {MOST_TOKENS} names, numbers and signs, got {tokens}, which are too many "
            "gates"
        )


def _check_most(what: str, found: int, most: int) -> None:
    if found > most:
        shown = f"{found}" if found < 10**18 else f"10^{len(str(found)) - 1}"
        raise InputError(f"{PROGRAM}: must have at most {most} {what}, got {shown}")


class _Count:
    """What the statements so far declare and do."""

    def __init__(self) -> None:
        self.gates = 0
        self.qubits = 0
        self.bits = 0
        self.sizes: dict[str, int] = {}
        self.definitions: dict[str, int] = {}

    def add(self, statement: Any) -> None:
        if not isinstance(statement, _ALLOWED):
            line = f" in line {statement.span.start_line}" if statement.span else ""
            raise InputError(
                f"{PROGRAM}: must hold only gates and measurements, got a statement of the kind "
                f"{type(statement).__name__}{line}"
            )
        match statement:
            case ast.QubitDeclaration():
                self.sizes[statement.qubit.name] = size = self._declared(statement.size)
                self.qubits += size
                _check_most("qubits", self.qubits, MOST_QUBITS)
            case ast.ClassicalDeclaration(type=ast.BitType(size=stated)):
                self.sizes[statement.identifier.name] = size = self._declared(stated)
                self.bits += size
                _check_most("bits", self.bits, MOST_QUBITS)
            case ast.AliasStatement():
                self.sizes[statement.target.name] = size = self._size(statement.value)
                _check_most("qubits or bits in an alias", size, MOST_QUBITS)
            case ast.QuantumGateDefinition():
                gates = sum(self._gates(part) for part in statement.body)
                _check_most("gates", gates, MOST_GATES)
                self.definitions[statement.name.name] = max(gates, 1)
            case ast.QuantumReset(qubits=qubits):
                self.gates += self._size(qubits)
            case _:
                self.gates += self._gates(statement)
        _check_most("gates", self.gates, MOST_GATES)

    def _gates(self, statement: Any) -> int:
        """How many gates or measurements the statement is, spelled out."""
        match statement:
            case ast.QuantumGate() | ast.QuantumPhase():
                qubits, gates = statement.qubits, max((self._size(qubit) for qubit in statement.qubits), default=1)
                angles = [statement.argument] if isinstance(statement, ast.QuantumPhase) else statement.arguments
                for angle in angles:
                    gates *= max(sum(isinstance(node, ast.Identifier) for node in _nodes(angle)), 1)
                for modifier in statement.modifiers:
                    gates *= _factor(modifier, len(qubits))
                    _check_most("gates", gates, MOST_GATES)
                return gates * (
                    self.definitions.get(statement.name.name, 1) if isinstance(statement, ast.QuantumGate) else 1
                )
            case ast.QuantumMeasurementStatement():
                return self._size(statement.measure.qubit)
            case ast.QuantumBarrier():
                return sum(map(self._size, statement.qubits))
        return 0

    def _size(self, node: Any) -> int:
        """At most how many qubits or bits the expression stands for."""
        match node:
            case ast.Identifier():
                return self.sizes.get(node.name, 1)
            case ast.IndexedIdentifier():
                size = self._size(node.name)
                for index in node.indices:
                    size = _indexed(size, index)
                return size
            case ast.IndexExpression():
                return _indexed(self._size(node.collection), node.index)
            case ast.Concatenation():
                return self._size(node.lhs) + self._size(node.rhs)
        return 1

    def _declared(self, size: Any) -> int:
        if size is None:
            return 1
        if not isinstance(size, ast.IntegerLiteral):
            raise InputError(f"{PROGRAM}: the size of a register must be a number, got a computed one")
        return size.value


def _factor(modifier: ast.QuantumGateModifier, qubits: int) -> int:
    """How many times as many gates the modifier makes of one."""
    match modifier.modifier:
        case ast.GateModifierName.inv:
            return 1
        case ast.GateModifierName.pow:
            return POWER_GATES ** min(qubits, MOST_QUBITS)
    if modifier.argument is None:
        return CONTROL_GATES
    if not isinstance(modifier.argument, ast.IntegerLiteral):
        raise InputError(f"{PROGRAM}: the number of controls must be written out, got a computed one")
    return CONTROL_GATES ** min(max(modifier.argument.value, 0), MOST_QUBITS)


def _indexed(size: int, index: Any) -> int:
    if isinstance(index, ast.DiscreteSet):
        return len(index.values)
    return size if any(isinstance(part, ast.RangeDefinition) for part in index) else 1


def _nodes(node: Any) -> Iterator[Any]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.QASMNode):
            yield found
            waiting += vars(found).values()
        elif isinstance(found, list | tuple):
            waiting += found
