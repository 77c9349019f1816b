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
        ([[-256, 256]], "weight holds 256; -256 to 254"),
        ([[-258, 2]], "weight holds -258"),
        ([[-3, 2]], "weight holds -3; weights of both signs must be even"),
        ([[0, 256]], "weight holds 256; 0 to 255"),
        ([[-256, 0]], "weight holds -256; -255 to 0"),
        ([[0.5, 1]], "weight is float64; integers"),
        (np.full((1, 33000), 255), "weight sums up to 8415000"),
    ],
)
def test_weights_off_the_grid(weight, match):
    with pytest.raises(InputError, match=match):
        layer_of(weight)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"threshold": -(2**17)}, "threshold holds -131072"),
        ({"threshold": 1.5}, "threshold is float64"),
        ({"current_decay": 4097}, "current_decay holds 4097"),
        ({"voltage_decay": -1}, "voltage_decay holds -1"),
        ({"voltage_decay": np.array([1, 2])}, r"voltage_decay has the shape \[2\]"),
        ({"reset": ResetTo(2**23)}, "reset voltage holds 8388608; -8388607 to 8388607"),
        ({"reset": TakeOff(np.array([-(2**17)]))}, "reset amount holds -131072; -131071 to 131071"),
        ({"reset": TakeOff(np.array([0.5]))}, "reset amount is float64"),
        ({"bias_exponent": -1}, "bias_exponent holds -1"),
        ({"bias_mantissa": np.array([-4097])}, "bias_mantissa holds -4097"),
        ({"bias_mantissa": np.zeros((1, 1), int)}, "bias_mantissa has the shape"),
        ({"shape": ()}, r"shape is \[\]"),
        ({"shape": (2,)}, r"shape is \[2\], but the synapse feeds \[1\]"),
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
    with pytest.raises(InputError, match=r"layer 'neurons': its synapse reads \[2\], but what comes to it is \[3\]"):
        LoihiProgram((3,), (layer_of([[1, 2]]),))
    with pytest.raises(InputError, match="layers are none"):
        LoihiProgram((2,), ())
    with pytest.raises(InputError, match="scale is 0"):
        replace(layer_of([[1, 2]]), scale=0.0)
    with pytest.raises(InputError, match="connections are none"):
        replace(layer_of([[1, 2]]), connections=())
    with pytest.raises(InputError, match="two layers are called 'neurons'"):
        LoihiProgram((2,), (layer_of([[1, 2]]), layer_of([[1, 2]])))


def test_sums_of_several_connections_have_one_limit():
    half = Connection(INPUT, DenseSynapse(np.full((1, 16500), 255)))
    layer = layer_of(half.synapse.weight)
    with pytest.raises(InputError, match="weight sums up to 8415000"):
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
    with pytest.raises(InputError, match=r"layer 'b': what comes to it has passed 0 synapses on one way and 1 on anot"):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", INPUT, 0)))
    with pytest.raises(InputError, match="layer 'b': it reads nothing but itself"):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", 1)))
