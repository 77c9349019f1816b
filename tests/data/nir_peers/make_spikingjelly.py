"""Write the SpikingJelly 2.0 pairs: networks exported with `nir_exchange.export_to_nir`.

Its IFNode steps by v <- v + input and is written with r = 1 / dt, as NIR's equation asks. Its LIFNode steps by
v <- v + (input - v) / tau, tau in steps, and is written with tau · dt.
"""

from functools import partial

import nir
import torch
from peer_pair import Framework, Margin, draw, write_pair
from spikingjelly.activation_based import functional, layer, neuron, nir_exchange, surrogate
from torch import nn

MARGIN = Margin()


class Watched(surrogate.ATan):
    """SpikingJelly's own spike function, with its argument v - threshold seen on the way."""

    def forward(self, distance: torch.Tensor) -> torch.Tensor:
        MARGIN.see(distance)
        return super().forward(distance)


def export(network: nn.Module, shape: tuple[int, ...], dt: float) -> nir.NIRGraph:
    return nir_exchange.export_to_nir(network, torch.zeros(1, *shape), dt=dt)


def run(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    functional.reset_net(network)
    spikes = torch.stack([network(step) for step in x])
    functional.reset_net(network)
    return spikes


def integrator() -> neuron.IFNode:
    return neuron.IFNode(v_threshold=0.8, v_reset=0.0, surrogate_function=Watched())


def dense() -> nn.Sequential:
    return nn.Sequential(
        draw(layer.Linear(12, 16), 0.9, 0.1), integrator(), draw(layer.Linear(16, 5), 0.9), integrator()
    )


def convolution() -> nn.Sequential:
    return nn.Sequential(
        draw(layer.Conv2d(2, 4, 3, padding=1), 0.8, 0.05),
        integrator(),
        layer.AvgPool2d(2),
        layer.Flatten(),
        draw(layer.Linear(4 * 3 * 3, 5), 0.9),
        integrator(),
    )


def leaky() -> nn.Sequential:
    cell = partial(neuron.LIFNode, tau=4.0, v_threshold=0.3, v_reset=0.0, surrogate_function=Watched())
    return nn.Sequential(draw(layer.Linear(12, 16), 1.2, 0.2), cell(), draw(layer.Linear(16, 5), 1.2), cell())


def framework(dt: float) -> Framework:
    return Framework(partial(export, dt=dt), run, MARGIN)


if __name__ == "__main__":
    write_pair("spikingjelly_if", framework(1e-4), dense, (12,))
    write_pair("spikingjelly_conv", framework(2e-3), convolution, (2, 6, 6), dt=2e-3)
    write_pair("spikingjelly_lif", framework(1e-4), leaky, (12,))
