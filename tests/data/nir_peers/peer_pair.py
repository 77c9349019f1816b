"""One pair of this folder: a graph that a framework exported, and the spikes that the framework itself gives for it.

A pair is only written if its spikes can judge a reader: every output neuron spikes in 5% to 50% of the steps, and no
neuron of any layer comes so close to its threshold that the rounding of 32-bit floats could decide a spike. Networks
are drawn from seed 0, 1, 2, ... until one passes, so the same script gives the same pair.
"""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nir
import numpy as np
import torch

FOLDER = Path(__file__).parent
TIME, SAMPLE = 20, 4
INPUT_RATE = 0.4
LOWEST_RATE, HIGHEST_RATE = 0.05, 0.5
SMALLEST_MARGIN = 1e-4
SEEDS = 5000


class Margin:
    """The smallest distance |v - threshold| of any neuron at any step since the last reset."""

    def __init__(self) -> None:
        self.smallest = float("inf")

    def reset(self) -> None:
        self.smallest = float("inf")

    def see(self, distance: torch.Tensor) -> None:
        self.smallest = min(self.smallest, float(distance.detach().abs().min()))


class Framework(NamedTuple):
    """How one framework exports a network, and how it runs one from rest.

    `run` takes and gives spikes as float32 `[time, sample, *shape]`, and shows `margin` every neuron's v - threshold.
    """

    export: Callable[[torch.nn.Module, tuple[int, ...]], nir.NIRGraph]
    run: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
    margin: Margin
    write: Callable[[Path, nir.NIRGraph], None] = nir.write


def draw(layer: torch.nn.Module, gain: float, bias: float = 0.0) -> torch.nn.Module:
    """Give a Linear or a Conv2d normal weights of deviation gain / sqrt(fan in), and biases around `bias`."""
    with torch.no_grad():
        fan_in = layer.weight[0].numel()
        layer.weight.copy_(torch.randn_like(layer.weight) * gain / fan_in**0.5)
        if layer.bias is not None:
            layer.bias.copy_(bias * (1 + 0.3 * torch.randn_like(layer.bias)))
    return layer


def write_pair(
    name: str,
    framework: Framework,
    make: Callable[[], torch.nn.Module],
    shape: tuple[int, ...],
    dt: float | None = None,
    ties: bool = False,
) -> None:
    """Write `name.nir` and `name.npz`; `dt` is stored if given; `ties` lets potentials meet the threshold exactly."""
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        with torch.no_grad():
            network = make()
            x = (torch.rand(TIME, SAMPLE, *shape) < INPUT_RATE).float()
            framework.margin.reset()
            y = framework.run(network, x).reshape(TIME, SAMPLE, -1)
        rate = y.mean(dim=(0, 1))
        smallest = framework.margin.smallest
        if rate.min() >= LOWEST_RATE and rate.max() <= HIGHEST_RATE and (ties or smallest > SMALLEST_MARGIN):
            break
    else:
        raise SystemExit(f"{name}: no seed below {SEEDS} gives spikes that can judge; last rates {rate.tolist()}")
    with contextlib.redirect_stdout(io.StringIO()):
        graph = framework.export(network, shape)
    framework.write(FOLDER / f"{name}.nir", graph)
    arrays = {"x": x.numpy().astype(np.uint8), "y": y.numpy().astype(np.uint8)}
    if dt is not None:
        arrays["dt"] = np.float64(dt)
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
    print(f"{name}: seed {seed}, rates {rate.min():.2f} to {rate.max():.2f}, margin {smallest:.1e}")
