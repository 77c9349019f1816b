"""A model's inputs and outputs are what its graph says and its operators compute, or it is refused."""

import re
from contextlib import suppress

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from spiq.export.errors import InputError
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.signature import OnnxValue, check_signature
from spiq.export.onnx.stages.readout import readout_onnx

READS = {"expectations": OnnxValue(TensorProto.FLOAT, ("sample", 4))}
GIVES = {"logits": OnnxValue(TensorProto.FLOAT, ("sample", 10))}


def readout(qubits: int = 4, classes: int = 10) -> onnx.ModelProto:
    return readout_onnx(np.ones((classes, qubits)), np.ones(classes), True)


def test_a_model_that_reads_and_gives_just_that_passes_whatever_its_open_axes_are_called() -> None:
    check_signature(onnx_bytes(readout()), "a.onnx", READS, GIVES)
    check_signature(onnx_bytes(readout()), "a.onnx", {"expectations": OnnxValue(TensorProto.FLOAT, ("n", 4))}, GIVES)


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ({"angles": READS["expectations"]}, r"must read 'angles' float .*, got 'expectations' float \[sample, 4\]"),
        ({}, r"must read nothing, got 'expectations' float \[sample, 4\]"),
        ({"expectations": OnnxValue(TensorProto.DOUBLE, ("sample", 4))}, r"must read 'expectations' double \[sample"),
        (
            {"expectations": OnnxValue(TensorProto.FLOAT, ("sample", 7))},
            r"must read 'expectations' float \[sample, 7\], got",
        ),
        ({"expectations": OnnxValue(TensorProto.FLOAT, (1, 4))}, r"must read 'expectations' float \[1, 4\], got"),
        ({"expectations": OnnxValue(TensorProto.FLOAT, ("sample", "qubit"))}, r"float \[sample, qubit\]"),
        (
            {"expectations": OnnxValue(TensorProto.FLOAT, ("sample",))},
            r"must read 'expectations' float \[sample\], got",
        ),
    ],
)
def test_other_inputs_are_refused(reads: dict[str, OnnxValue], found: str) -> None:
    with pytest.raises(InputError, match=rf"a\.onnx: .*{found}"):
        check_signature(onnx_bytes(readout()), "a.onnx", reads, GIVES)


def test_a_value_too_many_is_refused_whatever_its_type() -> None:
    model = readout()
    model.graph.output.append(model.graph.input[0])
    with pytest.raises(InputError, match=r"must give 'logits' .*, got 'logits' .*, 'expectations' "):
        check_signature(onnx_bytes(model), "a.onnx", READS, GIVES)
    for kind, text in (
        (onnx.helper.make_tensor_type_proto(99, [3]), r"type 99 \[3\]"),
        (onnx.helper.make_sequence_type_proto(onnx.helper.make_tensor_type_proto(1, [3])), r"undefined \[\]"),
    ):
        model = readout()
        model.graph.input.add(name="more").type.CopyFrom(kind)
        with pytest.raises(InputError, match=rf"must read 'expectations' .*, got 'expectations' .*, 'more' {text}$"):
            check_signature(onnx_bytes(model), "a.onnx", READS, GIVES)


def test_an_output_whose_shape_is_not_said_is_refused() -> None:
    model = readout()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(InputError, match=r"a\.onnx: not a valid ONNX model: Field 'shape'"):
        check_signature(onnx_bytes(model), "a.onnx", READS, GIVES)


@pytest.mark.parametrize(("qubits", "classes"), [(7, 10), (4, 3)])
def test_a_graph_that_says_another_shape_than_it_computes_is_refused(qubits: int, classes: int) -> None:
    model = readout(qubits, classes)
    for stored, size in ((model.graph.input[0], 4), (model.graph.output[0], 10)):
        stored.type.tensor_type.shape.dim[1].dim_value = size
    with pytest.raises(InputError, match=r"a\.onnx: not a valid ONNX model: .*(mismatch|differ)"):
        check_signature(onnx_bytes(model), "a.onnx", READS, GIVES)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damaged_content_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(onnx_bytes(readout()))
    del content[data.draw(st.integers(0, len(content))) :]
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)) if content else ():
        content[place] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        check_signature(bytes(content), "a.onnx", READS, GIVES)


def test_a_text_that_is_not_utf_8_is_refused_wherever_it_stands() -> None:
    """Protobuf reads such a file, and raises when the text is asked for."""
    model = readout()
    model.producer_name = model.graph.doc_string = "texttext"
    for message in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        message.name = message.name or "texttext"
        message.doc_string = "texttext"
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.doc_string = "texttext"
    content = onnx_bytes(model)
    texts = [place.start() for place in re.finditer(b"texttext", content)]
    assert len(texts) >= 6
    for start in texts:
        with pytest.raises(InputError, match=r"a\.onnx: not a valid ONNX model: .*utf-8"):
            check_signature(content[:start] + b"\xa0" + content[start + 1 :], "a.onnx", READS, GIVES)
