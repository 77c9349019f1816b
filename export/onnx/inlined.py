"""A classical stage's own model as a part of a larger one."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
from onnx import helper

from ..errors import InputError
from ..network.stages import Classical
from .model import OPSET, OnnxNodes
from .table import DOMAINS
from .value import Value, cast, shaped


def classical_nodes(nodes: OnnxNodes, stage: Classical, read: Sequence[Value]) -> str:
    """Append the model's operators, all names behind the prefix of `nodes`; returns the name of what it gives.

    Raises InputError where it is of a version of the operators that cannot be made ours.
    """
    model = onnx.load_model_from_string(stage.content)
    found = next((opset.version for opset in model.opset_import if opset.domain in DOMAINS), 0)
    if found != OPSET:
        try:
            model = onnx.version_converter.convert_version(model, OPSET)
        # The converter raises whatever its C++ does.
        except Exception as error:
            raise InputError(
                f"{nodes.prefix}: its ONNX model is of version {found} of the operators, which cannot be made {OPSET}: "
                f"{' '.join(str(error).split())}"
            ) from error
    own = f"{nodes.prefix}model/"
    for number, (tensor, value) in enumerate(zip(stage.inputs, read, strict=True)):
        part = nodes.under(f"{nodes.prefix}input_{number}/")
        element = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        ready = shaped(part, cast(part, value, element), tensor.shape, 1)
        nodes.operators.append(helper.make_node("Identity", [ready], [f"{own}{tensor.name}"], name=f"{own}{number}"))
    model = onnx.compose.add_prefix(model, own)
    nodes.operators.extend(model.graph.node)
    nodes.constants.extend(model.graph.initializer)
    return f"{own}{stage.result.name}"
