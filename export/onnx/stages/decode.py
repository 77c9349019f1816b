"""Decoding as ONNX operators: `network.decoding`'s rule, in the same order of its factors."""

import math

import numpy as np
from onnx import TensorProto

from ...network.decoding import Decode
from ..model import OnnxNodes
from ..value import Value, shaped


def decode_nodes(nodes: OnnxNodes, decode: Decode, spikes: Value, steps: int) -> str:
    """Append the operators from spikes, double [time, sample, *shape], to values, double [sample, window · feature].

    Returns the values' name. The number of time steps is open but for `first_spike`, which takes `steps`.
    """
    features = math.prod(spikes.shape)
    flat = shaped(nodes, spikes, (features,), 2)
    # [window, step, sample, feature]: time and samples are open, so the steps of a window are what is left.
    samples = nodes.add("Shape", [flat], "samples", start=1, end=2)
    ends = [nodes.constant(key, np.array([value])) for key, value in (("windows", decode.windows), ("left", -1))]
    size = nodes.add("Concat", [*ends, samples, nodes.constant("features", np.array([features]))], "size", axis=0)
    cut = nodes.add("Reshape", [flat, size], "cut")
    if decode.kind == "first_spike":
        found = _steps_before(nodes, cut, steps // decode.windows)
    else:
        found = nodes.add("ReduceSum", [cut, nodes.constant("axis", np.array([1]))], "count", keepdims=0)
    factor = nodes.constant("scale", np.array(float(decode.scale)))
    if decode.kind == "rate":
        length = nodes.add("Shape", [cut], "length", start=1, end=2)
        length = nodes.add("Cast", [length], "steps", to=TensorProto.DOUBLE)
        factor = nodes.add("Div", [factor, length], "scale_of_a_spike")
    values = nodes.add("Mul", [found, factor], "scaled")
    if decode.offset:
        values = nodes.add("Add", [values, nodes.constant("offset", np.array(float(decode.offset)))], "moved")
    by_sample = nodes.add("Transpose", [values], "by_sample", perm=[1, 0, 2])
    shape = nodes.constant("shape", np.array([0, decode.windows * features]))
    return nodes.add("Reshape", [by_sample, shape], "values")


def _steps_before(nodes: OnnxNodes, cut: str, length: int) -> str:
    """How many steps of each window come before its first spike: the number of the first step with one, or all."""
    fired = nodes.add("Greater", [cut, nodes.constant("no_spike", np.array(0.0))], "fired")
    numbers = nodes.constant("numbers", np.arange(length, dtype=np.float64).reshape(1, length, 1, 1))
    first = nodes.add("Where", [fired, numbers, nodes.constant("none", np.array(float(length)))], "number_if_fired")
    return nodes.add("ReduceMin", [first, nodes.constant("axis", np.array([1]))], "first", keepdims=0)
