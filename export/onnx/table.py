"""The ONNX operators that a bundle's models may use, and that they use nothing else of ONNX.

Left out are Loop and If, whose work no file bounds, functions, operators of other domains than ONNX's own, and
everything that lies outside the file. A Scan is allowed, since it runs as long as the input has time steps
(`sizes`); its body uses the same table, reads nothing but its own inputs, and has no Scan in it.
"""

import math
from collections.abc import Iterator

import onnx
from onnx import AttributeProto, TensorProto

from ..errors import InputError

SCAN = "Scan"

_EXPORTED = """
    Add Cast Concat ConstantOfShape Div Gather Gemm Greater Identity MatMul Mul Pad ReduceSum Relu Reshape Scan Shape
    Sin Slice Squeeze Sub Sum Transpose Where
"""

# What a runtime or a converter makes of them, and what else works on each value for itself or is linear.
_NEIGHBOURS = """
    Abs And Ceil Clip Constant Cos Elu Equal Erf Exp Flatten Floor GreaterOrEqual LeakyRelu Less LessOrEqual Log
    LogSoftmax Max Mean Min Neg Not Or Pow Reciprocal ReduceMax ReduceMean ReduceMin Sigmoid Sign Softmax Softplus Sqrt
    Tanh Unsqueeze
"""

OPERATORS = frozenset(_EXPORTED.split() + _NEIGHBOURS.split())
"""Of ONNX's own domain."""

DOMAINS = ("", "ai.onnx")
"""The two names of ONNX's own domain."""

LEAST_OPSET = 13
"""Before it some operators, Scan among them, mean something else."""

MOST_OPERATORS = 30_000
"""In one model: the largest circuit that `head` writes has 11,000."""


def check_operators(model: onnx.ModelProto, where: str) -> None:
    """Raises InputError, naming what was found, where a model uses anything else. Errors call it `where`."""
    domains = {opset.domain for opset in model.opset_import} - set(DOMAINS)
    if domains:
        raise InputError(f"{where}: must use operators of ONNX's own domain only, got those of {_listed(domains)}")
    old = [opset.version for opset in model.opset_import if opset.version < LEAST_OPSET]
    if old:
        raise InputError(f"{where}: must use version {LEAST_OPSET} of the operators or a newer one, got {old[0]}")
    if model.functions:
        raise InputError(f"{where}: must define no functions, got {_listed(part.name for part in model.functions)}")
    if model.training_info:
        raise InputError(f"{where}: must have no training information, got some")
    for count, (node, body) in enumerate(_nodes(model.graph, where), 1):
        if count > MOST_OPERATORS:
            raise InputError(f"{where}: must have at most {MOST_OPERATORS} operators, got more")
        kind = node.op_type if node.domain in DOMAINS else f"{node.domain}.{node.op_type}"
        if kind not in OPERATORS or (body and kind == SCAN):
            place = "within a Scan " if body else ""
            raise InputError(
                f"{where}: its operators must be those that docs/security.md lists, got {kind} {place}(node "
                f"{node.name!r})"
            )


def _nodes(graph: onnx.GraphProto, where: str, body: bool = False) -> Iterator[tuple[onnx.NodeProto, bool]]:
    """Every operator, and whether it stands in a Scan's body; raises for what is not within the file or sparse."""
    if graph.sparse_initializer:
        raise InputError(f"{where}: its constants must be dense, got sparse ones")
    for constant in graph.initializer:
        _check_constant(constant, where)
    for node in graph.node:
        yield node, body
        for attribute in node.attribute:
            match attribute.type:
                case AttributeProto.GRAPH if not body and node.op_type == SCAN:
                    yield from _nodes(attribute.g, where, body=True)
                case AttributeProto.TENSOR:
                    _check_constant(attribute.t, where)
                case AttributeProto.FLOAT | AttributeProto.INT | AttributeProto.STRING:
                    pass
                case AttributeProto.FLOATS | AttributeProto.INTS | AttributeProto.STRINGS:
                    pass
                case _:
                    raise InputError(
                        f"{where}: the operator {node.op_type} (node {node.name!r}) has the attribute "
                        f"{attribute.name!r}, of a kind that is not allowed"
                    )


def _check_constant(constant: TensorProto, where: str) -> None:
    if constant.data_location == TensorProto.EXTERNAL or constant.external_data:
        raise InputError(f"{where}: the constant {constant.name!r} must be in this file, got another one")
    # A number takes half a byte at least.
    if min(constant.dims, default=0) < 0 or math.prod(constant.dims) > 2 * constant.ByteSize():
        raise InputError(
            f"{where}: the constant {constant.name!r} must hold as many values as its shape {list(constant.dims)} "
            f"says, got {constant.ByteSize()} bytes"
        )


def _listed(names: object) -> str:
    return ", ".join(map(repr, sorted(names)))  # type: ignore[call-overload]
