"""A bias on a current with a memory, where the caller wants one exponent for all biases."""

import nir
import numpy as np
import pytest

from spiq.export.nir.graph import resolve
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.simulator.simulate import simulate_layers

DT = 1e-4


@pytest.mark.parametrize("exponent", [None, 0, 5, 6, 7])
@pytest.mark.parametrize("calibrated", [False, True])
def test_the_neuron_that_stands_for_the_bias_fires_always(exponent: int | None, calibrated: bool) -> None:
    rng = np.random.default_rng(0)
    one = np.ones(2)
    group = nir.CubaLIF(one * 3e-4, one * 1e-3, one, one * 0, one, w_in=one)
    nodes = {
        "input": nir.Input({"input": np.array([3])}),
        "affine": nir.Affine(rng.normal(size=(2, 3)), np.array([0.7, -0.4])),
        "n": group,
        "output": nir.Output({"output": np.array([2])}),
    }
    edges = [("input", "affine"), ("affine", "n"), ("n", "output")]
    spikes = rng.integers(0, 2, (12, 20, 3)).astype(np.uint8)
    graph = resolve(nir.NIRGraph(nodes, edges), "net.nir")
    program = lower_to_loihi(graph, spikes if calibrated else None, exponent)
    (number,) = (number for number, layer in enumerate(program.layers) if layer.name == "n bias")
    assert simulate_layers(program, spikes)[number].all()
