"""training.csv and the trackers beside it: they have every epoch, once, whatever was stopped and resumed."""

import csv
import importlib.util
import json
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.command import invoked
from spiq.export.errors import InputError
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.run.folder import CHECKPOINT, CURVES, FILES, RESUME, TENSORBOARD, WANDB, start_run
from spiq.pipeline.training import checkpoint
from spiq.pipeline.training.checkpoint import Epoch
from spiq.pipeline.training.curves import COLUMNS, curves_text
from spiq.pipeline.training.loop import train
from spiq.pipeline.training.records.table import check_records


def logged(config: Config, *names: str) -> Config:
    return config.model_copy(update={"training": config.training.model_copy(update={"log": names})})


class KillError(BaseException):
    """Stands for a kill."""


def train_in_two_goes(config: Config, images: ImageSet, run: Path) -> tuple[Epoch, ...]:
    """Killed in the second epoch and resumed; the epochs."""

    def watch(epoch: int, *_: object) -> None:
        if epoch == 1:
            raise KillError

    start_run(run, config)
    with pytest.raises(KillError):
        train(config, images, run, watch=watch)
    assert len(rows(run)) == 1
    train(config, images, run, resume=True)
    return checkpoint.load(run / CHECKPOINT)[1].history


def rows(run: Path) -> list[dict[str, str]]:
    with (run / CURVES).open(newline="") as file:
        return list(csv.DictReader(file))


def tensorboard_scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader finds: by tag, step and value."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_the_curves_are_every_epoch_with_all_digits(tiny_config: Config, tiny_images: ImageSet, tmp_path: Path) -> None:
    history = train_in_two_goes(tiny_config, tiny_images, tmp_path / "run")
    found = rows(tmp_path / "run")
    assert tuple(found[0]) == COLUMNS
    assert [int(row["epoch"]) for row in found] == [1, 2, 3]
    assert [Epoch(*(float(row[column]) for column in COLUMNS[1:])) for row in found] == list(history)
    whole = tmp_path / "whole"
    start_run(whole, tiny_config)
    train(tiny_config, tiny_images, whole)
    assert (whole / CURVES).read_bytes() == (tmp_path / "run" / CURVES).read_bytes()


def test_what_is_not_known_is_left_empty() -> None:
    assert curves_text([Epoch(0.5, 0.75, None)]).splitlines()[1:] == ["1,0.5,0.75,,"]
    assert curves_text([]) == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("killed", [RESUME, CURVES])
def test_a_kill_between_the_files_of_an_epoch_is_made_good(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """The curves may then lag behind the weights, or the weights behind the best ones."""
    save, write = checkpoint.save, "spiq.pipeline.training.loop.write_curves"
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for run in (whole, broken):
        start_run(run, tiny_config)
    train(tiny_config, tiny_images, whole)

    def save_killed(path: Path, tensors: dict, progress: checkpoint.Progress) -> None:
        if path.name == RESUME and len(progress.history) == 2:
            raise KillError
        save(path, tensors, progress)

    def write_killed(run: Path, history: tuple[Epoch, ...]) -> None:
        if len(history) == 2:
            raise KillError
        (run / CURVES).write_text(curves_text(history))

    with monkeypatch.context() as patch:
        if killed == RESUME:
            patch.setattr("spiq.pipeline.training.checkpoint.save", save_killed)
        else:
            patch.setattr(write, write_killed)
        with pytest.raises(KillError):
            train(tiny_config, tiny_images, broken)
    assert len(rows(broken)) == 1
    train(tiny_config, tiny_images, broken, resume=True)
    for name in (CHECKPOINT, RESUME, CURVES):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()


def test_tensorboard_reads_every_epoch_once(tiny_config: Config, tiny_images: ImageSet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    history = train_in_two_goes(logged(tiny_config, "tensorboard", "tensorboard"), tiny_images, run)
    found = tensorboard_scalars(run / TENSORBOARD)
    assert set(found) == {"loss", "accuracy/training", "accuracy/validation", "learning_rate"}
    by_tag: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, epoch in enumerate(history, start=1):
        for tag, value in zip(
            ("loss", "accuracy/training", "accuracy/validation", "learning_rate"), epoch, strict=True
        ):
            assert value is not None
            by_tag[tag].append((number, pytest.approx(value, rel=1e-6)))
    assert found == by_tag
    start_run(run, tiny_config)
    assert os.listdir(run) == ["config.toml"]


def test_trackers_change_nothing_of_the_weights(
    tiny_config: Config, tiny_images: ImageSet, tiny_run: Path, tmp_path: Path
) -> None:
    train(logged(tiny_config, "tensorboard"), tiny_images, tmp_path)
    for name in (CHECKPOINT, RESUME, CURVES):
        assert (tmp_path / name).read_bytes() == (tiny_run / name).read_bytes()


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_that_is_missing_is_told_before_anything_is_trained(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else find(asked))
    config = tmp_path / "tiny.toml"
    config.write_text(logged(tiny_config, name).to_toml())
    with pytest.raises(InputError) as refused:
        invoked("train", config, "--out", tmp_path / "run")
    assert str(refused.value) == (
        f"training.log names \"{name}\", whose package is not installed; pip install 'spiq[{name}]' installs it"
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_of_the_packages_name_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("wandb") is not None:
        pytest.skip("wandb is installed, and found before the folder")
    (tmp_path / "wandb").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="whose package is not installed"):
        check_records(["wandb"])


def test_weights_and_biases_gets_every_epoch_offline(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(variable)
    # Offline, wandb would still report its own crashes.
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    pytest.importorskip("wandb", reason="wandb is not installed: pip install 'spiq[wandb]'")
    run = tmp_path / "run"
    history = train_in_two_goes(logged(tiny_config, "wandb"), tiny_images, run)
    folders = sorted((run / WANDB / "wandb").glob("offline-run-*"))
    assert [len(wandb_rows(folder)) for folder in folders] == [1, 3]
    found = [Epoch(row["loss"], row["accuracy/training"], row["accuracy/validation"], row["learning_rate"])
             for row in wandb_rows(folders[-1])]  # fmt: skip
    assert found == list(history)


def wandb_rows(folder: Path) -> list[dict[str, float]]:
    """The history in a file of W&B's, by its own messages."""
    from wandb.proto import wandb_internal_pb2  # pyright: ignore[reportMissingImports]

    found = []
    (path,) = folder.glob("*.wandb")
    for content in log_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            found.append({".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items})
    return found


def log_records(content: bytes) -> Iterator[bytes]:
    """The records of a log as LevelDB writes it, behind the 7 bytes that W&B's begins with.

    Blocks of 32 KiB hold parts with a checksum (4 bytes), a length (2) and a type (1): whole, first, middle or last
    (github.com/google/leveldb, doc/log_format.md).
    """
    whole, first, last, block = 1, 2, 4, 2**15
    record, place = b"", 7
    while place < len(content):
        if block - place % block < 7:
            place += block - place % block
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        part = content[place + 7 : place + 7 + length]
        record = part if kind in (whole, first) else record + part
        place += 7 + length
        if kind in (whole, last):
            yield record


def test_all_that_a_training_writes_is_named() -> None:
    assert {CURVES, TENSORBOARD, WANDB, RESUME} <= set(FILES)
