"""Random networks for the chip whose layers can be written in any unit."""

from itertools import pairwise

import nir
import numpy as np
from jaxtyping import UInt8

from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.hardware.loihi.neuron_group import ResetTo
from spiq.hardware.loihi.program import LoihiProgram

DT = 1e-4
STEPS, SAMPLES = 10, 12


def random_layers(random: np.random.Generator, coarse: bool) -> tuple[tuple[int, ...], list[list[nir.NIRNode]]]:
    """The input's shape, and for each layer its nodes, the neurons last, or a Threshold and the Scale back from it.

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
        nodes += _neurons(random, shape, coarse)
        layers.append(nodes)
        if min(shape[1:], default=2) < 2:
            break
    return start, layers


def _neurons(random: np.random.Generator, shape: tuple[int, ...], coarse: bool) -> list[nir.NIRNode]:
    threshold = np.full(shape, random.integers(1, 17) / 8 if coarse else random.uniform(0.2, 3))
    if random.integers(4) == 0:
        threshold = threshold * (random.integers(1, 4, shape) if coarse else random.uniform(1, 3, shape))
    zero, one = np.zeros(shape), np.ones(shape)
    tau = np.full(shape, DT * random.uniform(1, 20))

    def level() -> np.ndarray:
        return np.full(shape, random.integers(-8, 5) / 8 if coarse else random.uniform(-1, 0.5))

    faster, own = np.full(shape, DT * random.uniform(1, 5)), random.uniform(1, 4, shape)
    match random.integers(7):
        case 0 | 1:
            return [nir.IF(one, threshold, zero)]
        case 2:
            return [nir.LIF(tau, tau / DT, zero, threshold, zero)]
        case 3:
            return [nir.CubaLIF(faster, tau, tau / DT, zero, threshold, zero, faster / DT)]
        # What only programmable neurons can be.
        case 4:
            return [nir.LIF(own * tau, own * tau / DT, level(), threshold, level())]
        case 5:
            return [nir.IF(one, random.choice([-1, 1], shape) * threshold, level())]
        case _:
            # An I for each tau of 1, so that coarse ones are exact.
            held = np.isinf(tau := np.where(random.integers(3), np.inf, tau))
            integrator = nir.LI(tau, np.where(held, np.inf, tau / DT), zero)
            return [integrator, nir.Threshold(threshold), nir.Scale(-threshold)]


def resolved(shape: tuple[int, ...], layers: list[list[nir.NIRNode]], factors: list[float]) -> ResolvedGraph:
    """The network with each layer's weights, biases, thresholds and resets times its factor."""
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(shape))}
    back = []
    for number, (layer, factor) in enumerate(zip(layers, factors, strict=True)):
        for node in layer:
            nodes[f"{type(node).__name__}{number}"] = _scaled(node, factor)
        if isinstance(layer[-1], nir.Scale):
            back.append((f"Threshold{number}", f"Scale{number}"))
            back.append((f"Scale{number}", f"LI{number}"))
    nodes["output"] = nir.Output(None)
    forward = [name for name, node in nodes.items() if not isinstance(node, nir.Scale)]
    return resolve(nir.NIRGraph(nodes, [*pairwise(forward), *back], type_check=False), "net.nir", DT)


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
            return nir.LIF(node.tau, node.r, node.v_leak * factor, node.v_threshold * factor, node.v_reset * factor)
        case nir.CubaLIF():
            return nir.CubaLIF(
                node.tau_syn, node.tau_mem, node.r, node.v_leak * factor, node.v_threshold * factor,
                node.v_reset * factor, node.w_in,
            )  # fmt: skip
        case nir.LI():
            return nir.LI(node.tau, node.r, node.v_leak * factor)
        case nir.Threshold():
            return nir.Threshold(node.threshold * factor)
        case nir.Scale():
            return nir.Scale(node.scale * factor)
        case _:
            return node


def random_spikes(random: np.random.Generator, shape: tuple[int, ...]) -> UInt8[np.ndarray, "time sample *shape"]:
    return (random.random((STEPS, SAMPLES, *shape)) < 0.4).astype(np.uint8)


def whole_numbers(program: LoihiProgram) -> list[object]:
    """Everything that the chip is given, but for the scales that say what it means."""
    found: list[object] = []
    for layer in program.layers:
        neuron = layer.neuron
        found += [layer.name, neuron.bias_exponent, neuron.bias_mantissa.tolist(), neuron.beyond_stock]
        reset_by = neuron.reset.voltage if isinstance(neuron.reset, ResetTo) else neuron.reset.amount
        numbers = (neuron.threshold, neuron.current_decay, neuron.voltage_decay, reset_by)
        found += [np.asarray(number).tolist() for number in numbers]
        found += [(connection.source, connection.synapse.weight.tolist()) for connection in layer.connections]
    return found
