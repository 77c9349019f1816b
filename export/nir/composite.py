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

`joining` makes one node of such nodes, a `Composite` under the name of what gives the spikes. Nodes of which another
one reads something besides stay as they are. They mean the same but where the potential at rest is above the
threshold: a Composite subtracts in the first step then, as snnTorch does, and of the single nodes nothing has fired
yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from ..errors import InputError
from .geometry import listed, parameter, real
from .neuron_step import NeuronStep, Parameter, Subtraction
from .nodes.kind import NeuronKind, Parameters
from .nodes.neurons import NEURONS

STEPS = {kind.node: kind.step for kind in NEURONS}
"""The step of each type of a part."""

INTEGRATORS = tuple(kind.node for kind in NEURONS if not kind.spikes)
"""What a Threshold makes a neuron of."""

CURRENTS = tuple(kind.node for kind in NEURONS if not kind.spikes and not kind.has_current)
"""What can be the current of a neuron that has none."""

_SPIKING = tuple(kind.node for kind in NEURONS if kind.spikes)

WITHOUT_CURRENT = tuple(kind.node for kind in NEURONS if kind.spikes and not kind.has_current)
"""The neurons that can have one."""

_CLOSE = 1e-6
"""How far, as a fraction, two numbers of a file may differ that are taken for the same: it may hold them in float32."""


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
        return STEPS[type(part)](Parameters(part, p.shape, p.step, p.where))

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
        raise InputError(
            f"{p.where}: what leads back must have the shape {list(p.shape)} of its input, got {len(weight)} features"
        )
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
        if not isinstance(node, _SPIKING):
            continue
        v_reset = getattr(node, "v_reset", None)
        if not alike(v_reset, "v_reset", 0.0):
            raise InputError(
                f"{name}: node {node_name!r} ({type(node).__name__}): v_reset must be 0 for a reset by subtraction, "
                f"got {listed(v_reset)}, to which it resets"
            )
        found[node_name] = Composite(node, subtracts=True)
    if not any(isinstance(node, Composite) for node in found.values()):
        raise InputError(f"{name}: has no neuron with a v_reset that could reset by subtraction instead")
    return found


def alike(found: Any, key: str, wanted: Parameter | float) -> bool:
    """Whether all numbers are those wanted, within `_CLOSE`."""
    try:
        return bool(np.all(np.abs(real(found, key, "") - wanted) <= _CLOSE * np.abs(wanted)))
    # Not numbers, or not as many.
    except (InputError, ValueError):
        return False
