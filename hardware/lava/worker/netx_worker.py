# pyright: reportMissingImports=false
"""The worker for netx files: a script that runs them with lava-dl's own reader. It imports nothing of spiq.

    python -I netx_worker.py FOLDER

Jobs and answers are `worker.py`'s, and so is all that happens when a client goes. A job's `program` is an .npz whose
entry `netx` holds the bytes of the file, `result` has the last layer's spikes under "0".

The reader makes all layers LIFReset, which brings neurons to rest in step with the samples, but no synapse. What a
recurrent layer has sent to itself in the last step of a sample would come in the first step of the next one. So Lava
pauses before each such step, and the buffer of the recurrent synapse is emptied.
"""

import math
import mmap
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import runner
import worker
from slayer_stand_in import stand_in


class NetxRunner(runner.Runner):
    """Lava and lava-dl's netx reader, imported."""

    def __init__(self, hardware: bool) -> None:
        super().__init__(hardware)
        stand_in()
        from lava.lib.dl.netx import hdf5

        # Lava's compiler tries the module that a stand-in stands for, and warns that it needs PyTorch.
        warnings.filterwarnings("ignore", "Cannot import module")
        self._read: Any = hdf5.Network

    def run(
        self,
        program: dict[str, np.ndarray],
        spikes: np.ndarray,
        every_layer: bool,
        tell: Callable[[int], None],
    ) -> dict[int, np.ndarray]:
        """The output's spikes [time, sample, feature] for spikes from outside, [time, sample, *shape], as number 0."""
        steps, samples = spikes.shape[:2]
        with tempfile.NamedTemporaryFile(suffix=".net") as file:
            file.write(program["netx"].tobytes())
            file.flush()
            # The first layer computes step 0 of the first sample in Lava's step 2, the next one a step later. The
            # reader adds 1 to the offset, and 1 more for each layer.
            network = self._read(net_config=file.name, reset_interval=steps, reset_offset=1)
        depth, held = len(network), tuple(int(size) for size in network.out.shape)
        source = self._processes.source(_sent(spikes, network.inp.shape))
        source.spikes.connect(network.inp)
        # Memory without a name, which Lava's processes share because they are forked.
        shared = mmap.mmap(-1, steps * samples * math.prod(held))
        heard = np.frombuffer(shared, np.uint8).reshape(steps * samples, -1)

        def tell_samples(done: int) -> None:
            if done > 0 and done % steps == 0:
                tell(done // steps)

        recorder = self._processes.recorder([held], [depth], heard, tell_samples)
        network.out.connect(recorder.layer_0)
        now = 0
        for step, synapses in [*_pauses(network, steps, samples), (steps * samples + depth, [])]:
            self.advance(recorder, step - now)
            for synapse in synapses:
                synapse.a_buff.set(np.zeros(synapse.a_buff.shape, int))
            now = step
        self.stop(recorder)
        values = heard.reshape(samples, steps, *held)
        in_order = values.transpose(1, 0, *range(values.ndim - 1, 1, -1))
        return {0: in_order.reshape(steps, samples, -1)}


def _sent(spikes: np.ndarray, held: tuple) -> np.ndarray:
    """All samples one after the other, [step, *held]: Lava holds an image as [width, height, channel]."""
    steps, samples = spikes.shape[:2]
    one_after_the_other = spikes.swapaxes(0, 1).reshape(steps * samples, *held[::-1])
    return one_after_the_other.transpose(0, *range(len(held), 0, -1))


def _pauses(network: Any, steps: int, samples: int) -> list:
    """After which of Lava's steps which recurrent synapses are to be emptied, in order."""
    found: dict[int, list] = {}
    for depth, layer in enumerate(network.layers, 1):
        if hasattr(layer, "synapse_rec"):
            for sample in range(samples):
                found.setdefault(depth + sample * steps, []).append(layer.synapse_rec)
    return sorted(found.items(), key=lambda pause: pause[0])


if __name__ == "__main__":
    # The worker does its jobs with that module's Runner.
    runner.Runner = NetxRunner
    worker.main()
