"""The benchmark does the same work on both sides, and its arithmetic is right."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pennylane as qml
import pytest
import torch
from typer.testing import CliRunner

from spiq.export.errors import InputError
from spiq.pipeline.benchmark import comparison, growth, heads, steps
from spiq.pipeline.benchmark import run as bench_run
from spiq.pipeline.benchmark.comparison import Work, compared, side_by_side
from spiq.pipeline.benchmark.growth import Point, plot
from spiq.pipeline.benchmark.networks import network
from spiq.pipeline.commands.main import app


def test_the_two_take_turns_and_the_first_runs_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = iter(range(100))
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: float(next(clock)))
    ours, peer = Work(lambda: order.append("ours"), 4), Work(lambda: order.append("peer"))
    assert side_by_side(ours, peer, 2) == ([0.25, 0.25], [1.0, 1.0])
    assert order == ["ours", "peer"] * 3
    order.clear()
    side_by_side(ours, peer, 1, warm_peer=False)
    assert order == ["ours", "ours", "peer"]


def test_short_work_is_repeated_and_a_start_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def lasting(duration: float) -> Callable[[], None]:
        def run() -> None:
            nonlocal now
            now += duration

        return run

    monkeypatch.setattr(comparison.time, "perf_counter", lambda: now)
    assert comparison.seconds(Work(lasting(0.03), 3)) == pytest.approx(0.01)
    assert now == pytest.approx(0.21)
    assert comparison.seconds(Work(lasting(7.0), 12, lasting(2.0), 2)) == pytest.approx(0.5)


def test_a_row_has_medians_and_the_spread_of_the_ratio() -> None:
    row = compared("name", "work", "peer", comparison.Times([1.0, 2.0, 4.0], [10.0, 10.0, 10.0]), needed=4)
    assert (row.ours, row.peer, row.ratio, row.repetitions, row.passed) == (2000.0, 10_000.0, 5.0, 3, True)
    assert row.spread == pytest.approx((10 - 2.5) / 2 / 5)
    alone = compared("name", "work", "peer", comparison.Times([1.0], [3.0]), needed=4)
    assert (alone.spread, alone.passed) == (None, False)
    assert compared("name", "work", "peer", comparison.Times([1.0], [3.0])).passed is None


def test_what_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkey = CliRunner().invoke(app, ["bench", "--out", str(tmp_path / "file" / "x")])
    assert isinstance(monkey.exception, InputError)
    assert "cannot be written" in str(monkey.exception)
    (tmp_path / "growth.json").mkdir()
    monkey = CliRunner().invoke(app, ["bench", "--growth", "--out", str(tmp_path)])
    assert str(monkey.exception) == f"{tmp_path / 'growth.json'}: cannot be written: it is a folder"


@pytest.mark.parametrize("options", [[], ["--growth"]])
def test_earlier_results_stay_until_there_are_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((bench_run, "comparisons"), (growth, "grown")):
        monkeypatch.setattr(module, name, stopped)
    names = ("bench.json", "bench.md", "growth.json", "growth.md", "growth.svg")
    for name in names:
        (tmp_path / name).write_text("measured")
    CliRunner().invoke(app, ["bench", "--out", str(tmp_path), *options])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = CliRunner().invoke(app, ["bench", "--out", str(tmp_path), "--growth"])
    assert "matplotlib, which is missing" in str(done.exception)
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert {(tmp_path / name).read_text() for name in names} == {"measured"}


def test_the_rows_are_written_and_decide_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = compared("name", "work", "peer", comparison.Times([1.0], [3.0]), needed=4)
    monkeypatch.setattr(bench_run, "comparisons", lambda quick: iter([slow]))
    for options, status in (([], 1), (["--quick"], 0)):
        done = CliRunner().invoke(app, ["bench", "--json", "--out", str(tmp_path), *options])
        assert done.exit_code == status
        (row,) = json.loads((tmp_path / "bench.json").read_text())
        assert row == json.loads(done.stdout)[0]
        keys = {"name", "ours", "peer", "peer_name", "ratio", "unit", "spread", "machine"}
        assert keys <= row.keys()
        assert "| name | work | 1e+03 | 3e+03 |" in (tmp_path / "bench.md").read_text()


@pytest.mark.parametrize("noise", [None, heads.PAPER_NOISE], ids=["ideal", "noisy"])
def test_both_heads_are_the_same_circuit(noise: heads.Noise | None) -> None:
    angles, weights = (tensor.detach().double() for tensor in heads.inputs(3, 4, 2))
    ours, peer = heads.lightcone(noise)(angles, weights), heads.pennylane(noise)(angles, weights)
    torch.testing.assert_close(ours, peer, rtol=0, atol=1e-9)
    # The rows head.train.loop and head.noisy hand over one sample at a time.
    one_by_one = torch.stack([heads.pennylane(noise)(sample, weights) for sample in angles])
    torch.testing.assert_close(one_by_one, peer, rtol=0, atol=1e-9)


@pytest.mark.parametrize("head", [steps.SampleBySample, steps.Broadcast])
def test_the_peer_of_a_training_step_is_the_same_model(head: type[steps.Broadcast]) -> None:
    chosen = network((2, 4, 8), "average", 28, 8)
    peer = steps.with_head(chosen.model, head)
    spikes = torch.from_numpy(chosen.spikes(5)).float()
    torch.testing.assert_close(peer(spikes), chosen.model(spikes), rtol=0, atol=1e-5)


def test_the_compiled_head_is_the_same_circuit_with_the_same_gradients() -> None:
    grown: list[tuple[torch.Tensor, ...]] = []
    for circuit in (heads.lightcone(), heads.lightning(4)):
        angles, weights = (tensor.detach().double().requires_grad_() for tensor in heads.inputs(3, 4, 2))
        values = circuit(angles, weights)
        values.sum().backward()
        assert angles.grad is not None
        assert weights.grad is not None
        grown.append((values.detach(), angles.grad, weights.grad))
    for ours, peer in zip(*grown, strict=True):
        # PennyLane hands over the compiled simulator's values in float32.
        torch.testing.assert_close(ours, peer, rtol=0, atol=1e-6, check_dtype=False)


def test_the_noisy_peer_has_the_channels_that_the_row_names() -> None:
    with qml.queuing.AnnotatedQueue() as queue:
        heads.PAPER_NOISE.queue(0)
        heads.PAPER_NOISE.queue_readout(0)
    names = [operation.name for operation in qml.tape.QuantumScript.from_queue(queue).operations]
    assert names == ["BitFlip", "DepolarizingChannel", "AmplitudeDamping"]


def test_the_networks_fire() -> None:
    chosen = network((2, 4, 8), "average", 28, 8)
    spikes = chosen.spikes(3)
    assert spikes.shape == (8, 3, 1, 28, 28)
    assert 0.02 < spikes.mean() < 0.5
    assert len(chosen.take(len(chosen.images) + 2)) == len(chosen.images) + 2


def test_the_same_points_give_the_same_picture(tmp_path: Path) -> None:
    points = [Point("a", "qubits", size, size * 1.5, 0.1, 500.0) for size in (4, 8)]
    points += [Point("b", "samples", size, size * 2.0, 0.1, 500.0) for size in (10, 100)]
    for name in ("one.svg", "other.svg"):
        plot(points, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert growth.QUBITS[-1] == 128
