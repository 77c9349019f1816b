"""Lava as a device: small programs whose every spike is the simulator's, and what it says where it cannot run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from spiq.export.errors import InputError
from spiq.hardware.lava import device as lava_device
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse


def even(rng: Generator, *shape: int) -> np.ndarray:
    return (rng.integers(-60, 61, shape) * 2).astype(np.int16)


def neurons(shape: tuple[int, ...], threshold: int = 150, bias: int = 0) -> NeuronGroup:
    mantissa = np.full((1,) * len(shape), bias, np.int16)
    return NeuronGroup(shape, threshold, 4096, 0, mantissa, 6)


def layer(name: str, shape: tuple[int, ...], *reads: tuple[int, Synapse], threshold: int = 150, bias: int = 0) -> Layer:
    connections = tuple(Connection(source, synapse) for source, synapse in reads)
    return Layer(name, connections, neurons(shape, threshold, bias), 1.0)


def convolutional() -> LoihiProgram:
    """Convolution, OR-pooling and dense, as an encoder is."""
    rng = np.random.default_rng(1)
    conv = ConvSynapse(even(rng, 4, 2, 3, 2), (2, 8, 7), padding=(1, 0))
    pool = ConvSynapse(np.full((4, 1, 2, 2), 64, np.int16), conv.output_shape, (2, 2), groups=4)
    first, second = layer("a", conv.output_shape, (INPUT, conv)), layer("b", pool.output_shape, (0, pool), threshold=32)
    third = layer("c", (5,), (1, DenseSynapse(even(rng, 5, second.neuron.size))), bias=30)
    return LoihiProgram((2, 8, 7), (first, second, third))


def recurrent() -> LoihiProgram:
    """A layer that excites itself and that its bias alone makes fire, also where no sample runs."""
    rng = np.random.default_rng(2)
    own = DenseSynapse(np.full((4, 4), 80, np.int16))
    first = layer("a", (4,), (INPUT, DenseSynapse(even(rng, 4, 3))), (0, own), bias=100)
    return LoihiProgram((3,), (first, layer("b", (4,), (0, DenseSynapse(np.eye(4, dtype=np.int16) * 200)))))


def skipping() -> LoihiProgram:
    """Two ways of the same length from an image, one of them through a relay, into one group."""
    rng = np.random.default_rng(3)
    conv = ConvSynapse(even(rng, 3, 2, 3, 3), (2, 5, 4), padding=(1, 1))
    relay = ConvSynapse(np.full((1, 1, 1, 1), 64, np.int16), (1, 40, 1))
    same = ConvSynapse(even(rng, 3, 3, 3, 3), (3, 5, 4), padding=(1, 1))
    first, second = layer("a", (3, 5, 4), (INPUT, conv)), layer("b", (40,), (INPUT, relay), threshold=63)
    third = layer("c", (3, 5, 4), (0, same), (1, DenseSynapse(even(rng, 60, 40))))
    return LoihiProgram((2, 5, 4), (first, second, third))


def grouped() -> LoihiProgram:
    """More groups than Lava's Conv can hold."""
    rng = np.random.default_rng(4)
    conv = ConvSynapse(even(rng, 260, 1, 2, 2), (130, 3, 4), (1, 2), (1, 0), groups=130)
    return LoihiProgram((130, 3, 4), (layer("a", conv.output_shape, (INPUT, conv), threshold=40),))


def spikes_for(program: LoihiProgram, time: int = 6, samples: int = 5) -> np.ndarray:
    rng = np.random.default_rng(9)
    return (rng.random((time, samples, *program.input_shape)) < 0.4).astype(np.uint8)


@pytest.mark.lava
@pytest.mark.parametrize("make", [convolutional, recurrent, skipping, grouped])
@pytest.mark.parametrize("time", [1, 6])
def test_every_layer_equals_the_simulator(make: Callable[[], LoihiProgram], time: int) -> None:
    program = make()
    spikes = spikes_for(program, time)
    expected = simulate_layers(program, spikes)
    found = LavaDevice(program).layers(spikes)
    assert len(found) == len(expected)
    for ours, lava in zip(expected, found, strict=True):
        assert lava.dtype == np.uint8
        assert np.array_equal(ours, lava)
    assert any(0 < layer.mean() < 1 for layer in expected)


@pytest.mark.lava
def test_run_gives_the_last_layer_and_tells_how_far_it_is() -> None:
    program = convolutional()
    spikes = spikes_for(program)
    told: list[int] = []
    found = LavaDevice(program, watch=told.append).run(spikes)
    assert found.dtype == np.uint8
    assert np.array_equal(found, simulate(program, spikes))
    assert told == sorted(told)
    assert told[-1] == spikes.shape[1]


@pytest.mark.lava
def test_no_samples_give_no_spikes() -> None:
    program = convolutional()
    assert LavaDevice(program).run(spikes_for(program, samples=0)).shape == (6, 0, 5)


@pytest.mark.lava
def test_samples_are_shared_out_to_several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[list[int]] = []
    run_jobs = lava_device.run_jobs

    def recorded(python: Path, jobs: list[lava_device.ProgramJob], *rest: Any) -> Any:
        shares.append([job.spikes.shape[1] for job in jobs])
        return run_jobs(python, jobs, *rest)

    monkeypatch.setattr(lava_device, "run_jobs", recorded)
    program = recurrent()
    for cores, samples, expected in ((3, 35, [16, 16, 3]), (2, 50, [25, 25]), (64, 5, [5])):
        monkeypatch.setattr(lava_device, "_cores", lambda cores=cores: cores)
        spikes = spikes_for(program, time=2, samples=samples)
        assert np.array_equal(LavaDevice(program).run(spikes), simulate(program, spikes))
        assert shares.pop() == expected


@pytest.mark.lava
def test_one_sample_is_enough() -> None:
    program = recurrent()
    spikes = spikes_for(program, samples=1)
    assert np.array_equal(LavaDevice(program).run(spikes), simulate(program, spikes))


@pytest.mark.lava
def test_the_chip_itself_needs_intels_package() -> None:
    program = convolutional()
    device = LavaDevice(program, hardware=True)
    with pytest.raises(InputError, match="needs Intel's lava-loihi, which is not in Lava's environment"):
        device.run(spikes_for(program))


def test_a_recurrent_program_is_for_the_simulation_only() -> None:
    with pytest.raises(InputError, match="not on Loihi itself"):
        LavaDevice(recurrent(), hardware=True, python=Path("python"))


def test_spikes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"spikes must have the shape \[time, sample, 2, 8, 7\], got \[6, 5, 3\]"):
        LavaDevice(convolutional(), python=Path("python")).run(spikes_for(recurrent()))


def test_without_an_environment_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIQ_LAVA_HOME", str(tmp_path))
    with pytest.raises(InputError, match="spiq lava setup"):
        LavaDevice(convolutional())


@pytest.mark.lava
def test_the_interpreter_is_the_environments() -> None:
    assert LavaDevice(convolutional()).python == required("lava").python
