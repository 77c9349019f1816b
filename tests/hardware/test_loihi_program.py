"""Programs: what the chip cannot hold is refused."""

from dataclasses import replace

import numpy as np
import pytest

from spiq.export.errors import InputError
from spiq.hardware.loihi.neuron_group import NeuronGroup, ResetTo, TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram
from spiq.hardware.loihi.synapse import DenseSynapse


def layer_of(weight, **changes) -> Layer:
    weight = np.asarray(weight)
    fields = {
        "shape": (len(weight),),
        "threshold": 5,
        "current_decay": 4096,
        "voltage_decay": 0,
        "bias_mantissa": np.zeros(len(weight), int),
        "bias_exponent": 0,
    }
    return Layer("neurons", (Connection(INPUT, DenseSynapse(weight)),), NeuronGroup(**(fields | changes)), 1.0)


@pytest.mark.parametrize("weight", [[[-256, 254]], [[0, 255]], [[-255, 0]], [[0, 0]], [[3, 1]], [[-3, -1]]])
def test_weights_on_the_grid(weight):
    assert layer_of(weight).connections[0].synapse.weight.tolist() == weight


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        ([[-256, 256]], "weight must lie from -256 to 254, got 256"),
        ([[-258, 2]], "weight must lie from -256 to 254, got -258"),
        ([[-3, 2]], "weight must be even where it has both signs, got -3"),
        ([[0, 256]], "weight must lie from 0 to 255, got 256"),
        ([[-256, 0]], "weight must lie from -255 to 0, got -256"),
        ([[0.5, 1]], "weight must be integers, got float64"),
        (np.full((1, 33000), 255), "weight must sum up to less than 8388608 for a neuron, got 8415000"),
    ],
)
def test_weights_off_the_grid(weight, match):
    with pytest.raises(InputError, match=match):
        layer_of(weight)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"threshold": -(2**17)}, "threshold must lie from -131071 to 131071, got -131072"),
        ({"threshold": 1.5}, "threshold must be integers, got float64"),
        ({"current_decay": 4097}, "current_decay must lie from 0 to 4096, got 4097"),
        ({"voltage_decay": -1}, "voltage_decay must lie from 0 to 4096, got -1"),
        ({"voltage_decay": np.array([1, 2])}, r"voltage_decay must have a shape .*, got \[2\]"),
        ({"reset": ResetTo(2**23)}, "reset voltage must lie from -8388607 to 8388607, got 8388608"),
        ({"reset": TakeOff(np.array([-(2**17)]))}, "reset amount must lie from -131071 to 131071, got -131072"),
        ({"reset": TakeOff(np.array([0.5]))}, "reset amount must be integers, got float64"),
        ({"bias_exponent": -1}, "bias_exponent must lie from 0 to 7, got -1"),
        ({"bias_mantissa": np.array([-4097])}, "bias_mantissa must lie from -4096 to 4095, got -4097"),
        ({"bias_mantissa": np.zeros((1, 1), int)}, "bias_mantissa must have a shape"),
        ({"shape": ()}, r"shape must be positive integers, got \[\]"),
        ({"shape": (2,)}, r"shape must fit \[1\], which the synapse feeds, got \[2\]"),
    ],
)
def test_group_that_the_chip_cannot_hold(changes, match):
    with pytest.raises(InputError, match=match):
        layer_of([[1, 2]], **changes)


def test_program_is_read_only():
    layer = layer_of([[1, 2]])
    own = layer_of([[1, 2], [2, 1]], threshold=np.array([1, 2]), reset=ResetTo(np.array([0, 1]))).neuron
    late = Connection(INPUT, layer.connections[0].synapse, np.array([1, 2]))
    numbers = (own.threshold, own.reset.voltage, late.delays)  # type: ignore[union-attr]
    for array in (layer.connections[0].synapse.weight, layer.neuron.bias_mantissa, *numbers):
        assert isinstance(array, np.ndarray)
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1


def test_layers_that_do_not_fit():
    with pytest.raises(InputError, match=r"layer 'neurons': its synapse must read \[3\], which comes to it, got \[2\]"):
        LoihiProgram((3,), (layer_of([[1, 2]]),))
    with pytest.raises(InputError, match="layers must be at least one, got none"):
        LoihiProgram((2,), ())
    with pytest.raises(InputError, match="scale must be a positive number, got 0"):
        replace(layer_of([[1, 2]]), scale=0.0)
    with pytest.raises(InputError, match="connections must be at least one, got none"):
        replace(layer_of([[1, 2]]), connections=())
    with pytest.raises(InputError, match="each layer must have a name of its own, got two called 'neurons'"):
        LoihiProgram((2,), (layer_of([[1, 2]]), layer_of([[1, 2]])))


def test_sums_of_several_connections_have_one_limit():
    half = Connection(INPUT, DenseSynapse(np.full((1, 16500), 255)))
    layer = layer_of(half.synapse.weight)
    with pytest.raises(InputError, match="weight must sum up to less than 8388608 for a neuron, got 8415000"):
        replace(layer, connections=(half, half))


def reading(name: str, *sources: int) -> Layer:
    connections = tuple(Connection(source, DenseSynapse(np.ones((1, 1), int))) for source in sources)
    return replace(layer_of([[1]]), name=name, connections=connections)


def test_depths():
    layers = (reading("a", INPUT, 0), reading("b", INPUT), reading("c", 1, 0), reading("d", 2, 3, 2))
    program = LoihiProgram((1,), layers)
    assert program.depths == (1, 1, 2, 3)
    assert program.is_recurrent
    assert not LoihiProgram((1,), (reading("a", INPUT), reading("b", 0))).is_recurrent


def test_ways_of_different_lengths():
    with pytest.raises(
        InputError, match=r"layer 'b': all ways to it must be equally long, got 0 synapses on one and 1 on another"
    ):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", INPUT, 0)))
    with pytest.raises(InputError, match="layer 'b': it must read more than itself, got nothing else"):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", 1)))
