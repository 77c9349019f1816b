"""A value in the making: what a stage's operators gave, and how it is brought into the form that the next one reads."""

from typing import NamedTuple

import numpy as np

from .model import OnnxNodes


class Value(NamedTuple):
    """Its name, its `TensorProto.DataType`, and its shape but for the samples, or for time and samples."""

    name: str
    element: int
    shape: tuple[int, ...]


def shaped(nodes: OnnxNodes, value: Value, shape: tuple[int | str, ...], leading: int) -> str:
    """The value with this shape behind its first axes, samples or time and samples."""
    if value.shape == shape:
        return value.name
    # Reshape copies a dimension that it is told is 0.
    target = nodes.constant("as_shape", np.array([*[0] * leading, *shape], dtype=np.int64))
    return nodes.add("Reshape", [value.name, target], "shaped")


def cast(nodes: OnnxNodes, value: Value, element: int) -> Value:
    if value.element == element:
        return value
    return value._replace(name=nodes.add("Cast", [value.name], "cast", to=element), element=element)
