"""Nodes whose steps depend on one another, as one ONNX Scan over time.

A neuron group alone is the smallest of them; a cycle is one with all its nodes. Within the Scan's body a value is
[sample, *shape], and of time there is one step. What a delayed edge brings is a state: what its source gave in the step
before, and 0 at first. A Delay in a cycle is a row of states, each a step older than the one before.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from jaxtyping import Float, Int
from onnx import TensorProto, helper

from ...errors import InputError
from ...nir.geometry import Shape
from ...nir.graph import ResolvedNode
from ...nir.neurons import neuron_step
from ...nir.nodes.table import gives_spikes, has_state
from ...nir.operations import DelayLine
from ...nir.time_step import TimeStep
from ..model import OnnxNodes
from .neurons import neuron_nodes
from .operations import as_spikes, compact, operation_nodes

MOST_WAITING = 64
"""The longest Delay in a cycle: each of its steps is a state of the Scan."""


def scanned(nodes: OnnxNodes, group: Sequence[ResolvedNode], values: dict[str, str], step: TimeStep, name: str) -> None:
    """Append the Scan, and tell `values` the names of what the group's nodes give, double [time, sample, *shape].

    `values` has those of the nodes that the group reads. `name` is the graph's, for errors. Raises InputError, naming
    the node, as `neuron_step` does and for a Delay of too many steps.
    """
    _Scan(nodes, group, values, step, name).append()


class _State(NamedTuple):
    """A state of the Scan: its names in the body before and after a step, the name of its start, and its shape."""

    before: str
    after: str
    start: str
    shape: Shape


class _Scan:
    """A Scan in the making."""

    def __init__(
        self, nodes: OnnxNodes, group: Sequence[ResolvedNode], values: dict[str, str], step: TimeStep, name: str
    ) -> None:
        self.nodes, self.group, self.values, self.step, self.name = nodes, group, values, step, name
        self.shapes = {resolved.name: resolved.output_shape for resolved in group}
        # Tells how many samples there are.
        self.outside = next(
            values[source]
            for resolved in group
            for source in (*resolved.sources, *resolved.delayed)
            if source not in self.shapes
        )
        # What comes from outside has the shape of what reads it.
        for resolved in group:
            for source in (*resolved.sources, *resolved.delayed):
                self.shapes.setdefault(source, resolved.input_shape)
        self.body = OnnxNodes(f"{nodes.prefix}step.", [], [])
        self.states: list[_State] = []
        # By the node that gives it, the name in the body: of what comes from outside, of what a delayed edge brings,
        # and of what a node of the group gives in the step.
        self.entries: dict[str, str] = {}
        self.late: dict[str, str] = {}
        self.given: dict[str, str] = {}

    def append(self) -> None:
        for resolved in self.group:
            for source in resolved.delayed:
                self.late.setdefault(source, f"{self._under(source).prefix}late")
        for resolved in self.group:
            self.given[resolved.name] = self._node(resolved)
        for source, before in self.late.items():
            now = self.given[source] if source in self.given else self._entry(source)
            after = self._under(source).add("Identity", [now], "kept")
            self._keep(before, after, np.zeros(self.shapes[source]))
        outputs = [self._under(name).add("Identity", [value], "out") for name, value in self.given.items()]
        over_time = {name: f"{self.nodes.prefix}over_time.{name}" for name in self.given}
        ends = [f"{self.nodes.prefix}end_{number}" for number in range(len(self.states))]
        self.nodes.operators.append(
            helper.make_node(
                "Scan",
                [*(state.start for state in self.states), *(self.values[name] for name in self.entries)],
                [*ends, *over_time.values()],
                name=f"{self.nodes.prefix}scan",
                body=self._graph(outputs),
                num_scan_inputs=len(self.entries),
            )
        )
        self.values |= over_time

    def _node(self, resolved: ResolvedNode) -> str:
        here = self._under(resolved.name)
        terms = [self.given[source] if source in self.given else self._entry(source) for source in resolved.sources]
        terms += [self.late[source] for source in resolved.delayed]
        x = here.add("Sum", terms, "input") if len(terms) > 1 else terms[0]
        where = f"{self.name}: {resolved}"
        if has_state(resolved.node):
            answer = neuron_nodes(here, neuron_step(resolved, self.step, where), x)
            for state in answer.states:
                self._keep(state.before, state.after, state.start)
            return as_spikes(here, answer.gives) if gives_spikes(resolved.node) else answer.gives
        operation = resolved.operation(self.step, where)
        if isinstance(operation, DelayLine):
            # What leads into the Delay that a cycle needs has waited one step already.
            has_waited = bool(resolved.delayed) and operation.is_whole
            return self._waiting(here, operation.steps - has_waited, x, where)
        # The operators have time in front, which is one step here.
        axis = here.constant("time_axis", np.array([0]))
        with_time = here.add("Unsqueeze", [x, axis], "of_one_step")
        computed = operation_nodes(here, operation, with_time, resolved.input_shape, resolved.output_shape)
        return here.add("Squeeze", [computed, axis], "given")

    def _waiting(self, here: OnnxNodes, steps: Int[np.ndarray, "*shape"], x: str, where: str) -> str:
        """What came so many steps ago, each value by its own number of steps."""
        longest = int(steps.max())
        if longest > MOST_WAITING:
            raise InputError(
                f"{where}: must delay by at most {MOST_WAITING} steps within a cycle in ONNX, got {longest} or more"
            )
        found, newer = None, x
        for count in range(longest + 1):
            if (steps == count).any():
                these = here.constant(f"these_{count}", compact((steps == count).astype(np.float64)))
                part = here.add("Mul", [newer, these], f"part_{count}")
                found = part if found is None else here.add("Add", [found, part], f"parts_{count}")
            if count < longest:
                before = f"{here.prefix}waiting_{count}"
                after = here.add("Identity", [newer], f"waiting_{count}_after")
                self._keep(before, after, np.zeros(steps.shape))
                newer = before
        assert found is not None
        return found

    def _under(self, name: str) -> OnnxNodes:
        return self.body.under(f"{self.body.prefix}{name}.")

    def _entry(self, source: str) -> str:
        return self.entries.setdefault(source, f"{self._under(source).prefix}outside")

    def _keep(self, before: str, after: str, start: Float[np.ndarray, "*shape"]) -> None:
        part = self.nodes.under(f"{self.nodes.prefix}start_{len(self.states)}.")
        samples = part.add("Shape", [self.outside], "samples", start=1, end=2)
        size = part.add("Concat", [samples, part.constant("shape", np.array(start.shape))], "size", axis=0)
        zero = helper.make_tensor(f"{part.prefix}rest_value", TensorProto.DOUBLE, [1], [0.0])
        name = part.add("ConstantOfShape", [size], "rest", value=zero)
        if start.any():
            name = part.add("Add", [name, part.constant("at_rest", compact(start))], "rest_of_all")
        self.states.append(_State(before, after, name, start.shape))

    def _graph(self, outputs: Sequence[str]) -> onnx.GraphProto:
        def info(name: str, shape: Shape) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["sample", *shape])

        given = zip(outputs, self.given, strict=True)
        return helper.make_graph(
            self.body.operators,
            f"{self.nodes.prefix}step",
            [
                *(info(state.before, state.shape) for state in self.states),
                *(info(name, self.shapes[source]) for source, name in self.entries.items()),
            ],
            [
                *(info(state.after, state.shape) for state in self.states),
                *(info(name, self.shapes[source]) for name, source in given),
            ],
            self.body.constants,
        )
