"""Cycles in ONNX: onnxruntime's counts are the float runtime's spikes, added up."""

import itertools

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.onnx_answers import run
from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.onnx.model import SPIKES, onnx_bytes
from spiq.export.onnx.stages.encoder import COUNTS, encoder_onnx
from spiq.hardware.runtime.nir_runtime import NirRuntime
from spiq.hardware.runtime.onnx_session import run_onnx

SIZE, DT = 3, 1e-4


def random_neuron(random: np.random.Generator) -> nir.NIRNode:
    def values(least: float, most: float) -> np.ndarray:
        return random.uniform(least, most, SIZE)

    tau, r, leak, threshold, reset = (
        values(2e-4, 9e-4), values(2, 6), values(-0.1, 0.1), values(0.2, 0.8), values(-0.2, 0.1),
    )  # fmt: skip
    match random.integers(3):
        case 0:
            return nir.IF(np.ones(SIZE), threshold, reset)
        case 1:
            return nir.LIF(tau, r, leak, threshold, reset)
        case _:
            return nir.CubaLIF(values(2e-4, 9e-4), tau, r, leak, threshold, w_in=values(1, 3), v_reset=reset)


def border() -> dict[str, nir.NIRNode]:
    size = np.array([SIZE])
    return {"input": nir.Input({"input": size}), "output": nir.Output({"output": size})}


def random_cycle(seed: int) -> nir.NIRGraph:
    """A neuron, or an integrator with a Threshold, that hears itself: straight, through a matrix, a Delay, an LI."""
    random = np.random.default_rng(seed)
    nodes = {**border(), "w": nir.Affine(random.normal(size=(SIZE, SIZE)), random.normal(size=SIZE) / 4)}
    edges = [("input", "w"), ("w", "n")]
    last = "n"
    if random.random() < 0.6:
        nodes["n"] = random_neuron(random)
        edges.append(("n", "output"))
    else:
        last = "t"
        nodes |= {"n": integrator(3e-4), "t": nir.Threshold(np.full(SIZE, 0.5))}
        edges.append(("n", "t"))
        if random.random() < 0.5:
            edges.append(("t", "output"))
        else:
            # Read by another Threshold too, the integrator does not become one node with this one.
            nodes |= {"s": nir.Threshold(np.full(SIZE, 0.4)), "q": nir.IF(np.ones(SIZE), np.full(SIZE, 0.5))}
            edges += [("n", "s"), ("s", "q"), ("t", "q"), ("q", "output")]
    way = [last]
    for number in range(int(random.integers(0, 3))):
        way.append(f"r{number}")
        nodes[way[-1]] = (
            nir.Affine(random.normal(size=(SIZE, SIZE)) / 2, random.normal(size=SIZE) / 4),
            nir.Scale(random.normal(size=SIZE) / 2),
            nir.Delay(random.integers(0, 4, SIZE) * DT),
            integrator(4e-4),
        )[random.integers(4)]
    return nir.NIRGraph(nodes, [*edges, *itertools.pairwise(way), (way[-1], "n")], type_check=False)


def integrator(tau: float, v_leak: float = 0.0) -> nir.LI:
    return nir.LI(np.full(SIZE, tau), np.full(SIZE, 2.0), np.full(SIZE, v_leak))


def assert_exact(graph: ResolvedGraph, spikes: np.ndarray) -> None:
    wanted = NirRuntime(graph).run(spikes).sum(0, dtype=np.int64)
    model = encoder_onnx(graph)
    assert np.array_equal(run(model, **{SPIKES: spikes})[COUNTS], wanted)
    # As a bundle's is run, within the limits for models of strangers.
    assert np.array_equal(run_onnx(onnx_bytes(model), {SPIKES: spikes})[COUNTS], wanted)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**31))
def test_a_cycle_gives_the_float_runtimes_counts(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps, samples = int(random.choice([1, 2, 9])), int(random.choice([0, 1, 3]))
    spikes = (random.random((steps, samples, SIZE)) < 0.6).astype(np.uint8)
    assert_exact(resolve(random_cycle(seed), dt=DT), spikes)


def test_a_cycle_without_spikes_might_grow_without_end() -> None:
    nodes = {
        **border(),
        "n": integrator(3e-4),
        "r": nir.Linear(np.eye(SIZE)),
        "f": nir.IF(np.ones(SIZE), np.ones(SIZE)),
    }
    edges = [("input", "n"), ("n", "r"), ("r", "n"), ("n", "f"), ("f", "output")]
    with pytest.raises(InputError, match=r"node 'r' \(Linear\): its values might leave the range of a double"):
        encoder_onnx(resolve(nir.NIRGraph(nodes, edges, type_check=False)))


def test_a_delay_in_a_cycle_that_is_too_long_is_refused() -> None:
    nodes = {**border(), "n": nir.IF(np.ones(SIZE), np.ones(SIZE)), "d": nir.Delay(np.full(SIZE, 70 * DT))}
    edges = [("input", "n"), ("n", "d"), ("d", "n"), ("n", "output")]
    with pytest.raises(
        InputError, match=r"node 'd' \(Delay\): must delay by at most 64 steps within a cycle in ONNX, got 69"
    ):
        encoder_onnx(resolve(nir.NIRGraph(nodes, edges, type_check=False), dt=DT))
