"""The quantum devices against each other: PennyLane judges Aer, and the exact values judge the shots."""

import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
import torch
from builders import random_reupload
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import circuits
from spiq.export.circuit.circuit import Circuit, Gate, PauliTerm, pauli_z
from spiq.export.circuit.qasm import to_openqasm3
from spiq.export.circuit.reupload import ENTANGLERS, reupload_circuit
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError
from spiq.hardware.qpu import measurement
from spiq.hardware.qpu.aer import AerDevice
from spiq.hardware.qpu.exact.circuit import circuit_expectations, general_expectations
from spiq.hardware.qpu.exact.cones import cones_of
from spiq.hardware.qpu.exact_device import ExactDevice
from spiq.hardware.qpu.pennylane_device import MAX_QUBITS, PennyLaneDevice


def expectations_in_pennylane(circuit, inputs):
    head = to_qnode(circuit)
    return np.array([np.stack(head(sample)) for sample in inputs])


def values_of(device, inputs, shots):
    estimate = device.run(inputs, shots)
    assert estimate.shots == shots
    assert estimate.standard_errors.shape == estimate.values.shape
    return estimate.values


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 9),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_aer_runs_the_program_as_pennylane_the_circuit(seed, n_qubits, n_blocks, entangler):
    circuit, angles = random_reupload(seed, n_qubits, n_blocks, entangler, 3)
    expected = expectations_in_pennylane(circuit, angles)
    exact = values_of(ExactDevice(circuit), angles, None)
    aer = values_of(AerDevice(circuit, 0), angles, None)
    assert exact.shape == aer.shape == (3, n_qubits)
    assert exact.dtype == aer.dtype == np.float64
    np.testing.assert_allclose(exact, expected, atol=1e-9)
    np.testing.assert_allclose(aer, expected, atol=1e-9)
    assert max(np.abs(exact).max(), np.abs(aer).max()) <= 1


def test_names_of_ten_qubits_and_more_bind_to_their_own():
    circuit, angles = random_reupload(5, 12, 2, "ring", 2)
    aer = values_of(AerDevice(circuit, 0, to_openqasm3(circuit)), angles, None)
    np.testing.assert_allclose(aer, values_of(ExactDevice(circuit), angles, None), atol=1e-9)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
@pytest.mark.filterwarnings("error")
def test_runs_of_a_bounded_size_change_nothing(make, monkeypatch):
    circuit, angles = random_reupload(6, 3, 2, "ring", 7)
    whole = values_of(make(circuit, 0), angles, None)
    monkeypatch.setattr(measurement, "SAMPLES_PER_RUN", 3)
    np.testing.assert_allclose(values_of(make(circuit, 0), angles, None), whole, atol=1e-14)


