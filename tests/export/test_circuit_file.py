"""A circuit's JSON: every bit comes back, earlier texts are read, and damaged ones are refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.circuits import random_circuit
from spiq.export.circuit.circuit import Circuit, pauli_z
from spiq.export.circuit.file import circuit_from_json, circuit_to_json
from spiq.export.circuit.reupload import ENTANGLERS, as_reupload, reupload_circuit
from spiq.export.errors import InputError


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_a_circuit_comes_back(seed, products):
    circuit = random_circuit(np.random.default_rng(seed), products)
    text = circuit_to_json(circuit)
    assert circuit_from_json(text, "head.json") == circuit
    assert circuit_to_json(circuit_from_json(text, "head.json")) == text


@settings(deadline=None, max_examples=60)
@given(
    weights=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 4), st.just(3)),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    ),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_every_bit_of_a_weight_comes_back_from_both_schemas(weights, entangler):
    first = {"schema_version": 1, "n_qubits": weights.shape[1], "entangler": entangler, "weights": weights.tolist()}
    for text in (circuit_to_json(reupload_circuit(weights, entangler)), json.dumps(first)):
        found = as_reupload(circuit_from_json(text, "head.json"))
        assert found is not None
        assert found.weights.tobytes() == weights.tobytes()


def changed(schema=2, **changes):
    circuit = Circuit(2, ("a",), (), (pauli_z(0),))
    content = json.loads(circuit_to_json(circuit))
    if schema == 1:
        content = {"schema_version": 1, "n_qubits": 2, "entangler": "ring", "weights": np.zeros((1, 2, 3)).tolist()}
    content.update(changes)
    return json.dumps({key: value for key, value in content.items() if value != "absent"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "head.json: not readable as JSON"),
        ("[" * 100_000, "head.json: not readable as JSON"),
        ("1" * 5000, "head.json: not readable as JSON"),
        ('{"n_qubits": 1, "n_qubits": 2}', "a key is given twice"),
        ("[]", r"must be a JSON object, got \[\]"),
        ("{}", "the key schema_version is missing"),
        (changed(schema_version=3), "schema_version must be 1 or 2, got 3"),
        (changed(schema_version=True), "schema_version must be 1 or 2, got True"),
        (changed(colour=1), "each key must be one of schema_version, n_qubits, inputs, .*, got 'colour'"),
        (changed(gates="absent"), "the key gates is missing"),
        (changed(n_qubits=2.0), "n_qubits must be an integer, got 2.0"),
        (changed(inputs=[1]), r"inputs\[0\] must be a text, got 1"),
        (changed(features=[]), "features must have at least one entry where there are inputs, got none"),
        (changed(features=[[0.5]]), r"features\[0\]\[0\] must be an integer, got 0.5"),
        (changed(gates=[["rx"]]), r"gates\[0\] must be \[name, qubits, offset, coefficients\], got \['rx'\]"),
        (changed(gates=[["rx", [0], "1"]]), r"gates\[0\]\[2\] must be a number, got '1'"),
        (
            changed(gates=[["rx", [0], 0, {"-1": 1}]]),
            r"gates\[0\]\[3\]: a feature must be given by its number, got '-1'",
        ),
        (
            changed(gates=[["rx", [0], 0, {"7": 1}]]),
            r"gates\[0\]: the features of its angle must be rising numbers under \d, got \[7\]",
        ),
        (changed(gates=[["rx", [0], 10**400]]), "the angle of rx must be made of finite numbers, got inf"),
        (changed(observables=[[[1.0, "Z0 W1"]]]), r"observables\[0\]\[0\]\[1\] must be words such as Z0, got 'W1'"),
        (changed(observables=[[["Z0"]]]), r"observables\[0\]\[0\] must be \[coefficient, Pauli string\], got \['Z0'\]"),
        (changed(observables=[[[1.0, "Z2"]]]), r"observables\[0\]: its qubits must be integers from 0 to 1, got \[2\]"),
        (changed(1, n_qubits=0), "weights must have the shape"),
        (changed(1, n_qubits=True), "weights must have the shape"),
        (changed(1, n_qubits=3), r"weights must have the shape \[block, 3, 3\], .*, got \[1, 2, 3\]"),
        (changed(1, entangler="star"), "entangler must be one of ring, line, got 'star'"),
        (changed(1, weights=[]), "weights must have the shape"),
        (changed(1, weights=1.5), "weights must be a list, got 1.5"),
        (
            changed(1, weights=[[[0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]),
            "weights must have entries of equal lengths, got different",
        ),
        (changed(1, weights=[[[0, 0, 0], [0, 0, "1"]]]), r"weights\[0\]\[1\]\[2\] must be a number, got '1'"),
        (
            changed(1, weights=[[[0, 0, 0], [0, float("nan"), 0]]]),
            r"weights\[0\]\[1\]\[1\] must be a finite number, got nan",
        ),
        (
            changed(1, weights=[[[0, 0, 0], [0, 10**400, 0]]]),
            r"weights\[0\]\[1\]\[1\] must be a finite number, got inf",
        ),
    ],
)
def test_bad_json(text, message):
    with pytest.raises(InputError, match=message):
        circuit_from_json(text, "head.json")
