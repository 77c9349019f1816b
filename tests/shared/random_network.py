"""Random NIR networks, and the counts that PyTorch in float64 has for them, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from spiq.export.nir.graph import ResolvedGraph, resolve

DT = 1e-4

Values = Float[torch.Tensor, "time sample *shape"]


def source(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape)})


def drain(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape)})


def over_time(
    step: Callable[[torch.Tensor, dict[str, Any]], torch.Tensor], x: Values, rest: torch.Tensor | float = 0.0
) -> Values:
    """`step` reads one time step's input and keeps its state in the dictionary; v starts at `rest`."""
    state: dict[str, Any] = {"v": torch.zeros_like(x[0]) + rest, "i": torch.zeros_like(x[0])}
    return torch.stack([step(now, state) for now in x])


@dataclass
class RandomNetwork:
    """A network that grows node by node: the NIR graph, and what PyTorch makes of the input spikes on the way.

    Coarse networks have small multiples of 1/4 for numbers. Then sums are exact and often meet the threshold.
    """

    random: np.random.Generator
    coarse: bool
    x: Values
    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def append(self, node: nir.NIRNode, x: Values) -> str:
        name = f"{type(node).__name__.lower()}{len(self.nodes)}"
        self.nodes[name] = node
        self.edges += [(source, name) for source in self.sources]
        self.sources, self.x = [name], x
        return name

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[2:])

    def numbers(self, *shape: int) -> Float[np.ndarray, "..."]:
        if self.coarse:
            return self.random.integers(-3, 4, shape) / 4
        return self.random.normal(size=shape).astype(np.float32).astype(np.float64)

    def whole(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def stateless(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Values:
        return function(self.x.flatten(0, 1)).unflatten(0, self.x.shape[:2])

    def conv(self) -> None:
        channels, *sizes = self.shape
        rank = len(sizes)
        groups = int(self.random.choice([d for d in range(1, channels + 1) if channels % d == 0]))
        while True:
            kernel = [self.whole(1, 4) for _ in sizes]
            dilation: Any = tuple(self.whole(1, 2) for _ in sizes)
            stride: Any = tuple(self.whole(1, 3) for _ in sizes)
            padding: Any = tuple(self.whole(0, 2) for _ in sizes)
            reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
            if self.random.random() < 0.3:
                padding, stride = "same", (1,) * rank
                break
            if all(r <= size + 2 * p for r, size, p in zip(reach, sizes, padding, strict=True)):
                break
        weight = self.numbers(groups * self.whole(1, 2), channels // groups, *kernel)
        bias = self.numbers(len(weight)) * self.whole(0, 1)
        function = F.conv2d if rank == 2 else F.conv1d
        x = self.stateless(
            lambda x: function(x, torch.tensor(weight), torch.tensor(bias), stride, padding, dilation, groups)
        )
        if rank == 2:
            node = nir.Conv2d((sizes[0], sizes[1]), weight, stride, padding, dilation, groups, bias)
        else:
            node = nir.Conv1d(
                sizes[0], weight, stride[0], padding if padding == "same" else padding[0], dilation[0], groups, bias
            )
        self.append(node, x)

    def pool(self) -> None:
        # A division by 9 rounds, and then the order of a sum would matter where it meets the threshold.
        sides = [1, 2, 4] if self.coarse else [1, 2, 3, 4]
        while True:
            kernel = [int(self.random.choice(sides)) for _ in range(2)]
            padding = [self.whole(0, side // 2) for side in kernel]
            if all(k <= size + 2 * p for k, size, p in zip(kernel, self.shape[1:], padding, strict=True)):
                break
        stride = [self.whole(1, 3) for _ in range(2)]
        arguments = np.array(kernel), np.array(stride), np.array(padding)
        if self.random.random() < 0.5:
            x = self.stateless(lambda x: F.avg_pool2d(x, kernel, stride, padding, divisor_override=1))
            self.append(nir.SumPool2d(*arguments), x)
        else:
            x = self.stateless(lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=True))
            self.append(nir.AvgPool2d(*arguments), x)

    def dense(self) -> None:
        if len(self.shape) > 1:
            self.append(nir.Flatten({"input": np.array(self.shape)}, 0, -1), self.x.flatten(2))
        weight = self.numbers(self.whole(1, 5), self.shape[-1])
        product = self.x @ torch.tensor(weight).T
        if self.random.random() < 0.5:
            self.append(nir.Linear(weight), product)
        else:
            bias = self.numbers(len(weight))
            self.append(nir.Affine(weight, bias), product + torch.tensor(bias))

    def scale(self) -> None:
        (scale,), (seen,) = self.parameters(lambda size: self.numbers(*size))
        self.append(nir.Scale(scale), self.x * seen)

    def flatten(self) -> None:
        start = self.whole(0, len(self.shape) - 1)
        end = self.whole(start, len(self.shape) - 1)
        node = nir.Flatten({"input": np.array(self.shape)}, start, end)
        self.append(node, self.x.flatten(2 + start, 2 + end))

    def join(self) -> None:
        """The next node reads this one's output and the same again, scaled, once or twice."""
        before, x = self.sources, self.x
        sources, total = list(before), x
        for _ in range(self.whole(1, 2)):
            self.sources, self.x = before, x
            self.scale()
            sources += self.sources
            total = total + self.x
        self.sources, self.x = sources, total

    def parameters(
        self, *draws: Callable[[tuple[int, ...]], np.ndarray]
    ) -> tuple[list[np.ndarray], list[torch.Tensor]]:
        """Parameters in one of the forms that NIR files have, and each as a tensor that fits the group's shape."""
        channels, *rest = self.shape
        per_channel = (channels, *(1 for _ in rest))
        forms = {(1,): (1,), (channels,): per_channel, per_channel: per_channel, self.shape: self.shape}
        form = list(forms)[self.whole(0, len(forms) - 1)]
        drawn = [draw(form) for draw in draws]
        return drawn, [torch.tensor(value).reshape(forms[form]) for value in drawn]

    def neurons(self, *, spiking: bool) -> None:
        kind = self.whole(0, 3 if spiking else 1)

        def tau(form: tuple[int, ...]) -> np.ndarray:
            if self.coarse:
                return DT * 2.0 ** self.random.integers(0, 3, form)
            return self.random.uniform(1.5e-4, 1e-3, form)

        def level(form: tuple[int, ...]) -> np.ndarray:
            return np.abs(self.numbers(*form))

        def any_number(form: tuple[int, ...]) -> np.ndarray:
            return self.numbers(*form)

        def strength(form: tuple[int, ...]) -> np.ndarray:
            return 1 + np.abs(self.numbers(*form))

        def fire(state: dict[str, Any], threshold: torch.Tensor, reset: torch.Tensor) -> torch.Tensor:
            spike = state["v"] > threshold
            state["v"] = torch.where(spike, reset, state["v"])
            return spike.double()

        if not spiking and kind == 0:
            given, (r,) = self.parameters(any_number)
            self.append(nir.I(*given), (self.x * r).cumsum(0))
        elif not spiking:
            given, (tau_, r, leak) = self.parameters(tau, any_number, any_number)

            def leaky(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + DT / tau_ * (leak - state["v"] + r * x)
                return state["v"]

            self.append(nir.LI(*given), over_time(leaky, self.x, leak))
        elif kind == 0:
            (threshold,), (seen,) = self.parameters(level)
            self.append(nir.Threshold(threshold), (self.x > seen).double())
        elif kind == 1:
            given, (r, threshold, reset) = self.parameters(strength, level, any_number)

            def integrate(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + r * x
                return fire(state, threshold, reset)

            self.append(nir.IF(*given), over_time(integrate, self.x))
        elif kind == 2:
            given, (tau_, r, leak, threshold, reset) = self.parameters(tau, strength, any_number, level, any_number)

            def leaky_fire(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + DT / tau_ * (leak - state["v"] + r * x)
                return fire(state, threshold, reset)

            self.append(nir.LIF(*given), over_time(leaky_fire, self.x, leak))
        else:
            given, (tau_syn, tau_mem, r, leak, threshold, reset, w_in) = self.parameters(
                tau, tau, strength, any_number, level, any_number, strength
            )

            def current_fire(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["i"] = state["i"] + DT / tau_syn * (w_in * x - state["i"])
                state["v"] = state["v"] + DT / tau_mem * (leak - state["v"] + r * state["i"])
                return fire(state, threshold, reset)

            self.append(nir.CubaLIF(*given), over_time(current_fire, self.x, leak))

    def grow(self) -> None:
        choices: list[Callable[[], None]] = [
            self.scale,
            self.dense,
            self.join,
            lambda: self.neurons(spiking=True),
            lambda: self.neurons(spiking=True),
            lambda: self.neurons(spiking=False),
        ]
        if len(self.shape) in (2, 3):
            choices += [self.conv] * 4
        if len(self.shape) == 3:
            choices += [self.pool] * 2
        if len(self.shape) > 1:
            choices.append(self.flatten)
        choices[self.whole(0, len(choices) - 1)]()

    def finish(self) -> ResolvedGraph:
        self.neurons(spiking=True)
        if self.random.random() < 0.5:
            self.flatten()
        self.append(drain(*self.shape), self.x)
        return resolve(nir.NIRGraph(self.nodes, self.edges, type_check=False), "random.nir", integration="per-step")


def random_network(seed: int, rank: int, coarse: bool) -> tuple[RandomNetwork, UInt8[np.ndarray, "time sample *shape"]]:
    random = np.random.default_rng(seed)
    shape = random.integers([1, 3, 3][:rank], [6, 9, 9][:rank])
    time, sample = random.integers(1, 6, 2)
    spikes = (random.random((time, sample, *shape)) < 0.5).astype(np.uint8)
    network = RandomNetwork(random, coarse, torch.tensor(spikes).double())
    network.append(source(*shape), network.x)
    return network, spikes
