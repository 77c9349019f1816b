"""A trained network's answers in its own framework, as the plain arrays that devices give."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from ...export.network.network import HybridNetwork
from ...export.network.trace import Trace


class TrainedNetwork(Protocol):
    """What the ladder and the export know of a network in its own framework: plain data of it, and its own answers."""

    def to_network(self) -> HybridNetwork:
        """The network as plain data."""
        ...

    def traced(self, network: HybridNetwork, samples: Shaped[np.ndarray, "..."], first_sample: int = 0) -> Trace:
        """What every stage gives in the framework itself, in float64. `network` is one that `to_network` gave.

        `first_sample` is the number of the first sample within all of them.
        """
        ...

    def prepare(self) -> None:
        """Float64 and evaluation mode; from then on `traced` may be called in several threads."""
        ...

    @property
    def parameter_count(self) -> int:
        """How many numbers training changes."""
        ...


def trace_of(
    network: HybridNetwork,
    stages: Mapping[str, Float[Tensor, "..."]],
    given: Mapping[str, Shaped[np.ndarray, "..."]],
) -> Trace:
    """The trace of what PyTorch gave, by stage, and of the arrays that it was given."""
    found: dict[str, np.ndarray] = dict(given)
    for name, tensor in stages.items():
        array = tensor.detach().cpu().numpy()
        found[name] = array.astype(np.uint8 if network.signals[name].kind == "spikes" else np.float64)
    return Trace(network, found)
