"""A circuit as JSON: the text of a bundle's NAME.json.

    {"schema_version": 2, "n_qubits": 2, "inputs": ["x", "y"], "features": [[0], [1], [0, 1]],
     "gates": [["ry", [0], 0.5, {"2": 2.0}], ["cx", [0, 1]]], "observables": [[[1.0, "Z0"], [0.5, "X0 Y1"]]]}

A rotation has its offset and then, where there are any, the coefficients of its features by number. Every number is
written with the digits that give the same float64 back. Schema 1, which is still read, holds the weights of a re-upload
circuit.
"""

import json
import math
import re
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .circuit import ROTATIONS, Circuit, Feature, Gate, Observable, PauliTerm
from .reupload import reupload_circuit

SCHEMA = 2
KEYS = ("schema_version", "n_qubits", "inputs", "features", "gates", "observables")

REUPLOAD_SCHEMA = 1
REUPLOAD_KEYS = ("schema_version", "n_qubits", "entangler", "weights")

_PAULI = re.compile("([XYZ])([0-9]{1,4})")


def circuit_to_json(circuit: Circuit) -> str:
    """The circuit's text; the same circuit gives the same bytes."""
    content = {
        "schema_version": SCHEMA,
        "n_qubits": circuit.n_qubits,
        "inputs": list(circuit.inputs),
        "features": [list(feature) for feature in circuit.features],
        "gates": [_gate_entry(gate) for gate in circuit.gates],
        "observables": [
            [[term.coefficient, " ".join(f"{pauli}{qubit}" for qubit, pauli in term.paulis)] for term in observable]
            for observable in circuit.observables
        ],
    }
    # One gate a line, so that a reader, and a comparison of two files, sees them.
    lines = [
        f" {json.dumps(key)}: "
        + (
            "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
            if key in ("gates", "observables")
            else json.dumps(value)
        )
        for key, value in content.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def circuit_from_json(text: str, name: str) -> Circuit:
    """The circuit in a text that `circuit_to_json` or an earlier version wrote; errors call the text `name`.

    Raises InputError, naming the key, where the text is not JSON or no such circuit.
    """
    try:
        content = json.loads(text, object_pairs_hook=_object_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{name}: must be a JSON object, got {_brief(content)}")
    version = content.get("schema_version")
    if type(version) is not int or version not in (REUPLOAD_SCHEMA, SCHEMA):
        if "schema_version" not in content:
            raise InputError(f"{name}: the key schema_version is missing")
        raise InputError(f"{name}: schema_version must be {REUPLOAD_SCHEMA} or {SCHEMA}, got {_brief(version)}")
    keys = KEYS if version == SCHEMA else REUPLOAD_KEYS
    for key in content:
        if key not in keys:
            raise InputError(f"{name}: each key must be one of {', '.join(keys)}, got {_brief(key)}")
    for key in keys:
        if key not in content:
            raise InputError(f"{name}: the key {key} is missing")
    try:
        return _circuit(content) if version == SCHEMA else _reupload(content)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _gate_entry(gate: Gate) -> list[Any]:
    entry: list[Any] = [gate.name, list(gate.qubits)]
    if gate.name in ROTATIONS:
        entry.append(gate.offset)
    if gate.slopes:
        entry.append({str(feature): coefficient for feature, coefficient in gate.slopes})
    return entry


def _circuit(content: dict[str, Any]) -> Circuit:
    inputs = tuple(_is(str, one, f"inputs[{number}]") for number, one in enumerate(_list(content["inputs"], "inputs")))
    features = tuple(
        _whole_numbers(one, f"features[{number}]") for number, one in enumerate(_list(content["features"], "features"))
    )
    gates = tuple(_gate(one, f"gates[{number}]") for number, one in enumerate(_list(content["gates"], "gates")))
    observables = tuple(
        _observable(one, f"observables[{number}]")
        for number, one in enumerate(_list(content["observables"], "observables"))
    )
    if inputs and not features:
        raise InputError("features must have at least one entry where there are inputs, got none")
    return Circuit(_is(int, content["n_qubits"], "n_qubits"), inputs, gates, observables, features)


def _gate(entry: object, where: str) -> Gate:
    parts = _list(entry, where)
    if not 2 <= len(parts) <= 4:
        raise InputError(f"{where} must be [name, qubits, offset, coefficients], got {_brief(entry)}")
    name, qubits = _is(str, parts[0], f"{where}[0]"), _whole_numbers(parts[1], f"{where}[1]")
    offset = _number(parts[2], f"{where}[2]") if len(parts) > 2 else 0.0
    slopes: list[tuple[int, float]] = []
    for feature, coefficient in (_is(dict, parts[3], f"{where}[3]") if len(parts) > 3 else {}).items():
        if not (feature.isascii() and feature.isdigit() and len(feature) < 10):
            raise InputError(f"{where}[3]: a feature must be given by its number, got {_brief(feature)}")
        slopes.append((int(feature), _number(coefficient, f"{where}[3]: the coefficient of feature {feature}")))
    return Gate(name, qubits, offset, tuple(slopes))


def _observable(entry: object, where: str) -> Observable:
    terms = []
    for number, term in enumerate(_list(entry, where)):
        here = f"{where}[{number}]"
        parts = _list(term, here)
        if len(parts) != 2:
            raise InputError(f"{here} must be [coefficient, Pauli string], got {_brief(term)}")
        paulis = []
        for word in _is(str, parts[1], f"{here}[1]").split():
            matched = _PAULI.fullmatch(word)
            if not matched:
                raise InputError(f"{here}[1] must be words such as Z0, got {_brief(word)}")
            paulis.append((int(matched[2]), matched[1]))
        terms.append(PauliTerm(_number(parts[0], f"{here}[0]"), tuple(paulis)))
    return tuple(terms)


def _reupload(content: dict[str, Any]) -> Circuit:
    n_qubits = content["n_qubits"]
    weights = _nested_numbers(content["weights"], depth=3, key="weights")
    if type(n_qubits) is not int or weights.ndim != 3 or weights.shape[1] != n_qubits:
        raise InputError(
            f"weights must have the shape [block, {_brief(n_qubits)}, 3], with n_qubits an integer from 1 on, got "
            f"{list(weights.shape)}"
        )
    return reupload_circuit(weights, content["entangler"])


def _nested_numbers(value: object, depth: int, key: str) -> Float[np.ndarray, "..."]:
    """Lists within lists of numbers as an array; NumPy itself would also take strings, booleans and null."""
    if depth == 0:
        return np.array(_number(value, key))
    rows = [_nested_numbers(item, depth - 1, f"{key}[{index}]") for index, item in enumerate(_list(value, key))]
    if len({row.shape for row in rows}) > 1:
        raise InputError(f"{key} must have entries of equal lengths, got different ones")
    return np.array(rows)


def _whole_numbers(value: object, where: str) -> Feature:
    return tuple(_is(int, one, f"{where}[{number}]") for number, one in enumerate(_list(value, where)))


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{where} must be a list, got {_brief(value)}")
    return value


def _is(kind: type, value: object, where: str) -> Any:
    if type(value) is not kind:
        words = {int: "an integer", str: "a text", dict: "an object"}
        raise InputError(f"{where} must be {words[kind]}, got {_brief(value)}")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where} must be a number, got {_brief(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _brief(value: object) -> str:
    """What was found, cut to a length that fits in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
