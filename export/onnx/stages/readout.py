"""The readout as an ONNX model: class scores from the qubits' expectation values.

logits = weight · expectations + bias,    with ReLU on top where the model has it.
"""

import numpy as np
import onnx
from jaxtyping import Float
from onnx import TensorProto, helper

from ...errors import InputError
from ..model import OnnxNodes, checked_model

EXPECTATIONS = "expectations"
"""The readout's input: <Z> of each qubit, float32 [sample, qubit]."""

LOGITS = "logits"
"""The readout's output: the score of each class, float32 [sample, class]."""


def readout_onnx(
    weight: Float[np.ndarray, "class qubit"], bias: Float[np.ndarray, " class"], relu: bool
) -> onnx.ModelProto:
    """One Gemm in float32, then a Relu if `relu`. The number of samples is open.

    Raises InputError where weight and bias do not fit each other or are not finite in float32.
    """
    nodes = OnnxNodes("readout/", [], [])
    logits = readout_nodes(nodes, EXPECTATIONS, weight, bias, relu)
    return checked_model(
        "readout",
        nodes,
        [helper.make_tensor_value_info(EXPECTATIONS, TensorProto.FLOAT, ["sample", np.shape(weight)[1]])],
        [logits],
        "The readout of a spiking-quantum network: class scores from the expectation value <Z> of each qubit.",
        {},
    )


def readout_nodes(
    nodes: OnnxNodes,
    expectations: str,
    weight: Float[np.ndarray, "class qubit"],
    bias: Float[np.ndarray, " class"],
    relu: bool,
) -> onnx.ValueInfoProto:
    """Append the operators from the value `expectations`, float32 [sample, qubit], to `logits`; returns what it is.

    Raises as `readout_onnx` does.
    """
    arrays = {"weight": np.asarray(weight), "bias": np.asarray(bias)}
    if arrays["weight"].ndim != 2 or 0 in arrays["weight"].shape:
        raise InputError(f"readout: weight must have the shape [class, qubit], got {list(arrays['weight'].shape)}")
    classes = len(arrays["weight"])
    if arrays["bias"].shape != (classes,):
        raise InputError(f"readout: bias must have the shape [{classes}], got {list(arrays['bias'].shape)}")
    constants = []
    for key, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise InputError(f"readout: {key} must be real numbers, got the type {array.dtype}")
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        if not np.isfinite(single).all():
            raise InputError(f"readout: {key} is not finite in float32 somewhere")
        constants.append(nodes.constant(key, single))
    scores = nodes.add("Gemm", [expectations, *constants], "scores", transB=1)
    last = "Relu" if relu else "Identity"
    nodes.operators.append(helper.make_node(last, [scores], [LOGITS], name=f"{nodes.prefix}{LOGITS}"))
    return helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["sample", classes])
