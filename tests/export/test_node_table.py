"""Every entry of the table against NIR's equation, stated again here in one line each."""

from typing import Any

import nir
import numpy as np
import pytest

from spiq.export.nir.graph import resolve
from spiq.export.nir.nodes.kind import NeuronKind
from spiq.export.nir.nodes.table import NODES
from spiq.hardware.runtime.nir_runtime import NirRuntime

DT, SIZE, STEPS = 1e-3, 3, 12
RANDOM = np.random.default_rng(5)


def values(least: float, most: float) -> np.ndarray:
    return RANDOM.uniform(least, most, SIZE)


def tau() -> np.ndarray:
    return values(2e-3, 9e-3)


ones, zeros = np.ones(SIZE), np.zeros(SIZE)

NEURONS: dict[type[nir.NIRNode], nir.NIRNode] = {
    nir.IF: nir.IF(ones, values(0.5, 1.5), values(-0.2, 0.2)),
    nir.LIF: nir.LIF(tau(), values(2, 9), values(-0.1, 0.1), values(0.3, 1), values(-0.2, 0.2)),
    nir.CubaLIF: nir.CubaLIF(
        tau(), tau(), values(2, 9), values(-0.1, 0.1), values(0.1, 0.5), w_in=values(1, 3), v_reset=values(-0.2, 0.2)
    ),
    nir.I: nir.I(ones),
    nir.LI: nir.LI(tau(), values(2, 9), values(-0.1, 0.1)),
    nir.CubaLI: nir.CubaLI(tau(), tau(), values(2, 9), values(-0.1, 0.1), values(1, 3)),
}


def moved(node: Any, v: np.ndarray, drive: np.ndarray) -> np.ndarray:
    """v after DT·dv/dt; of IF and I after dv/dt, as an r of 1 means a step."""
    if isinstance(node, nir.IF | nir.I):
        return v + node.r * drive
    tau = node.tau_mem if hasattr(node, "tau_mem") else node.tau
    return v + DT * (node.v_leak - v + node.r * drive) / tau


def by_its_equation(node: Any, x: np.ndarray) -> np.ndarray:
    v = np.zeros((x.shape[1], SIZE)) + getattr(node, "v_leak", 0.0)
    i = np.zeros_like(v)
    given = []
    for now in x:
        drive = now
        if hasattr(node, "tau_syn"):
            i = i + DT * (-i + node.w_in * now) / node.tau_syn
            drive = i
        v = moved(node, v, drive)
        if not hasattr(node, "v_threshold"):
            given.append(v)
            continue
        spike = v > node.v_threshold
        v = np.where(spike, node.v_reset, v)
        given.append(spike)
    return np.stack(given).astype(float)


@pytest.mark.parametrize("name", [node.__name__ for node, kind in NODES.items() if isinstance(kind, NeuronKind)])
def test_a_neuron_does_what_its_equation_says(name: str) -> None:
    kind = NODES[getattr(nir, name)]
    node = NEURONS[kind.node]
    size = np.array([SIZE])
    border = {"input": nir.Input({"input": size}), "output": nir.Output({"output": size})}
    graph = nir.NIRGraph({**border, "n": node}, [("input", "n"), ("n", "output")])
    x = (RANDOM.random((STEPS, 5, SIZE)) < 0.5).astype(np.uint8)
    found = NirRuntime(resolve(graph, dt=DT)).values(x)
    wanted = by_its_equation(node, x.astype(float))
    assert wanted.any()
    if kind.spikes:
        assert np.array_equal(found, wanted)
    else:
        assert np.allclose(found, wanted, rtol=1e-12, atol=0)


def test_every_neuron_of_nir_has_an_entry() -> None:
    known = {node for node in vars(nir).values() if isinstance(node, type) and issubclass(node, nir.NIRNode)}
    assert known - {nir.NIRNode, nir.NIRGraph} == set(NODES)
