"""snnTorch networks for NeuroBench, made the same in every environment: of PyTorch, snnTorch and NumPy alone.

All numbers are small dyadic ones, so that every sum is exact in any precision and in any order.
"""

import numpy as np
import snntorch
import torch
from torch import nn

STEPS, SAMPLES, RATE = 6, 16, 0.35

BETA, ALPHA = 0.75, 0.5


class Stepped(nn.Module):
    """One time step of a Sequential: spikes in, spikes and nothing more out, as NeuroBench's SNNTorchModel calls it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        for layer in self.layers:
            given = layer(x)
            x = given[0] if isinstance(given, tuple) else given
        return x, None

    def reset(self) -> None:
        """Back to rest."""
        for layer in self.layers:
            if isinstance(layer, snntorch.SpikingNeuron):
                layer.reset_mem()


def images() -> Stepped:
    """The pipeline's kind: convolutions, max pooling, neurons without a leak that reset to zero."""
    return Stepped(
        nn.Conv2d(1, 4, 3, padding=1),
        _leaky(beta=1.0, reset_mechanism="zero"),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2, bias=False),
        _leaky(beta=1.0, reset_mechanism="zero"),
        nn.Flatten(),
        nn.Linear(24, 5),
        _leaky(beta=1.0, reset_mechanism="zero"),
    )


def averaging() -> Stepped:
    """Average pooling, whose values make multiply-accumulates, and snnTorch's default reset."""
    return Stepped(
        nn.Conv2d(2, 3, 3),
        _leaky(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(27, 8, bias=False),
        _leaky(reset_delay=False),
        nn.Linear(8, 4),
        _leaky(reset_mechanism="zero"),
    )


def currents() -> Stepped:
    """Neurons with a current, of each reset, over a signal."""
    return Stepped(
        nn.Conv1d(2, 4, 3, padding=1),
        snntorch.Synaptic(alpha=ALPHA, beta=BETA, reset_mechanism="zero", reset_delay=False),
        nn.Flatten(),
        nn.Linear(28, 6),
        snntorch.Synaptic(alpha=ALPHA, beta=BETA),
        nn.Linear(6, 6),
        _leaky(reset_mechanism="none"),
    )


def recurrent() -> Stepped:
    """Neurons that hear themselves a step later, and thresholds and leaks that differ from neuron to neuron."""
    own = torch.arange(1, 7) / 8
    return Stepped(
        nn.Linear(6, 6),
        snntorch.Leaky(beta=own, threshold=1 + own),
        nn.Linear(6, 6),
        snntorch.RLeaky(beta=BETA, linear_features=6),
        nn.Linear(6, 5),
        snntorch.RSynaptic(alpha=ALPHA, beta=BETA, linear_features=5),
        nn.Linear(5, 4),
        snntorch.RLeaky(beta=BETA, all_to_all=False, V=0.5, reset_mechanism="zero", reset_delay=False),
    )


NETWORKS = {
    "images": (images, (1, 8, 8)),
    "averaging": (averaging, (2, 8, 8)),
    "currents": (currents, (2, 7)),
    "recurrent": (recurrent, (6,)),
}
"""Each network's maker, and the shape of its input without time and sample."""


def network(name: str) -> Stepped:
    """The network with its weights: eighths, a quarter of them 0."""
    make, _ = NETWORKS[name]
    made = make()
    random = np.random.default_rng(len(name))
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                for values in module.parameters():
                    eighths = random.integers(-6, 11, values.shape) * (random.random(values.shape) < 0.75)
                    values.copy_(torch.from_numpy(eighths / 8))
    return made.eval()


def spikes(name: str) -> np.ndarray:
    """Input spikes [time, sample, *shape], uint8."""
    _, shape = NETWORKS[name]
    return (np.random.default_rng(0).random((STEPS, SAMPLES, *shape)) < RATE).astype(np.uint8)


def _leaky(**settings: object) -> nn.Module:
    return snntorch.Leaky(**{"beta": BETA, **settings})
