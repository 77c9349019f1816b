"""A trained network's answers in PyTorch, as the plain arrays that devices give."""

import numpy as np
import torch
from jaxtyping import UInt8

from ...hardware.cosimulation import CoSimulation
from .sqdr_cnn import SQDRCNN


@torch.no_grad()
def traced(model: SQDRCNN, spikes: UInt8[np.ndarray, "time sample channel height width"]) -> CoSimulation:
    """Every value from the encoder's spikes to the logits, in float64, the circuit without noise.

    The network is left in float64 and in evaluation mode: next to a threshold float32 would round a spike away.
    """
    model = model.double().eval()
    device = next(model.parameters()).device
    trace = model.trace(torch.from_numpy(spikes).to(device).double(), noisy=False)
    angles, expectations, logits = (value.cpu().numpy() for value in (trace.angles, trace.expectations, trace.logits))
    return CoSimulation(trace.spikes.cpu().numpy().astype(np.uint8), angles, expectations, logits)
