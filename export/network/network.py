"""The object that travels: a hybrid network as a directed graph of named stages.

It says all that is needed to run it anywhere, and nothing of where: no device, no training code. The bundle is this
network in a folder, a co-simulation is its stages in order.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from ..errors import InputError
from .decoding import Decode
from .signals import Signal
from .stages import Classical, Encode, Quantum, Spiking, Stage

INPUT = "input"
"""What the samples themselves are called among the stages."""

RESERVED = (INPUT, "labels", "model", "golden", "calibration", "manifest", "loihi")
"""Names that no stage may have: files and arrays of a bundle are called so."""

MOST_STAGES = 64

_NAME = re.compile("[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, eq=False)
class HybridNetwork:
    """Stages by name, what each reads, and the one whose values are the answer.

    Attributes:
        input: What a sample looks like.
        stages: The stages by name.
        reads: What each stage reads: names of stages, or "input". Every stage must lead to the output.
        output: The name of the stage that answers.

    Raises:
        InputError: A name is not allowed, a stage reads what is not there, there is a cycle, or shapes do not fit; the
            stage is named.

    Example:
        from spiq.export.network.signals import Signal
        from spiq.export.network.stages import Encode, Quantum

        network = spiq.open_bundle("mine/bundle").network
        spiq.HybridNetwork(network.input, network.stages, network.reads, network.output).order
    """

    input: Signal
    stages: Mapping[str, Stage]
    reads: Mapping[str, tuple[str, ...]]
    output: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.stages) <= MOST_STAGES:
            raise InputError(f"stages must have 1 to {MOST_STAGES} entries, got {len(self.stages)}")
        for name in self.stages:
            if not _NAME.fullmatch(name) or name in RESERVED:
                allowed = f"small letters, digits and _, other than {', '.join(RESERVED)}"
                raise InputError(f"stages must have names of {allowed}, got {name!r}")
        if self.reads.keys() != self.stages.keys():
            odd = ", ".join(sorted(self.reads.keys() ^ self.stages.keys()))
            raise InputError(
                f"reads must say what every stage reads, and nothing else, got missing or unknown ones: {odd}"
            )
        for name, sources in self.reads.items():
            for source in sources:
                if source not in self.stages and source != INPUT:
                    raise InputError(f"stage {name!r}: must read {INPUT!r} or stages, got {source!r}")
        if self.output not in self.stages:
            raise InputError(f"output must be a stage, got {self.output!r}")
        # Found once, so that what does not fit cannot be made.
        _ = self.signals
        if self.signals[self.output].kind != "values":
            raise InputError(f"output: {self.output!r} must give values, got {self.signals[self.output]}")
        idle = self.stages.keys() - self.before({self.output}) - {self.output}
        if idle:
            raise InputError(f"stage {min(idle)!r}: does not lead to the output {self.output!r}")

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The stages, each after all that it reads; else in the order in which they were given."""
        sorter = TopologicalSorter({name: [s for s in self.reads[name] if s != INPUT] for name in self.stages})
        try:
            found = list(sorter.static_order())
        except CycleError as error:
            raise InputError(f"stages: {' → '.join(error.args[1])} is a cycle") from None
        depth: dict[str, int] = {INPUT: 0}
        for name in found:
            depth[name] = 1 + max((depth[source] for source in self.reads[name]), default=0)
        given = list(self.stages)
        return tuple(sorted(found, key=lambda name: (depth[name], given.index(name))))

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """What is on each edge, by the name of what gives it; INPUT's too."""
        signals = {INPUT: self.input}
        for name in self.order:
            try:
                signals[name] = self.stages[name].output(tuple(signals[source] for source in self.reads[name]))
            except InputError as error:
                raise InputError(f"stage {name!r}: {error}") from error
        return signals

    def before(self, names: set[str]) -> set[str]:
        """All stages that lead to any of these, which are left out unless they lead to each other."""
        found: set[str] = set()
        waiting = [source for name in names for source in self.reads[name]]
        while waiting:
            name = waiting.pop()
            if name != INPUT and name not in found:
                found.add(name)
                waiting += self.reads[name]
        return found

    @cached_property
    def behind_spiking(self) -> frozenset[str]:
        """The spiking stages and all that they lead to: what another spiking device may change."""
        return frozenset(
            name for name in self.stages if name in self.spiking or self.before({name}) & self.spiking.keys()
        )

    @property
    def encodes(self) -> dict[str, Encode]:
        return {name: stage for name, stage in self._ordered() if isinstance(stage, Encode)}

    @property
    def spiking(self) -> dict[str, Spiking]:
        return {name: stage for name, stage in self._ordered() if isinstance(stage, Spiking)}

    @property
    def decodes(self) -> dict[str, Decode]:
        return {name: stage for name, stage in self._ordered() if isinstance(stage, Decode)}

    @property
    def quantum(self) -> dict[str, Quantum]:
        return {name: stage for name, stage in self._ordered() if isinstance(stage, Quantum)}

    @property
    def classical(self) -> dict[str, Classical]:
        return {name: stage for name, stage in self._ordered() if isinstance(stage, Classical)}

    @property
    def output_size(self) -> int:
        """How many values the answer to a sample has."""
        size = 1
        for length in self.signals[self.output].shape:
            size *= length
        return size

    def _ordered(self) -> Iterator[tuple[str, Stage]]:
        return ((name, self.stages[name]) for name in self.order)

    def __repr__(self) -> str:
        lines = [f"HybridNetwork: {self.input} → {self.output}"]
        for name, stage in self._ordered():
            kind = type(stage).__name__.lower()
            lines.append(f"  {name}: {kind} of {', '.join(self.reads[name])} → {self.signals[name]}")
        return "\n".join(lines)
