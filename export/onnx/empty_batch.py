"""What lets an ONNX model answer an empty batch: no samples in, no answers out.

onnxruntime's MatMul cannot repeat a constant for no samples. So a model computes on one silent sample where there is
none, and cuts it off again:

    n = the number of samples,   m = n + 1 // (n + 1)          which is n, and 1 where n is 0
    input  [..., n, ...]  →  padded by one silent sample  →  the first m
    answer [m, size]      →  the first n

With samples, all that is added is a copy of the input.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from .model import OnnxNodes

PREFIX = "empty_batch/"
"""Before the names of all that is added."""


def admit_no_samples(
    nodes: OnnxNodes, given: Sequence[tuple[onnx.ValueInfoProto, int]], answers: Sequence[onnx.ValueInfoProto]
) -> None:
    """Change a graph, whose operators are all there, so that it takes any number of samples.

    `given` are its inputs, each with the axis that counts the samples; the sizes of all axes behind it are known. The
    answers are [sample, size].
    """
    before = OnnxNodes(PREFIX, [], nodes.constants)
    first, one = before.constant("first", np.array([0])), before.constant("one", np.array([1]))
    value, axis = given[0]
    samples = before.add("Shape", [value.name], "samples", start=axis, end=axis + 1)
    missing = before.add("Div", [one, before.add("Add", [samples, one], "one_more")], "missing")
    needed = before.add("Add", [samples, missing], "needed")
    pads = before.constant("pads", np.array([0, 1]))
    names = {}
    for value, axis in given:
        part = before.under(f"{PREFIX}{value.name}/")
        element = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        along, silence = part.constant("axis", np.array([axis])), part.constant("silence", np.zeros((), element))
        padded = part.add("Pad", [value.name, pads, silence, along], "padded")
        some = part.add("Slice", [padded, first, needed, along], "some")
        sizes = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][axis + 1 :]
        # Slice gives no sizes away before it runs; Reshape copies a dimension that it is told is 0.
        shape = part.constant("shape", np.array([*[0] * (axis + 1), *sizes]))
        names[value.name] = part.add("Reshape", [some, shape], "given")
    names |= {answer.name: f"{PREFIX}{answer.name}_of_some" for answer in answers}
    for operator in nodes.operators:
        operator.input[:] = [names.get(name, name) for name in operator.input]
        operator.output[:] = [names.get(name, name) for name in operator.output]
    nodes.operators[:0] = before.operators
    after = OnnxNodes(PREFIX, nodes.operators, nodes.constants)
    rows = after.constant("rows", np.array([0]))
    for answer in answers:
        cut = after.add("Slice", [names[answer.name], first, samples, rows], f"{answer.name}_cut")
        size = answer.type.tensor_type.shape.dim[-1].dim_value
        target = after.constant(f"{answer.name}_shape", np.array([-1, size]))
        after.operators.append(helper.make_node("Reshape", [cut, target], [answer.name], name=f"{PREFIX}{answer.name}"))
