"""A run that is not finished says so wherever it is seen, and does not pass its gate."""

import json
import shutil
from pathlib import Path

import pytest

from shared.command import invoked
from spiq.export.bundle.epochs import Epochs
from spiq.export.bundle.folder import MANIFEST, open_bundle
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.run.folder import BUNDLE, CHECKPOINT, CONFIG, REPORT_HTML, REPORT_JSON, start_run
from spiq.pipeline.training import checkpoint
from spiq.pipeline.training.loop import train

pytestmark = pytest.mark.usefixtures("no_lava")


@pytest.fixture
def stopped(tiny_config: Config, tiny_images: ImageSet, tmp_path: Path) -> Path:
    """A run that Ctrl-C ended in its second epoch, of three."""
    run = tmp_path / "run"

    def watch(epoch: int, *_: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    start_run(run, tiny_config)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config, tiny_images, run, watch=watch)
    return run


def test_a_run_that_was_stopped_says_so_in_bundle_report_page_and_table(stopped: Path) -> None:
    _, progress = checkpoint.load(stopped / CHECKPOINT)
    assert len(progress.history) == 1
    told = f"spiq: {stopped}: training is NOT finished, 1 of 3 epochs, and the bundle says so"
    assert told in invoked("export", stopped).stderr
    assert open_bundle(stopped / BUNDLE).manifest.epochs == Epochs(trained=1, planned=3)
    table = invoked("report", stopped, status=1).stdout
    assert "training is NOT finished, 1 of 3 epochs" in table
    assert "gate NOT passed: training is not finished, 1 of 3 epochs" in table
    report = json.loads((stopped / REPORT_JSON).read_text())
    assert report["epochs"] == {"trained": 1, "planned": 3}
    assert not report["gate"]["passed"]
    page = (stopped / REPORT_HTML).read_text()
    assert "The training is NOT finished, 1 of 3 epochs." in page
    assert "Gate NOT passed: training is not finished, 1 of 3 epochs" in page
    assert "NOT finished, 1 of 3 epochs" in invoked("inspect", stopped / BUNDLE).stdout
    assert "training is NOT finished" in invoked("cosim", stopped / BUNDLE, "--limit", 2).stderr


def test_a_run_that_went_on_to_its_end_is_finished(stopped: Path, tmp_path: Path, tiny_config: Config) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(tiny_config.to_toml())
    invoked("train", config, "--out", stopped, "--resume")
    assert "NOT finished" not in invoked("export", stopped).stderr
    table = invoked("report", stopped).stdout
    assert "training is finished, 3 of 3 epochs" in table
    assert "gate passed" in table
    assert "finished, 3 of 3 epochs" in invoked("inspect", stopped / BUNDLE).stdout


def test_a_bundle_of_an_earlier_version_says_that_it_is_not_known(tiny_run: Path, tmp_path: Path) -> None:
    bundle = open_bundle(tiny_run / BUNDLE)
    old = bundle.manifest.model_copy(update={"epochs": None, "pixel_range": None})
    old = old.model_copy(update={"digest": old.content_digest()})
    copy = tmp_path / "bundle"
    copy.mkdir()
    for name, content in bundle.content.items():
        (copy / name).write_bytes(content)
    (copy / MANIFEST).write_text(old.text())
    table = invoked("inspect", copy).stdout
    assert "not known to be finished" in table
    assert "not known what white is" in table
    found = json.loads(invoked("inspect", copy, "--json").stdout)
    assert (found["epochs"], found["pixel_range"]) == (None, None)
    invoked("verify", copy)


def test_a_network_that_knows_nothing_does_not_pass_by_default(tiny_run: Path, tmp_path: Path) -> None:
    """Without gate.min_accuracy, as a user leaves it out."""
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    text = (run / CONFIG).read_text()
    assert "min_accuracy = 0.0\n" in text
    (run / CONFIG).write_text(text.replace("min_accuracy = 0.0\n", ""))
    table = invoked("report", run, status=1).stdout
    assert "gate NOT passed: shots, the last rung measured, is right on" in table
    # The report that is stored now was climbed with another gate.
    (run / CONFIG).write_text(text)
    assert "gate passed" in invoked("report", run).stdout
