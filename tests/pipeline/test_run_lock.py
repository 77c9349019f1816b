"""A run's folder belongs to one command at a time, and what a killed one left is gone after the next."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shared.command import SPIQ
from spiq.export.bundle.folder import open_bundle
from spiq.export.errors import InputError
from spiq.export.files.atomic import OLD
from spiq.pipeline.commands.main import app
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet, load_images
from spiq.pipeline.run.folder import BUNDLE, CHECKPOINT, CONFIG, CURVES, RESUME
from spiq.pipeline.run.lock import locked

pytestmark = pytest.mark.usefixtures("no_lava")


def started(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([SPIQ, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hidden(run: Path) -> list[str]:
    return [name for name in os.listdir(run) if name.startswith(".")]


@pytest.fixture
def own(tiny_run: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "run"
    shutil.copytree(tiny_run, copy, ignore=shutil.ignore_patterns("report.*"))
    return copy


def test_a_second_command_is_told_and_the_lock_goes_with_its_process(tiny_config: Config, tmp_path: Path) -> None:
    config, out = tmp_path / "long.toml", tmp_path / "run"
    training = tiny_config.training.model_copy(update={"epochs": 100_000})
    config.write_text(tiny_config.model_copy(update={"training": training}).to_toml())
    with started("train", config, "--out", out) as process:
        wait_for((out / RESUME).exists, process)
        for arguments in (
            ("export", out, "--force"),
            ("report", out),
            ("train", config, "--out", out),
            ("train", config, "--out", out, "--resume"),
            ("run", config, "--out", out, "--force"),
        ):
            done = CliRunner().invoke(app, [*map(str, arguments)])
            assert isinstance(done.exception, InputError)
            sentence = f"{out}: another spiq command is at work in this folder; wait until it has ended"
            assert str(done.exception) == sentence
        assert process.poll() is None
        process.kill()
    done = CliRunner().invoke(app, ["export", str(out)])
    assert done.exit_code == 0
    assert "of 100000 epochs, and the bundle says so" in done.stderr
    assert hidden(out) == []


def test_two_new_runs_of_one_name_do_not_mix(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one sees no folder when it begins, and the first one's when it is about to make it."""
    config, out = tmp_path / "tiny.toml", tmp_path / "run"
    config.write_text(tiny_config.to_toml())

    def load_late(*arguments: Any) -> ImageSet:
        out.mkdir()
        (out / CONFIG).write_text("the first one's")
        return load_images(*arguments)

    monkeypatch.setattr("spiq.pipeline.data.load_images", load_late)
    done = CliRunner().invoke(app, ["train", str(config), "--out", str(out)])
    assert isinstance(done.exception, InputError)
    assert "exists already" in str(done.exception)
    assert getattr(done.exception, "remedy", None) == "replace or resume"
    assert (out / CONFIG).read_text() == "the first one's"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_export_leaves_nothing_that_the_next_command_does_not_clean(own: Path, seed: int) -> None:
    with started("export", own, "--force") as process:
        wait_for(lambda: bool(hidden(own)), process)
        time.sleep(random.Random(seed).uniform(0, 0.4))
        process.kill()
    with locked(own, pytest.fail):
        assert sorted(os.listdir(own)) == [BUNDLE, CHECKPOINT, CONFIG, RESUME, CURVES]
        open_bundle(own / BUNDLE)


def test_a_bundle_that_a_kill_left_out_of_its_place_is_put_back_by_the_next_command(own: Path) -> None:
    (own / BUNDLE).rename(own / f".{BUNDLE}.spiq-abcdefgh{OLD}")
    (own / f".{BUNDLE}.spiq-abcdefgh").mkdir()
    (own / f".{CHECKPOINT}.spiq-12345678").mkdir()
    assert CliRunner().invoke(app, ["report", str(own)]).exit_code == 0
    assert hidden(own) == []
    open_bundle(own / BUNDLE)


def test_a_report_that_is_there_is_printed_beside_a_working_command(own: Path) -> None:
    assert CliRunner().invoke(app, ["report", str(own)]).exit_code == 0
    with locked(own, pytest.fail):
        done = CliRunner().invoke(app, ["report", str(own)])
        assert done.exit_code == 0
        assert "gate passed" in done.stdout
        assert isinstance(CliRunner().invoke(app, ["report", str(own), "--force"]).exception, InputError)
