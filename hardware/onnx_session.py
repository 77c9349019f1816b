"""Runs an ONNX model on the CPU with onnxruntime."""

from pathlib import Path

import numpy as np
import onnxruntime
import onnxruntime.capi.onnxruntime_pybind11_state as ort_errors
from jaxtyping import Shaped

from ..export.errors import InputError
from ..export.files import read_file

# onnxruntime raises these for a model or for inputs that it cannot use; they have no common base but Exception.
_REFUSALS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

# What onnxruntime calls an element type, where it is not `tensor(NumPy's name)`.
_ELEMENTS = {"float32": "tensor(float)", "float64": "tensor(double)"}


def run_onnx(
    model: Path | str | bytes, inputs: dict[str, Shaped[np.ndarray, "..."]]
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Every output of the model by name, for its inputs by name. `model` is a file's path or its content.

    Raises InputError where onnxruntime cannot use the model, and where an input is missing, unknown, or not of the
    element type or the shape that the model asks for.
    """
    where = "the ONNX model" if isinstance(model, bytes) else str(model)
    session = _session(model, where)
    arguments = session.get_inputs()
    if set(inputs) != {argument.name for argument in arguments}:
        needed = ", ".join(repr(argument.name) for argument in arguments)
        raise InputError(f"{where}: found the inputs {', '.join(map(repr, inputs)) or 'none'}; needed are {needed}")
    for argument in arguments:
        array = inputs[argument.name]
        element = _ELEMENTS.get(array.dtype.name, f"tensor({array.dtype.name})")
        if element != argument.type:
            raise InputError(f"{where}: the input {argument.name!r} is a {element}; a {argument.type} is needed")
        # A dimension whose size is open has a name, or None, in place of a number.
        fits = len(array.shape) == len(argument.shape) and all(
            size == asked for size, asked in zip(array.shape, argument.shape, strict=True) if isinstance(asked, int)
        )
        if not fits:
            asked = ", ".join("any" if size is None else str(size) for size in argument.shape)
            raise InputError(
                f"{where}: the input {argument.name!r} has the shape {list(array.shape)}; [{asked}] is needed"
            )
    names = [output.name for output in session.get_outputs()]
    try:
        values = session.run(names, inputs)
    except _REFUSALS as error:
        raise InputError(f"{where}: onnxruntime cannot run it on these inputs: {_sentence(error)}") from error
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def _session(model: Path | str | bytes, where: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # What is wrong comes as an exception; onnxruntime must not write it to the terminal too.
    options.log_severity_level = 4
    # Beyond "basic", operators are fused and may round otherwise; a spike near its threshold must not hang on that.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    content = model if isinstance(model, bytes) else read_file(model, "an ONNX model")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _REFUSALS as error:
        raise InputError(f"{where}: not an ONNX model that onnxruntime can run: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    """onnxruntime's own words on one line."""
    return " ".join(str(error).split())
