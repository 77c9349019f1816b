"""The spiking half: our fixed-point simulator against real Lava, and against the same encoder in PyTorch."""

from collections.abc import Iterator

import torch

from ...export.errors import InputError
from ...hardware.lava.device import LavaDevice
from ...hardware.lava.jobs import ProgramJob, run_jobs
from ...hardware.loihi.device import LoihiDevice
from ..models.encoder import run_encoder
from .comparison import Result, Work, compared, side_by_side
from .networks import Network, network

SAMPLES = 1000

LAVA_SAMPLES = 200
QUICK_LAVA_SAMPLES = 40
"""Of the images: Lava takes a minute for what we do in a tenth of a second."""

LAVA_REPETITIONS = 3


def mnist_encoder() -> Network:
    """The encoder of examples/mnist.toml: 28x28, channels 8-16-16, T = 8."""
    return network((8, 16, 16), "flatten", 28, 8)


def paper_encoder() -> Network:
    """The encoder of arXiv 2512.03895 as its authors run it: 32x32, channels 2-4-8, global average, T = 10."""
    return network((2, 4, 8), "average", 32, 10)


def spiking_comparisons(repetitions: int, quick: bool) -> Iterator[Result]:
    """loihi.sim, loihi.paper, encoder.float. Without Lava's environment the first two are left out."""
    samples = QUICK_LAVA_SAMPLES if quick else LAVA_SAMPLES
    for name, chosen, what in (
        ("loihi.sim", mnist_encoder(), "28x28, channels 8-16-16, T = 8"),
        ("loihi.paper", paper_encoder(), "the paper's encoder, 32x32, channels 2-4-8, T = 10"),
    ):
        try:
            peer = on_lava(chosen, samples)
        except InputError:
            continue
        spikes, ours = chosen.spikes(SAMPLES), LoihiDevice(chosen.program)
        yield compared(
            name,
            f"{what}, {SAMPLES} images of {chosen.source}",
            f"real Lava, fixed_pt, a run on every core, its start taken off ({samples} of the images)",
            side_by_side(
                Work(lambda ours=ours, spikes=spikes: ours.run(spikes), SAMPLES),
                peer,
                1 if quick else LAVA_REPETITIONS,
                warm_peer=False,
            ),
            needed=300,
        )
    chosen = mnist_encoder()
    spikes = chosen.spikes(SAMPLES)
    ours = LoihiDevice(chosen.program)
    yield compared(
        "encoder.float",
        f"28x28, channels 8-16-16, T = 8, {SAMPLES} images of {chosen.source}",
        "the same encoder in PyTorch, float32, inference mode",
        side_by_side(Work(lambda: ours.run(spikes), SAMPLES), float_encoder(chosen, SAMPLES), repetitions),
        needed=1,
    )


def on_lava(chosen: Network, samples: int) -> Work:
    """The program on real Lava. Raises InputError where Lava is not set up."""
    lava, spikes = LavaDevice(chosen.program), chosen.spikes(samples)
    # As many runs of Lava start for the few samples as for all.
    few = [ProgramJob(chosen.program, spikes[:, number : number + 1]) for number in range(len(lava.shares(samples)))]
    return Work(lambda: lava.run(spikes), samples, lambda: run_jobs(lava.python, few, len(few)), len(few))


def float_encoder(chosen: Network, samples: int) -> Work:
    """The encoder as PyTorch runs it, in batches that stay in the cache."""
    spikes = torch.from_numpy(chosen.spikes(samples))
    encoder, alpha = chosen.model.encoder, chosen.model.surrogate_alpha

    @torch.inference_mode()
    def run() -> None:
        for part in spikes.split(100, dim=1):
            run_encoder(encoder, part.float(), alpha)

    return Work(run, samples)
