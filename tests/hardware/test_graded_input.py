"""Numbers as input: any in floating point, whole ones up to 255 on the chip."""

from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch
import torch
from builders import firing, resolved_chain
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.loihi import chip
from spiq.hardware.loihi.cost.activity import measured
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.formats.storage import write_program
from spiq.hardware.loihi.lowering.losses import losses
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.lowering.network import float_layers
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import DenseSynapse
from spiq.hardware.runtime.nir_runtime import NirRuntime


def drawn(kind: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers of this type; floats are multiples of 1/4, so that sums are exact in any order."""
    random = np.random.default_rng(seed)
    match kind[0]:
        case "u":
            return random.poisson(1.5, shape).astype(kind)
        case "i":
            return random.integers(-3, 7, shape).astype(kind)
        case _:
            return (random.integers(-12, 28, shape) / 4).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int8", "int64", ">i4", "float16", "float32", "float64", ">f8"])
def test_snntorchs_spikes_for_any_numbers(kind: str) -> None:
    torch.manual_seed(0)
    leaky = snntorch.Leaky(beta=0.75, threshold=2.0, reset_mechanism="zero")
    stack = nn.Sequential(nn.Conv2d(2, 3, 3), leaky).double()
    x = drawn(kind, (12, 6, 2, 6, 6))
    membrane, out = torch.zeros(6, 3, 4, 4).double(), []
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.copy_((parameter * 8).round() / 8)
        for now in torch.from_numpy(x.astype(np.float64)):
            spikes, membrane = leaky(stack[0](now), membrane)
            out.append(spikes.double())
    found = NirRuntime(resolve(to_nir(stack, (2, 6, 6)))).run(x)
    expected = torch.stack(out).flatten(2).numpy()
    assert 0 < found.sum() < found.size
    assert np.array_equal(found, expected)


def test_neurons_and_thresholds_may_read_the_input_themselves() -> None:
    x = drawn("float64", (7, 3, 2))
    assert np.array_equal(NirRuntime(resolved_chain(2, t=nir.Threshold(np.full(2, 0.75)))).run(x), x > 0.75)
    assert np.array_equal(NirRuntime(resolved_chain(2, i=nir.I(np.ones(2)))).values(x), x.cumsum(0))
    assert np.array_equal(NirRuntime(resolved_chain(2, s=nir.Scale(np.ones(2)))).values(x), x)


def test_an_input_that_is_passed_on_is_an_answer_where_it_is_spikes() -> None:
    graph = resolved_chain(2, f=nir.Flatten({"input": None}, 0, -1))
    x = drawn("uint8", (3, 2, 2))
    assert np.array_equal(NirRuntime(graph).values(x), x)
    assert np.array_equal(NirRuntime(graph).run(x % 2), x % 2)
    with pytest.raises(InputError, match="its output must be spikes, got values"):
        NirRuntime(graph).run(x)


def test_large_values_are_looked_at_too() -> None:
    runtime = NirRuntime(
        resolved_chain(1, w=nir.Linear(np.full((1, 1), 1e200)), v=nir.Scale(np.full(1, 1e100)), n=firing(1))
    )
    assert runtime.run(np.ones((2, 1, 1), np.uint8)).all()
    with pytest.raises(
        InputError, match=r"node 'w' \(Linear\): its values leave the range|node 'v' \(Scale\): its values"
    ):
        runtime.run(np.full((2, 1, 1), 1e150))
    with pytest.raises(InputError, match="the range of floating point"):
        NirRuntime(resolved_chain(1, w=nir.Linear(np.array([[1e306, -1e306]]).T), n=firing(2))).run(
            np.full((2, 1, 1), 1e9)
        )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_a_network_of_whole_numbers_is_exact_on_the_chip(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, largest = int(random.integers(1, 6)), int(random.choice([2, 15, 255]))
    first, second = random.integers(-6, 9, (4, size)).astype(float), random.integers(-3, 5, (3, 4)).astype(float)
    first.flat[0], second.flat[0] = 1, 1
    nodes = {"w": nir.Affine(first, random.integers(-2, 3, 4).astype(float))}
    nodes |= {"n": firing(4, threshold=largest + 0.5), "v": nir.Linear(second), "m": firing(3)}
    graph = resolved_chain(size, **nodes)
    x = random.integers(0, largest + 1, (9, 5, size)).astype(np.uint8)
    expected = NirRuntime(graph).run(x)
    for program in (
        lower_to_loihi(graph, x, largest_input=largest),
        lower_to_loihi(graph, None, largest_input=largest),
    ):
        assert np.array_equal(simulate(program, x), expected)


def trained(seed: int = 0, size: int = 300) -> ResolvedGraph:
    random = np.random.default_rng(seed)
    leaky = nir.LIF(*(np.full(5, value) for value in (5e-4, 5.0, 0.0, 900.0)))
    return resolved_chain(size, w=nir.Linear(random.normal(0.05, 1, (5, size))), n=leaky)


def test_calibration_fits_the_scale_to_the_values() -> None:
    """Weights at the full scale, 300 of them, would come to more than 24 bits hold."""
    graph, x = trained(), np.random.default_rng(1).integers(0, 256, (20, 30, 300)).astype(np.uint8)
    program = lower_to_loihi(graph, x)
    assert program.largest_input == x.max() == 255
    weight = np.abs(program.layers[0].connections[0].synapse.weight.astype(int))
    assert 255 * weight.sum(1).max() < chip.ACTIVATION_LIMIT
    assert weight.max() < 254
    expected = NirRuntime(graph).run(x)
    assert 0.05 < expected.mean() < 0.95
    assert (simulate(program, x) != expected).mean() < 0.02
    (loss,) = losses(float_layers(graph), program)
    assert loss.silenced == 0
    counted = measured(program, [x])
    assert counted.input_spikes == np.count_nonzero(x)


def test_spikes_of_0_and_1_give_the_program_that_they_gave(tmp_path: Path) -> None:
    graph, x = trained(size=20), np.random.default_rng(1).integers(0, 2, (9, 30, 20)).astype(np.uint8)
    program = lower_to_loihi(graph, x)
    assert program.largest_input == 1
    write_program(tmp_path / "loihi.npz", program)
    with np.load(tmp_path / "loihi.npz") as arrays:
        assert arrays["version"] == 3
        assert "largest_input" not in arrays.files


def one_layer(weight: list[list[int]], largest_input: int) -> LoihiProgram:
    connection = Connection(INPUT, DenseSynapse(np.array(weight)))
    size = len(weight)
    group = NeuronGroup((size,), 5, 4096, 0, np.zeros(1, int), 0)
    return LoihiProgram((len(weight[0]),), (Layer("a", (connection,), group, 1.0),), largest_input=largest_input)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.full((2, 1, 2), 8, np.uint8), "spikes must be integers from 0 to 7, got 8"),
        (np.ones((2, 1, 2)), "spikes must be uint8, got float64, since a spike carries an integer or nothing"),
        (np.ones((2, 1, 2), np.int64), "spikes must be uint8, got int64$"),
    ],
)
def test_what_the_chip_does_not_take(x: np.ndarray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        LoihiDevice(one_layer([[1, 2]], 7)).run(x)


@pytest.mark.parametrize("largest", [0, 256, -1])
def test_largest_inputs_that_there_are_not(largest: int) -> None:
    with pytest.raises(InputError, match=f"largest_input must lie from 1 to 255, got {largest}"):
        one_layer([[1, 2]], largest)
    with pytest.raises(InputError, match=f"largest_input must lie from 1 to 255, got {largest}"):
        lower_to_loihi(trained(), None, largest_input=largest)


def test_weights_that_come_to_too_much() -> None:
    assert one_layer([[254] * 129 + [128, 2]], 255)
    with pytest.raises(
        InputError, match="layer 'a': its weights times what they read, up to 255 from outside, must sum up to"
    ):
        one_layer([[254] * 129 + [128, 4]], 255)


def test_calibration_spikes_beyond_the_largest_input() -> None:
    with pytest.raises(InputError, match="spikes must be integers from 0 to 8, got 9"):
        lower_to_loihi(trained(size=2), np.full((2, 1, 2), 9, np.uint8), largest_input=8)


def test_graded_spikes_are_not_repeated_by_relays() -> None:
    nodes = {"input": nir.Input(np.array([2])), "a": firing(2), "b": firing(2), "output": nir.Output(None)}
    edges = [("input", "a"), ("a", "b"), ("input", "b"), ("b", "output")]
    graph = resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir")
    assert lower_to_loihi(graph, None)
    with pytest.raises(
        InputError, match=r"node 'b': .* graded spikes, up to 9, .* for 1 step; on Loihi only spikes of 0"
    ):
        lower_to_loihi(graph, None, largest_input=9)


def test_netx_takes_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layer 'a': in a netx file .* must be 0 or 1, got graded spikes, up to 3"):
        write_netx(tmp_path / "encoder.net", one_layer([[1, 2]], 3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (one_layer([[1, 2]], 3), "the input's spikes are graded, up to 3"),
        (
            LoihiProgram(
                (2,),
                (
                    Layer(
                        "a",
                        (Connection(INPUT, DenseSynapse(np.ones((1, 2), int)), 4),),
                        NeuronGroup((1,), 5, 4096, 0, np.zeros(1, int), 0),
                        1.0,
                    ),
                ),
            ),
            "a layer reads spikes with delays",
        ),
    ],
)
def test_hardware_refuses(program: LoihiProgram, match: str) -> None:
    with pytest.raises(InputError, match=f"{match}, which spiq runs in Lava's simulation only, not on Loihi itself"):
        LavaDevice(program, hardware=True, python=Path("python"))
