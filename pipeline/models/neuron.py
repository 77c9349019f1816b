"""snnTorch's `Leaky` over all time steps at once, forward and backward.

With the threshold θ, the decay beta and the arctan surrogate of slope alpha, one step is

    zero        v[t] = x[t] + beta·(1 - s[t-1])·v[t-1]            s[t] = 1 where v[t] > θ, else 0
    subtract    v[t] = x[t] + beta·v[t-1] - s[t-1]·θ              likewise

and its gradient, in which the reset counts as a constant, with k[t] = 1 - s[t] for zero and 1 for subtract,

    ∂L/∂x[t] = ∂L/∂s[t]·(alpha/2) / (1 + (π/2·alpha·(v[t] - θ))²) + beta·k[t]·∂L/∂x[t+1].

This is what snnTorch 1.0 computes step by step (`_neurons/leaky.py`, `_base_zero` and `_base_sub`, with reset_delay as
it is by default; `surrogate.py`, `ATan`), which
records some ten operations a step. Here the graph has one, and only v is kept for the way back.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Reset = Literal["zero", "subtract"]
"""What happens to the potential after a spike."""


class LeakyOverTime(torch.autograd.Function):
    """`apply(x, beta, threshold, alpha, reset)`: spikes [time, ...] for the currents x [time, ...], from rest.

    `reset` is "zero" or "subtract". It has first derivatives only; a second one raises RuntimeError.
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        x: Float[Tensor, "time *neurons"],
        beta: float,
        threshold: float,
        alpha: float,
        reset: Reset,
    ) -> Float[Tensor, "time *neurons"]:
        v = x.clone()
        for step in range(1, len(v)):
            before = v[step - 1]
            kept = before * (before <= threshold) if reset == "zero" else before.clone()
            # Not `add_(kept, alpha=beta)`: that rounds once where snnTorch rounds twice, and a spike may hang on it.
            v[step].add_(kept if beta == 1 else kept.mul_(beta))
            if reset == "subtract":
                v[step].sub_((before > threshold).to(v.dtype).mul_(threshold))
        ctx.save_for_backward(v)
        ctx.beta, ctx.threshold, ctx.alpha, ctx.reset = beta, threshold, alpha, reset  # type: ignore[attr-defined]
        return (v > threshold).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx, gradient: Float[Tensor, "time *neurons"]
    ) -> tuple[Float[Tensor, "time *neurons"], None, None, None, None]:
        (v,) = ctx.saved_tensors  # type: ignore[attr-defined]
        beta, threshold, alpha = ctx.beta, ctx.threshold, ctx.alpha  # type: ignore[attr-defined]
        slope = (v - threshold).mul_(math.pi / 2 * alpha)
        out = slope.mul_(slope).add_(1).reciprocal_().mul_(alpha / 2).mul_(gradient)
        for step in range(len(v) - 2, -1, -1):
            later = out[step + 1]
            if ctx.reset == "zero":  # type: ignore[attr-defined]
                later = later * (v[step] <= threshold)
            out[step].add_(later, alpha=beta)
        return out, None, None, None, None
