"""What is refused of a QNode, each by its own words."""

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from spiq.export.circuit.readers.from_pennylane import from_pennylane
from spiq.export.errors import InputError

THREE = qml.device("default.qubit", wires=3)
RX: Any = qml.RX
WEIGHTS = np.ones((2, 3, 3))


def layers(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.StronglyEntanglingLayers(weights, wires=range(3))
    return qml.expval(qml.Z(0))


def nothing(x):
    qml.RX(x[0], 0)


def two_valued(x):
    if x[0] > 0:
        qml.X(0)
    qml.RX(x[0], 0)


def conditional(x):
    turn: Any = qml.cond(qml.measure(1), qml.RX)
    turn(x[0], 0)


def wide(x):
    qml.RX(x, 0)


def batch_of_none(x):
    raise KeyError("no such thing")


ANGLE = (
    "its angle must be an offset plus coefficients times inputs or products of two inputs, got one that depends on "
    "them in some other way; tanh and the like belong into the encoder or a classical stage"
)

MEASURED = r"measurement 0 must be an expectation value \(qml.expval\) or probabilities \(qml.probs\), got "


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        (lambda x: (qml.H(1), RX(torch.tanh(x[0]), 0)), r"gate 1 \(rx on qubit 0\): " + ANGLE),
        (lambda x: qml.RX(abs(x[0]), 0), ANGLE),
        (lambda x: qml.RX(x[0] ** 3, 0), ANGLE),
        (lambda x: RX(torch.where(x[0] > 0, x[0], 2 * x[0]), 0), ANGLE),
        (lambda x: qml.RX(x[0] / x[1], 0), ANGLE),
        (two_valued, "the circuit must have the same gates for all inputs, got 1 for some and 2 for others"),
        (lambda x: qml.measure(0), "measure on wire 0: must be a gate, got a measurement in the middle of the circuit"),
        (conditional, "measure on wire 1: must be a gate, got a measurement in the middle"),
        (
            lambda x: qml.DepolarizingChannel(0.1, 0),
            "DepolarizingChannel on wire 0: must be a gate, got noise, which belongs to a device",
        ),
        (
            lambda x: qml.AmplitudeEmbedding(x, [0, 1], normalize=True),
            "AmplitudeEmbedding on wires 0, 1: must be a gate, got a prepared state",
        ),
        (
            lambda x: qml.adjoint(qml.StatePrep(x, [0, 1], normalize=True)),
            r"Adjoint\(StatePrep\) on .*: must be a gate, got a prepared state",
        ),
        (
            lambda x: qml.Displacement(x[0], 0, 0),
            "Displacement on wire 0: must be a gate of qubits, got an operation of continuous variables",
        ),
        (wide, r"gate 0 \(RX on wire 0\): its angle must be one value per sample, got the shape \[4\]"),
        (batch_of_none, r"the QNode fails with 4 inputs of the shape \[input\] \(KeyError: 'no such thing'\)"),
    ],
)
def test_refused_operations(operations, words):
    @qml.qnode(THREE)
    def qnode(x):
        operations(x)
        return qml.expval(qml.Z(0))

    with pytest.raises(InputError, match=words):
        from_pennylane(qnode, 4)


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (lambda x: qml.var(qml.Z(0)), MEASURED + r"a variance \(qml.var\)"),
        (lambda x: qml.state(), MEASURED + r"a state \(qml.state\)"),
        (lambda x: qml.sample(), MEASURED + r"samples \(qml.sample\)"),
        (lambda x: qml.counts(), MEASURED + r"counts \(qml.counts\)"),
        (lambda x: qml.density_matrix(0), MEASURED + "a density matrix"),
        (lambda x: qml.vn_entropy(0), MEASURED + "vnentropy"),
        (lambda x: qml.probs(op=qml.X(0)), "probabilities must be those of wires, got those of an operator"),
        (lambda x: qml.probs(wires=range(11)), "probabilities must be those of at most 10 wires, got 11"),
        (lambda x: qml.expval(qml.Hermitian(np.diag([1, 1j]), 0)), "Hermitian is no sum of Pauli strings"),
        (lambda x: qml.expval(1j * qml.X(0)), r"SProd must be Hermitian, got the factor 1j of X\(0\)"),
        (
            lambda x: qml.expval(qml.Projector([0] * 11, range(11))),
            "Projector, which is not given in Pauli strings, must have at most 10 wires, got 11",
        ),
        (lambda x: qml.expval(qml.QuadX(0)), "the operator must be one of qubits, got QuadX of continuous variables"),
        (lambda x: qml.expval(x[0] * qml.Z(0)), "what the QNode measures depends on the inputs"),
        (lambda x: qml.expval(qml.Z(0) if x[0] > 0 else qml.X(0)), "what the QNode measures depends on the inputs"),
    ],
)
def test_refused_measurements(measured, words):
    @qml.qnode(qml.device("default.qubit", wires=11))
    def qnode(x):
        nothing(x)
        return measured(x)

    with pytest.raises(InputError, match=words):
        from_pennylane(qnode, 1)


def test_refused_arguments():
    qnode = qml.QNode(layers, THREE)
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "weights must have a value for every argument of the QNode but the inputs, got none for weights"),
        (
            {"weights": {"weights": WEIGHTS, "v": 1}},
            r"weights must be of the QNode's arguments \(inputs, weights\), got 'v'",
        ),
        ({"weights": {"weights": WEIGHTS * np.nan}}, "weights: weights must hold finite numbers, got nan"),
        ({"argument": "x"}, r"argument must be one of the QNode's arguments \(inputs, weights\), got 'x'"),
        (
            {"weights": {"inputs": WEIGHTS, "weights": WEIGHTS}},
            "weights must be of the QNode's other arguments, got inputs, which takes the inputs",
        ),
    ]
    for options, words in refused:
        with pytest.raises(InputError, match=words):
            from_pennylane(qnode, 3, **options)
    with pytest.raises(InputError, match=r"qnode must be a QNode or a qml\.qnn\.TorchLayer, got a function"):
        from_pennylane(layers, 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_inputs must be an integer from 0 on, got -1"):
        from_pennylane(qnode, -1)


def test_a_transform_that_changes_values_is_found():
    @qml.transform
    def doubled(tape):
        return [tape], lambda results: tuple(2 * one for one in results[0])

    @doubled
    @qml.qnode(THREE)
    def qnode(x):
        nothing(x)
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    with pytest.raises(
        InputError, match=r"observable 1: the circuit must give 2\.0 as the QNode does, got 1\.0 for the inputs"
    ):
        from_pennylane(qnode, 1)
