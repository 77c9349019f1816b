"""`spiq inspect`: every number that it prints is right for the bundle, measured on the samples that it names."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spiq.export.bundle.bundle import Bundle
from spiq.export.errors import InputError
from spiq.hardware.inspection.bundle import inspection
from spiq.hardware.loihi.formats.storage import read_program, write_program
from spiq.hardware.loihi.neuron_group import TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse
from spiq.pipeline.commands.main import app
from spiq.pipeline.data import ImageSet
from spiq.pipeline.terminal.inspection_tables import inspection_tables


def group(*shape: int) -> NeuronGroup:
    return NeuronGroup(shape, 3, 4096, 0, np.zeros([1] * len(shape), np.int16), 0)


@pytest.fixture
def branching() -> LoihiProgram:
    """For images of 1 × 8 × 8: a convolution, a relay beside a dense layer, and a layer that reads both and itself."""
    conv = ConvSynapse(np.arange(1, 19).reshape(2, 1, 3, 3), (1, 8, 8), padding=(1, 1))
    relay = ConvSynapse(np.full((2, 1, 1, 1), 64), (2, 8, 8), groups=2)
    joined = (
        Connection(1, DenseSynapse(np.ones((9, 128), int))),
        Connection(2, DenseSynapse(np.ones((9, 4), int))),
        Connection(3, DenseSynapse(np.eye(9, dtype=int) * -1)),
    )
    return LoihiProgram(
        (1, 8, 8),
        (
            Layer("conv", (Connection(INPUT, conv),), group(2, 8, 8), 1.0),
            Layer("relay", (Connection(0, relay),), group(2, 8, 8), 1.0),
            Layer("dense", (Connection(0, DenseSynapse(np.ones((4, 128), int))),), group(4), 1.0),
            Layer("joined", joined, group(9), 2.0),
        ),
    )


def holding(bundle: Bundle, program: LoihiProgram, folder: Path) -> Bundle:
    """The bundle with another program of its spiking stage."""
    write_program(folder / "program.npz", program)
    return replace(bundle, content={**bundle.content, "encoder.loihi.npz": (folder / "program.npz").read_bytes()})


def inspected(bundle: Bundle, program: LoihiProgram, folder: Path) -> tuple[dict, dict]:
    """All that is told of the bundle with that program, and what is told of its spiking stage."""
    held = holding(bundle, program, folder)
    found = inspection(held, held.golden.input, "the golden samples")
    (half,) = found["spiking"]
    return found, half


def test_layers_of_several_connections(tiny_bundle: Bundle, branching: LoihiProgram, tmp_path: Path) -> None:
    _, found = inspected(tiny_bundle, branching, tmp_path)
    layers = {layer["layer"]: layer for layer in found["layers"]}
    assert [layers[name]["reads"] for name in layers] == [["input"], ["conv"], ["conv"], ["relay", "dense", "joined"]]
    assert [layers[name]["depth"] for name in layers] == [1, 2, 2, 3]
    # 22 of 24 taps of each row and column of 8 hit the image.
    assert [layers[name]["synapses"] for name in layers] == [2 * 22 * 22, 128, 4 * 128, 9 * 128 + 9 * 4 + 81]
    assert layers["joined"]["nonzero"] == 9 * 128 + 9 * 4 + 9
    assert [layers[name]["fan_in"] for name in layers] == [9, 1, 128, 128 + 4 + 9]
    assert [layers[name]["fan_out"] for name in layers] == [1 + 4, 9, 9, 9]
    assert found["chip"]["input_fan_out"] == 18
    assert [part["encoding"] for part in layers["joined"]["connections"]] == ["dense", "dense", "sparse"]
    assert found["chip"]["cores"] == sum(layer["cores"] for layer in found["layers"]) == 4
    spikes = simulate_layers(branching, tiny_bundle.golden.trace["spikes"])
    assert [layer["spikes"] * 3 for layer in found["activity"]["layers"]] == pytest.approx(
        [int(fired.sum()) for fired in spikes]
    )


def test_delays_are_told(tiny_bundle: Bundle, branching: LoihiProgram, tmp_path: Path) -> None:
    last = branching.layers[-1]
    delays = (3, [0, 1, 2, 2], 0)
    late = tuple(replace(one, delays=steps) for one, steps in zip(last.connections, delays, strict=True))
    program = replace(branching, layers=(*branching.layers[:-1], replace(last, connections=late)))
    whole, found = inspected(tiny_bundle, program, tmp_path)
    assert [part["delays"] for part in found["layers"][-1]["connections"]] == [[3, 3], [0, 2], [0, 0]]
    _, table, *_ = inspection_tables(whole)
    assert table.rows[-2][1] == ["relay, 3 late", "dense, 0 to 2 late", "joined"]


def test_programmable_neurons_are_told(tiny_bundle: Bundle, branching: LoihiProgram, tmp_path: Path) -> None:
    dense = branching.layers[2]
    own = replace(dense.neuron, threshold=np.array([3, 1, -2, 9]), reset=TakeOff(5))
    program = replace(branching, layers=(*branching.layers[:2], replace(dense, neuron=own), branching.layers[3]))
    whole, found = inspected(tiny_bundle, program, tmp_path)
    reasons = ["reset by subtraction", "threshold below rest", "threshold differs"]
    assert [layer["programmable"] for layer in found["layers"]] == [[], [], reasons, []]
    assert found["layers"][2]["threshold"] == [-2, 9]
    _, _, table, *_ = inspection_tables(whole)
    assert table.rows == [("dense", ", ".join(reasons))]
    assert len(table.title) < 100 - 4


def test_json_holds_the_bundle_and_what_was_measured(tiny_bundle: Bundle) -> None:
    done = CliRunner().invoke(app, ["inspect", str(tiny_bundle.path), "--json"])
    assert done.exit_code == 0
    whole = json.loads(done.stdout)
    (found,) = whole["spiking"]
    assert whole["circuits"] == [
        {
            "stage": "head", "qubits": 3, "blocks": 2, "entangler": "ring", "inputs": 9, "observables": 3, "gates": 39,
            "two-qubit gates": 3, "rotations by data": 18,
        }
    ]  # fmt: skip
    assert list(whole["stages"]) == ["spikes", "encoder", "angles", "head", "readout"]
    activity = found["activity"]
    assert (activity["samples"], activity["steps"], activity["measured_on"]) == (3, 8, "the golden samples")
    assert activity["input_spikes"] * 3 == pytest.approx(int(tiny_bundle.golden.trace["spikes"].sum()))
    last = found["layers"][-1]
    assert last["neurons"] == 9
    assert activity["layers"][-1]["spikes"] * 3 == pytest.approx(
        int(tiny_bundle.golden.arrays()["loihi.encoder"].sum())
    )
    program = read_program(tiny_bundle.path / "encoder.loihi.npz")
    assert [layer["neurons"] for layer in found["layers"]] == [layer.neuron.size for layer in program.layers]
    by_model = {estimate["model"]: estimate for estimate in found["estimates"]}
    spice = by_model["the first Loihi, SPICE"]
    assert (spice["chip"], spice["basis"]) == ("the first Loihi", "modelled")
    assert spice["source"] == "the first Loihi: Davies et al., IEEE Micro 38(1), 2018, Table 2"
    assert spice["energy_pj"] > 81 * 8 * found["chip"]["neurons"]
    energies = [estimate["energy_pj"] for estimate in found["estimates"]]
    assert found["energy_range_pj"] == [min(energies), max(energies)]
    assert [by_model[name]["energy_pj"] for name in found["energy_range_models"]] == found["energy_range_pj"]
    assert found["neurobench"]["samples"] == 3


def test_the_test_set_and_files_can_be_measured_on(tiny_bundle: Bundle, tiny_images: ImageSet, tmp_path: Path) -> None:
    def asked(*options: object) -> dict:
        done = CliRunner().invoke(app, ["inspect", str(tiny_bundle.path), "--json", *map(str, options)])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)["spiking"][0]["activity"]

    file = tmp_path / "mine.npz"
    np.savez(file, x=tiny_images.test_images[:7])
    named, own = asked("--test-set", "--limit", 7), asked("--images", file)
    assert (named.pop("measured_on"), own.pop("measured_on")) == ("the test set of digits", str(file))
    assert named == own
    expected = int(tiny_bundle.network.encodes["spikes"].coding.encode(tiny_images.test_images[:7]).sum())
    assert named["samples"] == 7
    assert named["input_spikes"] * 7 == pytest.approx(expected)
    assert asked("--limit", 2)["samples"] == 2


def test_tables_are_narrow_and_say_what_is_estimated(
    tiny_bundle: Bundle, branching: LoihiProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    tables = list(inspection_tables(inspected(tiny_bundle, branching, tmp_path)[0]))
    for table in tables:
        columns = zip(table.columns, *table.rows, strict=True)
        lines = (
            [line for cell in column for line in ([cell] if isinstance(cell, str) else cell)] for column in columns
        )
        widths = [max(map(len, column)) for column in lines]
        assert sum(widths) + 3 * len(widths) + 1 <= 120, table.title
    stages, layers, lost, activity, neurobench, cost, sources = tables[:7]
    assert [row[0] for row in stages.rows] == ["spikes", "encoder", "angles", "head", "readout"]
    assert lost.title == "what 8 bits took"
    assert [row[0] for row in layers.rows] == ["input", "conv", "relay", "dense", "joined", "all"]
    assert layers.rows[4][1] == ["relay", "dense", "joined"]
    assert activity.title == "a sample, the mean of 3: the golden samples"
    assert neurobench.title.startswith("NeuroBench's metrics")
    assert cost.title.startswith("estimates: ")
    assert all(model in cost.title for model in inspected(tiny_bundle, branching, tmp_path)[1]["energy_range_models"])
    assert all(chip and basis for _, chip, _, _, basis in cost.rows)
    assert [row[0] for row in sources.rows] == [row[0] for row in cost.rows]
    assert "2018" in dict(sources.rows)["the first Loihi, SPICE"]
    printed = CliRunner().invoke(app, ["inspect", str(tiny_bundle.path)]).stdout
    assert "the golden samples" in printed
    assert "estimates" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--limit", "0"), "--limit must be an integer of at least 1"),
        (("--test-set", "--images", "mine.npz"), "--test-set and --images both say what to measure on"),
    ],
    ids=["limit", "both"],
)
def test_bad_options_are_refused(tiny_bundle: Bundle, options: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(app, ["inspect", str(tiny_bundle.path), *options])
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)


def test_images_that_do_not_fit_are_refused(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="shape"):
        inspection(tiny_bundle, np.zeros((2, 1, 7, 8)), "too small ones")
    with pytest.raises(InputError, match="there must be at least one sample, got none"):
        inspection(tiny_bundle, np.zeros((0, 1, 8, 8)), "none")


def test_progress_counts_every_sample(tiny_bundle: Bundle) -> None:
    told: list[int] = []
    images = np.zeros((1001, 1, 8, 8))
    (found,) = inspection(tiny_bundle, images, "dark images", told.append)["spiking"]
    assert told == [1000, 1001]
    assert found["activity"]["samples"] == 1001
    assert found["neurobench"]["samples"] == 1000
    assert found["activity"]["input_spikes"] == 0
    assert all(math.isfinite(estimate["energy_pj"]) for estimate in found["estimates"])
