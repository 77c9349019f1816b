"""What the ladder does where Lava is missing, fails, or gives other spikes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.errors import DeviceError
from spiq.hardware.devices import SpikingDevice
from spiq.hardware.entries import SpikingEntry
from spiq.hardware.network.stages import Devices
from spiq.hardware.registry import devices, spiking_devices, spiking_entry
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.report.table import verdict
from spiq.pipeline.report.words import halves
from spiq.pipeline.training.checkpoint import load_model
from spiq.pipeline.validation import ladder
from spiq.pipeline.validation.ascent import Ascent
from spiq.pipeline.validation.ladder import climb
from spiq.pipeline.validation.report import Report
from spiq.pipeline.validation.rung import Rung
from spiq.pipeline.validation.rungs import RUNGS


class Changed:
    """Loihi's spikes, all but a few of the first sample's."""

    def __init__(self, loihi: SpikingDevice, flips: int) -> None:
        self.loihi, self.flips = loihi, flips

    def run(self, spikes: np.ndarray) -> np.ndarray:
        found = self.loihi.run(spikes)
        found[0, 0, : self.flips] ^= 1
        return found


class Dead:
    def run(self, spikes: np.ndarray) -> np.ndarray:
        raise DeviceError("Lava's worker was killed")


@pytest.fixture
def climbed(
    tiny_run: Path,
    tiny_config: Config,
    tiny_bundle: Bundle,
    tiny_images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    def with_lava(lava: SpikingDevice | None) -> tuple[Report, dict[str, Rung]]:
        def on(bundle: Bundle, snn: str, qpu: str) -> Devices:
            if snn != "lava" or lava is None:
                return devices(bundle, snn, qpu)
            return Devices({"encoder": lava}, devices(bundle, "loihi", qpu).quantum)

        def entry(name: str) -> SpikingEntry:
            missing = "Lava is not set up" if lava is None and name == "lava" else None
            return replace(spiking_entry(name), missing=lambda: missing)

        monkeypatch.setattr(ladder, "devices", on)
        monkeypatch.setattr(ladder, "spiking_entry", entry)
        model, _ = load_model(tiny_run, tiny_config)
        images, labels = tiny_images.test_images, tiny_images.test_labels
        report = climb(Ascent(tiny_bundle, images, labels, tiny_config.ladder, tiny_config.gate, model))
        return report, {rung.name: rung for rung in report.rungs}

    return with_lava


def test_without_lava_its_rung_is_skipped_with_the_reason(climbed: Any) -> None:
    report, rungs = climbed(None)
    assert rungs["lava"].skipped == "Lava is not set up"
    assert rungs["qasm"].agreement == 1.0
    assert report.gate.passed


def test_every_rung_of_a_report_has_its_words(climbed: Any) -> None:
    report, _ = climbed(None)
    assert [rung.name for rung in report.rungs] == [kind.name for kind in RUNGS]
    assert all(all(halves(rung.name)) for rung in report.rungs)


def test_a_lava_that_fails_costs_its_own_rung_only(climbed: Any) -> None:
    report, rungs = climbed(Dead())
    assert rungs["lava"].skipped == "Lava's worker was killed"
    assert rungs["shots"].samples == 40
    assert report.gate.passed


@pytest.mark.parametrize("flips", [0, 3])
def test_spikes_that_are_not_loihis_fail_the_gate(climbed: Any, tiny_bundle: Bundle, flips: int) -> None:
    report, rungs = climbed(Changed(spiking_devices("loihi", tiny_bundle)["encoder"], flips))
    assert rungs["lava"].samples == 5
    assert rungs["lava"].spike_mismatches == flips
    assert report.gate.passed == (flips == 0)
    assert ("3 of Lava's spikes are not loihi's" in verdict(report)) == (flips == 3)
    # The next rung is held against all of loihi's samples again.
    assert rungs["qasm"].agreement == 1.0
