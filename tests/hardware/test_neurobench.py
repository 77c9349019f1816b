"""NeuroBench's metrics: the figures of the package itself, kept in a file, and what each definition says."""

import json
from pathlib import Path

import nir
import numpy as np
import pytest
from peers.neurobench_networks import NETWORKS, network, spikes

from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.hardware.cost.neurobench.metrics import metrics

KEPT = json.loads((Path(__file__).parents[1] / "data" / "neurobench.json").read_text())
"""What neurobench 2.3.0 gave; `python tests/peers/check_neurobench.py --write` makes it anew."""


def graph_of(name: str) -> ResolvedGraph:
    return resolve(to_nir(network(name).layers, NETWORKS[name][1]), name)


@pytest.mark.parametrize("name", NETWORKS)
def test_figures_are_those_of_the_package(name: str) -> None:
    found = metrics(graph_of(name), [spikes(name)]).plain()
    assert found == KEPT[name]
    assert 0 < found["activation_sparsity"] < 1
    assert found["membrane_updates"] > 0


def test_figures_do_not_depend_on_batches() -> None:
    given = spikes("recurrent")
    whole, parts = (
        metrics(graph_of("recurrent"), batches) for batches in ([given], [given[:, :5], given[:, 5:6], given[:, 6:]])
    )
    assert whole == parts


def test_every_synapse_is_counted_one_by_one() -> None:
    """A convolution with padding, stride and a weight of 0, against loops over all outputs and taps."""
    weight = np.array([[[[1.0, 0.0, 2.0]] * 2]])
    conv = nir.Conv2d((3, 4), weight, (1, 2), (1, 1), 1, 1, np.zeros(1))
    nodes = {
        "input": nir.Input({"input": np.array([1, 3, 4])}),
        "conv": conv,
        "if": nir.IF(np.ones((1, 4, 2)), np.ones((1, 4, 2)), np.zeros((1, 4, 2))),
        "output": nir.Output({"output": np.array([1, 4, 2])}),
    }
    edges = [("input", "conv"), ("conv", "if"), ("if", "output")]
    given = (np.random.default_rng(3).random((5, 2, 1, 3, 4)) < 0.5).astype(np.uint8)
    dense = effective = 0
    for row, column in np.ndindex(4, 2):
        for down, right in np.ndindex(2, 3):
            y, x = row + down - 1, 2 * column + right - 1
            if 0 <= y < 3 and 0 <= x < 4:
                dense += 5
                effective += int(given[:, :, 0, y, x].sum()) * (right != 1)
    found = metrics(resolve(nir.NIRGraph(nodes, edges, type_check=False)), [given]).plain()
    assert found["synaptic_operations"] == {"dense": dense, "effective_macs": 0, "effective_acs": effective / 2}
    assert found["connection_sparsity"] == round(1 / 3, 4)
    # Six weights, no bias; threshold, beta and graded_spikes_factor, one number each; one word.
    assert found["footprint_bytes"] == 4 * (6 + 3) + 8


def test_no_samples_are_refused() -> None:
    with pytest.raises(InputError, match="there must be at least one sample of spikes to count on, got none"):
        metrics(graph_of("currents"), [])
    with pytest.raises(InputError, match="must have 6 steps"):
        metrics(graph_of("currents"), [spikes("currents"), spikes("currents")[:5]])
