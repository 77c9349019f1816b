"""The spiking encoder: a `Sequential` of stock modules, run over time.

Its neurons are snnTorch's `Leaky` (`neuron.py` has the step). Only neurons loop over time; a layer without a state runs
once over all steps and samples.
"""

import copy
from collections import OrderedDict
from types import MethodType
from typing import Any, get_args

import snntorch
import torch
from jaxtyping import Float
from snntorch import surrogate
from torch import Tensor, nn

from ...export.errors import InputError
from ...export.nir.geometry import Shape
from ..config.schema import Encoder
from .convolution import convolved
from .neuron import LeakyOverTime, Reset

POOL = 2
"""Pooling window and stride of every stage."""


def build_encoder(config: Encoder, image_shape: Shape, features: int) -> nn.Sequential:
    """The stages {convolution, batch norm, neuron, pooling}, then a linear layer and a neuron for each feature.

    `image_shape` is (channel, height, width). Raises InputError where the image is too small for the stages.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, height, width = image_shape
    for stage, width_out in enumerate(config.channels, start=1):
        if min(height, width) < POOL:
            raise InputError(
                f"encoder.channels has {len(config.channels)} stages, but every stage halves the image: "
                f"images of {image_shape[1]}x{image_shape[2]} pixels allow at most {stage - 1} stages"
            )
        layers[f"conv{stage}"] = nn.Conv2d(channels, width_out, config.kernel_size, padding="same", bias=False)
        layers[f"norm{stage}"] = nn.BatchNorm2d(width_out)
        layers[f"neuron{stage}"] = _neuron(config)
        layers[f"pool{stage}"] = nn.MaxPool2d(POOL) if config.pooling == "max" else nn.AvgPool2d(POOL)
        channels, height, width = width_out, height // POOL, width // POOL
    if config.output == "average":
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        height = width = 1
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(channels * height * width, features)
    layers["neuron"] = _neuron(config)
    return nn.Sequential(layers)


def run_encoder(
    encoder: nn.Sequential, spikes: Float[Tensor, "time sample *shape"], surrogate_alpha: float
) -> Float[Tensor, "time sample *out"]:
    """The last layer's spikes for input spikes of the encoder's own floating type; every sample starts from rest.

    The gradient passes a spike of a `Leaky` by the arctan of slope `surrogate_alpha`, and one of any other neuron of
    snnTorch's by its own surrogate.
    """
    x = spikes
    for layer in encoder:
        layer: Any
        if _is_plain(layer):
            reset = layer.reset_mechanism
            x = LeakyOverTime.apply(x, float(layer.beta), float(layer.threshold), surrogate_alpha, reset)
        elif isinstance(layer, snntorch.SpikingNeuron):
            x = _step_by_step(layer, x)
        else:
            flat = x.flatten(0, 1)
            flat = convolved(layer, flat) if isinstance(layer, nn.Conv2d) else layer(flat)
            x = flat.unflatten(0, x.shape[:2])
    return x


def _is_plain(layer: Any) -> bool:
    """Whether it is a neuron that `LeakyOverTime` is."""
    if not isinstance(layer, snntorch.Leaky) or layer.beta.ndim or layer.threshold.ndim:
        return False
    return layer.reset_delay and layer.reset_mechanism in get_args(Reset)


def _step_by_step(neuron: Any, x: Float[Tensor, "time *neurons"]) -> Float[Tensor, "time *neurons"]:
    """A neuron that keeps its states itself (`init_hidden=True`), called for each time step from rest."""
    own = copy.copy(neuron)
    # Its states are its own, since several threads may run the network at once.
    own._buffers = dict(neuron._buffers)
    own.state_function = MethodType(neuron.state_function.__func__, own)
    # snnTorch's spikes are float32, whatever comes in, and its recurrent neurons cannot read those in float64.
    own.spike_grad = lambda distance: neuron.spike_grad(distance).to(distance.dtype)
    own.reset_mem()
    given = [own(now) for now in x]
    # With output=True it gives its states too.
    return torch.stack([one[0] if isinstance(one, tuple) else one for one in given])


def _neuron(config: Encoder) -> snntorch.Leaky:
    return snntorch.Leaky(
        beta=config.beta,
        threshold=config.threshold,
        spike_grad=surrogate.atan(alpha=config.surrogate_alpha),
        reset_mechanism=config.reset,
    )
