"""The angles of a program that can be run: from its values and derivatives to its gates.

Derivatives are PyTorch's where the program computes its angles from a tensor, and differences of values where it
computes them in some other way; the latter find no products.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from ...errors import InputError
from ..circuit import Feature, Gate
from .affine import SEED, Angle, Step, angle_from_derivatives, check_angles, no_polynomial, probe_points, with_features

if TYPE_CHECKING:
    from torch import Tensor

Build = Callable[["Tensor"], Sequence[Step]]
"""A program's gates for inputs [input], a float64 tensor."""

Way = Literal["autograd", "differences"]

_STRIDE = 64.0
"""Of a difference: a power of two, so that dividing by it rounds nothing, and long, so that values' errors shrink."""


def gates_of(build: Build, n_inputs: int, way: Way) -> tuple[tuple[Gate, ...], tuple[Feature, ...]]:
    """A program's gates with their angles as offsets and coefficients, and the features these belong to.

    Args:
        build: the program's gates for given inputs.
        n_inputs: how many inputs it takes.
        way: where the derivatives come from.

    Returns:
        As `affine.with_features`.

    Raises:
        InputError: an angle is no polynomial of degree 2 in the inputs, or the gates depend on the inputs.

    Example:
        gates_of(lambda x: [Step("ry", (0,), 0.5 + 2 * x[0])], 1, "autograd")    # ry by 0.5 + 2 x0
    """
    expand = _by_autograd if way == "autograd" else _by_differences
    points = probe_points(n_inputs)
    there = [_numbers(build, point) for point in points]
    # Nothing is rounded at the origin. But some programs leave out a turn by 0, so there is a second place.
    for origin in (np.zeros(n_inputs), np.random.default_rng(SEED + 1).uniform(-1, 1, n_inputs)):
        try:
            steps, angles = expand(build, origin)
            for point, found in zip(points, there, strict=True):
                check_angles(steps, angles, found, point)
        except InputError as error:
            refusal = error
        else:
            return with_features(steps, angles)
    raise refusal


def _by_autograd(build: Build, origin: Float[np.ndarray, " input"]) -> tuple[Sequence[Step], list[Angle | None]]:
    import torch

    inputs = torch.tensor(origin, requires_grad=True)
    steps = build(inputs)
    angles: list[Angle | None] = []
    for number, step in enumerate(steps):
        if step.angle is None:
            angles.append(None)
            continue
        value = torch.as_tensor(step.angle, dtype=torch.float64).reshape(())
        gradient = _gradient(value, inputs)
        slopes = {i: float(slope) for i, slope in enumerate(gradient.tolist()) if slope}
        curvatures: dict[tuple[int, int], float] = {}
        for i in range(len(origin)) if gradient.requires_grad else ():
            row = _gradient(gradient[i], inputs).tolist()
            curvatures |= {(i, j): row[j] for j in range(i, len(origin)) if row[j]}
        if not np.isfinite([float(value.detach()), *slopes.values(), *curvatures.values()]).all():
            raise no_polynomial(number, step)
        angles.append(angle_from_derivatives(float(value.detach()), slopes, curvatures, origin))
    return steps, angles


def _gradient(value: "Tensor", inputs: "Tensor") -> "Tensor":
    import torch

    if not value.requires_grad:
        return torch.zeros_like(inputs)
    (gradient,) = torch.autograd.grad(value, inputs, create_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if gradient is None else gradient


def _by_differences(build: Build, origin: Float[np.ndarray, " input"]) -> tuple[Sequence[Step], list[Angle | None]]:
    steps = _numbers(build, origin)
    slopes: list[dict[int, float]] = [{} for _ in steps]
    for i, shift in enumerate(_STRIDE * np.eye(len(origin))):
        shifted = _numbers(build, origin + shift)
        # What differs in its gates is found, and said, by the check at other points.
        for step, found, into in zip(steps, shifted, slopes, strict=False):
            if step.angle is not None and found.angle is not None and found.angle != step.angle:
                into[i] = (found.angle - step.angle) / _STRIDE
    return steps, [
        None if step.angle is None else angle_from_derivatives(step.angle, slope, {}, origin)
        for step, slope in zip(steps, slopes, strict=True)
    ]


def _numbers(build: Build, point: Float[np.ndarray, " input"]) -> list[Step]:
    """The program's gates at a point, with their angles as numbers."""
    import torch

    return [
        step
        if step.angle is None
        else step._replace(angle=float(torch.as_tensor(step.angle, dtype=torch.float64).detach()))
        for step in build(torch.tensor(point))
    ]
