"""Graphs that snnTorch, sinabs and norse exported, against the spikes that those frameworks gave."""

from pathlib import Path

import numpy as np
import pytest

from spiq.export.nir.file import read_nir
from spiq.export.nir.graph import resolve
from spiq.export.nir.time_step import DEFAULT_DT
from spiq.hardware.runtime.nir_runtime import NirRuntime

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"

UNSAID = ("snntorch_subtract", "sinabs_ties", "norse_cuba")
"""The file does not say what the framework did; the folder's README says why."""

EQUAL = sorted(file.stem for file in PEERS.glob("*.npz") if file.stem not in UNSAID)


def run(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(PEERS / f"{name}.npz", allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
        dt = float(arrays["dt"]) if "dt" in arrays.files else DEFAULT_DT
    return NirRuntime(resolve(read_nir(PEERS / f"{name}.nir"), name, dt)).run(x), y


def test_all_three_frameworks_are_there() -> None:
    assert {name.split("_")[0] for name in EQUAL} >= {"snntorch", "sinabs", "norse"}


@pytest.mark.parametrize("name", EQUAL)
def test_the_float_runtime_gives_the_frameworks_spikes(name: str) -> None:
    ours, theirs = run(name)
    assert theirs.any()
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", UNSAID)
def test_a_file_that_leaves_out_what_the_framework_did_gives_other_spikes(name: str) -> None:
    """Were these equal, the float runtime would be guessing what the file does not say."""
    ours, theirs = run(name)
    assert not np.array_equal(ours, theirs)


def test_snntorchs_default_reset_can_be_asked_for() -> None:
    """snnTorch writes its reset by subtraction as v_reset = 0, and one who knows it says so."""
    with np.load(PEERS / "snntorch_subtract.npz", allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    resolved = resolve(read_nir(PEERS / "snntorch_subtract.nir"), subtract=True)
    assert np.array_equal(NirRuntime(resolved).run(x), y)
