"""A circuit from an OpenQASM text of anybody."""

import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..circuit import MOST_QUBITS, Circuit
from .from_qiskit import from_qiskit
from .qiskit_inputs import QiskitParameter

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Pauli, SparsePauliOp

MOST_CHARACTERS = 2**20
"""Of a text."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION = re.compile(r"\s*OPENQASM\s+([0-9]+)(?:\.[0-9]+)?\s*;")
_DEFINITION = re.compile(r"\bgate\s+(\w+)")
_REGISTER = re.compile(r"\b[qc]reg\s+\w+\s*\[\s*([0-9]+)\s*\]")


def from_openqasm(text: str, observables: "Sequence[SparsePauliOp | Pauli | str] | None" = None) -> Circuit:
    """The circuit of an OpenQASM 3 or 2 program.

    Version 3 is read by Qiskit's importer (qiskit-qasm3-import), and each `input float` and `input angle` is an input,
    in the order of the text; version 2 has none. A text without a version is read as version 3. Measurements at the end
    are left out. What the importer does not know it refuses: constants, variables, functions and loops among them.

    Args:
        text: the program, not the name of a file. Only the languages' own libraries can be included.
        observables: as `from_qiskit` takes them, labels with qubit 0 at the right; <Z> of each qubit by default.

    Raises:
        InputError: the text is too long or cannot be read, or is a program that `from_qiskit` refuses.

    Example:
        from_openqasm('OPENQASM 3.0; include "stdgates.inc"; input float x; qubit q; ry(2 * x) q;')
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"OpenQASM: must have at most {MOST_CHARACTERS} characters, got {len(text)}")
    bare = _COMMENT.sub(" ", text)
    if not bare.strip():
        raise InputError("OpenQASM: must be a program, got no text")
    version = _VERSION.match(bare)
    if version and version[1] not in ("2", "3"):
        raise InputError(f"OpenQASM: the version must be 2 or 3, got {version[1]}")
    if version and version[1] == "2":
        for size in _REGISTER.findall(bare):
            _check_size(int(size) if len(size) < 20 else 10**20)
        program, inputs = _read(text, _version_2)
    else:
        program, inputs = _read(text, _version_3)
    try:
        return from_qiskit(program, inputs, observables)
    except RecursionError:
        raise InputError("OpenQASM: its gates are nested too deeply") from None


def _version_2(text: str) -> "tuple[QuantumCircuit, list[QiskitParameter]]":
    from qiskit import qasm2

    # Qiskit's own programs use gates that came into qelib1.inc only later. Those that the text defines are its own:
    # Qiskit would pass over the definition.
    own = set(_DEFINITION.findall(_COMMENT.sub(" ", text)))
    later = [gate for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if gate.name not in own]
    # Without a path to look for files in, nothing but qelib1.inc can be included.
    return qasm2.loads(text, include_path=(), custom_instructions=later), []


def _version_3(text: str) -> "tuple[QuantumCircuit, list[QiskitParameter]]":
    import openqasm3
    from openqasm3 import ast
    from qiskit.circuit import Parameter
    from qiskit_qasm3_import import convert

    tree = openqasm3.parse(text)
    names: list[str] = []
    for statement in tree.statements:
        match statement:
            case ast.IODeclaration(io_identifier=ast.IOKeyword.input, identifier=ast.Identifier(name=name)):
                names.append(name)
            case ast.QubitDeclaration(size=size) | ast.ClassicalDeclaration(type=ast.BitType(size=size)) if size:
                if not isinstance(size, ast.IntegerLiteral):
                    raise InputError("OpenQASM: the size of a register must be a number, got one that is computed")
                _check_size(size.value)
    program = convert(tree)
    found = {parameter.name: parameter for parameter in program.parameters}
    # An input that no gate uses is none of Qiskit's parameters.
    return program, [found.get(name) or Parameter(name) for name in names]


def _read(text: str, reader: Any) -> "tuple[QuantumCircuit, list[QiskitParameter]]":
    printed = StringIO()
    try:
        # The parser only prints where it stumbles.
        with redirect_stderr(printed):
            return reader(text)
    except InputError:
        raise
    except Exception as error:  # the importer also lets Python's errors through: a bare TypeError for some loops
        lines = printed.getvalue().split("\n")
        message = " ".join(str(getattr(error, "message", error)).split()) or lines[0] or type(error).__name__
        kind = "" if type(error).__module__.split(".")[0] in _READERS else f"{type(error).__name__}: "
        raise InputError(f"OpenQASM: cannot be read ({kind}{message}){_quoted(text, message)}") from None


_READERS = ("qiskit", "qiskit_qasm3_import", "openqasm3")

_PLACE = re.compile(r"^(?:<input>:|line )?([0-9]+)[,:][0-9]+")
"""Line and column, as Qiskit's readers and openqasm3's parser write them."""


def _quoted(text: str, message: str) -> str:
    place = _PLACE.match(message)
    lines = text.split("\n")
    if not place or not 0 < int(place[1]) <= len(lines):
        return ""
    return f"; line {place[1]} is {lines[int(place[1]) - 1].strip()[:120]!r}"


def _check_size(size: int) -> None:
    if size > MOST_QUBITS:
        raise InputError(f"OpenQASM: a register must have at most {MOST_QUBITS} qubits or bits, got {size}")
