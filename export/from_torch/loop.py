"""One time step out of a trace that has all of them.

A `forward` that loops over time is traced step after step. The steps must be alike: each does the same as the first,
on states that the one before has left, on what does not depend on the step, and on the input, or on its step of it. So
the first step is the network, and the rest is only looked at.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snntorch import SpikingNeuron

from ..errors import InputError
from .calls import INPUT, Call, Calls

_NOT_ALIKE = "the time steps in forward are not alike, or give something else than the spikes of all by torch.stack"


class Operation(NamedTuple):
    """A call of the trace, the layer or function that it is one of, and the states that it takes.

    A state is ("state", where it comes from, which of its outputs), or ("start", …) where it begins in forward itself.
    """

    call: Call
    word: str
    states: tuple[tuple[str, str, int], ...]


def one_step(operations: Sequence[Operation], answer: tuple[str, ...]) -> Calls:
    """The calls of the first time step. Raises InputError where the steps are not alike."""
    neurons: dict[object, list[int]] = {}
    for place, operation in enumerate(operations):
        if isinstance(operation.call.module, SpikingNeuron):
            neurons.setdefault(operation.call.module, []).append(place)
    first = min(neurons.values(), key=lambda places: places[0])
    steps, length = len(first), first[1] - first[0] if len(first) > 1 else len(operations)
    start = _start(operations, steps, length)
    if start is None or any(len(places) != steps for places in neurons.values()):
        raise InputError(f"the network: {_NOT_ALIKE}")
    # The name in the first step of what each call of a later step is.
    first_name: dict[str, str] = {}
    for step in range(steps):
        for place in range(length):
            original = operations[start + place].call.name
            first_name[operations[start + step * length + place].call.name] = original
    for step in range(steps):
        _check_step(operations, start, length, step, first_name)
    stacked = [name for part in answer for name in part.removeprefix("stack:").split("\n")]
    given = [first_name.get(name) for name in stacked]
    place = {operation.call.name: number for number, operation in enumerate(operations)}
    in_order = [(place[name] - start) // length for name in stacked if name in place] == list(range(steps))
    if not answer[0].startswith("stack:") or len(set(given)) != 1 or given[0] is None or not in_order:
        raise InputError(f"the network: {_NOT_ALIKE}")
    before = [operation.call for operation in operations[:start]]
    calls = [*before, *(operation.call for operation in operations[start : start + length])]
    reading = tuple(call._replace(reads=tuple(_any_step(name) for name in call.reads)) for call in calls)
    return Calls(reading, (given[0],), loops=True)


def _start(operations: Sequence[Operation], steps: int, length: int) -> int | None:
    """Where the first of so many steps begins: the earliest place from which the words come again and again."""
    words = [operation.word for operation in operations]
    for start in range(len(words) - steps * length + 1):
        body = words[start : start + length]
        if all(words[start + step * length : start + (step + 1) * length] == body for step in range(steps)):
            return start
    return None


def _check_step(
    operations: Sequence[Operation], start: int, length: int, step: int, first_name: Mapping[str, str]
) -> None:
    """Raises InputError where this step does something else than the first."""
    own = {operations[start + step * length + place].call.name for place in range(length)}
    before = {operations[start + (step - 1) * length + place].call.name for place in range(length)} if step else set()
    for place in range(length):
        here, first = operations[start + step * length + place], operations[start + place]
        for name, original in zip(here.call.reads, first.call.reads, strict=True):
            same_step = name in own and first_name[name] == original
            outside = name not in first_name and (name == original or (name, original) == _input_of(step))
            if not (same_step or outside):
                raise InputError(f"layer {first.call.name!r}: {_NOT_ALIKE}")
        for number, (_, source, output) in enumerate(here.states):
            # Its own states, in the order in which it gives them.
            kept = source in before and first_name[source] == first.call.name and output == _output(here, number)
            if not (kept if step else source not in first_name):
                raise InputError(f"layer {first.call.name!r}: takes a state that is not its own of the step before")


def _output(operation: Operation, number: int) -> int:
    """Which of a neuron's outputs its state of this number is: the recurrent ones take their spikes too."""
    recurrent = hasattr(operation.call.module, "recurrent")
    return number if recurrent else number + 1


def _input_of(step: int) -> tuple[str, str]:
    return f"{INPUT}[{step}]", f"{INPUT}[0]"


def _any_step(name: str) -> str:
    return INPUT if name == f"{INPUT}[0]" else name
