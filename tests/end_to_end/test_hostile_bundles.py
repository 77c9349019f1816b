"""Bundles that somebody made to fill the memory or to hang: each command ends soon, with one sentence."""

import io
import os
import resource
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from shared.command import NO_LAVA, SPIQ
from shared.resealed import resealed
from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.export.errors import InputError
from spiq.hardware.network.verification import verify

MEMORY = 4 * 2**30
"""Of addresses, of which libraries take more than they use."""

SECONDS = 60
"""What stands for a hang on a machine that is busy with other tests."""

QASM = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def loop_of_2_to_the_60(content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    go = helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, [])
    number = helper.make_tensor_value_info("number", onnx.TensorProto.INT64, [])
    same = helper.make_node("Identity", ["go"], ["go_on"])
    out = helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, [])
    body = helper.make_graph([same], "body", [number, go], [out])
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**60), "count"))
    model.graph.node.insert(0, helper.make_node("Loop", ["count", ""], [], body=body))
    return model.SerializeToString()


def constant_of_many_gigabytes(content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**34]), "large_shape"))
    zero = helper.make_tensor("zero", onnx.TensorProto.FLOAT, [1], [0.0])
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["large_shape"], ["large"], value=zero))
    model.graph.node.insert(1, helper.make_node("ReduceMax", ["large"], ["largest"], keepdims=0))
    model.graph.node.insert(2, helper.make_node("Add", ["expectations", "largest"], ["moved"]))
    for node in list(model.graph.node)[3:]:
        node.input[:] = ["moved" if name == "expectations" else name for name in node.input]
    return model.SerializeToString()


def inflated(content: bytes) -> bytes:
    """The archive with an array of a gibibyte, in a megabyte, in the place of its labels."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays | {"labels": np.zeros(2**27, np.int64)})
    return stream.getvalue()


def program_of(content: bytes, **changes: np.ndarray) -> bytes:
    stream = io.BytesIO()
    with np.load(io.BytesIO(content)) as archive:
        np.savez_compressed(stream, **dict(archive) | changes)
    return stream.getvalue()


def bombed(content: bytes) -> bytes:
    """The archive with entries that are compressed in a way that no array's is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return stream.getvalue()


DOUBLING = (
    QASM
    + "gate g0 a { x a; x a; }\n"
    + "".join(f"gate g{level} a {{ g{level - 1} a; g{level - 1} a; }}\n" for level in range(1, 26))
)

HOSTILE = {
    "qubits": ("head.qasm", lambda _: (QASM + "qubit[1000000000] q;").encode(), "at most 64 qubits, got 1000000000"),
    "bits": ("head.qasm", lambda _: (QASM + "bit[1000000000] c;").encode(), "at most 64 bits, got 1000000000"),
    "gates": ("head.qasm", lambda _: DOUBLING.encode(), "at most 10000 gates, got 16384"),
    "flat": ("head.qasm", lambda _: (QASM + "qubit q;\n" + "x q;\n" * 100_000).encode(), "at most 40000"),
    "terminal": (
        "head.qasm",
        lambda _: (QASM + "// \x1b]0;mine\x07").encode(),
        r"must hold characters that print, got '\x1b'",
    ),
    "loop": ("encoder.onnx", loop_of_2_to_the_60, "must be those that docs/security.md lists, got Loop"),
    "constant": ("readout.onnx", constant_of_many_gigabytes, "must take at most 1073741824 bytes, got 68719476736"),
    "golden": ("golden.npz", inflated, "must take at most 536870912 bytes, got"),
    "lzma": ("golden.npz", bombed, "compressed in another way than by deflate"),
    "weights": (
        "encoder.loihi.npz",
        lambda content: program_of(content, **{"0.0.weight": np.zeros((10_000, 10_000), np.int16)}),
        "must take at most 134217728 bytes, got",
    ),
    "neurons": (
        "encoder.loihi.npz",
        lambda content: program_of(content, **{"0.shape": np.array([2**33])}),
        "at most 8388608 neurons, got",
    ),
    "kernel": (
        "encoder.loihi.npz",
        lambda content: program_of(content, **{"0.0.padding": np.array([10**9, 10**9])}),
        "taps at their positions",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_one_sentence(tiny_bundle: Bundle, tmp_path: Path, name: str) -> None:
    file, change, sentence = HOSTILE[name]
    folder = resealed(tiny_bundle, tmp_path / "bundle", {file: change(tiny_bundle.content[file])})
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        list(verify(open_bundle(folder)))
    assert time.monotonic() - started < SECONDS
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments"), [("gates", ("cosim", "--qpu", "aer")), ("constant", ("verify",)), ("neurons", ("inspect",))]
)
def test_a_command_ends_soon_with_bounded_memory(
    tiny_bundle: Bundle, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    file, change, sentence = HOSTILE[name]
    folder = resealed(tiny_bundle, tmp_path / "bundle", {file: change(tiny_bundle.content[file])})
    command, *options = arguments
    done = subprocess.run(
        [SPIQ, command, folder, *options], capture_output=True, text=True, timeout=SECONDS, env=os.environ | NO_LAVA,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = (line for line in done.stderr.splitlines() if line.strip())
    assert line.startswith("spiq: ")
    assert sentence in line
