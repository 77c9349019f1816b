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
    "an angle must be an offset plus coefficients times inputs or products of two inputs; tanh and the like belong "
    "into the encoder or a classical stage"
)


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        (lambda x: (qml.H(1), RX(torch.tanh(x[0]), 0)), r"gate 1 \(rx on qubit 0\): its angle .*; " + ANGLE),
        (lambda x: qml.RX(abs(x[0]), 0), ANGLE),
        (lambda x: qml.RX(x[0] ** 3, 0), ANGLE),
        (lambda x: RX(torch.where(x[0] > 0, x[0], 2 * x[0]), 0), ANGLE),
        (lambda x: qml.RX(x[0] / x[1], 0), ANGLE),
        (two_valued, "which gates there are must not depend on the inputs"),
        (lambda x: qml.measure(0), "measure on wire 0: a measurement in the middle of the circuit"),
        (conditional, "measure on wire 1: a measurement in the middle"),
        (lambda x: qml.DepolarizingChannel(0.1, 0), "DepolarizingChannel on wire 0: noise; it belongs to a device"),
        (
            lambda x: qml.AmplitudeEmbedding(x, [0, 1], normalize=True),
            "AmplitudeEmbedding on wires 0, 1: a prepared state",
        ),
        (
            lambda x: qml.adjoint(qml.StatePrep(x, [0, 1], normalize=True)),
            r"Adjoint\(StatePrep\) on .*: a prepared state",
        ),
        (lambda x: qml.Displacement(x[0], 0, 0), "Displacement on wire 0: an operation of continuous variables"),
        (wide, r"gate 0 \(RX on wire 0\): its angle has the shape \[4\] for one sample; allowed is one value"),
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
        (lambda x: qml.var(qml.Z(0)), r"measurement 0: found a variance \(qml.var\); allowed are expectation values"),
        (lambda x: qml.state(), r"found a state \(qml.state\)"),
        (lambda x: qml.sample(), r"found samples \(qml.sample\)"),
        (lambda x: qml.counts(), r"found counts \(qml.counts\)"),
        (lambda x: qml.density_matrix(0), "found a density matrix"),
        (lambda x: qml.vn_entropy(0), "found vnentropy"),
        (lambda x: qml.probs(op=qml.X(0)), "probabilities of an operator; allowed are those of wires"),
        (lambda x: qml.probs(wires=range(11)), "probabilities of 11 wires; allowed are at most 10"),
        (lambda x: qml.expval(qml.Hermitian(np.diag([1, 1j]), 0)), "Hermitian is no sum of Pauli strings"),
        (lambda x: qml.expval(1j * qml.X(0)), r"SProd is not Hermitian; its factor of X\(0\) is 1j"),
        (
            lambda x: qml.expval(qml.Projector([0] * 11, range(11))),
            "Projector on 11 wires is not given in Pauli strings",
        ),
        (lambda x: qml.expval(qml.QuadX(0)), "QuadX is of continuous variables"),
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
        ({}, "weights: no value for the QNode's argument weights; every one but the inputs needs one"),
        ({"weights": {"weights": WEIGHTS, "v": 1}}, "weights: the QNode has no argument 'v'"),
        ({"weights": {"weights": WEIGHTS * np.nan}}, "weights: weights has entries that are not finite"),
        ({"argument": "x"}, "argument: the QNode has no argument 'x'; its arguments are inputs, weights"),
        ({"weights": {"inputs": WEIGHTS, "weights": WEIGHTS}}, "weights: found inputs, which takes the inputs"),
    ]
    for options, words in refused:
        with pytest.raises(InputError, match=words):
            from_pennylane(qnode, 3, **options)
    with pytest.raises(InputError, match=r"qnode: found a function; a QNode or a qml\.qnn\.TorchLayer is needed"):
        from_pennylane(layers, 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_inputs: found -1; an integer from 0 on is needed"):
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

    with pytest.raises(InputError, match=r"observable 1: the QNode gives 2\.0 and its circuit 1\.0 for the inputs"):
        from_pennylane(qnode, 1)
