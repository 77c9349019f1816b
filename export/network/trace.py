"""The values on every edge of a network, for some samples: of a trained network, a co-simulation, golden samples."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int64, Shaped

from ..errors import InputError
from .network import HybridNetwork


class Trace(Mapping[str, Shaped[np.ndarray, "..."]]):
    """Arrays by the name of the stage that gave them: spikes `[time, sample, *shape]`, values `[sample, *shape]`.

    It need not have every stage of the network, but has the output's.

    Args:
        network: The network whose values these are.
        values: The arrays, by stage.

    Example:
        trace = spiq.cosim("mine/bundle", x_test)
        trace.predictions, trace.output
    """

    def __init__(self, network: HybridNetwork, values: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
        self.network = network
        self._values = dict(values)

    def __getitem__(self, name: str) -> Shaped[np.ndarray, "..."]:
        if name not in self._values:
            raise InputError(f"the trace: a name must be one of {', '.join(self._values)}, got {name!r}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    @property
    def output(self) -> Shaped[np.ndarray, "sample class"]:
        """The network's answer, its axes but the samples' in one."""
        found = self[self.network.output]
        return found.reshape(len(found), -1)

    @property
    def samples(self) -> int:
        return len(self[self.network.output])

    @property
    def predictions(self) -> Int64[np.ndarray, " sample"]:
        """The class of each sample: that of the largest value, the first of equals; with a single value 1 above 0."""
        answer = self.output
        return (answer[:, 0] > 0).astype(np.int64) if answer.shape[1] == 1 else answer.argmax(-1)

    @property
    def margins(self) -> Float[np.ndarray, " sample"]:
        """How far each sample's largest value is above the second largest; with a single value how far it is from 0."""
        answer = self.output.astype(np.float64)
        if answer.shape[1] == 1:
            return np.abs(answer[:, 0])
        largest = np.sort(answer, -1)
        return largest[:, -1] - largest[:, -2]

    def sample_axis(self, name: str) -> int:
        """Which axis of an array counts the samples."""
        return 1 if self.network.signals[name].kind == "spikes" else 0

    def first(self, samples: int) -> "Trace":
        """What the first samples gave."""
        cut = {
            name: values[:, :samples] if self.sample_axis(name) else values[:samples] for name, values in self.items()
        }
        return Trace(self.network, cut)

    def __repr__(self) -> str:
        held = ", ".join(f"{name} {list(values.shape)}" for name, values in self.items())
        return f"Trace of {self.samples} samples: {held}"


def joined(parts: Sequence[Trace]) -> Trace:
    """Traces of the same stages put together along the samples."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Trace(
        first.network, {name: np.concatenate([part[name] for part in parts], first.sample_axis(name)) for name in first}
    )
