"""Random snnTorch networks of every kind that `to_nir` takes, with the spikes that snnTorch itself gives."""

from typing import Any, NamedTuple

import numpy as np
import snntorch
import torch
from torch import nn

STEPS, SAMPLES = 12, 3

RECURRENT = (snntorch.RLeaky, snntorch.RSynaptic)


class Case(NamedTuple):
    """A network, its input's shape, spikes [time, sample, *shape], and snnTorch's own [time, sample, feature]."""

    network: nn.Module
    shape: tuple[int, ...]
    spikes: np.ndarray
    expected: np.ndarray


def spiked(distance: torch.Tensor) -> torch.Tensor:
    """snnTorch's own spike functions give float32, which its recurrent neurons cannot use in float64."""
    return (distance > 0).to(distance.dtype)


def random_case(seed: int, grid: bool = False) -> Case:
    """The case of this seed. On a grid, all numbers are small dyadic ones, so that every sum is exact."""
    random = np.random.default_rng(seed)
    torch.manual_seed(int(random.integers(2**31)))
    parts: list[nn.Module] = []
    first = shape = ((6,), (2, 7), (2, 6, 5))[random.integers(3)]
    for _ in range(int(random.integers(1, 4))):
        layers, shape = _stage(random, shape, grid)
        parts += layers
    if len(shape) > 1 and random.random() < 0.5:
        parts.append(nn.Flatten())
    sequential = _nested(random, parts)
    network: nn.Module = sequential
    if random.random() < 0.25:
        network = Looping(sequential)
    network.double().eval()
    if grid:
        _round(network)
    spikes = (random.random((STEPS, SAMPLES, *first)) < random.uniform(0.2, 0.6)).astype(np.uint8)
    return Case(network, first, spikes, snntorchs_spikes(sequential, spikes))


def snntorchs_spikes(network: nn.Module, spikes: np.ndarray) -> np.ndarray:
    """What the network gives, called once a time step from rest."""
    given = []
    for module in network.modules():
        if isinstance(module, snntorch.SpikingNeuron):
            module.reset_mem()
    with torch.no_grad():
        for x in torch.from_numpy(spikes).double():
            given.append(_called(network, x).flatten(1))
    return torch.stack(given).numpy().astype(np.uint8)


