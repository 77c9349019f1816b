"""Graphs that snnTorch, sinabs and norse exported, lowered to Loihi: real Lava gives the simulator's spikes."""

from pathlib import Path

import numpy as np
import pytest

from spiq.export.errors import InputError
from spiq.export.nir.file import read_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.lava.jobs import ProgramJob, run_jobs
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.simulator.simulate import simulate_layers
from spiq.hardware.network.comparison import compare

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"

REFUSED = {"norse_leak": r"\(LI\) cannot run on Loihi"}
"""Files whose neurons the chip does not have, and why."""

LOWERED = sorted(path.stem for path in PEERS.glob("*.nir") if path.stem not in REFUSED)


def peer(name: str) -> tuple[np.ndarray, float]:
    with np.load(PEERS / f"{name}.npz", allow_pickle=False) as arrays:
        return arrays["x"], float(arrays["dt"]) if "dt" in arrays.files else 1e-4


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_chip_does_not_have_is_refused(name: str) -> None:
    x, dt = peer(name)
    with pytest.raises(InputError, match=REFUSED[name]):
        lower_to_loihi(resolve(read_nir(PEERS / f"{name}.nir"), name, dt), x)


@pytest.mark.lava
def test_lava_gives_the_simulators_spikes() -> None:
    assert len(LOWERED) >= 14
    jobs = []
    for name in LOWERED:
        x, dt = peer(name)
        jobs.append(
            ProgramJob(lower_to_loihi(resolve(read_nir(PEERS / f"{name}.nir"), name, dt), x), x, every_layer=True)
        )
    answers = run_jobs(required("lava").python, jobs, workers=2)
    for name, job, answer in zip(LOWERED, jobs, answers, strict=True):
        names = [layer.name for layer in job.program.layers]
        ours = dict(zip(names, simulate_layers(job.program, job.spikes), strict=True))
        found = compare(ours, dict(zip(names, answer, strict=True)))
        assert found.first is None, f"{name}: {found}"
        assert any(layer.any() for layer in ours.values()), name
