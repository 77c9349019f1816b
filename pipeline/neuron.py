"""snnTorch's `Leaky` with reset "zero" over all time steps at once, forward and backward.

With the threshold θ, the decay beta and the arctan surrogate of slope alpha, one step is

    v[t] = x[t] + beta·(1 - s[t-1])·v[t-1],      s[t] = 1 where v[t] > θ, else 0

and its gradient, in which the reset counts as a constant,

    ∂L/∂x[t] = ∂L/∂s[t]·(alpha/2) / (1 + (π/2·alpha·(v[t] - θ))²) + beta·(1 - s[t])·∂L/∂x[t+1].

This is what snnTorch 1.0 computes step by step (`_neurons/leaky.py`, `_base_zero`; `surrogate.py`, `ATan`), which
records some ten operations a step. Here the graph has one, and only v is kept for the way back.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


class LeakyOverTime(torch.autograd.Function):
    """`apply(x, beta, threshold, alpha)`: spikes [time, ...] for the currents x [time, ...], every neuron from rest.

    It has first derivatives only; a second one raises RuntimeError.
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        x: Float[Tensor, "time *neurons"],
        beta: float,
        threshold: float,
        alpha: float,
    ) -> Float[Tensor, "time *neurons"]:
        v = x.clone()
        for step in range(1, len(v)):
            kept = v[step - 1] * (v[step - 1] <= threshold)
            # Not `add_(kept, alpha=beta)`: that rounds once where snnTorch rounds twice, and a spike may hang on it.
            v[step].add_(kept if beta == 1 else kept.mul_(beta))
        ctx.save_for_backward(v)
        ctx.beta, ctx.threshold, ctx.alpha = beta, threshold, alpha  # type: ignore[attr-defined]
        return (v > threshold).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx, gradient: Float[Tensor, "time *neurons"]
    ) -> tuple[Float[Tensor, "time *neurons"], None, None, None]:
        (v,) = ctx.saved_tensors  # type: ignore[attr-defined]
        beta, threshold, alpha = ctx.beta, ctx.threshold, ctx.alpha  # type: ignore[attr-defined]
        slope = (v - threshold).mul_(math.pi / 2 * alpha)
        out = slope.mul_(slope).add_(1).reciprocal_().mul_(alpha / 2).mul_(gradient)
        for step in range(len(v) - 2, -1, -1):
            out[step].add_(out[step + 1] * (v[step] <= threshold), alpha=beta)
        return out, None, None, None
