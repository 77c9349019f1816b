"""What an angle is made of: an offset, and coefficients of inputs and of products of two inputs.

A foreign program says what its gates are for certain inputs only. From its values and derivatives at one point follows
the one polynomial of degree 2 that it can be,

    angle(x) = offset + sum_i a_i x_i + sum_{i <= j} b_ij x_i x_j,

and at points of both signs and many sizes it is seen whether it is that. What differs from the polynomial at none of
these points is not found out: a clamp at 1000, say.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ...errors import InputError
from ..circuit import Feature, Gate

SEED = 20240229
SCALES = (1.0, 1e-3, math.pi, 10.0, 100.0)
"""Of the inputs at which the angles are compared."""

TOLERANCE = 1e-11
"""Of an angle, relative to what it is summed up from, or to 1 where that is less."""

_DUST = 1e-14
"""A coefficient this much smaller than what it was computed from, or than 1, is a rounding error."""


class Step(NamedTuple):
    """A gate as a program gives it for certain inputs. `angle` is a rotation's, of the type it was computed in."""

    name: str
    qubits: tuple[int, ...]
    angle: Any = None


class Angle(NamedTuple):
    """offset + sum of coefficient · feature, in radians; a feature is one input or two."""

    offset: float
    terms: Mapping[Feature, float]

    def at(self, inputs: Float[np.ndarray, " input"]) -> float:
        """The angle for these inputs."""
        return self.offset + sum(self._products(inputs))

    def holds(self, found: float, inputs: Float[np.ndarray, " input"]) -> bool:
        """Whether the angle that was found for these inputs is this one, but for rounding."""
        size = abs(self.offset) + sum(map(abs, self._products(inputs)))
        # A number that is none compares as False.
        return abs(found - self.at(inputs)) <= TOLERANCE * max(1.0, size)

    def _products(self, inputs: Float[np.ndarray, " input"]) -> Iterator[float]:
        return (
            coefficient * math.prod(float(inputs[number]) for number in feature)
            for feature, coefficient in self.terms.items()
        )


def angle_from_derivatives(
    value: float,
    slopes: Mapping[int, float],
    curvatures: Mapping[tuple[int, int], float],
    point: Float[np.ndarray, " input"],
) -> Angle:
    """The polynomial with this value and these derivatives at the point.

    Args:
        value: the angle at the point.
        slopes: its derivatives by input i, those that are not 0.
        curvatures: its second derivatives by inputs i and j, for i <= j only, those that are not 0.
        point: the inputs there.

    Example:
        angle_from_derivatives(6.0, {0: 4.0}, {(0, 0): 2.0}, np.array([2.0]))    # 2 + x x: Angle(2.0, {(0, 0): 1.0})
    """
    offset = [value, *(-slope * float(point[i]) for i, slope in slopes.items())]
    linear = {i: [slope] for i, slope in slopes.items()}
    terms: dict[Feature, float] = {}
    for (i, j), curvature in curvatures.items():
        product = curvature / 2 if i == j else curvature
        if abs(product) <= _DUST:
            continue
        terms[i, j] = product
        offset.append(product * float(point[i] * point[j]))
        for at, other in ((i, j), (j, i)):
            linear.setdefault(at, []).append(-product * float(point[other]))
    singles = {(i,): _sum(parts) for i, parts in sorted(linear.items())}
    terms = {**{one: slope for one, slope in singles.items() if slope}, **dict(sorted(terms.items()))}
    return Angle(_sum(offset), terms)


def probe_points(n_inputs: int) -> list[Float[np.ndarray, " input"]]:
    """The inputs at which angles are compared: always the same ones, of every scale, every input with both signs."""
    random = np.random.default_rng(SEED)
    points = [random.uniform(-scale, scale, n_inputs) for scale in SCALES]
    return [*points, -points[0], -points[-1]] if n_inputs else points[:1]


def check_angles(
    steps: Sequence[Step], angles: Sequence[Angle | None], there: Sequence[Step], point: Float[np.ndarray, " input"]
) -> None:
    """Raise InputError where the program's gates at this point are not the steps with these angles.

    Args:
        steps: the gates that the program has, whatever the angles in them.
        angles: one a step; None for a gate without an angle.
        there: the program's gates at the point, with their angles as numbers.
        point: the inputs there.
    """
    if len(there) != len(steps):
        raise InputError(
            f"the circuit must have the same gates for all inputs, got {len(steps)} for some and {len(there)} for "
            "others"
        )
    for number, (step, angle, found) in enumerate(zip(steps, angles, there, strict=True)):
        if (step.name, step.qubits) != (found.name, found.qubits):
            raise InputError(
                f"gate {number} must be the same for all inputs, got {named(step)} for some and {named(found)} for "
                "others"
            )
        if angle is None:
            continue
        if not angle.holds(float(found.angle), point):
            raise no_polynomial(number, step)


def no_polynomial(number: int, step: Step, found: str = "") -> InputError:
    """The error for a gate whose angle is none that a circuit may have; `found` shows the angle."""
    return InputError(
        f"gate {number} ({named(step)}): its angle must be an offset plus coefficients times inputs or products of two "
        f"inputs, got {found or 'one that depends on them in some other way'}; tanh and the like belong into the "
        "encoder or a classical stage"
    )


def named(step: Step) -> str:
    """The gate in words: ry on qubit 1, cx on qubits 0 and 2."""
    if len(step.qubits) == 1:
        return f"{step.name} on qubit {step.qubits[0]}"
    return f"{step.name} on qubits {' and '.join(map(str, step.qubits))}"


def with_features(
    steps: Sequence[Step], angles: Sequence[Angle | None]
) -> tuple[tuple[Gate, ...], tuple[Feature, ...]]:
    """The gates, with the features that their angles count in.

    Returns:
        The gates and the circuit's features: the inputs that stand alone somewhere, then the products, each in rising
        order. Where there is no product, none, which to a `Circuit` means: all inputs, in their order.
    """
    used = {feature for angle in angles if angle for feature in angle.terms}
    products = sorted(feature for feature in used if len(feature) > 1)
    features = (*sorted(feature for feature in used if len(feature) == 1), *products) if products else ()
    place = {feature: number for number, feature in enumerate(features)} or {one: one[0] for one in used}
    gates = tuple(
        Gate(step.name, step.qubits)
        if angle is None
        else Gate(step.name, step.qubits, angle.offset, _slopes(angle, place))
        for step, angle in zip(steps, angles, strict=True)
    )
    return gates, features


def _slopes(angle: Angle, place: Mapping[Feature, int]) -> tuple[tuple[int, float], ...]:
    return tuple(sorted((place[feature], coefficient) for feature, coefficient in angle.terms.items()))


def _sum(parts: Iterable[float]) -> float:
    parts = list(parts)
    total = math.fsum(parts) if all(map(math.isfinite, parts)) else math.nan
    return 0.0 if abs(total) <= _DUST * max(1.0, *map(abs, parts)) else total
