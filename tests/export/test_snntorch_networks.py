"""Random networks of snnTorch's: the graph gives snnTorch's own spikes, from memory and from a file."""

from pathlib import Path

import numpy as np
import pytest

from shared.snntorch_networks import random_case
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.file import read_nir, write_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime


@pytest.mark.parametrize("seed", range(40))
def test_the_graph_gives_snntorchs_spikes(seed: int, tmp_path: Path) -> None:
    case = random_case(seed, grid=bool(seed % 2))
    graph = to_nir(case.network, case.shape)
    assert np.array_equal(NirRuntime(resolve(graph)).run(case.spikes), case.expected)
    write_nir(tmp_path / "network.nir", graph)
    resolved = resolve(read_nir(tmp_path / "network.nir"))
    assert np.array_equal(NirRuntime(resolved).run(case.spikes), case.expected)
