"""A circuit as an ONNX model, run by onnxruntime as it comes, against PennyLane's state vector."""

import math

import numpy as np
import pytest
from builders import random_reupload
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float

from shared import circuits
from shared.onnx_answers import run
from spiq.export.circuit.circuit import Circuit, Gate, PauliTerm, pauli_z
from spiq.export.circuit.reupload import ENTANGLERS, Entangler, as_reupload, reupload_circuit
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.stages.head import head_onnx


def pennylane_values(
    circuit: Circuit, inputs: Float[np.ndarray, "sample input"]
) -> Float[np.ndarray, "sample observable"]:
    found = to_qnode(circuit)(inputs)
    return np.stack([np.broadcast_to(values, len(inputs)) for values in found], axis=-1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_qubits=st.integers(1, 6),
    n_blocks=st.integers(1, 5),
    entangler=st.sampled_from(ENTANGLERS),
    quarter_turns=st.booleans(),
)
def test_expectations_are_pennylanes(
    seed: int, n_qubits: int, n_blocks: int, entangler: Entangler, quarter_turns: bool
) -> None:
    circuit, angles = random_reupload(seed, n_qubits, n_blocks, entangler, quarter_turns=quarter_turns)
    found = run(head_onnx(circuit), inputs=angles)["expectations"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, pennylane_values(circuit, angles), rtol=0, atol=1e-12)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize(("n_qubits", "n_blocks"), [(12, 1), (12, 2), (9, 3), (11, 3), (11, 4), (9, 6), (3, 8)])
def test_wide_and_deep_circuits_are_pennylanes(n_qubits: int, n_blocks: int, entangler: Entangler) -> None:
    circuit, angles = random_reupload(n_blocks, n_qubits, n_blocks, entangler)
    found = run(head_onnx(circuit), inputs=angles)["expectations"]
    np.testing.assert_allclose(found, pennylane_values(circuit, angles), rtol=0, atol=1e-12)


def test_a_wide_circuit_depends_on_the_light_cone_only() -> None:
    circuit, angles = random_reupload(0, 40, 3, "ring")
    whole = run(head_onnx(circuit), inputs=angles)["expectations"]
    near = [38, 39, 0, 1, 2]
    made_of = as_reupload(circuit)
    assert made_of is not None
    part = reupload_circuit(made_of.weights[:, near], "line")
    there = angles.reshape(3, 40, 3)[:, near].reshape(3, -1)
    np.testing.assert_allclose(whole[:, 0], pennylane_values(part, there)[:, 2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_blocks", range(1, 9))
def test_every_configurable_circuit_fits_in_a_small_file(n_blocks: int, entangler: Entangler) -> None:
    for n_qubits in (1, 2, 9, 16):
        circuit, _ = random_reupload(0, n_qubits, n_blocks, entangler)
        assert len(onnx_bytes(head_onnx(circuit))) < 500_000


@pytest.mark.parametrize(
    ("n_qubits", "n_blocks", "most", "found"),
    [(20, 12, r"2\^20 numbers per sample", r"2\^21\.0"), (5, 500, "2048 gates", "2495"),
     (4000, 7, r"2\^20 numbers per sample", r"2\^2\d\.\d")],
)  # fmt: skip
def test_circuits_that_take_too_much_are_refused(n_qubits: int, n_blocks: int, most: str, found: str) -> None:
    what = f"{n_blocks} blocks on a ring of {n_qubits} qubits must take at most {most} in ONNX"
    with pytest.raises(InputError, match=rf"^circuit: {what}, got {found}; take fewer blocks or qubits$"):
        head_onnx(reupload_circuit(np.zeros((n_blocks, n_qubits, 3))))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), products=st.booleans())
def test_any_circuit_is_pennylanes(seed: int, products: bool) -> None:
    random = np.random.default_rng(seed)
    circuit = circuits.random_circuit(random, products, least_inputs=1)
    inputs = random.normal(size=(3, circuit.input_size)) * random.choice([0.1, 1.0, 10.0])
    found = run(head_onnx(circuit), inputs=inputs)["expectations"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, pennylane_values(circuit, inputs), rtol=0, atol=1e-11)
    assert run(head_onnx(circuit), inputs=inputs[:0])["expectations"].shape == (0, circuit.output_size)


def test_qubits_and_gates_that_no_observable_sees_are_left_out() -> None:
    gates = [Gate("h", (qubit,)) for qubit in range(40)] + [Gate("cx", (39, 38)), Gate("ry", (3,), 0.0, ((0, 1.0),))]
    circuit = Circuit(40, ("x",), tuple(gates), (pauli_z(3), (PauliTerm(2.0, ()), PauliTerm(1.0, ((7, "X"),)))))
    found = run(head_onnx(circuit), inputs=np.array([[0.5]]))["expectations"]
    np.testing.assert_allclose(found, [[-math.sin(0.5), 3.0]], rtol=0, atol=1e-15)


def test_a_state_vector_that_takes_too_much_is_refused() -> None:
    wide = tuple(Gate("cx", (qubit, qubit + 1)) for qubit in range(15))
    with pytest.raises(InputError, match="at most 2000 gates on 14 qubits in ONNX, got 15 gates on 16 qubits"):
        head_onnx(Circuit(16, ("x",), wide, (pauli_z(15),)))
    long = tuple(Gate("ry", (0,), 0.1) for _ in range(2001))
    with pytest.raises(InputError, match=r"at most 2000 gates .*, got 2001 gates on 1 qubits"):
        head_onnx(Circuit(1, ("x",), long, (pauli_z(0),)))


def test_constants_stand_in_the_file_once() -> None:
    gates = [Gate("ry", (q,), 0.0, ((q, 1.0),)) for q in range(9)] + [Gate("cx", (q, (q + 1) % 9)) for q in range(9)]
    circuit = Circuit(9, tuple(f"x{q}" for q in range(9)), tuple(gates * 10), tuple(map(pauli_z, range(9))))
    assert len(onnx_bytes(head_onnx(circuit))) < 500_000


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_head_answers_no_samples(blocks: int) -> None:
    circuit = reupload_circuit(np.random.default_rng(0).normal(size=(blocks, 3, 3)))
    assert run(head_onnx(circuit), inputs=np.zeros((0, 9)))["expectations"].shape == (0, 3)
