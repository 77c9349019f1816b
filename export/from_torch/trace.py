"""The calls of a Module whose `forward` is the user's own, found by torch.fx.

fx runs `forward` with a stand-in for the input and notes what is done with it. What is followed:

    layers that are known          a call each
    x + y, torch.add               the sum of what both give
    a function of `functions`  as the layer that computes the same
    spk, mem = neuron(x, mem)      with the states that came from outside or from the step before
    return spk, …                  the first is the network's answer

A `forward` that is one time step keeps the neurons' states in the neurons (`init_hidden=True`) or takes them as
arguments. One that loops over time steps starts them by `init_leaky()` or `reset_mem()`, and gives the spikes of all
steps by torch.stack; fx has followed every step then (`loop`). Everything else is refused with its line.
"""

import operator
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import snntorch
import torch
from snntorch import SpikingNeuron
from torch import fx, nn

from ..errors import InputError
from .calls import INPUT, Call, Calls
from .functions import as_layer
from .loop import Operation, one_step
from .stock_layers import STOCK, check_hooks, check_stock, evaluating

_LIBRARIES = tuple(str(Path(str(library.__file__)).parent) for library in (torch, snntorch))

_ALLOWED = "must be made of layers that are known, sums of what they give, flattening and pooling"

_ADVICE = (
    "write forward for one time step, with init_hidden=True in the neurons, or with a loop over a fixed number of steps"
)


class _Tracer(fx.Tracer):
    """Follows everything but the layers that are known, and PyTorch's own."""

    record_stack_traces = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, (*STOCK, SpikingNeuron)):
            return True
        if not isinstance(m, nn.Sequential | nn.ModuleList):
            check_hooks(m, f"layer {module_qualified_name!r} ({type(m).__name__})")
        return super().is_leaf_module(m, module_qualified_name)


def traced(network: nn.Module) -> Calls:
    """The network's calls for one time step. Raises InputError, naming the layer or the line."""
    check_hooks(network, f"the network ({type(network).__name__})")
    try:
        # What a forward does may depend on the mode.
        with evaluating(network):
            graph = _Tracer().trace(network)
    except InputError:
        raise
    # Whatever the user's code does with a stand-in that only a tensor could answer.
    except Exception as error:
        where = _line(traceback.extract_tb(error.__traceback__))
        raise _refusal(where, f"what cannot be followed: {error}") from error
    return _Reading(network, graph).calls()


