"""Running ONNX models: what comes back, and what is refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spiq.export.errors import InputError
from spiq.hardware.runtime.onnx_session import run_onnx


def model(operator: str, kind: int = TensorProto.FLOAT, shape: tuple[int | str, ...] = ("sample", 3)) -> bytes:
    """One operator of the inputs `a` and `b`."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name in ("a", "b")]
    result = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph([helper.make_node(operator, ["a", "b"], ["y"])], "graph", values, [result])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return made.SerializeToString()


A = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_file_and_its_content_give_the_same(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "sub.onnx"
    path.write_bytes(model("Sub"))
    inputs = {"b": A[:samples], "a": 3 * A[:samples]}
    for given in (path, str(path), path.read_bytes()):
        found = run_onnx(given, inputs)
        assert list(found) == ["y"]
        assert np.array_equal(found["y"], 2 * A[:samples])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": A}, "the inputs must be 'a', 'b', got 'a'$"),
        ({}, "the inputs must be 'a', 'b', got none"),
        ({"a": A, "b": A, "c": A}, "the inputs must be 'a', 'b', got 'a', 'b', 'c'"),
        ({"a": A, "b": A.astype(np.float64)}, r"'b' must be a tensor\(float\), got a tensor\(double\)"),
        ({"a": A, "b": A.astype(np.uint8)}, r"'b' must be .*, got a tensor\(uint8\)"),
        ({"a": A[:, :2], "b": A}, r"'a' must have the shape \[sample, 3\], got \[2, 2\]"),
        ({"a": A[0], "b": A}, r"'a' must have the shape .*, got \[3\]"),
        ({"a": A, "b": np.concatenate([A, A])}, "cannot run it on these inputs"),
    ],
)
def test_inputs_that_do_not_fit(inputs: dict[str, np.ndarray], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=message) as caught:
        run_onnx(model("Sub"), inputs)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_files_that_are_no_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"none\.onnx: must be an ONNX model, got no such file"):
        run_onnx(tmp_path / "none.onnx", {})
    with pytest.raises(InputError, match=": must be an ONNX model, got a folder"):
        run_onnx(tmp_path, {})
    path = tmp_path / "broken.onnx"
    for content in (b"", b"not a model", model("Sub")[:40]):
        path.write_bytes(content)
        for given in (path, content):
            with pytest.raises(InputError, match="not a valid ONNX model"):
                run_onnx(given, {"a": A, "b": A})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            model("NoSuchOperator"),
            "the shape of 'y' at the operator NoSuchOperator .* must follow from the inputs' shapes, got",
        ),
        # Valid, but without an implementation: there is no Conv in double on the CPU.
        (model("Conv", TensorProto.DOUBLE, (1, 1, 2, 2)), "not an ONNX model that onnxruntime can run"),
    ],
)
def test_models_that_cannot_run(content: bytes, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    argument = onnx.load_from_string(content).graph.input[0].type.tensor_type
    array = A if len(argument.shape.dim) == 2 else np.zeros((1, 1, 2, 2))
    with pytest.raises(InputError, match=f"the ONNX model: {message}"):
        run_onnx(content, {"a": array, "b": array})
    assert capfd.readouterr() == ("", "")
