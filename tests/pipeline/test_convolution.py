"""Convolutions with the samples for channels against PyTorch's own, forward and backward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spiq.pipeline.models.convolution import convolved


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    channels=st.sampled_from([1, 1, 1, 2]),
    out=st.integers(1, 9),
    samples=st.integers(1, 6),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 2),
    padding=st.sampled_from(["same", 0, 2]),
    dilation=st.integers(1, 2),
    bias=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_it_is_the_layer(seed, channels, out, samples, kernel, stride, padding, dilation, bias, dtype) -> None:
    torch.manual_seed(seed)
    stride = 1 if padding == "same" else stride
    layer = nn.Conv2d(channels, out, kernel, stride, padding, dilation, bias=bias, dtype=dtype)
    x = torch.randn(samples, channels, 9, 11, dtype=dtype, requires_grad=True)
    expected = layer(x)
    factor = torch.randn_like(expected)
    leaves = [x, *layer.parameters()]
    wanted = torch.autograd.grad((expected * factor).sum(), leaves)
    found = convolved(layer, x)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(torch.autograd.grad((found * factor).sum(), leaves), wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_float64_stays_bit_for_bit() -> None:
    layer = nn.Conv2d(1, 2, 3, padding="same", dtype=torch.float64)
    x = torch.randn(5, 1, 8, 8, dtype=torch.float64)
    assert torch.equal(convolved(layer, x), layer(x))


@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_other_borders_are_left_to_pytorch(mode: str) -> None:
    layer = nn.Conv2d(1, 2, 3, padding=1, padding_mode=mode)
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(convolved(layer, x), layer(x))
