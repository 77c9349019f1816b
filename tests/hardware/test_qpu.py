"""The quantum devices against each other: PennyLane judges Aer, and the exact values judge the shots."""

import subprocess
import sys
from itertools import chain

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.circuit.qasm import to_openqasm3
from spiq.export.circuit.reupload import ENTANGLERS, ReuploadCircuit
from spiq.export.errors import InputError
from spiq.hardware.qpu import measurement
from spiq.hardware.qpu.aer import AerDevice
from spiq.hardware.qpu.exact_device import ExactDevice
from spiq.hardware.qpu.pennylane_device import MAX_QUBITS, PennyLaneDevice


def random_circuit(seed, n_qubits, n_blocks, entangler, n_samples):
    random = np.random.default_rng(seed)
    circuit = ReuploadCircuit(n_qubits, random.uniform(-4, 4, (n_blocks, n_qubits, 3)), entangler)
    return circuit, random.uniform(-4, 4, (n_samples, n_qubits, 3))


def expectations_in_pennylane(circuit, angles):
    head = circuit.qnode(qml.device("default.qubit", wires=circuit.n_qubits))
    return np.array([np.stack(head(sample)) for sample in angles])


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 9),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_aer_runs_the_program_as_pennylane_the_circuit(seed, n_qubits, n_blocks, entangler):
    circuit, angles = random_circuit(seed, n_qubits, n_blocks, entangler, 3)
    expected = expectations_in_pennylane(circuit, angles)
    exact = ExactDevice().expectations(circuit, angles, None)
    aer = AerDevice(0).expectations(circuit, angles, None)
    assert exact.shape == aer.shape == (3, n_qubits)
    assert exact.dtype == aer.dtype == np.float64
    np.testing.assert_allclose(exact, expected, atol=1e-9)
    np.testing.assert_allclose(aer, expected, atol=1e-9)
    assert max(np.abs(exact).max(), np.abs(aer).max()) <= 1


def test_names_of_ten_qubits_and_more_bind_to_their_own():
    circuit, angles = random_circuit(5, 12, 2, "ring", 2)
    aer = AerDevice(0, to_openqasm3(circuit)).expectations(circuit, angles, None)
    np.testing.assert_allclose(aer, ExactDevice().expectations(circuit, angles, None), atol=1e-9)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
@pytest.mark.filterwarnings("error")
def test_runs_of_a_bounded_size_change_nothing(make, monkeypatch):
    circuit, angles = random_circuit(6, 3, 2, "ring", 7)
    whole = make(0).expectations(circuit, angles, None)
    monkeypatch.setattr(measurement, "SAMPLES_PER_RUN", 3)
    np.testing.assert_allclose(make(0).expectations(circuit, angles, None), whole, atol=1e-14)


