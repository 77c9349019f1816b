"""The gates of a PennyLane tape, in the names of a `Circuit`."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from .affine import Step

if TYPE_CHECKING:
    from pennylane.operation import Operator
    from pennylane.tape import QuantumScript

_NAMES = {
    "PauliX": "x", "PauliY": "y", "PauliZ": "z", "Hadamard": "h", "S": "s", "Adjoint(S)": "sdg", "T": "t",
    "Adjoint(T)": "tdg", "SX": "sx", "RX": "rx", "RY": "ry", "RZ": "rz", "CNOT": "cx", "CZ": "cz", "SWAP": "swap",
    # But for a global phase, which no observable sees.
    "PhaseShift": "rz",
}  # fmt: skip

_PASSED_OVER = frozenset({"GlobalPhase", "Identity", "Barrier", "Snapshot", "WireCut"})
"""They change nothing that is measured. A controlled GlobalPhase has another name, and is spelled out as a gate."""

_GATE_SET = {*_NAMES, *_PASSED_OVER}


def steps_of_tape(tape: "QuantumScript", place: Mapping[Any, int]) -> list[Step]:
    """The tape's gates, all other operations spelled out in them.

    Args:
        tape: operations with angles of any type that PennyLane knows.
        place: the qubit of each wire.

    Returns:
        Gates with the angles as PennyLane's decompositions compute them; gradients pass.

    Raises:
        InputError: an operation that is no gate of a circuit, or an angle that has more than one value.
    """
    from pennylane.transforms import decompose

    for operation in tape.operations:
        _refuse_foreign(operation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # A transform's type leaves open what it returns for a tape.
            tapes: Any = decompose(tape, gate_set=_GATE_SET)
            (unrolled,), _ = tapes
        except Exception as error:  # whatever a decomposition, a user's own maybe, raises
            raise InputError(
                f"the operations cannot be spelled out in gates ({type(error).__name__}: {error})"
            ) from None
    steps: list[Step] = []
    for operation in unrolled.operations:
        if operation.name in _PASSED_OVER:
            continue
        _refuse_foreign(operation)
        if operation.name not in _NAMES:
            raise InputError(
                f"{_named(operation)}: must be one of the gates {', '.join(_NAMES)} or decompose into them, got what "
                "PennyLane cannot spell out in them"
            )
        angle = _one_angle(len(steps), operation) if operation.parameters else None
        steps.append(Step(_NAMES[operation.name], tuple(place[wire] for wire in operation.wires), angle))
    return steps


def _one_angle(number: int, operation: "Operator") -> Any:
    angle: Any = operation.parameters[0]
    shape = np.shape(angle)
    if any(size != 1 for size in shape):
        raise InputError(
            f"gate {number} ({_named(operation)}): its angle must be one value per sample, got the shape "
            f"{list(shape)} for one sample"
        )
    # Of a batch of one sample, and not of type tensor or array where it stands alone.
    return angle[(0,) * len(shape)] if shape else angle


def _refuse_foreign(operation: "Operator") -> None:
    """Refuse what is no gate by its own words, before its decomposition makes something else of it."""
    import pennylane as qml
    from pennylane.ops import Conditional, MidMeasure
    from pennylane.ops.mid_measure import PauliMeasure

    core: Any = operation
    while hasattr(core, "base"):
        if isinstance(core, Conditional):
            break
        core = core.base
    if isinstance(core, MidMeasure | PauliMeasure):
        raise InputError(f"{_named(operation)}: must be a gate, got a measurement in the middle of the circuit")
    if isinstance(core, Conditional):
        raise InputError(
            f"{_named(operation)}: must be a gate without a condition, got one that waits for a measurement"
        )
    if isinstance(core, qml.operation.Channel):
        raise InputError(
            f"{_named(operation)}: must be a gate, got noise, which belongs to a device and not to the circuit"
        )
    if isinstance(core, qml.operation.CVOperation | qml.operation.CV):
        raise InputError(f"{_named(operation)}: must be a gate of qubits, got an operation of continuous variables")
    states = (qml.StatePrep, qml.AmplitudeEmbedding, qml.MottonenStatePreparation, qml.QubitDensityMatrix)
    if isinstance(core, states):
        raise InputError(
            f"{_named(operation)}: must be a gate, got a prepared state, as of an amplitude embedding, whose angles "
            "are no polynomials of its amplitudes; prepare it by gates, or embed inputs as angles"
        )


def _named(operation: "Operator") -> str:
    wires = operation.wires.tolist()
    name = "measure" if operation.name == "MidMeasureMP" else operation.name
    return f"{name} on wire{'s' if len(wires) != 1 else ''} {', '.join(map(str, wires))}"
