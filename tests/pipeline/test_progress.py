"""What the bars on stderr say."""

import pytest

from spiq.pipeline.progress import training_bar


def test_the_training_bar_ends_with_the_last_figures_it_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    with training_bar(2) as watch:
        watch(1, 3, 3, 0.5, 0.75, 0.25)
        watch(1, 3, 3, 0.5, 0.75, 0.625)
    last = capsys.readouterr().err
    assert "epoch 2/2" in last
    assert "held out 62.50%" in last
    assert "25.00%" not in last
