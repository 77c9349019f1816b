"""The nodes whose meaning spiq knows: the one list of them.

An entry of `NODES` says all of a node's type: its equation, its parameters, and the step or operation that everything
computes with. Adding a node is adding an entry (docs/adding-a-neuron.md).
"""

from collections.abc import Mapping

import nir

from ..composite import COMPOSITE, Composite
from .convolutions import CONV1D, CONV2D
from .delays import DELAY
from .kind import Kind, NeuronKind
from .matrices import AFFINE, LINEAR, SCALE
from .neurons import NEURONS
from .poolings import AVG_POOL2D, SUM_POOL2D
from .shapes import FLATTEN, INPUT, OUTPUT
from .thresholds import THRESHOLD

NODES: Mapping[type[nir.NIRNode], Kind] = {
    kind.node: kind
    for kind in (
        INPUT,
        OUTPUT,
        CONV1D,
        CONV2D,
        LINEAR,
        AFFINE,
        SCALE,
        FLATTEN,
        SUM_POOL2D,
        AVG_POOL2D,
        *NEURONS,
        THRESHOLD,
        DELAY,
    )
}

_KINDS: Mapping[type[nir.NIRNode], Kind] = {**NODES, COMPOSITE.node: COMPOSITE}


def kind_of(node: nir.NIRNode) -> Kind | None:
    """The node's entry; None where spiq does not know its meaning."""
    return _KINDS.get(type(node))


def known_kind(node: nir.NIRNode) -> Kind:
    """The entry of a node that is known to have one."""
    return _KINDS[type(node)]


def has_state(node: nir.NIRNode) -> bool:
    """Whether it is a neuron, or an integrator."""
    return isinstance(kind_of(node), NeuronKind)


def gives_spikes(node: nir.NIRNode) -> bool:
    """Whether its output is 0 or 1, made by a threshold."""
    kind = kind_of(node)
    return kind is not None and kind.spikes


def is_neuron(node: nir.NIRNode) -> bool:
    """Whether it is a spiking neuron: it has a state, and gives spikes."""
    return has_state(node) and gives_spikes(node)


def is_linear(node: nir.NIRNode) -> bool:
    """Whether it is linear but for a bias, and has no state."""
    kind = kind_of(node)
    return kind is not None and kind.linear


def type_name(node: nir.NIRNode) -> str:
    """Its type as errors name it."""
    return node.label if isinstance(node, Composite) else type(node).__name__
