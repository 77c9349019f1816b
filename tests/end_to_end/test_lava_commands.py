"""The commands that run real Lava and lava-dl's netx, as processes."""

import json
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from shared.command import spiq
from spiq.export.nir.file import write_nir

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"


@pytest.mark.lava
def test_the_ladder_has_the_rung_lava(tiny_run: Path) -> None:
    report = json.loads(spiq("report", tiny_run, "--json").stdout)
    rungs = {rung["name"]: rung for rung in report["rungs"]}
    lava = rungs["lava"]
    assert lava["skipped"] is None
    assert (lava["samples"], lava["spike_mismatches"], lava["agreement"]) == (5, 0, 1.0)
    # What follows is compared with all of loihi's samples again.
    assert rungs["qasm"]["samples"] == rungs["loihi"]["samples"] == 40
    assert rungs["qasm"]["agreement"] == 1.0


@pytest.mark.parametrize(
    "snn", [pytest.param("lava", marks=pytest.mark.lava), pytest.param("netx", marks=pytest.mark.netx)]
)
def test_cosim_gives_loihis_spikes(tiny_run: Path, snn: str, tmp_path: Path) -> None:
    out = tmp_path / "values.npz"
    done = spiq("cosim", tiny_run / "bundle", "--snn", snn, "--limit", 7, "--json", "--out", out)
    found = json.loads(done.stdout)
    assert (found["samples"], found["compared_with"]) == (7, "loihi")
    assert (found["spike_mismatches"], found["agreement"]) == (0, 1.0)
    with np.load(out, allow_pickle=False) as values:
        assert values["encoder"].any()


@pytest.mark.lava
def test_hardware_says_what_is_missing(tiny_run: Path) -> None:
    done = spiq("cosim", tiny_run / "bundle", "--snn", "lava", "--hardware", "--limit", 2, status=2)
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("spiq: ")
    assert "lava-loihi" in sentence
    assert "Traceback" not in done.stderr


@pytest.mark.lava
def test_nir_compares_delays_and_counts(tmp_path: Path) -> None:
    """A convolution that reads counts late, a recurrent group with delays, several samples in a row."""
    weight = np.random.default_rng(0).integers(-3, 5, (2, 2, 3, 3)).astype(float)
    mixing = np.random.default_rng(1).integers(-2, 4, (4, 8)).astype(float)
    nodes = {
        "in": nir.Input(np.array([2, 4, 4])),
        "early": nir.Delay(np.arange(32).reshape(2, 4, 4) % 4 * 1e-4),
        "conv": nir.Conv2d((4, 4), weight, 1, 0, 1, 1, np.zeros(2)),
        "a": nir.IF(np.ones((2, 2, 2)), np.full((2, 2, 2), 9.5)),
        "flat": nir.Flatten({"input": np.array([2, 2, 2])}, 0, -1),
        "each": nir.Delay(np.arange(8) % 3 * 1e-4),
        "w": nir.Linear(mixing),
        "b": nir.IF(np.ones(4), np.full(4, 1.5)),
        "back": nir.Delay(np.array([1e-4, 3e-4, 2e-4, 4e-4])),
        "rec": nir.Linear(np.roll(np.eye(4), 1, 0)),
        "out": nir.Output(np.array([4])),
    }
    edges = [*pairwise(["in", "early", "conv", "a", "flat", "each", "w", "b", "out"]), ("b", "back"), ("back", "rec")]
    graph = nir.NIRGraph(nodes, [*edges, ("rec", "b")], type_check=False)
    write_nir(tmp_path / "late.nir", graph)
    x = np.random.default_rng(2).poisson(0.7, (9, 5, 2, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "counts.npz", x=x)
    options = ("--spikes", tmp_path / "counts.npz", "--compare", "--json")
    for devices in ("nir,loihi", "loihi,lava"):
        found = json.loads(spiq("nir", tmp_path / "late.nir", *options, "--on", devices).stdout)
        assert found["spikes"] > 0
        assert found["layer_mismatches"] == {"a": 0, "b": 0}


@pytest.mark.lava
@pytest.mark.parametrize("name", ["snntorch_conv", "sinabs_conv", "norse_conv", "snntorch_recurrent"])
def test_nir_compares_loihi_with_lava(name: str) -> None:
    with np.load(PEERS / f"{name}.npz", allow_pickle=False) as arrays:
        dt = float(arrays["dt"]) if "dt" in arrays.files else 1e-4
    spikes = ("--spikes", PEERS / f"{name}.npz", "--dt", dt)
    done = spiq("nir", PEERS / f"{name}.nir", *spikes, "--on", "loihi,lava", "--compare", "--json")
    found = json.loads(done.stdout)
    assert found["spike_mismatches"] == 0
    assert found["first_difference"] is None
    assert len(found["layer_mismatches"]) > 1 or name == "snntorch_recurrent"
    assert set(found["layer_mismatches"].values()) == {0}
    assert found["spikes"] > 0