def test_runs_cover_every_sample_once_in_bounded_memory():
    for n_qubits in (1, 9, 12, 20, 24):
        runs = [list(range(3000))[run] for run in measurement.sample_runs(3000, n_qubits)]
        assert list(chain.from_iterable(runs)) == list(range(3000))
        assert max(map(len, runs)) <= max(1, measurement.AMPLITUDES_PER_RUN // 2**n_qubits)
    assert list(measurement.sample_runs(0, 9)) == []


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_no_samples(make):
    circuit, _ = random_reupload(0, 3, 1, "line", 1)
    for shots in (None, 8):
        assert values_of(make(circuit, 0), np.zeros((0, 9)), shots).shape == (0, 3)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
@pytest.mark.filterwarnings("error")
def test_shots_scatter_as_they_must(make):
    shots = 256
    circuit, angles = random_reupload(7, 5, 2, "ring", 300)
    expected = values_of(ExactDevice(circuit), angles, None)
    found = values_of(make(circuit, 11), angles, shots)
    # <Z> from n shots is a multiple of 2/n with variance (1 - <Z>^2)/n.
    np.testing.assert_array_equal(np.round((found + 1) * shots / 2) * 2 / shots - 1, found)
    deviation = (found - expected) / np.sqrt((1 - expected**2) / shots)
    assert np.abs(deviation).max() < 5
    assert abs(deviation.mean()) < 5 / np.sqrt(deviation.size)
    assert deviation.std() == pytest.approx(1, abs=5 / np.sqrt(2 * deviation.size))


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_shots_keep_the_qubits_correlated(make):
    # One RY(pi/2) and a CZ between two RY turns make a Bell pair: the qubits are always found alike.
    weights = np.array([[[0, np.pi / 2, 0], [0, np.pi / 2, 0]], [[0, 0, 0], [0, -np.pi / 2, 0]]])
    circuit = reupload_circuit(weights)
    found = values_of(make(circuit, 3), np.zeros((50, 6)), 16)
    assert len(np.unique(found[:, 0])) > 3
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_shots_follow_the_seed_alone(make):
    circuit, angles = random_reupload(8, 4, 2, "line", 20)
    first, again = make(circuit, 5), make(circuit, 5)
    calls = [values_of(first, angles, 64), values_of(first, angles, 64)]
    assert calls[0].tobytes() == values_of(again, angles, 64).tobytes()
    assert calls[1].tobytes() == values_of(again, angles, 64).tobytes()
    assert not np.array_equal(calls[0], calls[1])
    assert not np.array_equal(calls[0], values_of(make(circuit, 6), angles, 64))


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_equal_samples_have_their_own_noise(make, monkeypatch):
    monkeypatch.setattr(measurement, "SAMPLES_PER_RUN", 16)
    circuit, angles = random_reupload(9, 6, 2, "ring", 1)
    found = values_of(make(circuit, 2), np.repeat(angles, 64, axis=0), 4096)
    assert len(np.unique(found, axis=0)) == 64


def test_the_program_is_what_runs():
    circuit, angles = random_reupload(10, 4, 2, "ring", 4)
    other, _ = random_reupload(11, 4, 2, "line", 1)
    device = AerDevice(circuit, 0, to_openqasm3(other))
    expected = expectations_in_pennylane(other, angles)
    np.testing.assert_allclose(values_of(device, angles, None), expected, atol=1e-9)
    assert np.abs(values_of(device, angles, 20_000) - expected).max() < 5 / np.sqrt(20_000)


def test_entry_q_is_what_bit_q_measures():
    circuit, angles = random_reupload(12, 3, 2, "ring", 4)
    text = to_openqasm3(circuit).replace(
        "c = measure q;", "c[0] = measure q[2];\nc[1] = measure q[0];\nc[2] = measure q[1];"
    )
    expected = expectations_in_pennylane(circuit, angles)[:, [2, 0, 1]]
    device = AerDevice(circuit, 0, text)
    np.testing.assert_allclose(values_of(device, angles, None), expected, atol=1e-9)
    assert np.abs(values_of(device, angles, 20_000) - expected).max() < 5 / np.sqrt(20_000)


def test_a_program_may_define_gates_and_compute_angles():
    circuit, angles = random_reupload(13, 2, 2, "ring", 3)
    text = to_openqasm3(circuit)
    text = text.replace("qubit[2] q;", "gate turn(a) t { ry(a / 2) t; ry(a / 2) t; }\nqubit[2] q;")
    text = text.replace("ry(angle_q0_theta) q[0];", "turn(angle_q0_theta) q[0];\nbarrier q;")
    expected = expectations_in_pennylane(circuit, angles)
    np.testing.assert_allclose(values_of(AerDevice(circuit, 0, text), angles, None), expected, atol=1e-9)


def with_line(line):
    text = to_openqasm3(reupload_circuit(np.ones((1, 2, 3))))
    return text.replace("c = measure q;", f"{line}\nc = measure q;")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (" ", "must have a text, got none"),
        ("OPENQASM 3.0;", "must have one .*, got 0 qubits, 0 bits and 0 measurements"),
        ("OPENQASM 3.0;\nqubit[2] q", "cannot be read"),
        (with_line("swirl q[0];"), "cannot be read .*swirl"),
        (with_line("h q[7];"), "cannot be read"),
        (with_line("rz q[0];"), "cannot be read"),
        (with_line("rz(1/0) q[0];"), "cannot be read"),
        (
            with_line("for int i in [0:1] { x q[i]; }"),
            "must hold only .*, got a statement of the kind ForInLoop in line 24",
        ),
        (with_line(f"rz({'(' * 1500}1{')' * 1500}) q[0];"), "must have at most 100 brackets within brackets, got more"),
        (with_line(f"rz(1{'+ 1' * 1500}) q[0];"), "cannot be read"),
        (with_line("rz(1e999) q[0];"), "must have finite angles, got rz by one that is not"),
        (with_line("reset q[0];"), "must hold only gates and measurements, got reset"),
        (with_line("c[0] = measure q[0];"), "must have nothing on a qubit after its measurement, got measure"),
        (with_line("c[0] = measure q[0]; x q[0];"), "must have nothing on a qubit after its measurement, got x"),
        (with_line("").replace("c = measure q;", ""), "must have one .*, got 2 qubits, 2 bits and 0 measurements"),
        (with_line("qubit r;"), "must have one .*, got 3 qubits, 2 bits and 2 measurements"),
        (with_line("bit d;"), "must have one .*, got 2 qubits, 3 bits and 2 measurements"),
        (
            with_line("").replace("c = measure q;", "c[0] = measure q[0];\nc[0] = measure q[1];"),
            "must have one measurement into each bit, got two into bit 0",
        ),
    ],
)
def test_bad_program(program, message, capfd):
    with pytest.raises(InputError, match=f"^OpenQASM 3 program: {message}"):
        AerDevice(reupload_circuit(np.ones((1, 2, 3))), 0, program)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shots", [None, 10])
