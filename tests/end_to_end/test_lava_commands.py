"""The commands that run real Lava and lava-dl's netx, as processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.command import spiq

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
        assert values["encoded"].any()


@pytest.mark.lava
def test_hardware_says_what_is_missing(tiny_run: Path) -> None:
    done = spiq("cosim", tiny_run / "bundle", "--snn", "lava", "--hardware", "--limit", 2, status=2)
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("spiq: ")
    assert "lava-loihi" in sentence
    assert "Traceback" not in done.stderr


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
