"""All stages of a network together again: samples in, the answer out, and every value between.

The host and the devices work at the same time, each in a thread of its own: while the last stages, a quantum device's
among them, have one batch, the spiking devices have the next, and what comes before them, the coding say, is done for
the one after it. No more than these three batches are held at once, so memory does not grow with the number of samples,
the answers aside.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ...export.errors import InputError
from ...export.network.network import INPUT, HybridNetwork
from ...export.network.trace import Trace, joined
from ..devices import SampleWatch, SpikingDevice, WatchedDevice
from .stages import Devices, Values, missing_stages, run_stages

BATCH = 1000
"""Samples handed to the devices at once."""


class _Parts(NamedTuple):
    """The stages of a network by who has them: before all spiking ones, up to the last of these, and the rest."""

    first: set[str]
    spiking: set[str]
    last: set[str]


def cosimulate(
    network: HybridNetwork,
    devices: Devices,
    samples: Shaped[np.ndarray, "..."],
    shots: int | None = None,
    watch: SampleWatch | None = None,
) -> Trace:
    """Run samples through the network on these devices; the trace has every edge but those that Encode stages give.

    The samples are values [sample, *shape], in [0, 1] where they are encoded, or spikes [time, sample, *shape].
    `shots` measurements of each basis per sample, or exact expectation values; `watch` hears how far the spiking
    devices are. Raises InputError if the samples do not fit the network or the shots are not positive, and DeviceError
    if a device fails or what it answers is not what it must be.
    """
    count = check_samples(network, samples)
    parts = _parts(network)
    answers: list[Future[Trace]] = []

    def before(start: int) -> Values:
        values: Values = {INPUT: sliced(network, samples, slice(start, start + BATCH))}
        run_stages(network, parts.first, values, devices, shots, start)
        return values

    def rest(values: Values, start: int) -> Trace:
        run_stages(network, parts.last, values, devices, shots, start)
        kept = {name: found for name, found in values.items() if name != INPUT and name not in network.encodes}
        return Trace(network, kept)

    # The spiking devices have the main thread, where Ctrl-C arrives: they may have processes to end.
    with ThreadPoolExecutor(1) as host, ThreadPoolExecutor(1) as quantum, ExitStack() as told:
        slow = [told.enter_context(_own_watch(device)) for device in devices.spiking.values()][-1:]
        coming = host.submit(before, 0)
        for start in range(0, count, BATCH):
            values = coming.result()
            if start + BATCH < count:
                coming = host.submit(before, start + BATCH)
            if answers and answers[-1].done():
                # What failed there need not wait for another batch of spikes.
                answers[-1].result()
            for device in slow:
                if watch and device is not None:
                    device.watch = partial(_tell, watch, start)
            run_stages(network, parts.spiking, values, devices, shots, start)
            if answers:
                answers[-1].result()
            answers.append(quantum.submit(rest, values, start))
            if watch:
                watch(min(start + BATCH, count))
        return joined([answer.result() for answer in answers])


def completed(
    network: HybridNetwork,
    devices: Devices,
    samples: Shaped[np.ndarray, "..."],
    known: Trace,
    shots: int | None = None,
    watch: SampleWatch | None = None,
) -> Trace:
    """As `cosimulate`, where what some stages give is known already: the others run, batch by batch, in their order."""
    count = check_samples(network, samples)
    names = missing_stages(network, known)
    parts = []
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        values: Values = {INPUT: sliced(network, samples, part)}
        values |= {name: found[:, part] if known.sample_axis(name) else found[part] for name, found in known.items()}
        run_stages(network, names, values, devices, shots, start)
        kept = {name: found for name, found in values.items() if name != INPUT and name not in network.encodes}
        parts.append(Trace(network, kept))
        if watch:
            watch(min(start + BATCH, count))
    return joined(parts)


def check_samples(network: HybridNetwork, samples: Shaped[np.ndarray, "..."]) -> int:
    """How many samples these are. Raises InputError where there are none or they do not fit the network."""
    read = network.input
    if read.kind == "spikes":
        leading, found = 2, (samples.shape[0] if samples.ndim else 0, *samples.shape[2:])
        needed, wanted = f"[{read.steps}, sample, ", (read.steps, *read.shape)
    else:
        leading, found = 1, samples.shape[1:]
        needed, wanted = "[sample, ", read.shape
    if samples.ndim != leading + len(read.shape) or found != wanted:
        listed = needed + ", ".join(map(str, read.shape))
        raise InputError(
            f"the samples must have the shape {listed}], which the network reads, got {list(samples.shape)}"
        )
    count = samples.shape[leading - 1]
    if not count:
        raise InputError("there must be at least one sample, got none")
    return count


def sliced(network: HybridNetwork, samples: Shaped[np.ndarray, "..."], part: slice) -> Shaped[np.ndarray, "..."]:
    """Some of the samples."""
    return samples[:, part] if network.input.kind == "spikes" else samples[part]


def _parts(network: HybridNetwork) -> _Parts:
    spiking = set(network.spiking)
    leading = network.before(spiking) | spiking
    return _Parts(leading - network.behind_spiking, leading & network.behind_spiking, set(network.order) - leading)


def _tell(watch: SampleWatch, before: int, done: int) -> None:
    watch(before + done)


@contextmanager
def _own_watch(device: SpikingDevice) -> Iterator[WatchedDevice | None]:
    """The device, if it tells how far it is; at the block's end it tells whom it told before."""
    if not isinstance(device, WatchedDevice):
        yield None
        return
    before = device.watch
    try:
        yield device
    finally:
        device.watch = before
