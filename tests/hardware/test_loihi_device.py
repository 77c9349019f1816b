"""The simulated chip as a device: one sample is alone with it, and spikes that do not fit are refused."""

import numpy as np
import pytest

from shared.loihi_programs import random_program
from spiq.export.errors import InputError
from spiq.hardware.devices import SpikingDevice
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.loihi.simulator.simulate import simulate, simulate_layers


def test_device_and_layers():
    program = random_program(11)
    device: SpikingDevice = LoihiDevice(program)
    spikes = np.random.default_rng(1).integers(0, 2, (5, 4, *program.input_shape)).astype(np.uint8)
    found = device.run(spikes)
    layers = simulate_layers(program, spikes)
    assert found.dtype == np.uint8
    assert [layer.shape[2:] for layer in layers] == [layer.neuron.shape for layer in program.layers]
    assert np.array_equal(found, layers[-1])
    # Each sample is alone with the chip.
    for sample in range(4):
        assert np.array_equal(device.run(spikes[:, sample : sample + 1]), found[:, sample : sample + 1])
    assert device.run(spikes[:, :0]).shape == (5, 0, 5)


def test_many_samples_are_split(monkeypatch):
    program = random_program(11)
    spikes = np.random.default_rng(1).integers(0, 2, (3, 20, *program.input_shape)).astype(np.uint8)
    whole = simulate(program, spikes)
    monkeypatch.setattr("spiq.hardware.loihi.simulator.simulate.CHUNK_VALUES", 500)
    assert np.array_equal(simulate(program, spikes), whole)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda spikes: spikes.astype(np.float32), "must be uint8, got float32"),
        (lambda spikes: spikes[0], "must have the shape"),
        (lambda spikes: spikes[..., :-1], "must have the shape"),
        (lambda spikes: spikes + 1, "must be 0 or 1, got 2"),
    ],
)
def test_spikes_that_do_not_fit(change, match):
    program = random_program(2)
    spikes = np.ones((3, 2, *program.input_shape), np.uint8)
    for run in (LoihiDevice(program).run, lambda x: simulate_layers(program, x)):
        with pytest.raises(InputError, match=match):
            run(change(spikes))
