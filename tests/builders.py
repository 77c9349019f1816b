"""Small parts that many tests build: graphs in a row, neurons, random circuits and spikes."""

import math
from itertools import pairwise

import nir
import numpy as np
import snntorch
from jaxtyping import Float, UInt8

from spiq.export.circuit.circuit import Circuit
from spiq.export.circuit.reupload import Entangler, reupload_circuit
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.nir.time_step import DEFAULT_DT, Integration

NET = "net.nir"
"""What errors call a graph that a test has built."""


def chain(
    input_shape: int | tuple[int, ...] | list[int],
    *nodes: nir.NIRNode,
    output_shape: int | None = None,
    by_type: bool = False,
    **named: nir.NIRNode,
) -> nir.NIRGraph:
    """Nodes one after the other, between input and output.

    Args:
        input_shape: Of the graph's input; one number is a vector's size.
        nodes: They are called n0, n1, …
        output_shape: Of the graph's output; a file needs it.
        by_type: Call the nodes by their type and number instead, such as IF0.
        named: More nodes, by name, behind the others.
    """
    called = {f"{type(node).__name__ if by_type else 'n'}{number}": node for number, node in enumerate(nodes)} | named
    border = nir.Input(np.atleast_1d(np.array(input_shape)))
    end = nir.Output(None if output_shape is None else np.array([output_shape]))
    everything = {"input": border, **called, "output": end}
    return nir.NIRGraph(everything, list(pairwise(everything)), type_check=False)


def resolved_chain(
    input_shape: int | tuple[int, ...] | list[int],
    *nodes: nir.NIRNode,
    dt: float = DEFAULT_DT,
    integration: Integration | None = None,
    by_type: bool = False,
    **named: nir.NIRNode,
) -> ResolvedGraph:
    """The same, read with a time step."""
    return resolve(chain(input_shape, *nodes, by_type=by_type, **named), NET, dt, integration)


def firing(*shape: int, threshold: float = 1.5) -> nir.IF:
    """Integrate-and-fire neurons that all have the same threshold."""
    return nir.IF(np.ones(shape), np.full(shape, threshold))


def leaky(beta: object = 1.0, threshold: float = 1.0, **options: object) -> snntorch.Leaky:
    """snnTorch's leaky neurons, reset to zero."""
    return snntorch.Leaky(**{"beta": beta, "threshold": threshold, "reset_mechanism": "zero", **options})


def random_reupload(
    seed: int,
    n_qubits: int,
    n_blocks: int,
    entangler: Entangler,
    n_samples: int = 3,
    quarter_turns: bool = False,
    many_sizes: bool = False,
) -> tuple[Circuit, Float[np.ndarray, "sample input"]]:
    """A re-upload circuit with random weights, and random inputs for it.

    Args:
        seed: Of the weights and inputs.
        n_qubits: Of the circuit.
        n_blocks: Of the circuit.
        entangler: Of the circuit.
        n_samples: How many inputs there are.
        quarter_turns: All angles are multiples of π/2, at which values are exact.
        many_sizes: Weights from 1e-6 to 10, so that numbers with exponents are written too.
    """
    weights, angles = random_angles(
        seed, (n_blocks, n_qubits, 3), (n_samples, n_qubits, 3), quarter_turns=quarter_turns
    )
    if many_sizes:
        weights = weights * 10.0 ** np.random.default_rng([seed, 1]).integers(-6, 2, weights.shape)
    return reupload_circuit(weights, entangler), angles.reshape(n_samples, -1)


def random_spikes(seed: int, *shape: int, rate: float = 0.5) -> UInt8[np.ndarray, "time sample *shape"]:
    """Spikes that are there with that probability."""
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.uint8)


def random_angles(seed: int, *shapes: tuple[int, ...], quarter_turns: bool = False) -> list[np.ndarray]:
    """Arrays of angles of more than a turn, or of multiples of π/2."""
    random = np.random.default_rng(seed)
    if quarter_turns:
        return [random.integers(-4, 5, shape) * (math.pi / 2) for shape in shapes]
    return [random.uniform(-7, 7, shape) for shape in shapes]
