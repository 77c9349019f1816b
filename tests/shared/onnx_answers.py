"""A model as onnxruntime runs it, as it comes."""

import numpy as np
import onnx
import onnxruntime

from spiq.export.onnx.model import onnx_bytes


def run(model: onnx.ModelProto | bytes, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Every output by name."""
    content = model if isinstance(model, bytes) else onnx_bytes(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: np.asarray(value) for name, value in zip(names, session.run(names, inputs), strict=True)}
