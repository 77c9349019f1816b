"""Going on with another configuration: what may differ, what is told, and which weights come of it."""

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import Result

from shared.command import invoked
from spiq.export.errors import InputError
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.run.folder import BUNDLE, CHECKPOINT, CONFIG, CURVES, RESUME, open_run, start_run
from spiq.pipeline.run.resuming import check_resume
from spiq.pipeline.training import checkpoint
from spiq.pipeline.training.loop import train
from spiq.pipeline.training.schedule import learning_rate


def changed(config: Config, **training: object) -> Config:
    return config.model_copy(update={"training": config.training.model_copy(update=training)})


def history(run: Path, name: str = RESUME) -> tuple[checkpoint.Epoch, ...]:
    return checkpoint.load(run / name)[1].history


def spiq_train(config: Config, run: Path, folder: Path) -> Result:
    """`spiq train --resume` with this configuration; a refusal is raised."""
    path = folder / "given.toml"
    path.write_text(config.to_toml())
    return invoked("train", path, "--out", run, "--resume")


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished run, of 3 epochs."""
    shutil.copytree(tiny_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def stopped(tiny_config: Config, tiny_images: ImageSet, tmp_path: Path) -> Path:
    """A run of 3 epochs, stopped in its second."""

    def watch(epoch: int, *_: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    start_run(tmp_path / "stopped", tiny_config)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config, tiny_images, tmp_path / "stopped", watch=watch)
    return tmp_path / "stopped"


def test_each_key_that_differs_is_named_with_both_values(run: Path, tiny_config: Config) -> None:
    other = changed(tiny_config, learning_rate=0.01, threads=2, epochs=9).model_copy(update={"seed": 4})
    with pytest.raises(InputError) as refused:
        check_resume(run, other)
    assert str(refused.value) == (
        f"{run / CONFIG}: differs from the configuration given in seed (0 there, 4 given), "
        "training.learning_rate (0.02 there, 0.01 given), training.threads (left out there, 2 given)"
    )


def test_a_finished_run_goes_on_to_a_larger_number_of_epochs(run: Path, tiny_config: Config, tmp_path: Path) -> None:
    before, longer = history(run), changed(tiny_config, epochs=5)
    done = spiq_train(longer, run, tmp_path)
    assert (
        f"spiq: {run}: training goes on to epoch 5, 3 were planned; from epoch 4 on the learning rate is that of 5 "
        f"epochs, {learning_rate(longer.training, 3):.2g} at first, so the weights will not be those of a run planned "
        "for 5\n"
    ) in done.stderr
    assert open_run(run) == longer
    assert not (run / BUNDLE).exists()
    after = history(run)
    assert after[:3] == before
    rates = [epoch.learning_rate for epoch in after]
    assert rates[:3] == [learning_rate(tiny_config.training, epoch) for epoch in range(3)]
    assert rates[3:] == [learning_rate(longer.training, epoch) for epoch in (3, 4)]
    assert history(run, CHECKPOINT) == after
    with (run / CURVES).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [float(row["learning_rate"]) for row in rows] == rates


def test_a_longer_run_is_the_same_however_often_it_was_stopped(
    run: Path, tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    longer = changed(tiny_config, epochs=5)
    shutil.copytree(run, tmp_path / "other")
    for folder in (run, tmp_path / "other"):
        start_run(folder, longer, resume=True)

    def watch(epoch: int, *_: object) -> None:
        if epoch == 4:
            raise KeyboardInterrupt

    train(longer, tiny_images, run, resume=True)
    with pytest.raises(KeyboardInterrupt):
        train(longer, tiny_images, tmp_path / "other", resume=True, watch=watch)
    assert len(history(tmp_path / "other")) == 4
    train(longer, tiny_images, tmp_path / "other", resume=True)
    for name in (CHECKPOINT, RESUME, CURVES):
        assert (run / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_run_may_end_with_the_epochs_that_it_has_but_not_with_fewer(
    stopped: Path, run: Path, tiny_config: Config, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"training.epochs must be at least 3, for which {run} is trained"):
        check_resume(run, changed(tiny_config, epochs=2))
    done = spiq_train(changed(tiny_config, epochs=1), stopped, tmp_path)
    assert f"{stopped}: training ends with epoch 1, 3 were planned" in done.stderr
    assert len(history(stopped, CHECKPOINT)) == 1
    assert open_run(stopped).training.epochs == 1


def test_a_finished_run_without_what_it_would_go_on_from_is_refused(run: Path, tiny_config: Config) -> None:
    """As version 0.1 left one."""
    (run / RESUME).unlink()
    assert check_resume(run, tiny_config) is None
    with pytest.raises(InputError, match=r"resume\.safetensors: is missing, .* go on beyond epoch 3"):
        check_resume(run, changed(tiny_config, epochs=4))


def test_another_tracker_is_no_reason_to_train_anew(run: Path, tiny_config: Config, tmp_path: Path) -> None:
    other = changed(tiny_config, log=("tensorboard",))
    weights = (run / CHECKPOINT).read_bytes()
    spiq_train(other, run, tmp_path)
    assert open_run(run) == other
    assert (run / CHECKPOINT).read_bytes() == weights
    assert (run / BUNDLE).exists()
