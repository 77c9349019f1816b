"""The calls of a network for one time step, in order: which layer reads which.

A `Sequential`, and one within it, is a chain. Any other Module is traced by torch.fx, which follows its `forward` with
a stand-in for the input: layers that are known are calls, and so are the functions of `functions`. Where a
network loops over time in its `forward`, the trace has every step of it, and `loop` finds the one step in them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import nn

INPUT = "input"
"""The name of what the network reads."""


class Call(NamedTuple):
    """A layer at its place. What it reads, from several calls, adds up; `module` is None where they only do that."""

    name: str
    module: nn.Module | None
    reads: tuple[str, ...]


class Calls(NamedTuple):
    """The calls, each after those that it reads, and the names of those that are the answer: it is their sum.

    `loops` says that the network's own `forward` has all time steps, and not one.
    """

    calls: tuple[Call, ...]
    answer: tuple[str, ...]
    loops: bool = False


def readers(calls: Sequence[Call]) -> Mapping[str, list[Call]]:
    """Which calls read each, by name."""
    found: dict[str, list[Call]] = {INPUT: [], **{call.name: [] for call in calls}}
    for call in calls:
        for source in call.reads:
            found[source].append(call)
    return found
