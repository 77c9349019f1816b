"""What all ONNX files of spiq share: the version of the standard, how values are named, and that they are checked.

The same network gives the same bytes: nothing of the time or the machine goes into a file.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from jaxtyping import Shaped
from onnx import helper, numpy_helper

OPSET = 18
"""The version of the operators. onnxruntime 1.20, the oldest that spiq allows, knows up to 21."""

IR_VERSION = helper.find_min_ir_version_for([helper.make_opsetid("", OPSET)])
"""The version of the file format: the lowest that these operators need, for older runtimes."""

PRODUCER = "spiq"

SPIKES = "spikes"
"""The encoder's input: binary spikes, uint8 [time, sample, *shape]."""


class OnnxNodes(NamedTuple):
    """The operators and constants of an ONNX graph in the making, and what stands before the names now.

    Every value is called `prefix` + `part`. A prefix is a node's name and a slash, and `part` has no slash, so
    the values of different nodes never meet, whatever the nodes are called.
    """

    prefix: str
    operators: list[onnx.NodeProto]
    constants: list[onnx.TensorProto]

    def under(self, prefix: str) -> "OnnxNodes":
        """The same graph, with another prefix for what is added."""
        return self._replace(prefix=prefix)

    def add(self, operator: str, inputs: Sequence[str], part: str, **attributes: Any) -> str:
        """Append an operator with one output; returns the output's name, which is the operator's too."""
        output = f"{self.prefix}{part}"
        self.operators.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, part: str, value: Shaped[np.ndarray, "..."]) -> str:
        """Append a constant; returns its name."""
        name = f"{self.prefix}{part}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def reshaped(self, value: str, shape: Sequence[int], part: str) -> str:
        """Append a Reshape of all but the first two axes, time and sample say, whose sizes are open."""
        # Reshape copies a dimension that it is told is 0.
        target = self.constant(f"{part}_shape", np.array([0, 0, *shape]))
        return self.add("Reshape", [value, target], part)


def checked_model(
    name: str,
    nodes: OnnxNodes,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    description: str,
    properties: dict[str, str],
) -> onnx.ModelProto:
    """The model of these nodes, after the full check of ONNX, which also infers every shape."""
    graph = helper.make_graph(nodes.operators, name, inputs, outputs, nodes.constants, doc_string=description)
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        doc_string=description,
    )
    helper.set_model_props(model, properties)
    onnx.checker.check_model(model, full_check=True)
    return model


def onnx_bytes(model: onnx.ModelProto) -> bytes:
    """The content of the model's file: the same bytes for the same model."""
    return model.SerializeToString(deterministic=True)