def _called(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if isinstance(module, nn.Sequential):
        for part in module:
            x = _called(part, x)
        return x
    given = module(x)
    return given[0] if isinstance(given, tuple) else given


class Looping(nn.Module):
    """A network whose forward loops over time, as snnTorch's tutorials write it."""

    def __init__(self, parts: nn.Sequential) -> None:
        super().__init__()
        self.parts = parts
        self.flat = _leaves(parts)
        for part in self.flat:
            if isinstance(part, snntorch.SpikingNeuron):
                part.init_hidden = False

    def forward(self, x: torch.Tensor) -> Any:
        states = [part.reset_mem() if isinstance(part, snntorch.SpikingNeuron) else () for part in self.flat]
        states = [state if isinstance(state, tuple) else (state,) for state in states]
        fired, last = [], None
        for step in range(3):
            value = x[step]
            for number, part in enumerate(self.flat):
                if isinstance(part, snntorch.SpikingNeuron):
                    given = part(value, *states[number])
                    value = given[0]
                    first = 0 if isinstance(part, RECURRENT) else 1
                    states[number] = tuple(given[first + index] for index in range(len(states[number])))
                else:
                    value = part(value)
            fired.append(value)
        last = states[-1]
        return torch.stack(fired), last


def _leaves(module: nn.Module) -> list[nn.Module]:
    if not isinstance(module, nn.Sequential):
        return [module]
    return [leaf for part in module for leaf in _leaves(part)]


def _nested(random: np.random.Generator, parts: list[nn.Module]) -> nn.Sequential:
    if len(parts) > 2 and random.random() < 0.4:
        cut = int(random.integers(1, len(parts)))
        return nn.Sequential(nn.Sequential(*parts[:cut]), *parts[cut:])
    return nn.Sequential(*parts)


def _stage(random: np.random.Generator, shape: tuple[int, ...], grid: bool) -> tuple[list[nn.Module], tuple[int, ...]]:
    """What is linear, and a neuron; perhaps a pooling."""
    layers: list[nn.Module] = []
    match shape:
        case (channels, height, width):
            if random.random() < 0.4:
                margins = tuple(int(amount) for amount in random.integers(0, 3, 4))
                layers.append(nn.ZeroPad2d(margins))
                height, width = height + margins[2] + margins[3], width + margins[0] + margins[1]
            out = int(random.integers(1, 4))
            padding, stride = int(random.integers(2) or min(height, width) < 2), int(random.integers(1, 3))
            layers.append(nn.Conv2d(channels, out, 2, stride, padding, bias=bool(random.integers(2))))
            height, width = ((size + 2 * padding - 2) // stride + 1 for size in (height, width))
            layers += _norm(random, nn.BatchNorm2d(out), grid)
            shape = (out, height, width)
        case (channels, length):
            out = int(random.integers(1, 4))
            layers.append(nn.Conv1d(channels, out, 2, padding=1, bias=bool(random.integers(2))))
            layers += _norm(random, nn.BatchNorm1d(out), grid)
            shape = (out, length + 1)
        case (features,):
            out = int(random.integers(2, 6))
            layers.append(nn.Linear(features, out, bias=bool(random.integers(2))))
            layers += _norm(random, nn.BatchNorm1d(out), grid)
            shape = (out,)
    if random.random() < 0.2:
        layers.append(nn.Dropout(0.5))
    layers.append(neuron(random, shape, grid))
    if len(shape) == 3 and min(shape[1:]) >= 2 and random.random() < 0.4:
        layers.append(nn.MaxPool2d(2))
        shape = (shape[0], shape[1] // 2, shape[2] // 2)
    if len(shape) == 3 and random.random() < 0.5:
        layers.append(nn.Flatten())
        shape = (int(np.prod(shape)),)
    return layers, shape


def _norm(random: np.random.Generator, norm: Any, grid: bool) -> list[nn.Module]:
    if grid or random.random() < 0.5:
        return []
    with torch.no_grad():
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.2, 1.5)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.2)
    return [norm]


def neuron(random: np.random.Generator, shape: tuple[int, ...], grid: bool) -> nn.Module:
    """Any neuron with any reset that NIR can say."""
    kinds = (snntorch.Leaky, snntorch.Leaky, snntorch.Lapicque, snntorch.Synaptic, *RECURRENT)
    kind: Any = kinds[random.integers(len(kinds))]
    if kind is snntorch.Lapicque:
        options: dict[str, Any] = {"reset_mechanism": str(random.choice(["subtract", "none"]))}
        options |= (
            {"R": float(random.uniform(2, 5)), "C": float(random.uniform(1, 2))} if not grid else {"R": 2.0, "C": 1.0}
        )
        return kind(threshold=_values(random, (0.25, 1.0), (), grid), spike_grad=spiked, init_hidden=True, **options)
    recurrent, with_current = kind in RECURRENT, kind in (snntorch.Synaptic, snntorch.RSynaptic)
    delays = bool(random.integers(2)) or kind is snntorch.RSynaptic
    mechanisms = ["subtract", "subtract", "none"]
    if kind is snntorch.Leaky or not delays:
        mechanisms.append("zero")
    mechanism = str(random.choice(mechanisms))
    vector = shape if len(shape) == 1 else (shape[0], *(1,) * (len(shape) - 1))
    choose = lambda least, most: _values(random, (least, most), vector if random.random() < 0.5 else (), grid)  # noqa: E731
    options = {
        "beta": choose(0.3, 1.05),
        "threshold": choose(0.25, 1.0),
        "reset_mechanism": mechanism,
        "reset_delay": delays,
        "spike_grad": spiked,
        "init_hidden": True,
    }
    if with_current:
        options["alpha"] = choose(0.2, 1.05)
    if recurrent and len(shape) == 1 and random.random() < 0.6:
        options["linear_features"] = shape[0]
    elif recurrent and len(shape) == 3 and random.random() < 0.6:
        options |= {"conv2d_channels": shape[0], "kernel_size": 3}
    elif recurrent:
        options |= {"all_to_all": False, "V": _values(random, (-0.5, 0.5), vector, grid)}
    return kind(**options)


def _values(
    random: np.random.Generator, between: tuple[float, float], shape: tuple[int, ...], grid: bool
) -> torch.Tensor:
    """Numbers between these; on a grid quarters of it, halves where that is between 0 and 1. Above 1 is 1."""
    values = random.uniform(*between, shape)
    if grid:
        values = np.clip(np.round(values * 2) / 2, 0.5, 1)
    return torch.tensor(np.minimum(values, 1.0))


def _round(network: nn.Module) -> None:
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
                for tensor in (part.weight, part.bias):
                    if tensor is not None:
                        tensor.copy_((tensor * 8).round() / 4)
