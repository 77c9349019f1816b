"""Costs of a bundle: models of energy worked out by hand, and what `costs` gives for whole bundles."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.errors import InputError
from spiq.hardware.cost.arithmetic import FLOAT32, INT8, every_weight, spikes_only
from spiq.hardware.cost.costs import costs
from spiq.hardware.cost.energy_model import Work
from spiq.hardware.cost.models import ENERGY_MODELS, estimates
from spiq.hardware.cost.neurobench.metrics import Metrics
from spiq.hardware.cost.neurobench.workload import Workload
from spiq.hardware.loihi.cost import sana_fe
from spiq.hardware.loihi.cost.activity import Activity, LayerActivity
from spiq.hardware.loihi.cost.resources import resources
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse

COUNTS = Workload(
    4, steps=5, neurons=10, spikes=60, dense=8000, effective_macs=400, effective_acs=2000, membrane_updates=100
)
WORK = Work(Metrics(1000, 0.5, COUNTS), None)


def group(*shape: int) -> NeuronGroup:
    return NeuronGroup(shape, 3, 4096, 0, np.zeros([1] * len(shape), np.int16), 0)


def test_arithmetic_worked_out_by_hand() -> None:
    assert every_weight(FLOAT32, WORK).energy_pj == pytest.approx(4.6 * (2000 + 5 * 10))
    assert spikes_only(FLOAT32, WORK).energy_pj == pytest.approx(0.9 * 500 + 4.6 * (100 + 25))
    assert spikes_only(INT8, WORK).energy_pj == pytest.approx(0.03 * 500 + 0.23 * (100 + 25))


def test_a_stage_that_is_on_no_chip_has_the_other_models_and_their_range() -> None:
    found = estimates(WORK)
    by_model = {estimate["model"]: estimate for estimate in found["estimates"]}
    assert len(by_model) == len(ENERGY_MODELS) - 2
    assert by_model["Tianjic, operations"]["energy_pj"] == pytest.approx(1.54 * 600)
    assert by_model["SpiNNaker, operations"]["energy_pj"] == pytest.approx(45 * 600)
    assert found["energy_range_models"] == ["45 nm int8, spikes only", "SpiNNaker, operations"]
    assert found["energy_range_pj"] == pytest.approx([15 + 28.75, 27_000])


def test_every_model_names_its_chip_and_its_source() -> None:
    assert len({model.name for model in ENERGY_MODELS}) == len(ENERGY_MODELS)
    for model in ENERGY_MODELS:
        assert model.basis in ("measured", "modelled", "not stated")
        assert all((model.name, model.chip, model.source, model.includes, model.leaves_out))


def test_sana_fe_worked_out_by_hand() -> None:
    """1000 neurons on 8 cores, two tiles; a convolution of 16 on the ninth core reads them, the last layer both."""
    wide = Layer("wide", (Connection(INPUT, DenseSynapse(np.ones((1000, 1000), int))),), group(1000), 1.0)
    pixels = Layer("conv", (Connection(INPUT, DenseSynapse(np.ones((16, 1000), int))),), group(1, 4, 4), 1.0)
    conv = ConvSynapse(np.ones((1, 1, 1, 1), int), (1, 4, 4))
    reads = (Connection(0, DenseSynapse(np.ones((16, 1000), int))), Connection(1, conv))
    program = LoihiProgram((1000,), (wide, pixels, Layer("last", reads, group(1, 4, 4), 1.0)))
    taken = resources(program)
    assert [layer.cores for layer in taken.layers] == [8, 1, 1]
    layers = (LayerActivity(200, (40_000,)), LayerActivity(8, (640,)), LayerActivity(4, (3200, 8)))
    found = sana_fe.estimate(program, taken, Activity(4, 16, 40, layers))
    # An input spike goes to 8 cores and 1, one of the wide layer's to 1: two hops down from half its cores, or one.
    messages = 10 * 9 + 50 * 1 + 2 * 1
    expected = 72.8 * 16 * 1032 + 69.3 * 53 + 111 * messages + 35.5 * (10_160 + 800) + 24 * 2 + 50 * 1.5 * 4.2
    assert found.energy_pj == pytest.approx(expected)
    # One of the 8 cores of the wide layer, and three tiles.
    work = (9.7 * 16 * 1000 + 30 * 50 + 5.1 * 50 + 3.8 * 10_000) / 8 + 16 * 10
    assert found.time_us == pytest.approx(16 * 1.0 + work / 1000)


@pytest.mark.parametrize(("cores", "expected"), [(1, 0.6), (4, 0.6), (5, 1.0), (13, 1.4), (113, 1.8), (128, 1.8)])
def test_barriers_go_by_tiles(cores: int, expected: float) -> None:
    assert sana_fe.barrier_us(cores) == expected


def test_costs_of_a_bundle(tiny_bundle: Bundle) -> None:
    found = costs(tiny_bundle, tiny_bundle.golden.input)
    assert json.loads(json.dumps(found)) == found
    (half,) = found["spiking"]
    assert half["stage"] == "encoder"
    assert half["chip_left_out"] is None
    assert {"neurons", "synapses", "nonzero", "synaptic_bytes", "cores", "chips"} < half["chip"].keys()
    assert half["neurobench"]["samples"] == 3
    # Max pooling takes neurons on the chip, and none in NeuroBench's metrics.
    spikes = int(tiny_bundle.golden.trace["encoder"].sum())
    assert 0 < spikes < half["chip"]["neurons"] * 8 * 3
    assert [estimate["model"] for estimate in half["estimates"]] == [model.name for model in ENERGY_MODELS]
    assert half["energy_range_pj"][0] > 0


def test_a_stage_without_a_form_on_the_chip_says_why(tiny_bundle: Bundle) -> None:
    content = {name: data for name, data in tiny_bundle.content.items() if name != "encoder.loihi.npz"}
    bare = replace(tiny_bundle, content=content)
    reason = "node 'if' is too strange"
    told = replace(bare, manifest=bare.manifest.model_copy(update={"left_out": {"encoder.loihi.npz": reason}}))
    (whole,), (half,) = (costs(bundle, bundle.golden.input)["spiking"] for bundle in (tiny_bundle, told))
    assert (half["chip"], half["chip_left_out"]) == (None, reason)
    assert half["neurobench"] == whole["neurobench"]
    assert half["estimates"] == whole["estimates"][2:]


def test_samples_that_do_not_fit_are_refused(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="shape"):
        costs(tiny_bundle, np.zeros((2, 1, 7, 8)))
    with pytest.raises(InputError, match="there must be at least one sample, got none"):
        costs(tiny_bundle, np.zeros((0, 1, 8, 8)))
