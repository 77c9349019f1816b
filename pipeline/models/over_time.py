"""A spiking network of somebody's own, run over time in PyTorch as it is, in float64."""

import copy
from typing import Any

import snntorch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...export.from_torch.chain import calls_of


class OverTime:
    """A copy of a spiking network in float64 and evaluation mode, whose own states nobody else touches.

    The network is a Sequential or a Module whose `forward` is one time step, with `init_hidden=True` in its neurons, or
    a loop over all time steps that gives the stacked spikes, alone or first.
    """

    def __init__(self, network: nn.Module) -> None:
        self.loops = calls_of(network).loops
        for module in _neurons(network):
            # What is left of an earlier run has a history, which cannot be copied.
            module.reset_mem()
        self.network = copy.deepcopy(network).double().eval()
        for module in _neurons(self.network):
            # snnTorch's spikes are float32, whatever comes in, and its recurrent neurons cannot read those in float64.
            module.spike_grad = _spiked

    @torch.no_grad()
    def __call__(self, spikes: Float[Tensor, "time sample *shape"]) -> Float[Tensor, "time sample feature"]:
        """The spikes of the last layer, every sample from rest."""
        for module in _neurons(self.network):
            module.reset_mem()
        if self.loops:
            return _first(self.network(spikes)).flatten(2)
        return torch.stack([_called(self.network, step).flatten(1) for step in spikes])


def _neurons(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, snntorch.SpikingNeuron)]


def _spiked(distance: Tensor) -> Tensor:
    return (distance > 0).to(distance.dtype)


def _called(module: nn.Module, x: Tensor) -> Tensor:
    """One time step. A neuron within a Sequential may give its states too, which the next layer does not read."""
    if type(module).forward is nn.Sequential.forward:
        for part in module.children():
            x = _called(part, x)
        return x
    return _first(module(x))


def _first(given: Any) -> Tensor:
    while isinstance(given, tuple | list):
        given = given[0]
    return given
