"""Random networks for the chip whose layers can be written in any unit."""

from itertools import pairwise

import nir
import numpy as np
from jaxtyping import UInt8

from spiq.export.graph import PlacedGraph, place
from spiq.hardware.loihi.program import LoihiProgram

DT = 1e-4
STEPS, SAMPLES = 10, 12


def random_layers(random: np.random.Generator, coarse: bool) -> tuple[tuple[int, ...], list[list[nir.NIRNode]]]:
    """The input's shape, and for each layer its nodes, the neurons last.

    Coarse networks have multiples of 1/8 for numbers: some are exact on the chip, sums meet the threshold, and numbers
    lie in the middle between two whole ones. In others nothing of the kind happens.
    """

    def numbers(*shape: int) -> np.ndarray:
        values = random.normal(0.3, 1, shape)
        return np.round(values * 8) / 8 if coarse else values

    image = bool(random.integers(2))
    shape: tuple[int, ...] = (2, 6, 6) if image else (9,)
    start, layers = shape, []
    for _ in range(random.integers(1, 4)):
        nodes: list[nir.NIRNode] = []
        if len(shape) == 3 and random.integers(2):
            out = int(random.integers(1, 4))
            bias = numbers(out) * random.integers(2)
            nodes.append(nir.Conv2d(shape[1:], numbers(out, shape[0], 3, 3), 1, 1, 1, 1, bias))
            shape = (out, *shape[1:])
            if random.integers(2):
                nodes.append(nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])))
                shape = (out, shape[1] // 2, shape[2] // 2)
        else:
            size, out = int(np.prod(shape)), int(random.integers(2, 7))
            if len(shape) == 3:
                nodes.append(nir.Flatten({"input": np.array(shape)}, 0, -1))
            weight = numbers(out, size)
            # Weights of one sign have a grid of their own, and a layer may have none that is not 0.
            weight = [weight, np.abs(weight), -np.abs(weight), weight * 0][random.choice(4, p=[0.6, 0.25, 0.1, 0.05])]
            nodes.append(nir.Affine(weight, numbers(out)) if random.integers(2) else nir.Linear(weight))
            shape = (out,)
        nodes.append(_neurons(random, shape, coarse))
        layers.append(nodes)
        if min(shape[1:], default=2) < 2:
            break
    return start, layers


def _neurons(random: np.random.Generator, shape: tuple[int, ...], coarse: bool) -> nir.NIRNode:
    threshold = np.full(shape, random.integers(1, 17) / 8 if coarse else random.uniform(0.2, 3))
    if random.integers(4) == 0:
        threshold = threshold * (random.integers(1, 4, shape) if coarse else random.uniform(1, 3, shape))
    zero, one = np.zeros(shape), np.ones(shape)
    tau = np.full(shape, DT * random.uniform(1, 20))
    match random.integers(4):
        case 0 | 1:
            return nir.IF(one, threshold, zero)
        case 2:
            return nir.LIF(tau, tau / DT, zero, threshold, zero)
        case _:
            faster = np.full(shape, DT * random.uniform(1, 5))
            return nir.CubaLIF(faster, tau, tau / DT, zero, threshold, zero, faster / DT)


def placed(shape: tuple[int, ...], layers: list[list[nir.NIRNode]], factors: list[float]) -> PlacedGraph:
    """The network with each layer's weights, biases, thresholds and resets times its factor."""
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(shape))}
    for number, (layer, factor) in enumerate(zip(layers, factors, strict=True)):
        for node in layer:
            nodes[f"{type(node).__name__}{number}"] = _scaled(node, factor)
    nodes["output"] = nir.Output(None)
    return place(nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False), "net.nir", DT)


def _scaled(node: nir.NIRNode, factor: float) -> nir.NIRNode:
    match node:
        case nir.Linear():
            return nir.Linear(node.weight * factor)
        case nir.Affine():
            return nir.Affine(node.weight * factor, node.bias * factor)
        case nir.Conv2d():
            return nir.Conv2d(
                node.input_shape, node.weight * factor, node.stride, node.padding, node.dilation, node.groups,
                node.bias * factor,
            )  # fmt: skip
        case nir.IF():
            return nir.IF(node.r, node.v_threshold * factor, node.v_reset * factor)
        case nir.LIF():
            return nir.LIF(node.tau, node.r, node.v_leak, node.v_threshold * factor, node.v_reset * factor)
        case nir.CubaLIF():
            return nir.CubaLIF(
                node.tau_syn, node.tau_mem, node.r, node.v_leak, node.v_threshold * factor, node.v_reset * factor,
                node.w_in,
            )  # fmt: skip
        case _:
            return node


def random_spikes(random: np.random.Generator, shape: tuple[int, ...]) -> UInt8[np.ndarray, "time sample *shape"]:
    return (random.random((STEPS, SAMPLES, *shape)) < 0.4).astype(np.uint8)


def whole_numbers(program: LoihiProgram) -> list[object]:
    """Everything that the chip is given, but for the scales that say what it means."""
    found: list[object] = []
    for layer in program.layers:
        neuron = layer.neuron
        found += [layer.name, neuron.threshold, neuron.current_decay, neuron.voltage_decay, neuron.bias_exponent]
        found.append(neuron.bias_mantissa.tolist())
        found += [(connection.source, connection.synapse.weight.tolist()) for connection in layer.connections]
    return found
