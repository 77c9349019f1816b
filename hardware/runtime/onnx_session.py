"""Runs an ONNX model on the CPU with onnxruntime."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxruntime.capi.onnxruntime_pybind11_state as ort_errors
from jaxtyping import Shaped
from onnx import helper

from ...export.errors import InputError
from ...export.files.plain import read_file
from ...export.onnx.signature import read_model
from ...export.onnx.sizes import check_sizes

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


MOST_SECONDS = 600.0
"""Of one run; onnxruntime looks at the clock between two operators."""

MOST_KEPT_BYTES = 2**20
"""Of a model that stays open for the next call."""


def run_onnx(
    model: Path | str | bytes, inputs: dict[str, Shaped[np.ndarray, "..."]], name: str = "the ONNX model"
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Every output of the model by name, for its inputs by name.

    `model` is a file's path, or a file's content, which errors call `name`.

    Raises InputError where onnxruntime cannot use the model, and where an input is missing, unknown, or not of the
    element type or the shape that the model asks for. So it does, before anything is made, where the model would take
    more than `sizes.check_sizes` allows for these inputs, and once it has run for `MOST_SECONDS`.
    """
    where = name if isinstance(model, bytes) else str(model)
    content = model if isinstance(model, bytes) else read_file(model, "an ONNX model")
    stored = read_model(content, where)
    _check_inputs(stored.graph, inputs, where)
    # onnxruntime makes what is constant as soon as it opens a model, so this comes first.
    check_sizes(stored, {name: array.shape for name, array in inputs.items()}, where)
    try:
        session = _kept_session(content) if len(content) <= MOST_KEPT_BYTES else _session(content)
    except _REFUSALS as error:
        raise InputError(f"{where}: not an ONNX model that onnxruntime can run: {_sentence(error)}") from error
    names = [output.name for output in session.get_outputs()]
    options = onnxruntime.RunOptions()
    # The sizes bound the work, but not how long this machine takes for it.
    timer = threading.Timer(MOST_SECONDS, setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        values = session.run(names, inputs, options)
    except _REFUSALS as error:
        raise InputError(f"{where}: onnxruntime cannot run it on these inputs: {_sentence(error)}") from error
    finally:
        timer.cancel()
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def _check_inputs(graph: onnx.GraphProto, inputs: Mapping[str, np.ndarray], where: str) -> None:
    constants = {constant.name for constant in graph.initializer}
    arguments = {value.name: value.type.tensor_type for value in graph.input if value.name not in constants}
    if inputs.keys() != arguments.keys():
        needed = ", ".join(map(repr, arguments)) or "none"
        raise InputError(f"{where}: the inputs must be {needed}, got {', '.join(map(repr, inputs)) or 'none'}")
    for name, argument in arguments.items():
        array = inputs[name]
        element, asked = (_element(kind) for kind in (helper.np_dtype_to_tensor_dtype(array.dtype), argument.elem_type))
        if element != asked:
            raise InputError(f"{where}: the input {name!r} must be a {asked}, got a {element}")
        # An axis whose length is open has a name, or nothing, in place of a number.
        axes = [
            axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "any" for axis in argument.shape.dim
        ]
        fits = len(array.shape) == len(axes) and all(
            size == wanted for size, wanted in zip(array.shape, axes, strict=True) if isinstance(wanted, int)
        )
        if not fits:
            listed = ", ".join(map(str, axes))
            raise InputError(f"{where}: the input {name!r} must have the shape [{listed}], got {list(array.shape)}")


def _element(kind: int) -> str:
    known = kind in onnx.TensorProto.DataType.values()
    return f"tensor({onnx.TensorProto.DataType.Name(kind).lower() if known else kind})"


@lru_cache(maxsize=4)
def _kept_session(content: bytes) -> onnxruntime.InferenceSession:
    """A small model is run batch after batch, and opening it takes longer than running it."""
    return _session(content)


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # What is wrong comes as an exception; onnxruntime must not write it to the terminal too.
    options.log_severity_level = 4
    # Beyond "basic", operators are fused and may round otherwise; a spike near its threshold must not hang on that.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Threads that wait must leave the cores to the devices that work at the same time.
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _sentence(error: Exception) -> str:
    """onnxruntime's own words on one line."""
    return " ".join(str(error).split())
