"""What an ONNX model makes of its inputs, in bytes and operations, found from the shapes before anything runs.

A few bytes of ONNX can ask for any array (ConstantOfShape, Pad, a product of two long vectors), and onnxruntime makes
what is constant as soon as it opens a model. So ONNX's own shape inference, with the inputs' sizes, must say how large
every value is, and the sum of what is computed is bounded.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import onnx
from jaxtyping import Int64
from onnx import TensorProto, helper, numpy_helper

from ..errors import InputError
from .table import SCAN

MOST_VALUE_BYTES = 2**30
"""Of one value: an input, a constant or a result."""

MOST_BYTES = 2**32
"""Of all results of one run together. onnxruntime gives most of them up on its way."""

MOST_OPERATIONS = 2**36
"""Of one run: numbers that are computed, those of a product once for each of their terms. About a minute."""

_LENGTHS = 16
"""How many numbers a value may have that is computed of lengths."""

_ON_LENGTHS: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.floor_divide,
}

_PRODUCTS = {"MatMul", "Gemm"}

Sizes = Mapping[str, tuple[int, ...]]
"""Shapes of values by their names."""

_SMALL = 1024
"""Numbers in a constant whose values may decide a shape; the others' shapes are enough."""

_AT_THE_FRONT = ("scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions")


def check_sizes(model: onnx.ModelProto, inputs: Sizes, where: str) -> None:
    """Raises InputError where the model would take more than the limits for inputs of these shapes.

    So it does where a value's shape cannot be inferred, and where a Scan does not run forwards over first axes that are
    no longer than that of an input. Shapes in the model itself are exchanged for those that follow.
    """
    for value in model.graph.input:
        if value.name in inputs:
            _set_shape(value, value.type.tensor_type.elem_type, inputs[value.name])
    steps = {shape[0] for shape in inputs.values() if shape}
    taken = _taken(model, model.graph, steps, where)
    listed = ", ".join(f"{name!r} {list(shape)}" for name, shape in inputs.items())
    for found, most, unit in ((taken.bytes, MOST_BYTES, "bytes"), (taken.operations, MOST_OPERATIONS, "operations")):
        if found > most:
            raise InputError(f"{where}: must take at most {most} {unit}, got {found} for the inputs {listed}")


class _Value(NamedTuple):
    element: int
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


class _Taken(NamedTuple):
    bytes: int
    operations: int


def _taken(model: onnx.ModelProto, graph: onnx.GraphProto, steps: set[int], where: str) -> _Taken:
    """What the graph, the model's own or a body, takes once; a body's values are there once at a time."""
    values = _values(model, graph, where)
    size = operations = 0
    for node in graph.node:
        results = [_known(values, name, node, where) for name in node.output if name]
        size += sum(result.numbers * _bytes(result, where) for result in results)
        operations += sum(result.numbers for result in results)
        if node.op_type in _PRODUCTS and results:
            operations += results[0].numbers * _terms(_known(values, node.input[0], node, where), node)
        if node.op_type == SCAN:
            given = [_known(values, name, node, where) for name in node.input]
            scanned = _attribute(node, "num_scan_inputs")
            length = _scan_length(given, scanned, node, steps, where)
            body = next((attribute.g for attribute in node.attribute if attribute.name == "body"), onnx.GraphProto())
            for number, (value, known) in enumerate(zip(body.input, given, strict=False)):
                first = int(number >= len(given) - scanned)
                _set_shape(value, known.element, known.shape[first:])
            once = _taken(model, body, set(), where)
            size, operations = size + once.bytes, operations + length * once.operations
    return _Taken(size, operations)


def _values(model: onnx.ModelProto, graph: onnx.GraphProto, where: str) -> dict[str, _Value]:
    """Every value whose shape follows, by its name."""
    whole = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    whole.graph.name = graph.name or "graph"
    whole.graph.node.extend(graph.node)
    whole.graph.input.extend(graph.input)
    for output in graph.output:
        kind = onnx.TypeProto(tensor_type=onnx.TypeProto.Tensor(elem_type=output.type.tensor_type.elem_type))
        whole.graph.output.add(name=output.name, type=kind)
    named = {value.name for value in graph.input}
    for constant in graph.initializer:
        if math.prod(constant.dims) <= _SMALL:
            whole.graph.initializer.append(constant)
        elif constant.name not in named:
            _set_shape(whole.graph.input.add(name=constant.name), constant.data_type, constant.dims)
    _fold_lengths(whole.graph)
    try:
        found = onnx.shape_inference.infer_shapes(whole, check_type=True, strict_mode=True, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        raise InputError(f"{where}: ONNX cannot run it on these inputs: {' '.join(str(error).split())}") from error
    constants = (*graph.initializer, *whole.graph.initializer)
    values = {constant.name: _Value(constant.data_type, tuple(constant.dims)) for constant in constants}
    for value in (*found.input, *found.value_info, *found.output):
        kind = value.type.tensor_type
        axes = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim)
        if kind.HasField("shape") and min(axes, default=0) >= 0:
            values[value.name] = _Value(kind.elem_type, axes)
    for name, value in values.items():
        size = value.numbers * _bytes(value, where)
        if size > MOST_VALUE_BYTES:
            raise InputError(
                f"{where}: the value {name!r} must take at most {MOST_VALUE_BYTES} bytes, got {size} for the shape "
                f"{list(value.shape)}"
            )
    return values


