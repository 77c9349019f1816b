"""Finding the neurons of several nodes in a graph, and making one node of each (`composite` draws them)."""

from collections.abc import Collection, Mapping

import nir
import numpy as np

from ..errors import InputError
from .composite import CURRENTS, INTEGRATORS, STEPS, WITHOUT_CURRENT, Composite, alike
from .geometry import real
from .nodes.kind import Parameters
from .time_step import TimeStep
from .unfolding import Edge


def with_composites(
    nodes: Mapping[str, nir.NIRNode], edges: Collection[Edge], step: TimeStep
) -> tuple[dict[str, nir.NIRNode], list[Edge]]:
    """The graph with every neuron of several nodes as one; nodes and edges in their order where there is none."""
    joining = _Joining(nodes, edges, step)
    for name, node in nodes.items():
        # A node may have become a part of an earlier one.
        if name not in joining.nodes:
            continue
        if isinstance(node, nir.Threshold):
            joining.join_threshold(name)
        elif isinstance(node, WITHOUT_CURRENT):
            joining.join_current(name, Composite(node))
        elif isinstance(node, Composite) and isinstance(node.spiking, WITHOUT_CURRENT):
            joining.join_current(name, node)
    return (joining.nodes, joining.edges()) if len(joining.nodes) < len(nodes) else (dict(nodes), list(edges))


class _Joining:
    """The graph while its nodes become fewer."""

    def __init__(self, nodes: Mapping[str, nir.NIRNode], edges: Collection[Edge], step: TimeStep) -> None:
        self.nodes, self.step = dict(nodes), step
        self.reads: dict[str, list[str]] = {name: [] for name in nodes}
        self.readers: dict[str, list[str]] = {name: [] for name in nodes}
        for source, target in edges:
            self.reads[target].append(source)
            self.readers[source].append(target)

    def edges(self) -> list[Edge]:
        return [(source, target) for target, sources in self.reads.items() for source in sources]

    def join_threshold(self, name: str) -> None:
        """Make one neuron of a Threshold and the integrator before it, if they are one."""
        integrators = [source for source in self.reads[name] if isinstance(self.nodes[source], INTEGRATORS)]
        if len(integrators) != 1:
            return
        (integrator,) = integrators
        if self.reads[name] == [integrator] and self.readers[integrator] == [name]:
            feedback = self._feedback(name, integrator)
            self._join(name, integrator, [] if feedback is None else [feedback], feedback, False)
        elif (resetting := self._resetting_at_once(name, integrator)) is not None:
            self._join(name, integrator, resetting, None, True)

    def _join(self, name: str, integrator: str, inner: list[str], feedback: str | None, at_once: bool) -> None:
        node = Composite(
            self.nodes[name],
            self.nodes[integrator],
            feedback=None if feedback is None else self.nodes[feedback],
            at_once=at_once,
        )
        for part in inner:
            self._remove(part)
        self._replace(integrator, name, node)
        if isinstance(node.integrator, CURRENTS):
            self.join_current(name, node)

    def join_current(self, name: str, node: Composite) -> None:
        """Take in the integrator that feeds the neuron and nothing else, if there is one."""
        if len(self.reads[name]) != 1:
            return
        (current,) = self.reads[name]
        found = self.nodes[current]
        if not isinstance(found, CURRENTS) or self.readers[current] != [name]:
            return
        if not alike(getattr(found, "v_leak", 0.0), "v_leak", 0.0):
            return
        node.current = found
        self._replace(current, name, node)

    def _replace(self, entry: str, name: str, node: Composite) -> None:
        """The neuron of this name reads what its entry, which falls away, has read."""
        for reader in self.readers[entry]:
            self.reads[reader].remove(entry)
        for source in self.reads[entry]:
            self.readers[source] = [name if reader == entry else reader for reader in self.readers[source]]
        self.reads[name] = self.reads.pop(entry)
        del self.nodes[entry], self.readers[entry]
        self.nodes[name] = node

    def _remove(self, name: str) -> None:
        for source in self.reads.pop(name):
            self.readers[source].remove(name)
        for reader in self.readers.pop(name):
            self.reads[reader].remove(name)
        del self.nodes[name]

    def _feedback(self, name: str, integrator: str) -> str | None:
        """Of what leads straight back from the Threshold, neuron by neuron, the first; a Scale before a Linear."""
        straight = [
            reader
            for reader in self.readers[name]
            if self.reads[reader] == [name]
            and self.readers[reader] == [integrator]
            and _is_diagonal(self.nodes[reader])
        ]
        return min(straight, key=lambda reader: not isinstance(self.nodes[reader], nir.Scale), default=None)

    def _resetting_at_once(self, name: str, integrator: str) -> list[str] | None:
        """The nodes between the Threshold and its integrator that reset it at once, or None where they do not."""
        held = [reader for reader in self.readers[integrator] if isinstance(self.nodes[reader], nir.Delay)]
        if len(held) != 1 or set(self.readers[integrator]) != {name, held[0]}:
            return None
        (delay,) = held
        chain = [delay]
        for kind in (nir.Threshold, nir.Scale):
            if len(self.readers[chain[-1]]) != 1:
                return None
            chain += self.readers[chain[-1]]
            if not isinstance(self.nodes[chain[-1]], kind) or self.reads[chain[-1]] != [chain[-2]]:
                return None
        taken = chain[-1]
        if self.readers[taken] != [name] or set(self.reads[name]) != {integrator, taken}:
            return None
        scales = [
            reader
            for reader in self.readers[name]
            if isinstance(self.nodes[reader], nir.Scale) and self.reads[reader] == [name]
        ]
        into_delay = [scale for scale in scales if self.readers[scale] == [delay]]
        into_integrator = [scale for scale in scales if self.readers[scale] == [integrator]]
        if len(into_delay) != 1 or not into_integrator or set(self.reads[delay]) != {integrator, into_delay[0]}:
            return None
        inner = [*chain, into_delay[0], into_integrator[0]]
        return inner if self._takes_off_the_threshold(name, integrator, *inner) else None

    def _takes_off_the_threshold(
        self, name: str, integrator: str, delay: str, still: str, taken: str, into_delay: str, into_integrator: str
    ) -> bool:
        """Whether the numbers are those of the picture above."""
        nodes = self.nodes
        where = f"node {integrator!r}"
        try:
            threshold = real(nodes[name].threshold, "threshold", where)  # type: ignore[attr-defined]
            shape = threshold.shape or (1,)
            potential = STEPS[type(nodes[integrator])](Parameters(nodes[integrator], shape, self.step, where)).potential
        # What is wrong is told where the node is read as what it is.
        except InputError:
            return False
        if potential.start.any():
            return False
        with np.errstate(divide="ignore", invalid="ignore"):
            back = -(1 - potential.forgets) * threshold / potential.takes
        wanted = {
            (delay, "delay"): self.step.dt,
            (still, "threshold"): threshold,
            (taken, "scale"): -threshold,
            (into_delay, "scale"): -threshold,
            (into_integrator, "scale"): back,
        }
        return all(alike(getattr(nodes[part], key), key, value) for (part, key), value in wanted.items())


def _is_diagonal(node: nir.NIRNode) -> bool:
    if isinstance(node, nir.Scale):
        return True
    if not isinstance(node, nir.Linear):
        return False
    try:
        weight = real(node.weight, "weight", "")
    except InputError:
        return False
    return weight.ndim == 2 and weight.shape[0] == weight.shape[1] and not (weight - np.diag(np.diagonal(weight))).any()
