"""Write the sinabs 3.1.3 pairs: networks exported with `sinabs.nir.to_nir`.

sinabs knows no time step: its time constants count steps. One Euler step of dt = tau (1 - exp(-1 / tau)) is exactly its
LIF with `norm_input=True`, so that is the `dt` of sinabs_lif, where every neuron has the same tau.
"""

import math

import nir
import sinabs
import torch
from peer_pair import SAMPLE, Framework, Margin, draw, write_pair
from sinabs import layers
from sinabs.activation import MembraneReset, SingleSpike
from sinabs.nir import to_nir
from torch import nn

MARGIN = Margin()
TAU = 5.0


class Spike:
    """sinabs' own SingleSpike, with v - threshold seen on the way."""

    required_states = SingleSpike.required_states

    @staticmethod
    def apply(v: torch.Tensor, threshold: torch.Tensor, surrogate: object) -> torch.Tensor:
        MARGIN.see(v - threshold)
        return SingleSpike.apply(v, threshold, surrogate)


def export(network: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    return to_nir(network, torch.zeros(SAMPLE, *shape))


def export_with_shapes(network: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    """`to_nir` leaves the shapes of Conv2d and Flatten open, where `nir.write` stops: infer_types fills them in."""
    graph = export(network, shape)
    graph.infer_types()
    return graph


def export_with_time(network: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    """Layers without Squeeze take [sample, time, *shape], and the time stays in the shapes of Input and Output."""
    return to_nir(network, torch.zeros(1, 3, *shape))


def run(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The Squeeze layers take [sample x time, *shape], one sample after the other."""
    sinabs.reset_states(network)
    time, sample = x.shape[:2]
    y = network(x.transpose(0, 1).flatten(0, 1))
    return y.unflatten(0, (sample, time)).transpose(0, 1)


def run_with_time(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    sinabs.reset_states(network)
    return network(x.transpose(0, 1)).transpose(0, 1)


def iaf(threshold: float = 1.0) -> layers.IAFSqueeze:
    return layers.IAFSqueeze(
        batch_size=SAMPLE, spike_threshold=torch.tensor(threshold), spike_fn=Spike, reset_fn=MembraneReset()
    )


def lif() -> layers.LIFSqueeze:
    return layers.LIFSqueeze(batch_size=SAMPLE, tau_mem=TAU, spike_fn=Spike, reset_fn=MembraneReset(), norm_input=True)


def with_time() -> nn.Sequential:
    neuron = layers.IAF(spike_fn=Spike, reset_fn=MembraneReset())
    return nn.Sequential(draw(nn.Linear(12, 5), 0.7, 0.1), neuron)


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        draw(nn.Conv2d(1, 3, 3, padding=1), 0.9, 0.1),
        iaf(),
        layers.SumPool2d(2),
        draw(nn.Conv2d(3, 5, 3, bias=False), 0.8),
        iaf(),
        nn.Flatten(),
        draw(nn.Linear(20, 4), 1.2, 0.1),
        iaf(),
    )


def rectangular() -> nn.Sequential:
    """Everything that differs between height and width: 2 x 9 x 6 becomes 4 x 3 x 4, then 4 x 2 x 4."""
    return nn.Sequential(
        draw(nn.Conv2d(2, 4, (5, 3), stride=(3, 1), padding=(1, 0), groups=2), 0.9, 0.1),
        iaf(),
        layers.SumPool2d((2, 1), stride=(1, 1)),
        iaf(threshold=1.5),
    )


def leaky() -> nn.Sequential:
    return nn.Sequential(draw(nn.Linear(12, 16), 3.0, 0.6), lif(), draw(nn.Linear(16, 5), 4.5, 0.6), lif())


def ties() -> nn.Sequential:
    """Weights in quarters: potentials meet the threshold exactly, where sinabs spikes (v >= threshold), NIR not."""
    layer = draw(nn.Linear(12, 5, bias=False), 1.0)
    layer.weight.copy_((4 * layer.weight).round() / 4)
    return nn.Sequential(layer, iaf())


if __name__ == "__main__":
    squeeze = Framework(export, run, MARGIN)
    squeeze_with_shapes = squeeze._replace(export=export_with_shapes)
    dt = TAU * (1 - math.exp(-1 / TAU))
    write_pair("sinabs_conv", squeeze_with_shapes, convolutional, (1, 8, 8))
    write_pair("sinabs_rectangular", squeeze_with_shapes, rectangular, (2, 9, 6))
    write_pair("sinabs_lif", squeeze, leaky, (12,), dt=dt)
    write_pair("sinabs_time", Framework(export_with_time, run_with_time, MARGIN), with_time, (12,))
    write_pair("sinabs_ties", squeeze, ties, (12,), ties=True)
