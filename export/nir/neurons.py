"""What the neurons of a resolved graph do in a time step.

NIR's neurons are differential equations, read with one Euler step of dt. Each type's equation stands in its entry of
`nodes`; the form in which everything computes is `NeuronStep`. This is the convention of norse and of snnTorch's
exporter, and that of sinabs but for its "at or above the threshold".
"""

from collections.abc import Mapping

from .graph import ResolvedGraph, ResolvedNode
from .neuron_step import NeuronStep
from .nodes.kind import NeuronKind, Parameters
from .nodes.table import known_kind
from .time_step import Integration, TimeStep


def neuron_step(resolved: ResolvedNode, step: TimeStep, where: str) -> NeuronStep:
    """The step of a node with a state, in float64.

    Raises InputError, beginning with `where`, for a step that is longer than a time constant, an r of an IF or I that
    nothing says how to read (`Parameters.integration`), and numbers that leave the range of floating point.
    """
    kind = known_kind(resolved.node)
    if not isinstance(kind, NeuronKind):
        raise TypeError(f"{where}: has no state")
    return kind.step(Parameters(resolved.node, resolved.input_shape, step, where))


def integrations(graph: ResolvedGraph) -> Mapping[str, Integration]:
    """How each IF and I of the graph is read, by the node's name. Raises InputError as `neuron_step` does."""
    return {resolved.name: meant for resolved in graph.nodes if (meant := integration_of(resolved, graph)) is not None}


def integration_of(resolved: ResolvedNode, graph: ResolvedGraph) -> Integration | None:
    """How the node's r is read; None where there is one way only, or no r. Raises InputError as `neuron_step` does."""
    parts = getattr(resolved.node, "parts", (resolved.node,))
    for part in parts:
        kind = known_kind(part)
        if isinstance(kind, NeuronKind) and kind.integrated is not None:
            where = f"{graph.name}: {resolved}"
            return Parameters(part, resolved.input_shape, graph.step, where).integration(kind.integrated)
    return None


def decided_step(graph: ResolvedGraph) -> TimeStep:
    """The graph's time step with what was decided for its IF and I, where that is the same for all of them."""
    decided = set(integrations(graph).values())
    return TimeStep(graph.step.dt, decided.pop() if len(decided) == 1 else None)
