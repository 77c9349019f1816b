"""Random neurons that Lava's LIF cannot be."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from spiq.hardware.loihi import chip
from spiq.hardware.loihi.neuron_group import NeuronGroup, PerNeuron, ResetTo, TakeOff


def programmable(rng: Generator, group: NeuronGroup) -> NeuronGroup:
    """The group with a reset of any kind, and with numbers that differ from neuron to neuron where a coin says so.

    Thresholds are now and then below rest, and decays at the ends of their ranges.
    """
    limit = int(np.max(np.abs(group.threshold))) or 10

    def drawn(values: list[int], chances: list[float]) -> np.ndarray:
        return rng.choice(values, _form(rng, group.shape), p=chances)

    threshold = rng.integers(-limit // 4 if rng.random() < 0.4 else 0, limit + 1, _form(rng, group.shape))
    current, voltage = (int(np.max(decay)) for decay in (group.current_decay, group.voltage_decay))
    amount: PerNeuron = threshold if rng.random() < 0.6 else rng.integers(-limit // 8, limit + 1)
    match rng.integers(4):
        case 0:
            reset = ResetTo(rng.integers(-64 * limit, 32 * limit, _form(rng, group.shape)).clip(*chip.RESET_VOLTAGES))
        case 1 | 2:
            reset = TakeOff(amount)
        case _:
            reset = TakeOff(amount, at_once=True)
    return replace(
        group,
        threshold=threshold,
        current_decay=drawn([current, 0, 4096, 2048], [0.6, 0.05, 0.25, 0.1]),
        voltage_decay=drawn([voltage, 0, 4096, 2048], [0.6, 0.2, 0.1, 0.1]),
        reset=reset,
    )


def _form(rng: Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to this one."""
    return tuple(size if rng.random() < 0.5 else 1 for size in shape)
