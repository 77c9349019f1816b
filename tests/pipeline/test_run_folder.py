"""A run's folder: what lies in it belongs together, whatever was stopped, resumed or exported again."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.command import invoked
from spiq.export.bundle.folder import MANIFEST
from spiq.export.errors import InputError
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.run import folder as run_folder
from spiq.pipeline.run.folder import (
    BUNDLE,
    CHECKPOINT,
    CONFIG,
    CURVES,
    REPORT_HTML,
    REPORT_JSON,
    RESUME,
    check_run,
    start_run,
)
from spiq.pipeline.training import checkpoint
from spiq.pipeline.training.loop import train
from spiq.pipeline.validation.report import Gate, Report

pytestmark = pytest.mark.usefixtures("no_lava")


class KillError(BaseException):
    """Stands for a kill: nothing may handle it."""


def write_old_report(run: Path) -> None:
    """A report, climbed on what lies in the folder now, that can be told from every other."""
    report = Report(
        name="an old one", data="digits", parameters=1, steps=8, qubits=3, shots=64, seed=0, rungs=[],
        gate=Gate(max_accuracy_drop=1.0, accuracy_drop=0.0, passed=True), training=[], versions={}, machine="",
        made_of=run_folder.made_of(run),
    )  # fmt: skip
    (run / REPORT_JSON).write_text(report.text())
    (run / REPORT_HTML).write_text("an old one")


def stopped(config: Config, images: ImageSet, run: Path) -> None:
    """Train until the second epoch."""

    def watch(epoch: int, *_: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    start_run(run, config)
    with pytest.raises(KeyboardInterrupt):
        train(config, images, run, watch=watch)


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A run with all its files."""
    copy = tmp_path / "run"
    shutil.copytree(tiny_run, copy)
    write_old_report(copy)
    return copy


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_resumed_run_has_no_bundle_and_no_report_of_the_network_before(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    run, config = tmp_path / "run", tmp_path / "tiny.toml"
    # Without images held out the last epoch's network is kept.
    data = tiny_config.data.model_copy(update={"validation_fraction": 0.0})
    tiny_config = tiny_config.model_copy(update={"data": data})
    config.write_text(tiny_config.to_toml())
    stopped(tiny_config, tiny_images, run)
    invoked("export", run)
    # Its training is not finished, so the gate is not passed.
    early = json.loads(invoked("report", run, "--json", status=1).stdout)
    assert len(early["training"]) == 1
    invoked("train", config, "--out", run, "--resume")
    assert sorted(os.listdir(run)) == [CHECKPOINT, CONFIG, RESUME, CURVES]
    with pytest.raises(InputError, match=f"run/bundle: there is no such bundle; `spiq export {run}` makes it"):
        invoked("report", run)
    invoked("export", run)
    late = json.loads(invoked("report", run, "--json").stdout)
    assert len(late["training"]) == 3
    for report in (early, late):
        assert report["rungs"][1]["spike_mismatches"] == 0
        assert report["rungs"][1]["agreement"] == 1.0
    assert early["made_of"] != late["made_of"] == run_folder.made_of(run)


def test_a_finished_run_keeps_all_its_files_when_it_is_resumed(
    tiny_config: Config, tiny_images: ImageSet, run: Path
) -> None:
    before = content(run)
    train(tiny_config, tiny_images, run, resume=True)
    assert content(run) == before


def test_a_new_bundle_leaves_no_report_of_the_one_before(run: Path) -> None:
    assert "an old one" in invoked("report", run).stdout
    invoked("export", run, "--force")
    assert sorted(os.listdir(run)) == sorted([BUNDLE, CHECKPOINT, CONFIG, RESUME, CURVES])
    assert "an old one" not in invoked("report", run).stdout


def test_an_export_that_is_killed_before_its_bundle_is_in_place_leaves_no_old_report_beside_a_new_bundle(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, bundle = Path.rename, content(run / BUNDLE)

    def killed(path: Path, target: Path) -> Path:
        if path == run / BUNDLE:
            raise KillError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KillError):
        invoked("export", run, "--force")
    assert content(run / BUNDLE) == bundle
    assert not (run / REPORT_JSON).exists()
    assert not (run / REPORT_HTML).exists()


def test_an_export_that_fails_leaves_the_report(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(run)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spiq.hardware.network.bundling.save_golden", full)
    with pytest.raises(InputError, match="No space left"):
        invoked("export", run, "--force")
    assert content(run) == before


def steps_until_done(monkeypatch: pytest.MonkeyPatch, run: Path, work: Callable[[], object], step: int) -> bool:
    """Do the work, killed at the `step`-th change to the folder; whether it was killed."""
    done = 0

    def counted(change: Callable[..., object]) -> Callable[..., object]:
        def either(*arguments: object, **options: object) -> object:
            nonlocal done
            done += 1
            if done > step:
                raise KillError
            return change(*arguments, **options)

        return either

    with monkeypatch.context() as patch:
        for name in ("unlink", "rename", "replace"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        try:
            work()
        except KillError:
            return True
    return False


@pytest.mark.parametrize("resume", [False, True], ids=["anew", "resumed"])
def test_a_kill_at_any_step_leaves_no_report_or_bundle_of_another_checkpoint(
    tiny_config: Config, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    tensors, progress = checkpoint.load(run / CHECKPOINT)
    before = content(run)

    def work() -> None:
        start_run(copy, tiny_config, resume)
        run_folder.remove_bundle(copy)
        checkpoint.save(copy / CHECKPOINT, tensors, progress._replace(history=progress.history[:1]))

    step, killed = 0, True
    while killed:
        copy = tmp_path / f"copy{step}"
        shutil.copytree(run, copy)
        killed = steps_until_done(monkeypatch, copy, work, step)
        here = {run / path.relative_to(copy): data for path, data in content(copy).items()}
        unchanged = here.get(run / CHECKPOINT) == before[run / CHECKPOINT]
        if (copy / BUNDLE).exists():
            assert unchanged
            assert content(run / BUNDLE).items() <= here.items()
        if (copy / REPORT_JSON).exists() or (copy / REPORT_HTML).exists():
            assert (copy / BUNDLE).exists()
        step += 1
    assert step > 4
    assert not unchanged


@pytest.mark.parametrize("tensor", ["readout.bias", "head.weights"])
def test_a_bundle_of_another_network_is_not_climbed(run: Path, tensor: str) -> None:
    """As when a run was exported while it was still training."""
    tensors, progress = checkpoint.load(run / CHECKPOINT)
    # What a step of Adam changes towards the end of the half cosine.
    tensors[tensor] = tensors[tensor] + 1e-4
    checkpoint.save(run / CHECKPOINT, tensors, progress)
    sentence = f"run/bundle: was not made of the network that is in {run / CHECKPOINT} now"
    for options in ([], ["--force"]):
        with pytest.raises(InputError, match=sentence):
            invoked("report", run, *options)


def test_a_report_of_version_0_1_which_says_nothing_of_the_configuration_is_shown(run: Path) -> None:
    stored = json.loads((run / REPORT_JSON).read_text())
    del stored["made_of"][CONFIG]
    (run / REPORT_JSON).write_text(json.dumps(stored))
    assert "an old one" in invoked("report", run).stdout


@pytest.mark.parametrize("changed", [CONFIG, CHECKPOINT, f"{BUNDLE}/{MANIFEST}", None])
def test_a_report_that_was_climbed_on_other_files_is_not_shown(run: Path, changed: str | None) -> None:
    """As when the run was exported while its ladder was being climbed; None: a report that does not say on what."""
    stored = json.loads((run / REPORT_JSON).read_text())
    if changed:
        stored["made_of"][changed] = "0" * 64
    else:
        del stored["made_of"]
    (run / REPORT_JSON).write_text(json.dumps(stored))
    assert "an old one" not in invoked("report", run).stdout
    assert json.loads((run / REPORT_JSON).read_text())["name"] == "tiny"
    assert json.loads((run / REPORT_JSON).read_text())["made_of"] == run_folder.made_of(run)


def test_a_folder_that_is_no_bundle_is_not_taken_away(tiny_config: Config, run: Path) -> None:
    (run / BUNDLE / MANIFEST).unlink()
    for options in ({"force": True}, {"resume": True}):
        with pytest.raises(InputError, match="bundle: exists and is not a bundle, so it is not replaced"):
            check_run(run, tiny_config, **options)


def test_a_bundle_that_cannot_be_taken_away_stops_a_new_run(
    tiny_config: Config, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", forbidden)
    before = content(run)
    with pytest.raises(InputError, match="run/bundle: cannot be removed: Permission denied"):
        start_run(run, tiny_config)
    after = content(run)
    assert before.keys() - after.keys() == {run / REPORT_JSON, run / REPORT_HTML}
    assert after.items() <= before.items()
