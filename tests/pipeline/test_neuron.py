"""The neuron over all time steps against snnTorch's own, step by step."""

import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import surrogate
from torch import Tensor

from spiq.pipeline.models.neuron import LeakyOverTime


def step_by_step(x: Tensor, beta: float, threshold: float, alpha: float, reset: str) -> Tensor:
    neuron = snntorch.Leaky(
        beta=beta, threshold=threshold, spike_grad=surrogate.atan(alpha=alpha), reset_mechanism=reset
    )
    # Its buffers are float32, and so would beta be.
    neuron.register_buffer("beta", torch.tensor(beta, dtype=x.dtype))
    neuron.register_buffer("threshold", torch.tensor(threshold, dtype=x.dtype))
    v, spikes = torch.zeros_like(x[0]), []
    for current in x:
        spike, v = neuron(current, v)
        spikes.append(spike.to(x.dtype))
    return torch.stack(spikes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    steps=st.integers(1, 9),
    beta=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    threshold=st.sampled_from([0.0, 0.5, 1.0]),
    alpha=st.sampled_from([0.5, 2.0, 5.0]),
)
def test_spikes_and_gradient_are_snntorchs(
    reset: str, dtype: torch.dtype, seed: int, steps: int, beta: float, threshold: float, alpha: float
) -> None:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(steps, 2, 3, 5, generator=random, dtype=dtype)
    # On a grid, so that a potential often lies on the threshold itself.
    x[:, 0] = (x[:, 0] * 4).round() / 4
    weight = torch.randn(x.shape, generator=random, dtype=dtype)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    spikes = LeakyOverTime.apply(ours, beta, threshold, alpha, reset)
    expected = step_by_step(theirs, beta, threshold, alpha, reset)
    assert spikes.dtype == dtype
    assert torch.equal(spikes, expected)
    (spikes * weight).sum().backward()
    (expected * weight).sum().backward()
    # snnTorch's surrogate works in float32 on the way back.
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


def test_the_input_stays_as_it_is() -> None:
    x = torch.rand(4, 3)
    kept = x.clone()
    LeakyOverTime.apply(x, 0.9, 0.5, 2.0, "subtract")
    assert torch.equal(x, kept)


def test_a_second_derivative_is_refused() -> None:
    x = torch.rand(4, 3, requires_grad=True)
    spikes = LeakyOverTime.apply(x, 0.9, 0.5, 2.0, "subtract")
    (gradient,) = torch.autograd.grad((spikes * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
