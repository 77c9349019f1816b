"""readout.onnx, run by onnxruntime as it comes, against PyTorch in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.onnx_answers import run
from spiq.export.errors import InputError
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.stages.readout import readout_onnx


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(0, 5),
    qubits=st.integers(1, 12),
    classes=st.integers(1, 10),
    relu=st.booleans(),
)
def test_readout_equals_pytorch(seed: int, samples: int, qubits: int, classes: int, relu: bool) -> None:
    random = np.random.default_rng(seed)
    weight, bias = random.normal(size=(classes, qubits)), random.normal(size=classes)
    expectations = random.uniform(-1, 1, (samples, qubits)).astype(np.float32)
    logits = run(readout_onnx(weight, bias, relu), expectations=expectations)["logits"]
    expected = F.linear(torch.tensor(expectations).double(), torch.tensor(weight), torch.tensor(bias))
    expected = expected.relu() if relu else expected
    assert logits.dtype == np.float32
    assert logits.shape == (samples, classes)
    assert np.abs(logits - expected.numpy()).max(initial=0) < 1e-5


def test_readout_files_are_deterministic() -> None:
    arrays = np.ones((10, 9), np.float32), np.zeros(10, np.float32)
    first, second = (onnx_bytes(readout_onnx(*arrays, relu=False)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (np.ones(3), np.ones(3), r"weight must have the shape \[class, qubit\], got \[3\]"),
        (np.ones((0, 3)), np.ones(0), r"weight must have the shape \[class, qubit\], got \[0, 3\]"),
        (np.ones((2, 3)), np.ones(3), r"bias must have the shape \[2\], got \[3\]"),
        (np.full((2, 3), np.nan), np.ones(2), "weight is not finite"),
        (np.ones((2, 3)), np.array([1, 1e39]), "bias is not finite in float32"),
        (np.array([["a"]]), np.ones(1), "weight must be real numbers, got the type <U1"),
    ],
)
def test_readout_refuses_what_does_not_fit(weight: np.ndarray, bias: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        readout_onnx(weight, bias, relu=False)
