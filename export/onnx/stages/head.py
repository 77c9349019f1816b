"""A circuit as an ONNX model, exact and in double: for whoever has onnxruntime only.

A re-upload circuit is computed by its light cone (`reupload_head`), any other by the state vector of the qubits that
its observables depend on (`state_head`).
"""

import onnx
from onnx import TensorProto, helper

from ...circuit.circuit import Circuit
from ...circuit.reupload import as_reupload
from ..empty_batch import admit_no_samples
from ..model import OnnxNodes, checked_model
from .reupload_head import reupload_nodes
from .state_head import state_nodes

INPUTS = "inputs"
"""What the circuit reads: float64 [sample, input]."""

EXPECTATIONS = "expectations"
"""What it gives: the values of its observables, float64 [sample, observable]."""


def head_onnx(circuit: Circuit) -> onnx.ModelProto:
    """The circuit alone: input `inputs`, output `expectations`. The number of samples is open, and may be none.

    Raises InputError where the circuit takes too much (`reupload_nodes`, `state_nodes`).
    """
    nodes = OnnxNodes("head/", [], [])
    found = head_nodes(nodes, INPUTS, circuit)
    nodes.operators.append(helper.make_node("Identity", [found], [EXPECTATIONS], name="head/answer"))
    given = helper.make_tensor_value_info(INPUTS, TensorProto.DOUBLE, ["sample", circuit.input_size])
    answer = helper.make_tensor_value_info(EXPECTATIONS, TensorProto.DOUBLE, ["sample", circuit.output_size])
    admit_no_samples(nodes, [(given, 0)], [answer])
    description = "A quantum circuit: the expectation values of its observables."
    return checked_model("head", nodes, [given], [answer], description, {})


def head_nodes(nodes: OnnxNodes, inputs: str, circuit: Circuit) -> str:
    """Append the operators from the inputs, double [sample, input], to the observables, double [sample, observable].

    Returns the name of these. Raises as `head_onnx` does.
    """
    reupload = as_reupload(circuit)
    return state_nodes(nodes, inputs, circuit) if reupload is None else reupload_nodes(nodes, inputs, reupload)