def test_program_of_another_circuit(shots):
    circuit, angles = random_reupload(0, 2, 1, "ring", 2)
    with pytest.raises(InputError, match="must have the circuit's 2 qubits, got 3"):
        values_of(AerDevice(circuit, 0, to_openqasm3(reupload_circuit(np.ones((1, 3, 3))))), angles, shots)
    renamed = to_openqasm3(circuit).replace("angle_q1_phi", "beta")
    with pytest.raises(InputError, match=r"missing: angle_q1_phi; unknown: beta"):
        values_of(AerDevice(circuit, 0, renamed), angles, shots)
    with pytest.raises(InputError, match="cannot bind the angles"):
        values_of(AerDevice(circuit, 0, with_line("rz(1 / angle_q0_phi) q[0];")), np.zeros((1, 6)), shots)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_bad_requests(make):
    circuit, angles = random_reupload(0, 2, 1, "ring", 2)
    for shots in (0, -3, 1.5, True, "10"):
        with pytest.raises(InputError, match=f"shots must be an integer from 1 to .*, got {shots!r}"):
            values_of(make(circuit, 0), angles, shots)
    with pytest.raises(InputError, match=r"circuit inputs must have the shape \[sample, 6\], got \[6\]"):
        values_of(make(circuit, 0), angles[0], None)
    with pytest.raises(InputError, match="circuit inputs must be finite numbers, got nan for angle_q0_phi in sample 0"):
        values_of(make(circuit, 0), np.full((1, 6), np.nan), 5)
    for seed in (-1, 1.5, True):
        with pytest.raises(InputError, match=f"seed must be an integer from 0 on, got {seed!r}"):
            make(circuit, seed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (PennyLaneDevice, f"n_qubits must be at most {MAX_QUBITS} for a state vector, got 60"),
        (AerDevice, "must have at most .* qubits, for which Aer has memory here, got 60"),
    ],
)
def test_too_many_qubits(make, message):
    circuit = reupload_circuit(np.zeros((1, 60, 3)))
    with pytest.raises(InputError, match=message):
        make(circuit, 0).run(np.zeros((1, 180)), None)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_every_device_runs_any_circuit(seed, products):
    random = np.random.default_rng(seed)
    circuit = circuits.random_circuit(random, products)
    inputs = random.normal(size=(3, circuit.input_size))
    expected = expectations_in_pennylane(circuit, inputs)
    for make in (ExactDevice, AerDevice, PennyLaneDevice):
        np.testing.assert_allclose(values_of(make(circuit, 0), inputs, None), expected, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_gradients_of_any_circuit_are_pennylanes(seed, products):
    random = np.random.default_rng(seed)
    circuit = circuits.random_circuit(random, products, least_inputs=1)
    ours, theirs = (torch.tensor(random.normal(size=(2, circuit.input_size)), requires_grad=True) for _ in range(2))
    theirs.data.copy_(ours.data)
    mixing = torch.tensor(random.normal(size=(2, circuit.output_size)))
    found = general_expectations(circuit, ours)
    if found.requires_grad:
        (found * mixing).sum().backward()
    head = to_qnode(circuit, interface="torch", diff_method="backprop")
    values = torch.stack([torch.as_tensor(value).expand(2) for value in head(theirs)], dim=-1)
    if values.requires_grad:
        (values * mixing).sum().backward()
    expected = torch.zeros_like(ours) if theirs.grad is None else theirs.grad
    np.testing.assert_allclose(torch.zeros_like(ours) if ours.grad is None else ours.grad, expected, rtol=0, atol=1e-9)


def test_a_reupload_circuit_has_the_same_values_either_way():
    circuit, angles = random_reupload(15, 9, 3, "ring", 50)
    inputs = torch.from_numpy(angles)
    assert torch.allclose(
        general_expectations(circuit, inputs), circuit_expectations(circuit, inputs), rtol=0, atol=1e-12
    )
    assert general_expectations(circuit, inputs.float()).dtype == torch.float32
    # Each <Z> of a ring of two blocks sees three qubits; only the order of the CZ gates tells some from others.
    cones = cones_of(reupload_circuit(np.ones((2, 9, 3)))).cones
    assert {cone.width for cone in cones} == {3}
    assert sorted(len(cone.members) for cone in cones) == [1, 1, 7]


def test_a_cone_that_is_too_wide_is_refused():
    gates = tuple(Gate("cx", (qubit, qubit + 1)) for qubit in range(29))
    circuit = Circuit(30, ("x",), (Gate("ry", (0,), 0.0, ((0, 1.0),)), *gates), (pauli_z(29),))
    with pytest.raises(InputError, match=r"observable 0 must depend on at most 25 qubits, .*, got 30"):
        ExactDevice(circuit).run(np.zeros((1, 1)), None)


XX, ZZ, YZ = (((0, a), (1, b)) for a, b in ("XX", "ZZ", "YZ"))
BELL = Circuit(
    2, ("x",), (Gate("h", (0,)), Gate("cx", (0, 1)), Gate("rz", (0,), 0.0, ((0, 1.0),))),
    (
        (PauliTerm(1.0, XX), PauliTerm(0.5, ZZ)),
        (PauliTerm(1.0, YZ),),
        (PauliTerm(2.0, ()),),
        (PauliTerm(1.0, ((0, "X"),)),),
    ),
)  # fmt: skip


def test_strings_that_ask_for_the_same_turns_share_a_basis():
    first, second, third = measurement.bases_of(BELL)
    assert (first.paulis, [number for number, *_ in first.strings]) == (("X", "X"), [0, 3])
    assert (second.paulis, third.paulis) == (("Z", "Z"), ("Y", "Z"))
    assert not second.is_turned
    assert measurement.identities_of(BELL).tolist() == [0, 0, 2, 0]


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_shots_of_any_observable_scatter_by_their_standard_errors(make):
    inputs = np.full((400, 1), 0.7)
    expected = expectations_in_pennylane(BELL, inputs[:1])
    estimate = make(BELL, 4).run(inputs, 200)
    # Of a Bell pair <ZZ> is the same in every shot, and so is the identity.
    deviation = (estimate.values - expected)[:, [0, 1, 3]]
    assert np.array_equal(estimate.values[:, 2], np.full(400, 2.0))
    assert np.array_equal(estimate.standard_errors[:, 2], np.zeros(400))
    for column, errors in zip(deviation.T, estimate.standard_errors[:, [0, 1, 3]].T, strict=True):
        assert abs(column.mean()) < 6 * errors.mean() / np.sqrt(400)
        assert column.std() == pytest.approx(errors.mean(), rel=6 / np.sqrt(800))


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_the_standard_error_of_a_single_z_is_the_binomial_one(make):
    circuit, inputs = random_reupload(16, 3, 2, "ring", 5)
    estimate = make(circuit, 0).run(inputs, 50)
    expected = np.sqrt((1 - estimate.values**2) / 49)
    np.testing.assert_allclose(estimate.standard_errors, expected, rtol=1e-9, atol=1e-12)
    assert np.array_equal(make(circuit, 0).run(inputs, 1).standard_errors, np.zeros((5, 3)))
    assert np.array_equal(make(circuit, 0).run(inputs, None).standard_errors, np.zeros((5, 3)))


def test_pennylane_is_not_imported_before_it_is_needed():
    code = "import sys, spiq.hardware.qpu.exact_device; sys.exit('pennylane' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