def test_runs_cover_every_sample_once_in_bounded_memory():
    for n_qubits in (1, 9, 12, 20, 24):
        runs = [list(range(3000))[run] for run in measurement.sample_runs(3000, n_qubits)]
        assert list(chain.from_iterable(runs)) == list(range(3000))
        assert max(map(len, runs)) <= max(1, measurement.AMPLITUDES_PER_RUN // 2**n_qubits)
    assert list(measurement.sample_runs(0, 9)) == []


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_no_samples(make):
    circuit, _ = random_circuit(0, 3, 1, "line", 1)
    for shots in (None, 8):
        assert make(0).expectations(circuit, np.zeros((0, 3, 3)), shots).shape == (0, 3)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
@pytest.mark.filterwarnings("error")
def test_shots_scatter_as_they_must(make):
    shots = 256
    circuit, angles = random_circuit(7, 5, 2, "ring", 300)
    expected = ExactDevice().expectations(circuit, angles, None)
    found = make(11).expectations(circuit, angles, shots)
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
    circuit = ReuploadCircuit(2, weights)
    found = make(3).expectations(circuit, np.zeros((50, 2, 3)), 16)
    assert len(np.unique(found[:, 0])) > 3
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_shots_follow_the_seed_alone(make):
    circuit, angles = random_circuit(8, 4, 2, "line", 20)
    first, again = make(5), make(5)
    calls = [first.expectations(circuit, angles, 64), first.expectations(circuit, angles, 64)]
    assert calls[0].tobytes() == again.expectations(circuit, angles, 64).tobytes()
    assert calls[1].tobytes() == again.expectations(circuit, angles, 64).tobytes()
    assert not np.array_equal(calls[0], calls[1])
    assert not np.array_equal(calls[0], make(6).expectations(circuit, angles, 64))


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_equal_samples_have_their_own_noise(make, monkeypatch):
    monkeypatch.setattr(measurement, "SAMPLES_PER_RUN", 16)
    circuit, angles = random_circuit(9, 6, 2, "ring", 1)
    found = make(2).expectations(circuit, np.repeat(angles, 64, axis=0), 4096)
    assert len(np.unique(found, axis=0)) == 64


def test_the_program_is_what_runs():
    circuit, angles = random_circuit(10, 4, 2, "ring", 4)
    other, _ = random_circuit(11, 4, 2, "line", 1)
    device = AerDevice(0, to_openqasm3(other))
    expected = expectations_in_pennylane(other, angles)
    np.testing.assert_allclose(device.expectations(circuit, angles, None), expected, atol=1e-9)
    assert np.abs(device.expectations(circuit, angles, 20_000) - expected).max() < 5 / np.sqrt(20_000)


def test_entry_q_is_what_bit_q_measures():
    circuit, angles = random_circuit(12, 3, 2, "ring", 4)
    text = to_openqasm3(circuit).replace(
        "c = measure q;", "c[0] = measure q[2];\nc[1] = measure q[0];\nc[2] = measure q[1];"
    )
    expected = expectations_in_pennylane(circuit, angles)[:, [2, 0, 1]]
    device = AerDevice(0, text)
    np.testing.assert_allclose(device.expectations(circuit, angles, None), expected, atol=1e-9)
    assert np.abs(device.expectations(circuit, angles, 20_000) - expected).max() < 5 / np.sqrt(20_000)


def test_a_program_may_define_gates_and_compute_angles():
    circuit, angles = random_circuit(13, 2, 2, "ring", 3)
    text = to_openqasm3(circuit)
    text = text.replace("qubit[2] q;", "gate turn(a) t { ry(a / 2) t; ry(a / 2) t; }\nqubit[2] q;")
    text = text.replace("ry(angle_q0_theta) q[0];", "turn(angle_q0_theta) q[0];\nbarrier q;")
    expected = expectations_in_pennylane(circuit, angles)
    np.testing.assert_allclose(AerDevice(0, text).expectations(circuit, angles, None), expected, atol=1e-9)


def with_line(line):
    text = to_openqasm3(ReuploadCircuit(2, np.ones((1, 2, 3))))
    return text.replace("c = measure q;", f"{line}\nc = measure q;")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (" ", "found no text"),
        ("OPENQASM 3.0;", "found 0 qubits, 0 bits and 0 measurements"),
        ("OPENQASM 3.0;\nqubit[2] q", "cannot be read"),
        (with_line("swirl q[0];"), "cannot be read .*swirl"),
        (with_line("h q[7];"), "cannot be read"),
        (with_line("rz q[0];"), "cannot be read"),
        (with_line("rz(1/0) q[0];"), "cannot be read"),
        (
            with_line("for int i in [0:1] { x q[i]; }"),
            "found a statement of the kind ForInLoop in line 24, allowed are",
        ),
        (with_line(f"rz({'(' * 1500}1{')' * 1500}) q[0];"), "found more than 100 brackets within brackets"),
        (with_line(f"rz(1{'+ 1' * 1500}) q[0];"), "cannot be read"),
        (with_line("rz(1e999) q[0];"), "found rz by an angle that is not finite"),
        (with_line("reset q[0];"), "found reset, allowed are gates and measurements"),
        (with_line("c[0] = measure q[0];"), "found measure on a qubit after its measurement"),
        (with_line("c[0] = measure q[0]; x q[0];"), "found x on a qubit after its measurement"),
        (with_line("").replace("c = measure q;", ""), "found 2 qubits, 2 bits and 0 measurements"),
        (with_line("qubit r;"), "found 3 qubits, 2 bits and 2 measurements"),
        (with_line("bit d;"), "found 2 qubits, 3 bits and 2 measurements"),
        (
            with_line("").replace("c = measure q;", "c[0] = measure q[0];\nc[0] = measure q[1];"),
            "found two measurements into bit 0",
        ),
    ],
)
def test_bad_program(program, message, capfd):
    with pytest.raises(InputError, match=f"^OpenQASM 3 program: {message}"):
        AerDevice(0, program)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shots", [None, 10])
def test_program_of_another_circuit(shots):
    circuit, angles = random_circuit(0, 2, 1, "ring", 2)
    with pytest.raises(InputError, match="found 3 qubits, the circuit has 2"):
        AerDevice(0, to_openqasm3(ReuploadCircuit(3, np.ones((1, 3, 3))))).expectations(circuit, angles, shots)
    renamed = to_openqasm3(circuit).replace("angle_q1_phi", "beta")
    with pytest.raises(InputError, match=r"missing: angle_q1_phi; unknown: beta"):
        AerDevice(0, renamed).expectations(circuit, angles, shots)
    with pytest.raises(InputError, match="cannot bind the angles"):
        AerDevice(0, with_line("rz(1 / angle_q0_phi) q[0];")).expectations(circuit, np.zeros((1, 2, 3)), shots)


@pytest.mark.parametrize("make", [ExactDevice, PennyLaneDevice, AerDevice])
def test_bad_requests(make):
    circuit, angles = random_circuit(0, 2, 1, "ring", 2)
    for shots in (0, -3, 1.5, True, "10"):
        with pytest.raises(InputError, match=f"shots: found {shots!r}, allowed is a whole number from 1 to"):
            make(0).expectations(circuit, angles, shots)
    with pytest.raises(InputError, match=r"angles: found the shape \[2, 3\], allowed is \[sample, 2, 3\]"):
        make(0).expectations(circuit, angles[0], None)
    with pytest.raises(InputError, match=r"angles\[0\]\[0\]\[0\]: found nan"):
        make(0).expectations(circuit, np.full((1, 2, 3), np.nan), 5)
    for seed in (-1, 1.5, True):
        with pytest.raises(InputError, match=f"seed: found {seed!r}"):
            make(seed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (PennyLaneDevice, f"allowed for a state vector are at most {MAX_QUBITS}"),
        (AerDevice, "found 60 qubits, Aer has memory here for at most"),
    ],
)
def test_too_many_qubits(make, message):
    circuit = ReuploadCircuit(60, np.zeros((1, 60, 3)))
    with pytest.raises(InputError, match=message):
        make(0).expectations(circuit, np.zeros((1, 60, 3)), None)


def test_expectations_of_counts():
    np.testing.assert_array_equal(measurement.expectations_of_counts({"0x1": 3, "0x6": 1}, 4), [-0.5, 0.5, 0.5, 1])


def test_pennylane_is_not_imported_before_it_is_needed():
    code = (
        "import sys, spiq.hardware.qpu.exact_device as exact; exact.ExactDevice(); sys.exit('pennylane' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
