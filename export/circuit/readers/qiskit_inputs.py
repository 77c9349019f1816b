"""Which of a Qiskit circuit's parameters are the inputs, in which order, and how they are called."""

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import InputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

QiskitParameter = Any
"""A Parameter of Qiskit, or a ParameterVector of them: compiled classes, which a type checker does not see."""


def chosen_parameters(circuit: "QuantumCircuit", inputs: Iterable[Any] | None) -> list[QiskitParameter]:
    """The parameters that are inputs, in their order.

    Args:
        circuit: the circuit whose parameters they are.
        inputs: Parameters, ParameterVectors, and names of either; None for all of the circuit's parameters in natural
            order: x2 before x10, and a vector's by their index.

    Raises:
        InputError: a name that the circuit does not have, a parameter given twice, or one of the circuit's that is left
            without a value.
    """
    own = sorted(circuit.parameters, key=lambda parameter: _natural(parameter.name))
    if inputs is None:
        return own
    if isinstance(inputs, str):
        inputs = [inputs]
    chosen = [parameter for one in inputs for parameter in _parameters(one, own)]
    twice = sorted({parameter.name for parameter in chosen if chosen.count(parameter) > 1}, key=_natural)
    if twice:
        raise InputError(f"inputs must be different parameters, got {', '.join(twice)} more than once")
    left = [parameter.name for parameter in own if parameter not in chosen]
    if left:
        raise InputError(
            f"parameters without a value: {', '.join(left)}; bind them (assign_parameters), or give them as inputs"
        )
    return chosen


def input_identifiers(parameters: Iterable[QiskitParameter]) -> tuple[str, ...]:
    """A name for each that a circuit's input may have: x[0] becomes x_0, and θ theta.

    Example:
        input_identifiers([Parameter("x[0]"), Parameter("x_0")])    # ("x_0", "x_0_1")
    """
    names: list[str] = []
    for parameter in parameters:
        spelled = "".join(_spelled(character) for character in parameter.name)
        plain = re.sub("_+", "_", spelled).strip("_") if spelled != parameter.name else spelled
        plain = plain if plain.isidentifier() else f"x_{plain}".rstrip("_")
        name, number = plain, 0
        while name in names:
            name, number = f"{plain}_{number + 1}", number + 1
        names.append(name)
    return tuple(names)


def _parameters(one: Any, own: list[QiskitParameter]) -> list[QiskitParameter]:
    from qiskit.circuit import Parameter, ParameterVector, ParameterVectorElement

    if isinstance(one, Parameter):
        return [one]
    if isinstance(one, ParameterVector):
        return list(one)
    if not isinstance(one, str):
        raise InputError(f"inputs must be Parameters, ParameterVectors or names of either, got {one!r}")
    for parameter in own:
        if parameter.name == one:
            return [parameter]
        if isinstance(parameter, ParameterVectorElement) and parameter.vector.name == one:
            return list(parameter.vector)
    listed = ", ".join(parameter.name for parameter in own) or "none"
    raise InputError(f"inputs must be parameters of the circuit ({listed}), got {one!r}")


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts numbers in names by their value."""
    parts = re.split("([0-9]+)", name)
    return [(bool(number % 2), int(part) if number % 2 else 0, part) for number, part in enumerate(parts)]


def _spelled(character: str) -> str:
    if character.isascii() and (character.isalnum() or character == "_"):
        return character
    greek = re.fullmatch("GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)", unicodedata.name(character, ""))
    if not greek:
        return "_"
    return greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()