class _Reading:
    """The nodes of an fx graph, read one by one."""

    def __init__(self, network: nn.Module, graph: fx.Graph) -> None:
        self.network, self.graph = network, graph
        self.operations: list[Operation] = []
        self.taken: dict[str, int] = {}

    def calls(self) -> Calls:
        answer: tuple[str, ...] | None = None
        values: dict[fx.Node, Any] = {}
        first = True
        for node in self.graph.nodes:
            match node.op:
                case "placeholder":
                    values[node] = INPUT if first else ("state", node.name, 0)
                    first = False
                case "get_attr":
                    values[node] = self._constant(node)
                case "call_module":
                    values[node] = self._module(node, values)
                case "call_function" | "call_method":
                    values[node] = self._function(node, values)
                case "output":
                    answer = self._answer(node, values)
        assert answer is not None
        if self.operations and any(count > 1 for count in self._neuron_counts().values()):
            return one_step(self.operations, answer)
        self._check_states()
        names = {INPUT, *(operation.call.name for operation in self.operations)}
        read = [name for operation in self.operations for name in operation.call.reads]
        if not names.issuperset([*read, *answer]):
            raise _refusal(f"the network ({type(self.network).__name__})", "one time step that it picks")
        return Calls(tuple(operation.call for operation in self.operations), answer)

    def _check_states(self) -> None:
        """Raises InputError where a single step takes states that are not handed on from the step before."""
        taken: set[str] = set()
        own = {operation.call.name for operation in self.operations}
        for operation in self.operations:
            for kind, source, _ in operation.states:
                if kind == "start":
                    raise InputError(
                        f"layer {operation.call.name!r}: starts anew whenever forward is called, which is one time "
                        "step here; make it with init_hidden=True, or loop over time in forward"
                    )
                if source in own or source in taken:
                    raise InputError(f"layer {operation.call.name!r}: takes a state that is another layer's")
                taken.add(source)

    def _neuron_counts(self) -> dict[nn.Module, int]:
        counts: dict[nn.Module, int] = {}
        for operation in self.operations:
            if isinstance(operation.call.module, SpikingNeuron):
                counts[operation.call.module] = counts.get(operation.call.module, 0) + 1
        return counts

    def _constant(self, node: fx.Node) -> Any:
        value: Any = self.network
        for part in str(node.target).split("."):
            value = getattr(value, part)
        if isinstance(value, torch.Tensor) and not value.any():
            return ("start", node.name, 0)
        raise _refusal(_line_of(node), f"the tensor {node.target!r}, which is no layer")

    def _module(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        module = self.network.get_submodule(str(node.target))
        name = self._name(str(node.target))
        check_stock(str(node.target), module)
        arguments = [*node.args, *node.kwargs.values()]
        read = self._value(arguments[0], values, node)
        states = [_state(values.get(state)) if isinstance(state, fx.Node) else None for state in arguments[1:]]
        given = tuple(state for state in states if state is not None)
        if len(given) < len(states):
            raise _refusal(_line_of(node), f"something else than a state for layer {name!r}")
        self.operations.append(Operation(Call(name, module, read), str(node.target), given))
        if isinstance(module, SpikingNeuron) and (module.output or not module.init_hidden):
            return ("outputs", name)
        return name

    def _function(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        target, arguments = node.target, node.args
        match target:
            case operator.getitem if isinstance(values.get(arguments[0]), tuple):  # type: ignore[arg-type]
                kind, name = values[arguments[0]][:2]  # type: ignore[index]
                if kind == "outputs" and isinstance(arguments[1], int):
                    return name if arguments[1] == 0 else ("state", name, arguments[1])
            case operator.getitem if values.get(arguments[0]) == INPUT and isinstance(arguments[1], int):  # type: ignore[arg-type]
                return f"{INPUT}[{arguments[1]}]"
            case operator.add | operator.iadd | torch.add | "add" if len(arguments) == 2 and not node.kwargs:
                reads = tuple(part for argument in arguments for part in self._value(argument, values, node))
                return self._called(node, "add", None, reads)
            case torch.stack if arguments and isinstance(arguments[0], list | tuple):
                parts = [values.get(part) if isinstance(part, fx.Node) else None for part in arguments[0]]
                if any(isinstance(part, tuple) and part[0] != "outputs" for part in parts):
                    # Of potentials, which are not the answer.
                    return ("others", "", 0)
                names = [name for part in arguments[0] for name in self._value(part, values, node)]
                if not (arguments[1:] and arguments[1]) and not node.kwargs.get("dim", 0):
                    return "stack:" + "\n".join(names)
            case "size":
                return ("size", "", 0)
            case _:
                # A view that joins all but the samples is written with the input's size, which is no number here.
                plain = tuple(None if isinstance(part, fx.Node) else part for part in arguments[1:])
                layer = as_layer(target, plain, dict(node.kwargs))
                if layer is not None and isinstance(arguments[0], fx.Node):
                    word = target if isinstance(target, str) else getattr(target, "__name__", "function")
                    return self._called(node, word, layer, self._value(arguments[0], values, node))
        raise _refusal(_line_of(node), f"{_word(target)}, which cannot be followed")

    def _called(self, node: fx.Node, word: str, module: nn.Module | None, reads: tuple[str, ...]) -> str:
        name = self._name(word)
        self.operations.append(Operation(Call(name, module, reads), word, ()))
        return name

    def _value(self, argument: Any, values: dict[fx.Node, Any], node: fx.Node) -> tuple[str, ...]:
        found = values.get(argument) if isinstance(argument, fx.Node) else None
        if isinstance(found, tuple) and found[0] == "outputs":
            raise InputError(f"{_line_of(node)}: takes a neuron's spikes together with its states; take them apart")
        if not isinstance(found, str):
            raise _refusal(_line_of(node), "something else than a layer's values")
        return (found,)

    def _answer(self, node: fx.Node, values: dict[fx.Node, Any]) -> tuple[str, ...]:
        given = node.args[0]
        while isinstance(given, list | tuple) and given:
            given = given[0]
        found = values.get(given) if isinstance(given, fx.Node) else None
        if isinstance(found, tuple) and found[0] == "outputs":
            return (found[1],)
        if not isinstance(found, str):
            raise _refusal(f"the network ({type(self.network).__name__})", "no spikes as its answer")
        return (found,)

    def _name(self, word: str) -> str:
        """The module's path; where that is called again, with a number."""
        count = self.taken.get(word, 0)
        self.taken[word] = count + 1
        return f"{word}_{count}" if count else word


def _refusal(where: str, found: str) -> InputError:
    return InputError(f"{where}: {_ALLOWED}, got {found}; {_ADVICE}")


def _state(value: Any) -> tuple[str, str, int] | None:
    """The state that a value is. The spikes of a neuron are one of a recurrent neuron's states."""
    if isinstance(value, str) and value != INPUT:
        return ("state", value, 0)
    return value if isinstance(value, tuple) and value[0] in ("state", "start") else None


def _word(target: Callable | str) -> str:
    return f".{target}()" if isinstance(target, str) else f"{getattr(target, '__name__', target)}()"


def _line_of(node: fx.Node) -> str:
    return _line(traceback.StackSummary.from_list([])) if node.stack_trace is None else _last_line(node.stack_trace)


def _last_line(trace: str) -> str:
    """The last place in a printed trace that is not in a library: its file, line and text."""
    lines = trace.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        place = lines[number].strip()
        if place.startswith('File "') and not place[6:].startswith(_LIBRARIES):
            file, _, rest = place[6:].partition('", line ')
            text = lines[number + 1].strip() if number + 1 < len(lines) else ""
            return f"{file}, line {rest.split(',')[0]}, {text!r}"
    return "the network's forward"


def _line(frames: traceback.StackSummary) -> str:
    own = str(Path(__file__).parents[1])
    for frame in reversed(frames):
        if not frame.filename.startswith((*_LIBRARIES, own)):
            return f"{frame.filename}, line {frame.lineno}, {frame.line!r}"
    return "the network's forward"
