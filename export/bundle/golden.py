"""The golden samples: a few samples with every value on their way, and the arrays that hold them.

golden.npz: `input` has the samples themselves, `labels` their classes where they are known, NAME what each stage gave
in the trained network, in float64, and loihi.NAME what it gives behind Loihi's fixed point.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64, Shaped

from ..files.arrays import read_every_array, write_npz
from ..network.network import INPUT, HybridNetwork
from ..network.trace import Trace

LABELS = "labels"
LOIHI = "loihi."

MOST_BYTES = 2**29
"""Of a file's arrays once they are inflated."""


@dataclass(frozen=True)
class Golden:
    """`trace` holds every edge of the trained network, `loihi` every edge behind the first spiking stage.

    `loihi` is None where the spiking half has no form on the chip.
    """

    input: Shaped[np.ndarray, "..."]
    labels: Int64[np.ndarray, " sample"] | None
    trace: Trace
    loihi: Trace | None

    @property
    def samples(self) -> int:
        return self.trace.samples

    def arrays(self) -> dict[str, np.ndarray]:
        """By the names in the file."""
        labels = {} if self.labels is None else {LABELS: self.labels}
        loihi = {} if self.loihi is None else {f"{LOIHI}{name}": values for name, values in self.loihi.items()}
        return {INPUT: self.input, **labels, **self.trace, **loihi}


def save_golden(path: Path, golden: Golden) -> None:
    """Write the golden samples so that the same samples give the same bytes."""
    write_npz(path, golden.arrays())


def golden_of(network: HybridNetwork, arrays: Mapping[str, np.ndarray]) -> Golden:
    """The golden samples of arrays that `bundle.fit` has found to fit."""
    behind = {name.removeprefix(LOIHI): values for name, values in arrays.items() if name.startswith(LOIHI)}
    return Golden(
        arrays[INPUT],
        arrays.get(LABELS),
        Trace(network, {name: arrays[name] for name in network.order}),
        Trace(network, behind) if behind else None,
    )


def save_calibration(path: Path, inputs: Mapping[str, Float[np.ndarray, "sample input"]]) -> None:
    """Write the inputs of each circuit stage for the calibration samples, by the stage's name."""
    write_npz(path, dict(inputs))


def read_arrays(content: bytes, where: str) -> dict[str, np.ndarray]:
    """All arrays of such a file. Raises InputError where it is damaged or holds too much."""
    return read_every_array(content, where, "an .npz archive of golden samples", MOST_BYTES)
