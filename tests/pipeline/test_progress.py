"""What the bars on stderr say, and the lines that stand in for them where there is no terminal."""

import re

import pytest
from rich.console import Console

from spiq.pipeline.terminal import progress
from spiq.pipeline.terminal.progress import sample_bars, shows_bars, training_bar


def test_the_training_bar_ends_with_the_last_figures_it_was_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "shows_bars", lambda _: True)
    with training_bar(2) as watch:
        watch(1, 3, 3, 0.5, 0.75, 0.25)
        watch(1, 3, 3, 0.5, 0.75, 0.625)
    last = capsys.readouterr().err
    assert "━" in last
    assert "epoch 2/2" in last
    assert "held out 62.50%" in last
    assert "25.00%" not in last


def test_without_a_terminal_each_epoch_is_a_line_with_its_last_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with training_bar(60) as watch:
        for batch in (1, 2, 3, 3):
            watch(0, batch, 3, 1.0, 0.5, None)
        watch(2, 1, 2, 0.9, 0.8, 0.25)
        watch(2, 2, 2, 0.43214, 0.87118, 0.25)
        watch(2, 2, 2, 0.43214, 0.87118, 0.88)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "epoch 1/60  loss 1.0000  accuracy 50.00%",
        "epoch 3/60  loss 0.4321  accuracy 87.12%  held out 88.00%",
    ]


def test_without_a_terminal_each_name_is_a_line_once_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with sample_bars() as watch:
        for done in (10, 40, 40):
            watch("nir", done, 40)
        watch("lo\nihi", 5, 5)
        watch("lava", 3, 5)
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\d+\.\d s", "S", line) for line in lines] == ["nir  40/40  S", r"lo\nihi  5/5  S"]


def test_bars_are_for_terminals_and_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shows_bars(Console(force_terminal=False))
    for has_widgets in (True, False):
        monkeypatch.setattr("spiq.pipeline.terminal.progress.find_spec", lambda name, found=has_widgets: found or None)
        assert shows_bars(Console(force_jupyter=True)) == has_widgets
    monkeypatch.setenv("TERM", "xterm")
    assert shows_bars(Console(force_terminal=True))
    monkeypatch.setenv("TERM", "dumb")
    assert not shows_bars(Console(force_terminal=True))
