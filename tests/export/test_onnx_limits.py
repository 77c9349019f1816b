"""A model that computes more than its file and its inputs say is refused before onnx or onnxruntime sees it."""

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from spiq.export.bundle.bundle import Bundle
from spiq.export.errors import InputError
from spiq.export.onnx.signature import OnnxValue, check_signature
from spiq.export.onnx.table import MOST_OPERATORS, OPERATORS, check_operators
from spiq.hardware.runtime.onnx_session import run_onnx

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
X = np.ones((2, 3), np.float32)


def model(*nodes: onnx.NodeProto, constants: dict[str, np.ndarray] | None = None) -> onnx.ModelProto:
    """From `x`, float [sample, 3], to `y`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["sample", 3])],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def body(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    """From a state `s` and an input `i` to both."""
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("s", "i", "s_out", "o")]
    return helper.make_graph(
        nodes or (node("Add", "s i", "s_out"), node("Identity", "s", "o")), "body", values[:2], values[2:]
    )


def node(operator: str, inputs: str, outputs: str, name: str = "the {}", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), name=name.format(operator), **attributes)


def scan(inputs: str = "zero x", inner: onnx.GraphProto | None = None, **attributes: object) -> onnx.NodeProto:
    return node("Scan", inputs, "end y", body=inner or body(), num_scan_inputs=1, **attributes)


def loop() -> onnx.NodeProto:
    values = [helper.make_tensor_value_info("n", INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, [])]
    state, ends = (helper.make_tensor_value_info(name, FLOAT, None) for name in ("s", "s_out"))
    nodes = [node("Identity", "go", "go_on"), node("Neg", "s", "s_out")]
    outputs = [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), ends]
    return node("Loop", "count true x", "y", body=helper.make_graph(nodes, "body", [*values, state], outputs))


def external() -> onnx.ModelProto:
    made = model(node("Add", "x c", "y"), constants={"c": np.ones(3, np.float32)})
    made.graph.initializer[0].data_location = TensorProto.EXTERNAL
    made.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    return made


def sparse() -> onnx.ModelProto:
    made = model(node("Identity", "x", "y"))
    values = helper.make_tensor("c", FLOAT, [1], [1.0])
    made.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, helper.make_tensor("i", INT64, [1], [0]), [2**40])
    )
    return made


def claiming(*shape: int) -> onnx.ModelProto:
    made = model(node("Gemm", "x c", "y"))
    made.graph.initializer.add(name="c", data_type=FLOAT, dims=shape)
    return made


def other(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    made = model(node("Identity", "x", "y"))
    change(made)
    return made


COUNT = {"count": np.array(2**60), "true": np.array(True)}

USES = r"its operators must be those that docs/security\.md lists, got "

NOT_ALLOWED = {
    "loop": (model(loop(), constants=COUNT), USES + r"Loop \(node 'the Loop'\)"),
    "if": (model(node("If", "x", "y", then_branch=body(), else_branch=body())), USES + "If"),
    "scan in a scan": (model(scan(inner=body(scan()))), USES + "Scan within a Scan"),
    "loop in a scan": (model(scan(inner=body(loop()))), USES + "Loop within a Scan"),
    "graph elsewhere": (
        model(node("Identity", "x", "y", body=body())),
        "the operator Identity .* has the attribute 'body', of a kind",
    ),
    "range": (model(node("Range", "a b c", "y")), USES + "Range"),
    "domain": (model(node("Gelu", "x", "y", domain="com.microsoft")), USES + "com.microsoft.Gelu"),
    "import": (
        other(lambda made: made.opset_import.add(domain="com.microsoft", version=1)),
        "must use operators of ONNX's own domain only, got those of 'com.microsoft'",
    ),
    "old": (
        other(lambda made: setattr(made.opset_import[0], "version", 8)),
        "must use version 13 of the operators or a newer one, got 8",
    ),
    "function": (other(lambda made: made.functions.add(name="f")), "must define no functions, got 'f'"),
    "training": (other(lambda made: made.training_info.add()), "must have no training information, got some"),
    "external": (external(), "the constant 'c' must be in this file, got another one"),
    "sparse": (sparse(), "its constants must be dense, got sparse ones"),
    "hollow": (claiming(10**6, 10**6), r"the constant 'c' must hold .* \[1000000, 1000000\] says, got \d+ bytes"),
    "negative": (claiming(-3, -3), r"the constant 'c' must hold as many values as its shape \[-3, -3\] says, got"),
    "many": (model(*[node("Identity", "x", "y")] * (MOST_OPERATORS + 1)), "must have at most 30000 operators, got"),
}


@pytest.mark.parametrize("name", NOT_ALLOWED)
def test_what_the_table_does_not_hold_is_refused_before_the_checker_sees_it(name: str) -> None:
    made, message = NOT_ALLOWED[name]
    started = time.monotonic()
    with pytest.raises(InputError, match=f"a.onnx: {message}"):
        check_signature(made.SerializeToString(), "a.onnx", {"x": OnnxValue(FLOAT, ("sample", 3))}, {})
    assert time.monotonic() - started < 10


HUGE = np.array([2**40])
LONG = np.ones((2**17, 1), np.float32)
SQUARE = np.ones((3, 2**14), np.float32)
ZERO = {"zero": np.zeros(3, np.float32)}

TOO_LARGE = {
    "constant": (
        model(node("ConstantOfShape", "n", "z"), node("ReduceMax", "z", "y"), constants={"n": HUGE}),
        "the value 'z' must take at most .* bytes, got 4398046511104 for the shape .1099511627776.",
    ),
    "a computed shape": (
        model(
            node("Shape", "x", "s"),
            node("Mul", "s n", "m"),
            node("ConstantOfShape", "m", "z"),
            node("ReduceMax", "z", "y"),
            constants={"n": np.array(2**20)},
        ),
        r"the value 'z' must take at most .* for the shape \[2097152, 3145728\]",
    ),
    "a shape out of values": (
        model(
            node("Cast", "x", "n", to=INT64),
            node("Flatten", "n", "m", axis=0),
            node("Squeeze", "m", "l"),
            node("ConstantOfShape", "l", "y"),
        ),
        "the shape of 'y' at the operator ConstantOfShape .* must follow from the inputs' shapes, got one",
    ),
    "padding": (
        model(node("Pad", "x p", "y"), constants={"p": np.array([0, 0, 2**40, 0])}),
        r"the value 'y' must take at most .* for the shape \[1099511627778, 3\]",
    ),
    "an outer product": (
        model(node("MatMul", "a b", "z"), node("ReduceMax", "z", "y"), constants={"a": LONG, "b": LONG.T}),
        r"the value 'z' must take at most .*, got 68719476736 for the shape \[131072, 131072\]",
    ),
    "broadcasting": (
        model(node("Add", "a b", "z"), node("ReduceMax", "z", "y"), constants={"a": LONG, "b": LONG.T}),
        r"the value 'z' must take at most .* for the shape \[131072, 131072\]",
    ),
    "products": (
        model(
            node("MatMul", "x a", "b"),
            node("Transpose", "b", "t"),
            node("Gemm", "t b", "c"),
            node("MatMul", "c c", "d"),
            node("MatMul", "d d", "y"),
            constants={"a": SQUARE},
        ),
        r"must take at most \d+ (bytes|operations), got \d+ for the inputs 'x' \[2, 3\]",
    ),
    "many values": (
        model(
            node("ConstantOfShape", "n", "z0"),
            *[node("Neg", f"z{i}", f"z{i + 1}") for i in range(40)],
            node("ReduceMax", "z40", "y"),
            constants={"n": np.array([2**26])},
        ),
        r"must take at most \d+ bytes, got \d+ for the inputs",
    ),
    "a long scan": (
        model(node("ConstantOfShape", "n", "long"), scan("zero long"), constants={**ZERO, "n": np.array([2**24, 3])}),
        r"the Scan \(node 'the Scan'\) must run over at most 2 steps, as many as an input has, got 16777216",
    ),
    "a scan over another axis": (
        model(scan(scan_input_axes=[1]), constants={"zero": np.zeros(2, np.float32)}),
        "over another axis than the first",
    ),
    "a scan backwards": (model(scan(scan_input_directions=[1]), constants=ZERO), "must run over time, got backwards"),
    "a large body": (
        model(
            scan(
                inner=body(
                    node("Unsqueeze", "s one", "a"),
                    node("Add", "a s", "b"),
                    node("ReduceMax", "b", "o", keepdims=0),
                    node("Identity", "s", "s_out"),
                    node("Constant", "", "one", value_ints=[1]),
                )
            ),
            constants={"zero": np.zeros(2**17, np.float32)},
        ),
        "ONNX cannot run it|for the shape .131072, 131072.|must follow from",
    ),
    "text": (
        model(node("Cast", "x", "t", to=TensorProto.STRING), node("Cast", "t", "y", to=FLOAT)),
        "must have values that are numbers, got the type 8",
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_would_fill_the_memory_is_refused_before_it_is_opened(name: str) -> None:
    made, message = TOO_LARGE[name]
    check_operators(made, "a.onnx")
    started = time.monotonic()
    with pytest.raises(InputError, match=message):
        run_onnx(made.SerializeToString(), {"x": X})
    assert time.monotonic() - started < 10


def test_a_scan_over_the_input_is_run() -> None:
    made = model(scan(), constants=ZERO)
    assert np.array_equal(run_onnx(made.SerializeToString(), {"x": X})["y"], [[0, 0, 0], [1, 1, 1]])


def test_a_models_own_shapes_are_not_believed() -> None:
    made = model(node("ConstantOfShape", "n", "z"), node("ReduceMax", "z", "y"), constants={"n": HUGE})
    made.graph.value_info.append(helper.make_tensor_value_info("z", FLOAT, [3]))
    with pytest.raises(InputError, match=r"the value 'z' must take at most .* for the shape \[1099511627776\]"):
        run_onnx(made.SerializeToString(), {"x": X})


NUMBERS = st.lists(st.integers(-4, 9), min_size=2, max_size=2) | st.integers(-4, 9).map(lambda number: [number])
STEPS = st.tuples(st.sampled_from(["Add", "Sub", "Mul", "Div"]), st.booleans(), NUMBERS)
APPLIED = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.floor_divide}


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=4))
def test_an_end_that_is_computed_of_lengths_is_known(steps: list[tuple[str, bool, list[int]]]) -> None:
    """The ends of a Slice; only a division of or by what is negative is not followed."""
    nodes, constants, last = [node("Shape", "x", "n")], {}, "n"
    ends, followed = np.array([5, 3]), True
    for number, (operator, turned, values) in enumerate(steps):
        constants[f"c{number}"] = other = np.array([value or 1 for value in values] if operator == "Div" else values)
        turned = turned and operator != "Div"
        sources = f"c{number} {last}" if turned else f"{last} c{number}"
        followed &= operator != "Div" or (min(ends) >= 0 and min(other) > 0)
        ends = APPLIED[operator](other, ends) if turned else APPLIED[operator](ends, other)
        last = f"n{number}"
        nodes.append(node(operator, sources, last, name=last))
    nodes.append(node("Slice", f"x starts {last} axes", "y"))
    made = model(*nodes, constants={**constants, "starts": np.zeros(2, int), "axes": np.arange(2)})
    x = np.zeros((5, 3), np.float32)
    if followed:
        assert run_onnx(made.SerializeToString(), {"x": x})["y"].shape == x[: ends[0], : ends[1]].shape
    else:
        with pytest.raises(InputError, match="must follow from the inputs' shapes, got one that does not"):
            run_onnx(made.SerializeToString(), {"x": x})


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Add", "n n n", "m")],
        [node("Add", "", "m")],
        [node("Add", "n", "m")],
        [node("Shape", "", "m")],
        [node("Shape", "x", "m k")],
        [node("Div", "n zero", "m")],
        [node("Mul", "n huge", "k", name="one"), node("Mul", "k huge", "m", name="other")],
        [node("Add", "n three", "m")],
        [node("Shape", "x", "m", start=-(2**63), end=2**63 - 1)],
        [node("Shape", "x", "n", name="twice"), node("Add", "n one", "m")],
        [node("Add", "n many_axes", "m")],
        [node("Add", "n damaged", "m")],
    ],
)
def test_lengths_that_cannot_be_computed_end_in_one_sentence(nodes: list[onnx.NodeProto]) -> None:
    made = model(
        node("Shape", "x", "n"),
        *nodes,
        node("Slice", "x one m", "y"),
        constants={
            "zero": np.zeros(2, int),
            "one": np.ones(2, int),
            "three": np.ones(3, int),
            "huge": np.array([2**62, -(2**62)]),
        },
    )
    made.graph.initializer.add(name="many_axes", data_type=INT64, dims=[1] * 65, raw_data=bytes(8))
    made.graph.initializer.add(name="damaged", data_type=INT64, dims=[2], raw_data=bytes(7))
    with suppress(InputError):
        assert run_onnx(made.SerializeToString(), {"x": X})["y"].ndim == 2


def test_the_exporters_models_use_nothing_but_the_table(tiny_bundle: Bundle) -> None:
    used = set()
    for name in ("encoder.onnx", "readout.onnx", "model.onnx"):
        made = onnx.load_from_string(tiny_bundle.content[name])
        check_operators(made, name)
        used |= {operator.op_type for operator in made.graph.node}
    assert {"Scan", "Gather", "MatMul", "Gemm"} <= used <= OPERATORS


def test_every_operator_of_the_table_is_one_of_onnx() -> None:
    assert all(onnx.defs.has(operator) for operator in OPERATORS)
