"""spiq nir --reset: files of writers that have no word for a reset by subtraction."""

import json
from pathlib import Path

import nir
import numpy as np

from shared.command import assert_refused, spiq
from spiq.export.nir.file import write_nir

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"


def test_a_file_is_read_as_reset_by_subtraction_if_one_says_so(tmp_path: Path) -> None:
    network = PEERS / "snntorch_subtract.nir", "--spikes", PEERS / "snntorch_subtract.npz", "--compare", "--json"
    assert json.loads(spiq("nir", *network, status=1).stdout)["spike_mismatches"] > 0
    found = json.loads(spiq("nir", *network, "--reset", "subtract").stdout)
    assert found["spike_mismatches"] == 0
    assert found["reset"] == "subtract"
    assert "every neuron resets by subtraction" in found["notes"][0]


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    assert "--reset must be subtract, got zero" in assert_refused(
        "nir", PEERS / "snntorch_subtract.nir", "--reset", "zero"
    )
    border = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    neurons = nir.IF(np.ones(2), np.ones(2), np.full(2, 0.5))
    graph = nir.NIRGraph({**border, "n": neurons}, [("input", "n"), ("n", "output")])
    write_nir(tmp_path / "ours.nir", graph)
    assert "this one was written by spiq" in assert_refused("nir", tmp_path / "ours.nir", "--reset", "subtract")
    nir.write(tmp_path / "theirs.nir", graph)
    assert "node 'n' (IF): v_reset must be 0 for a reset by subtraction, got [0.5, 0.5]" in assert_refused(
        "nir", tmp_path / "theirs.nir", "--reset", "subtract"
    )
