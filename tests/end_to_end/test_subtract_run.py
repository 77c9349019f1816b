"""A run whose neurons reset by subtraction, from training to the checks of its bundle."""

from pathlib import Path

import numpy as np

from shared.tiny_run import TINY, make_tiny_run, tiny_images_of
from spiq.export.bundle.folder import open_bundle
from spiq.export.nir.file import read_nir
from spiq.hardware.network.verification import verify
from spiq.hardware.runtime.nir_runtime import NirRuntime
from spiq.pipeline.config.schema import Config


def test_a_network_that_resets_by_subtraction_is_trained_exported_and_verified(tmp_path: Path) -> None:
    config = Config.model_validate(TINY | {"encoder": {"channels": [6, 8], "reset": "subtract", "beta": 0.9}})
    run = make_tiny_run(config, tiny_images_of(config), tmp_path / "run")
    bundle = open_bundle(run / "bundle")
    assert "reset by subtraction" in bundle.manifest.left_out["encoder.net"]
    stored = read_nir(run / "bundle" / "encoder.nir")
    assert {"neuron", "neuron_membrane", "neuron_reset"} <= set(stored.nodes)
    golden = bundle.golden.trace
    encoded = NirRuntime(bundle.network.spiking["encoder"].graph).run(golden["spikes"])
    assert np.array_equal(encoded, golden["encoder"])
    assert all(check.passed for check in verify(bundle))
