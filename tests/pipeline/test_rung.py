"""The figures of a rung, and the gate, on answers made by hand."""

import nir
import numpy as np
import pytest

from shared.random_network import drain, source
from spiq.export.circuit.circuit import Circuit, Gate, pauli_z
from spiq.export.errors import InputError
from spiq.export.network.decoding import Decode
from spiq.export.network.network import HybridNetwork
from spiq.export.network.signals import Signal
from spiq.export.network.spiking import spiking_stage
from spiq.export.network.stages import Quantum
from spiq.export.network.trace import Trace
from spiq.pipeline.validation.analysis.confidence import wilson
from spiq.pipeline.validation.gate import gate
from spiq.pipeline.validation.report import read_report
from spiq.pipeline.validation.rung import Before, Rung, measured
from spiq.pipeline.validation.rungs import TRAINED, RungKind, rung_kind


class Answered(Trace):
    """A trace whose predictions are given."""

    answers: np.ndarray

    @property
    def predictions(self) -> np.ndarray:
        return self.answers

    @property
    def output(self) -> np.ndarray:
        return np.eye(4)[self.answers]


def climbed(predictions: list[int], spikes: list[int], expectations: list[float]) -> Answered:
    """What one neuron and one qubit gave."""
    graph = nir.NIRGraph(
        {"input": source(1), "if": nir.IF(np.ones(1), np.ones(1), np.zeros(1)), "output": drain(1)},
        [("input", "if"), ("if", "output")],
        type_check=False,
    )
    circuit = Circuit(1, ("x",), (Gate("ry", (0,), 0.0, ((0, 1.0),)),), (pauli_z(0),))
    stages = {"encoder": spiking_stage(graph), "rates": Decode(), "head": Quantum(circuit)}
    reads = {"encoder": ("input",), "rates": ("encoder",), "head": ("rates",)}
    network = HybridNetwork(Signal("spikes", (1,), 1), stages, reads, "head")
    values = np.array(expectations)[:, None]
    found = Answered(network, {"encoder": np.array(spikes, np.uint8).reshape(1, -1, 1), "head": values})
    found.answers = np.array(predictions)
    return found


def kind(name: str) -> RungKind:
    found = rung_kind(name)
    assert found is not None
    return found


BEFORE = climbed([0, 1, 2, 3], [1, 0, 1, 0], [0.5, -0.5, 0.0, 1.0])
HERE = climbed([0, 1, 2, 2], [1, 1, 0, 0], [0.5, -0.5, 0.25, 0.9])
LABELS = np.array([0, 1, 0, 2])


def test_a_rung_counts_what_differs_from_the_one_before() -> None:
    rung = measured(kind("loihi"), HERE, LABELS, Before("nir", BEFORE), 1.23456)
    assert rung.samples == 4
    assert rung.accuracy == 0.75
    assert rung.agreement == 0.75
    assert rung.spike_mismatches == 2
    assert rung.max_error is None
    assert rung.seconds == 1.235
    assert measured(kind("qasm"), HERE, LABELS, Before("loihi", BEFORE), 0).max_error == 0.25


def test_the_first_rung_has_nothing_to_be_compared_with() -> None:
    rung = measured(TRAINED, BEFORE, LABELS, None, 0)
    assert rung.accuracy == 0.5
    assert (rung.agreement, rung.spike_mismatches, rung.max_error) == (None, None, None)


@pytest.mark.parametrize(("right", "samples"), [(0, 10), (7, 10), (10, 10), (350, 360), (9802, 10_000)])
def test_the_interval_is_wilsons(right: int, samples: int) -> None:
    # E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927), z for 95%.
    z, share = 1.959963984540054, right / samples
    middle = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z / (1 + z * z / samples) * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2))
    assert wilson(right, samples) == pytest.approx((middle - half, middle + half), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "last", "allowed", "passed"),
    [(0.95, 0.94, 0.01, True), (0.95, 0.94, 0.0099, False), (0.9, 0.95, 0.0, True), (0.9, 0.9, -0.01, False)],
)
def test_the_gate_compares_the_last_rung_that_was_climbed_with_the_first(
    first: float, last: float, allowed: float, passed: bool
) -> None:
    rungs = [
        Rung(name="trained", accuracy=first),
        Rung(name="loihi", accuracy=0.1),
        Rung(name="shots", accuracy=last),
        Rung(name="device", skipped="not here"),
    ]
    found = gate(rungs, allowed)
    assert found.passed == passed
    assert found.accuracy_drop == pytest.approx(first - last)


def test_a_report_that_is_none_is_refused(tmp_path) -> None:
    path = tmp_path / "report.json"
    with pytest.raises(InputError, match=r"report\.json: must be a report\.json, got no such file"):
        read_report(path)
    for text in ("", "{}", "[1]", '{"name": 3}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"report\.json: not a report"):
            read_report(path)
