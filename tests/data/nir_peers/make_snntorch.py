"""Write the snnTorch pairs: networks exported with `snntorch.export_nir.export_to_nir`.

Under snnTorch 1.0.0 all but one; under 0.9.1, which exports only dense networks, the one that shows its layout.
"""

from functools import partial

import nir
import snntorch
import torch
from peer_pair import Framework, Margin, draw, write_pair
from snntorch.export_nir import export_to_nir
from torch import nn

MARGIN = Margin()


def spike(distance: torch.Tensor) -> torch.Tensor:
    """snnTorch's own default spike function, with its argument v - threshold seen on the way."""
    MARGIN.see(distance)
    return snntorch.surrogate.atan()(distance)


def export(network: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    return export_to_nir(network, torch.zeros(1, *shape), ignore_dims=[0])


def export_with_batch(network: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    """Version 0.9.1 has no ignore_dims: the batch stays in the shapes of Input and Output."""
    return export_to_nir(network, torch.zeros(1, *shape))


def run(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for module in network.modules():
        if isinstance(module, snntorch.SpikingNeuron):
            module.reset_mem()
    return torch.stack([network(step) for step in x])


def leaky(shape: tuple[int, ...], beta: float, reset: str = "zero") -> snntorch.Leaky:
    """Version 1.0.0 exports decay and threshold only in the neurons' full shape: it stops at numbers."""
    return snntorch.Leaky(
        beta=torch.full(shape, beta),
        threshold=0.8 + 0.4 * torch.rand(shape),
        spike_grad=spike,
        reset_mechanism=reset,
        init_hidden=True,
    )


def single(beta: float, reset: str = "zero") -> nn.Sequential:
    return nn.Sequential(draw(nn.Linear(12, 5), 0.7, 0.1), leaky((5,), beta, reset))


def dense() -> nn.Sequential:
    return nn.Sequential(
        draw(nn.Linear(12, 16), 0.9, 0.1), leaky((16,), 0.9), draw(nn.Linear(16, 5, bias=False), 1.5), leaky((5,), 0.8)
    )


def numbers() -> nn.Sequential:
    """Neurons as most people make them: decay and threshold are numbers."""
    neuron = snntorch.Leaky(beta=0.9, spike_grad=spike, reset_mechanism="zero", init_hidden=True)
    return nn.Sequential(draw(nn.Linear(12, 5), 0.7, 0.1), neuron)


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        draw(nn.Conv2d(1, 3, 3, padding="same"), 1.0, 0.1),
        leaky((3, 8, 8), 0.9),
        nn.AvgPool2d(2),
        draw(nn.Conv2d(3, 5, 3, bias=False), 3.0),
        leaky((5, 2, 2), 0.7),
        nn.Flatten(),
        draw(nn.Linear(20, 4), 1.5, 0.1),
        leaky((4,), 0.8),
    )


def synaptic() -> nn.Sequential:
    """Only without reset_delay: with it, snnTorch also drops the input of the step after a spike."""

    def layer(size: int) -> snntorch.Synaptic:
        return snntorch.Synaptic(
            alpha=torch.full((size,), 0.7),
            beta=torch.full((size,), 0.8),
            threshold=torch.ones(size),
            spike_grad=spike,
            reset_mechanism="zero",
            reset_delay=False,
            init_hidden=True,
        )

    return nn.Sequential(draw(nn.Linear(12, 16), 0.4, 0.02), layer(16), draw(nn.Linear(16, 5), 0.8, 0.02), layer(5))


def recurrent() -> nn.Sequential:
    """A layer that hears its own spikes one step later. The exporter writes it as the nodes `1.lif` and `1.w_rec`."""
    layer = snntorch.RLeaky(
        beta=torch.full((8,), 0.8),
        threshold=torch.ones(8),
        linear_features=8,
        spike_grad=spike,
        reset_mechanism="zero",
        reset_delay=False,
        init_hidden=True,
    )
    draw(layer.recurrent, 1.0)
    return nn.Sequential(draw(nn.Linear(12, 8), 1.0, 0.1), layer, draw(nn.Linear(8, 5), 1.5, 0.1), leaky((5,), 0.8))


if __name__ == "__main__":
    default = Framework(export, run, MARGIN)
    if snntorch.__version__.startswith("0."):
        write_pair("snntorch_0_9", default._replace(export=export_with_batch), numbers, (12,))
    else:
        # gzip, nir's default, makes files of this size twice as large
        plain = default._replace(write=partial(nir.write, compression=None))
        write_pair("snntorch_dense", plain, dense, (12,))
        write_pair("snntorch_gzip", default, partial(single, beta=0.85), (12,))
        write_pair("snntorch_conv", plain, convolutional, (1, 8, 8))
        write_pair("snntorch_synaptic", plain, synaptic, (12,))
        write_pair("snntorch_recurrent", plain, recurrent, (12,))
        write_pair("snntorch_subtract", plain, partial(single, beta=0.85, reset="subtract"), (12,))
        write_pair("snntorch_beta_one", plain, partial(single, beta=1.0), (12,))
