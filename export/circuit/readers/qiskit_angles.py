"""Angles that Qiskit writes as expressions of parameters."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from .affine import SEED, Angle, Step, angle_from_derivatives, no_polynomial, probe_points
from .qiskit_inputs import QiskitParameter


def angle_of_expression(number: int, step: Step, inputs: Mapping[QiskitParameter, int]) -> Angle:
    """What a rotation's angle, a number or a ParameterExpression, is made of.

    Args:
        number: the gate's, for the error.
        step: the rotation, whose angle is an expression of no other parameters than the inputs.
        inputs: each parameter's number.

    Raises:
        InputError: the angle is not a finite polynomial of degree 2 in the inputs.

    Example:
        x, y = Parameter("x"), Parameter("y")
        angle_of_expression(0, Step("rz", (0,), (1 - x) * y), {x: 0, y: 1})    # Angle(0.0, {(1,): 1.0, (0, 1): -1.0})
    """
    expression, size = step.angle, len(inputs)
    # Nothing is rounded at the origin. But 1/x x is not defined there, so there is a second place.
    for origin in (np.zeros(size), np.random.default_rng(SEED + 1).uniform(-1, 1, size)):
        angle = _derived(expression, inputs, origin)
        if angle and all(angle.holds(_value(expression, inputs, point), point) for point in probe_points(size)):
            return angle
    raise no_polynomial(number, step, str(expression))


def _derived(
    expression: Any, inputs: Mapping[QiskitParameter, int], origin: Float[np.ndarray, " input"]
) -> Angle | None:
    """The polynomial by the derivatives at the origin; None where one of them is not a finite number there."""
    slopes: dict[int, float] = {}
    curvatures: dict[tuple[int, int], float] = {}
    for parameter in getattr(expression, "parameters", ()):
        i = inputs[parameter]
        slope = _derivative(expression, parameter)
        slopes[i] = _value(slope, inputs, origin)
        for other in getattr(slope, "parameters", ()):
            if i <= inputs[other]:
                curvatures[i, inputs[other]] = _value(_derivative(slope, other), inputs, origin)
    value = _value(expression, inputs, origin)
    if not np.isfinite([value, *slopes.values(), *curvatures.values()]).all():
        return None
    return angle_from_derivatives(value, slopes, curvatures, origin)


def _derivative(expression: Any, parameter: QiskitParameter) -> Any:
    try:
        return expression.gradient(parameter)
    except Exception:  # a function that Qiskit does not derive
        return math.nan


def _value(expression: Any, inputs: Mapping[QiskitParameter, int], point: Float[np.ndarray, " input"]) -> float:
    """The expression's value; NaN where it has none that is real."""
    try:
        open_parameters = getattr(expression, "parameters", ())
        if open_parameters:
            expression = expression.bind({one: float(point[inputs[one]]) for one in open_parameters}).numeric()
        return float(expression)
    except Exception:  # a division by zero, a logarithm of a negative number, a complex number
        return math.nan
