"""What a report says of the spiking half, counted again from snnTorch's spikes and from the ladder's own."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import snntorch as snn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import spiq
from spiq.export.bundle.bundle import Bundle
from spiq.export.network.trace import Trace
from spiq.hardware.network.cosimulation import cosimulate
from spiq.hardware.registry import devices
from spiq.pipeline.data import ImageSet
from spiq.pipeline.report.charts.network import BOX_HEIGHT, BOX_WIDTH, network_graph
from spiq.pipeline.report.charts.raster import raster_chart
from spiq.pipeline.validation.analysis.climbed import Climbed
from spiq.pipeline.validation.analysis.spiking import Edge, LayerReport, SpikingHalf
from spiq.pipeline.validation.analysis.spiking_halves import spiking_halves

SAMPLES = 24


@pytest.fixture(scope="module")
def climbed(tiny_bundle: Bundle, tiny_images: ImageSet) -> Climbed:
    samples = tiny_images.test_images[:SAMPLES].astype(np.float64)
    traces: dict[str, Trace] = {
        name: cosimulate(tiny_bundle.network, devices(tiny_bundle, name, "exact"), samples) for name in ("nir", "loihi")
    }
    return Climbed(tiny_bundle, samples, tiny_images.test_labels[:SAMPLES], traces, 64)


@pytest.fixture(scope="module")
def half(climbed: Climbed) -> SpikingHalf:
    (found,) = spiking_halves(climbed)
    return found


def test_every_layer_counts_the_spikes_that_snntorch_gives(tmp_path: Path) -> None:
    torch.manual_seed(3)
    parts = [nn.Linear(7, 9), snn.Leaky(0.9, reset_mechanism="zero"), nn.Linear(9, 4), snn.Leaky(0.8, threshold=0.7)]
    spikes = np.random.default_rng(2).integers(0, 2, (6, 30, 7)).astype(np.uint8)
    bundle = spiq.network(nn.Sequential(*parts), coding=None, steps=6, input_shape=(7,), decode="count").export(
        tmp_path / "bundle", calibration=spikes, golden=(spikes[:, :4], np.zeros(4, int))
    )
    (found,) = spiking_halves(Climbed(bundle, spikes, np.zeros(30, int), {}, 64))
    counts: list[list[np.ndarray]] = [[], []]
    memories = [parts[1].init_leaky(), parts[3].init_leaky()]
    with torch.no_grad():
        for step in torch.from_numpy(spikes).float():
            first, memories[0] = parts[1](parts[0](step), memories[0])
            last, memories[1] = parts[3](parts[2](first), memories[1])
            counts[0].append(first.numpy())
            counts[1].append(last.numpy())
    for layer, fired in zip(found.layers, map(np.array, counts), strict=True):
        assert layer.in_float is not None
        assert layer.in_float.rate == pytest.approx(fired.mean(), abs=1e-12)
        assert layer.in_float.dead == (fired.sum((0, 1)) == 0).sum()
        assert layer.in_float.saturated == fired.all((0, 1)).sum()
        assert layer.neurons == fired.shape[2]


def test_the_last_layer_is_what_the_ladder_gave(half: SpikingHalf, climbed: Climbed) -> None:
    (stage,) = climbed.bundle.network.spiking
    real, whole = (climbed.traces[name][stage].reshape(half.steps, SAMPLES, -1) for name in ("nir", "loihi"))
    last = half.layers[-1]
    assert (half.samples, half.steps) == (SAMPLES, len(real))
    assert last.changed == (real != whole).sum()
    for told, spikes in ((last.in_float, real), (last.on_chip, whole)):
        assert told is not None
        assert told.rate == pytest.approx(spikes.mean())
        assert told.dead == (spikes.sum((0, 1)) == 0).sum()
        assert told.saturated == spikes.all((0, 1)).sum()


def test_the_raster_holds_the_spikes_of_the_golden_sample(half: SpikingHalf, climbed: Climbed) -> None:
    found = half.raster
    assert found is not None
    assert [panel.name for panel in found.panels] == ["nir", "loihi"]
    stored = climbed.bundle.golden.trace["encoder"][:, 0].reshape(found.steps, -1)
    for panel in found.panels:
        spikes = np.zeros_like(stored)
        for step, row in panel.spikes:
            spikes[step, found.neurons[row]] = 1
        if panel.name == "nir":
            assert (spikes == stored).all()
            assert panel.differing == []
            before = spikes
        else:
            assert len(panel.differing) == (spikes != before).sum()
    drawn = ElementTree.fromstring(raster_chart("one", found))
    squares = [one for one in drawn.iter("rect") if one.get("class", "").startswith("spike")]
    assert len(squares) == sum(len(panel.spikes) for panel in found.panels)


def test_it_survives_being_written(half: SpikingHalf) -> None:
    assert SpikingHalf.model_validate_json(half.model_dump_json()) == half


@st.composite
def some_layers(draw: st.DrawFn) -> list[LayerReport]:
    """Layers that read any before them, and by recurrence any at all."""
    names = [f"layer{number}" for number in range(draw(st.integers(1, 6)))]
    found = []
    for number, name in enumerate(names):
        sources = draw(st.sets(st.sampled_from(["input", *names[:number]]), min_size=1, max_size=3))
        back = draw(st.sets(st.sampled_from(names[number:]), max_size=1))
        reads = [Edge(source=source, kind="dense") for source in sorted(sources)]
        reads += [Edge(source=source, recurrent=True, delay=2) for source in sorted(back)]
        found.append(LayerReport(name=name, kind="IF", shape=[3], neurons=3, reads=reads))
    return found


@given(some_layers())
@settings(max_examples=40, deadline=None)
def test_no_edge_runs_through_a_box_and_no_box_over_another(layers: list[LayerReport]) -> None:
    drawn = ElementTree.fromstring(network_graph("one", layers, "spikes [2]"))
    width, height = map(float, drawn.get("viewBox", "").split()[2:])
    boxes = [(float(one.get("x", 0)), float(one.get("y", 0))) for one in drawn.iter("rect")]
    assert len(boxes) == len(set(boxes)) == len(layers) + 1
    assert sum(1 for _ in drawn.iter("polygon")) == sum(len(layer.reads) for layer in layers)
    ways = [
        [(float(one.get(f"x{end}", 0)), float(one.get(f"y{end}", 0))) for end in "12"] for one in drawn.iter("line")
    ]
    ways += [
        [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+),([-\d.]+)", one.get("points", ""))]
        for one in drawn.iter("polyline")
    ]
    for way in ways:
        for (x1, y1), (x2, y2) in pairwise(way):
            for share in np.linspace(0, 1, 60):
                x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
                assert 0 <= x <= width
                assert 0 <= y <= height
                assert not any(bx < x < bx + BOX_WIDTH and by < y < by + BOX_HEIGHT for bx, by in boxes)
