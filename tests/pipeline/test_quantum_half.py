"""What a report says of circuits, held against Qiskit's state vector and NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import snntorch
import torch
from qiskit.quantum_info import Statevector
from torch import nn

import spiq
from shared.circuits import random_circuit
from shared.hybrid_networks import random_hybrid
from spiq.export.bundle.bundle import Bundle
from spiq.export.circuit.circuit import Circuit, Gate, PauliTerm, pauli_z
from spiq.export.circuit.to_qiskit import to_operators, to_qiskit
from spiq.export.errors import DeviceError
from spiq.hardware.network.cosimulation import cosimulate, sliced
from spiq.hardware.registry import devices
from spiq.pipeline.data import ImageSet
from spiq.pipeline.validation.analysis import accuracy_by_shots as by_shots
from spiq.pipeline.validation.analysis import quantum
from spiq.pipeline.validation.analysis.accuracy_by_shots import AccuracyByShots, accuracy_by_shots
from spiq.pipeline.validation.analysis.climbed import Climbed
from spiq.pipeline.validation.analysis.quantum import QuantumHalf, in_words, quantum_halves

SHOTS = 64


def climbed_on_aer(bundle: Bundle, samples: np.ndarray, labels: np.ndarray, snn: str = "loihi") -> Climbed:
    """The rungs `qasm` and `shots`."""
    traces = {
        name: cosimulate(bundle.network, devices(bundle, snn, "aer"), samples, shots)
        for name, shots in (("qasm", None), ("shots", SHOTS))
    }
    return Climbed(bundle, samples, labels, traces, SHOTS)


@pytest.fixture(scope="module")
def tiny_climbed(tiny_bundle: Bundle, tiny_images: ImageSet) -> Climbed:
    return climbed_on_aer(tiny_bundle, tiny_images.test_images, tiny_images.test_labels)


def by_qiskit(circuit: Circuit, inputs: np.ndarray) -> np.ndarray:
    """[sample, observable]."""
    program, operators = to_qiskit(circuit), to_operators(circuit)
    found = []
    for row in inputs:
        given = dict(zip(circuit.inputs, row, strict=True))
        state = Statevector(program.assign_parameters({one: given[one.name] for one in program.parameters}))
        found.append([state.expectation_value(operator).real for operator in operators])
    return np.array(found)


def assert_figures_are_qiskits(half: QuantumHalf, climbed: Climbed) -> None:
    """All pairs must be among the points of the report."""
    circuit = climbed.bundle.network.quantum[half.stage].circuit
    trace = climbed.traces["shots"]
    (source,) = climbed.bundle.network.reads[half.stage]
    exact = by_qiskit(circuit, trace[source].reshape(trace.samples, -1))
    (measured,) = half.measured
    assert (measured.rung, measured.samples, measured.shots) == ("shots", trace.samples, SHOTS)
    assert len(measured.points) == exact.size
    assert [point.exact for point in measured.points] == pytest.approx(exact.ravel(), abs=1e-9)
    assert [point.measured for point in measured.points] == trace[half.stage].ravel().tolist()
    error = trace[half.stage] - exact
    bounds = np.array([sum(abs(term.coefficient) for term in one) for one in circuit.observables])
    alone = np.sqrt(((bounds**2 - exact**2) / SHOTS).mean(0))
    for number, found in enumerate(measured.observables):
        assert found.mean_error == pytest.approx(error[:, number].mean(), abs=1e-9)
        assert found.rms_error**2 == pytest.approx((error[:, number] ** 2).mean(), abs=1e-9)
        assert found.largest_error == pytest.approx(np.abs(error[:, number]).max(), abs=1e-9)
        assert found.shot_error == pytest.approx(alone[number], abs=1e-7)
        assert found.is_string == (len(circuit.observables[number]) == 1)


def test_a_trained_circuit_is_measured_as_qiskit_says(tiny_climbed: Climbed) -> None:
    (half,) = quantum_halves(tiny_climbed)
    assert_figures_are_qiskits(half, tiny_climbed)
    circuit = tiny_climbed.bundle.network.quantum["head"].circuit
    program = to_qiskit(circuit)
    assert half.gates == dict(program.count_ops())
    assert (half.qubits, half.inputs, half.depth) == (3, circuit.input_size, program.depth())
    assert half.two_qubit_gates == program.num_nonlocal_gates()
    assert half.program == tiny_climbed.bundle.program("head")
    assert [one.observable for one in half.measured[0].observables] == ["Z0", "Z1", "Z2"]
    assert QuantumHalf.model_validate_json(half.model_dump_json()) == half


# Seed 1 has two branches with a circuit each, seed 3 sums of Pauli strings with X and Y.
@pytest.mark.parametrize(("seed", "circuits"), [(1, 2), (3, 1), (0, 0)])
def test_any_network_has_its_circuits(seed: int, circuits: int, tmp_path: Path) -> None:
    hybrid = random_hybrid(seed)
    labels = np.arange(12) % 2
    bundle = hybrid.network.export(tmp_path / "bundle", golden=(hybrid.samples[:, :2], labels[:2]))
    climbed = climbed_on_aer(bundle, hybrid.samples, labels, "nir")
    halves = quantum_halves(climbed)
    assert len(halves) == circuits
    for half in halves:
        assert_figures_are_qiskits(half, climbed)
    found = accuracy_by_shots(climbed)
    assert (found is None) == (circuits == 0)
    assert found is None or (found.samples, found.unmeasured) == (12, None)


def test_a_circuit_behind_another_is_held_against_its_own_inputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = spiq.OwnNetwork((4,))
    spikes = network.spiking(nn.Sequential(nn.Linear(4, 2), snntorch.Leaky(0.5)), network.encode("rate", 6))
    first = network.circuit(
        Circuit(2, ("a", "b"), (Gate("ry", (0,), 0.3, ((0, 1.0),)), Gate("rx", (1,), 1.0)), (pauli_z(0), pauli_z(1))),
        network.decode("rate", spikes),
    )
    second = Circuit(1, ("a", "b"), (Gate("ry", (0,), 0.0, ((0, 2.0), (1, 1.0))),), (pauli_z(0),))
    network.circuit(second, first, name="second")
    samples = np.random.default_rng(0).random((20, 4))
    bundle = network.export(tmp_path / "bundle", golden=(samples[:2], np.array([0, 1])))
    climbed = climbed_on_aer(bundle, samples, np.arange(20) % 2, "nir")
    halves = quantum_halves(climbed)
    assert len(halves) == 2
    for half in halves:
        assert_figures_are_qiskits(half, climbed)


def test_the_accuracy_by_shots_is_a_cosimulations(tiny_climbed: Climbed) -> None:
    bundle, samples, labels = tiny_climbed.bundle, tiny_climbed.samples, tiny_climbed.labels
    found = accuracy_by_shots(tiny_climbed)
    assert found is not None
    assert (found.samples, [at.shots for at in found.measured]) == (40, [16, 64, 256, 1024, 4096])
    assert found.exact == (spiq.cosim(bundle, samples, qpu="exact").predictions == labels).mean()
    for at in found.measured:
        right = spiq.cosim(bundle, samples, qpu="aer", shots=at.shots).predictions == labels
        assert at.accuracy == right.mean()
        assert at.interval[0] < at.accuracy < at.interval[1]
    assert AccuracyByShots.model_validate_json(found.model_dump_json()) == found
    assert accuracy_by_shots(tiny_climbed) == found


def test_only_the_first_samples_are_measured_so_often(tiny_climbed: Climbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_shots, "MOST_SAMPLES", 7)
    monkeypatch.setattr(by_shots, "LEAST_SAMPLES", 7)
    found = accuracy_by_shots(tiny_climbed)
    assert found is not None
    first = sliced(tiny_climbed.bundle.network, tiny_climbed.samples, slice(0, 7))
    right = spiq.cosim(tiny_climbed.bundle, first, qpu="exact").predictions == tiny_climbed.labels[:7]
    assert (found.samples, found.exact) == (7, right.mean())


def test_what_cannot_be_measured_says_why(tiny_climbed: Climbed, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_: object) -> None:
        raise DeviceError("Aer was killed")

    with monkeypatch.context() as patched:
        patched.setattr(by_shots, "quantum_devices", dead)
        assert accuracy_by_shots(tiny_climbed) == AccuracyByShots(samples=0, unmeasured="Aer was killed")
    with monkeypatch.context() as patched:
        patched.setattr(by_shots, "MOST_UPDATES", 1000)
        found = accuracy_by_shots(tiny_climbed)
        assert found is not None
        assert found.unmeasured == "the circuits are too large to be measured so often"
    without = replace(tiny_climbed, traces={})
    found = accuracy_by_shots(without)
    assert found is not None
    assert found.unmeasured == "the rung qasm was skipped"
    (half,) = quantum_halves(without)
    assert (half.measured, half.unmeasured) == ([], {})
    # Without an exact rung the exact device is asked, and where it fails too the reason is said.
    alone = replace(tiny_climbed, traces={"shots": tiny_climbed.traces["shots"]})
    assert_figures_are_qiskits(quantum_halves(alone)[0], alone)
    monkeypatch.setattr(quantum, "quantum_devices", dead)
    assert quantum_halves(alone)[0].unmeasured == {"shots": "Aer was killed"}


def test_a_large_circuit_keeps_no_program(tiny_climbed: Climbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantum, "MOST_DRAWN_GATES", 10)
    monkeypatch.setattr(quantum, "MOST_LISTED", 2)
    monkeypatch.setattr(quantum, "MOST_POINTS", 30)
    (half,) = quantum_halves(tiny_climbed)
    assert half.program is None
    (measured,) = half.measured
    assert (half.observables, len(measured.observables), len(measured.points)) == (3, 2, 30)
    assert {point.observable for point in measured.points} == {0, 1}
    assert quantum_halves(tiny_climbed) == [half]


def test_the_depth_is_qiskits() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        circuit = random_circuit(random)
        assert quantum.depth(circuit) == to_qiskit(circuit).depth()


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ([(1.0, ((3, "Z"),))], "Z3"),
        ([(-1.0, ((0, "X"), (2, "Y")))], "-X0 Y2"),
        ([(0.5, ((0, "Z"),)), (-2.0, ((1, "X"),)), (1.0, ())], "0.5 Z0 - 2 X1 + 1"),
        ([], "0"),
    ],
)
def test_an_observable_in_words(terms: list, words: str) -> None:
    assert in_words(tuple(PauliTerm(*term) for term in terms)) == words


def test_a_long_observable_is_cut() -> None:
    words = in_words(tuple(PauliTerm(0.123, ((qubit, "Z"),)) for qubit in range(40)))
    assert words.startswith("0.123 Z0 + 0.123 Z1")
    assert words.endswith("…")
    assert len(words) <= 60
