"""Nodes of a graph that together are one spiking neuron.

NIR has no neuron that resets by subtraction. It can be said with others: an integrator (LI, I or CubaLI) feeds a
Threshold, and a Scale or a diagonal Linear of minus the threshold leads from there back into the integrator, where it
arrives a step later:

    x → integrator → Threshold → …            Subtraction(amount): what leads back, times what the integrator takes
          ↑              │                    Subtraction(0) where nothing leads back
          └── Scale(-θ) ─┘

snnTorch's reset_delay=False takes a second Threshold, which is what the membrane still is after its reset, a step late:

    x → integrator ────────→ Threshold → …    Subtraction(θ, at_once)
          ↑    │                │    ↑
          │    └→ Delay(dt) → Threshold → Scale(-θ)
          │          ↑          │                     the lower Threshold reads only the Delay, the upper one the
          │          └Scale(-θ)─┤                     integrator and the lower one's Scale
          └─ Scale(-θ·kept) ────┘                     kept: what a step leaves of the potential

A further LI or I, at rest at 0, that feeds nothing but the integrator, an IF or a LIF is the neuron's current, as
snnTorch's Synaptic has it. (CubaLIF is the same for a reset to a value; what is subtracted must go past the current.)

Here such nodes become one, `Composite`, under the name of what gives the spikes. Nodes of which another one reads
something besides stay as they are. They mean the same but where the potential at rest is above the threshold: a
Composite subtracts in the first step then, as snnTorch does, and of the single nodes nothing has fired yet.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from .errors import InputError
from .geometry import parameter, real
from .neuron_step import NeuronStep, Parameter, Subtraction
from .nodes.kind import NeuronKind, Parameters
from .nodes.neurons import CUBA_LI, CUBA_LIF, IF, LI, LIF, I
from .time_step import TimeStep
from .unfolding import Edge

_STEPS = {kind.node: kind.step for kind in (IF, LIF, CUBA_LIF, I, LI, CUBA_LI)}

_INTEGRATORS = (nir.I, nir.LI, nir.CubaLI)

_CLOSE = 1e-6
"""How far, as a share, two numbers of a file may differ that are taken for the same: it may hold them in float32."""


@dataclass(eq=False)
class Composite(nir.NIRNode):
    """A neuron of several nodes: what gives its spikes, its integrator and its current, and what leads back.

    `integrator` is None where a neuron of NIR, `spiking`, is one itself; with `subtracts` it resets by subtraction of
    its threshold, a step later, whatever its v_reset says. `feedback` is None where nothing leads back.
    """

    spiking: nir.NIRNode
    integrator: nir.NIRNode | None = None
    current: nir.NIRNode | None = None
    feedback: nir.NIRNode | None = None
    at_once: bool = False
    subtracts: bool = False

    def __post_init__(self) -> None:
        # NIR's types, which no reader of ours looks at.
        self.input_type, self.output_type = {}, {}

    @property
    def parts(self) -> tuple[nir.NIRNode, ...]:
        """The nodes with a state, and what gives the spikes, in order."""
        return tuple(part for part in (self.current, self.integrator, self.spiking) if part is not None)

    @property
    def label(self) -> str:
        """Its type in an error."""
        return " → ".join(type(part).__name__ for part in self.parts)


def _step(p: Parameters) -> NeuronStep:
    node = p.node
    assert isinstance(node, Composite)

    def of(part: nir.NIRNode) -> NeuronStep:
        return _STEPS[type(part)](Parameters(part, p.shape, p.step, p.where))

    current = None if node.current is None else of(node.current).potential
    if node.integrator is None:
        neuron = of(node.spiking)
        assert neuron.threshold is not None
        reset = Subtraction(neuron.threshold) if node.subtracts else neuron.reset
        return NeuronStep(neuron.potential, current or neuron.current, neuron.threshold, reset)
    potential = of(node.integrator).potential
    threshold = parameter(node.spiking.threshold, "threshold", p.shape, p.where)  # type: ignore[attr-defined]
    amount = np.zeros(p.shape)
    if node.at_once:
        amount = threshold
    elif node.feedback is not None:
        amount = -potential.takes * _weights(node.feedback, p)
    return NeuronStep(potential, current or of(node.integrator).current, threshold, Subtraction(amount, node.at_once))


def _weights(feedback: nir.NIRNode, p: Parameters) -> Parameter:
    """What a Scale or a diagonal Linear multiplies with, one number a neuron."""
    if isinstance(feedback, nir.Scale):
        return parameter(feedback.scale, "scale", p.shape, p.where)
    weight = real(feedback.weight, "weight", p.where)  # type: ignore[attr-defined]
    if p.shape != weight.shape[:1]:
        raise InputError(f"{p.where}: what leads back has {len(weight)} features, but its input is {list(p.shape)}")
    return np.diagonal(weight)


COMPOSITE = NeuronKind(
    Composite,
    "an integrator, a Threshold behind it, and what leads back from there; or a current before a neuron",
    (),
    _step,
    gives_spikes=True,
)


def subtracting(nodes: Mapping[str, nir.NIRNode], name: str) -> dict[str, nir.NIRNode]:
    """The nodes, where every neuron that resets to 0 resets by subtraction instead: snnTorch's default.

    For files whose writer has no word for it: a v_reset that is missing, or 0. Raises InputError, naming the node, for
    a neuron that resets to another value, and where there is no neuron.
    """
    found = dict(nodes)
    for node_name, node in nodes.items():
        if not isinstance(node, nir.IF | nir.LIF | nir.CubaLIF):
            continue
        if not _alike(node.v_reset, "v_reset", 0.0):
            raise InputError(
                f"{name}: node {node_name!r} ({type(node).__name__}): its v_reset is not 0, so it resets to that and "
                "not by subtraction"
            )
        found[node_name] = Composite(node, subtracts=True)
    if not any(isinstance(node, Composite) for node in found.values()):
        raise InputError(f"{name}: has no neuron with a v_reset that could reset by subtraction instead")
    return found


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
        elif isinstance(node, nir.IF | nir.LIF):
            joining.join_current(name, Composite(node))
        elif isinstance(node, Composite) and isinstance(node.spiking, nir.IF | nir.LIF):
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
        integrators = [source for source in self.reads[name] if isinstance(self.nodes[source], _INTEGRATORS)]
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
        if not isinstance(node.integrator, nir.CubaLI):
            self.join_current(name, node)

    def join_current(self, name: str, node: Composite) -> None:
        """Take in the integrator that feeds the neuron and nothing else, if there is one."""
        if len(self.reads[name]) != 1:
            return
        (current,) = self.reads[name]
        found = self.nodes[current]
        if not isinstance(found, nir.I | nir.LI) or self.readers[current] != [name]:
            return
        if isinstance(found, nir.LI) and not _alike(found.v_leak, "v_leak", 0.0):
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
            potential = _STEPS[type(nodes[integrator])](
                Parameters(nodes[integrator], shape, self.step, where)
            ).potential
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
        return all(_alike(getattr(nodes[part], key), key, value) for (part, key), value in wanted.items())


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


def _alike(found: Any, key: str, wanted: Parameter | float) -> bool:
    try:
        return bool(np.all(np.abs(real(found, key, "") - wanted) <= _CLOSE * np.abs(wanted)))
    # Not numbers, or not as many.
    except (InputError, ValueError):
        return False
