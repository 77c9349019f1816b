"""What a spiking stage reads for given samples, with all that comes before it on simulated devices."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped, UInt8

from ...export.bundle.bundle import Bundle
from ...export.network.network import INPUT
from ..devices import SampleWatch
from ..registry import devices
from .cosimulation import BATCH, check_samples, sliced
from .stages import Devices, run_stages


def stage_inputs(
    bundle: Bundle,
    stage: str,
    samples: Shaped[np.ndarray, "..."],
    snn: str = "loihi",
    watch: SampleWatch | None = None,
) -> Iterator[UInt8[np.ndarray, "time sample *shape"]]:
    """The spikes that a stage reads, batch by batch.

    Args:
        bundle: The network.
        stage: The name of a spiking stage.
        samples: As the network reads them.
        snn: The spiking device that stages before this one run on; circuits run exactly.
        watch: Told after each batch how many samples are done.

    Raises:
        InputError: The samples do not fit the network, or a stage before has no form for the device.
    """
    network = bundle.network
    count = check_samples(network, samples)
    before = network.before({stage})
    source = network.reads[stage][0]
    on = devices(bundle, snn, "exact") if before - network.encodes.keys() else Devices({}, {})
    shape = network.spiking[stage].graph.input_shape
    for start in range(0, count, BATCH):
        values = {INPUT: sliced(network, samples, slice(start, start + BATCH))}
        run_stages(network, before, values, on, first_sample=start)
        spikes = values[source]
        yield spikes.reshape(*spikes.shape[:2], *shape)
        if watch:
            watch(min(start + BATCH, count))