def _fold_lengths(graph: onnx.GraphProto) -> None:
    """Put what is computed of the inputs' lengths and of constants in its place, as constants.

    ONNX's inference follows such values through some operators only; a division is none of them.
    """
    lengths = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in graph.input}
    known = {}
    for constant in graph.initializer:
        if constant.data_type == TensorProto.INT64 and len(constant.dims) <= 1 and sum(constant.dims) <= _LENGTHS:
            # One that is damaged is onnxruntime's to refuse.
            with suppress(ValueError):
                known[constant.name] = numpy_helper.to_array(constant)
    kept = []
    for node in graph.node:
        found = _lengths(node, known, lengths)
        if found is None:
            kept.append(node)
            continue
        known[node.output[0]] = found
        graph.initializer.append(numpy_helper.from_array(found, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


def _lengths(
    node: onnx.NodeProto, known: Mapping[str, Int64[np.ndarray, "..."]], lengths: Mapping[str, list[int]]
) -> Int64[np.ndarray, "..."] | None:
    """What the operator gives, where that follows from lengths of inputs and from constants."""
    if len(node.output) != 1:
        return None
    if node.op_type == "Shape" and len(node.input) == 1 and node.input[0] in lengths:
        whole = lengths[node.input[0]]
        bounds = {attribute.name: attribute.i for attribute in node.attribute}
        return np.array(whole[bounds.get("start", 0) : bounds.get("end", len(whole))], np.int64)
    if node.op_type not in _ON_LENGTHS or len(node.input) != 2 or not all(name in known for name in node.input):
        return None
    one, other = (known[name] for name in node.input)
    try:
        if math.prod(np.broadcast_shapes(one.shape, other.shape)) > _LENGTHS:
            return None
    except ValueError:
        return None
    # A length is never negative, and ONNX rounds towards zero as this does then.
    if node.op_type == "Div" and not (one.min(initial=0) >= 0 and other.min(initial=1) > 0):
        return None
    # Beyond 64 bits it wraps, as in onnxruntime, and NumPy need not warn.
    with np.errstate(over="ignore"):
        return np.asarray(_ON_LENGTHS[node.op_type](one, other))


def _known(values: Mapping[str, _Value], name: str, node: onnx.NodeProto, where: str) -> _Value:
    if name not in values:
        raise InputError(
            f"{where}: the shape of {name!r} at the operator {node.op_type} (node {node.name!r}) must follow from the "
            "inputs' shapes, got one that does not"
        )
    return values[name]


def _scan_length(given: list[_Value], scanned: int, node: onnx.NodeProto, steps: set[int], where: str) -> int:
    name = f"{where}: the Scan (node {node.name!r})"
    axes = [number for attribute in node.attribute if attribute.name in _AT_THE_FRONT for number in attribute.ints]
    if any(axes):
        raise InputError(f"{name} must run over time, got backwards or over another axis than the first")
    over = given[len(given) - scanned :] if scanned > 0 else []
    lengths = {value.shape[0] if value.shape else 0 for value in over}
    # Where an input is empty, a model may put one step in its place.
    most = max(steps, default=0) or 1
    if len(lengths) != 1 or max(lengths) > most:
        found = ", ".join(map(str, sorted(lengths))) or "none"
        raise InputError(f"{name} must run over at most {most} steps, as many as an input has, got {found}")
    return lengths.pop()


def _terms(first: _Value, node: onnx.NodeProto) -> int:
    """How many products add up to each number of a matrix product."""
    if not first.shape:
        return 1
    return first.shape[0] if _attribute(node, "transA") else first.shape[-1]


def _attribute(node: onnx.NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


def _bytes(value: _Value, where: str) -> int:
    """Of one number."""
    if value.element not in helper.get_all_tensor_dtypes() or value.element == TensorProto.STRING:
        raise InputError(f"{where}: must have values that are numbers, got the type {value.element}")
    return helper.tensor_dtype_to_np_dtype(value.element).itemsize


def _set_shape(value: onnx.ValueInfoProto, element: int, shape: Iterable[int]) -> None:
    value.type.CopyFrom(helper.make_tensor_type_proto(element, list(shape)))
