"""What becomes of each type of node on the chip, in words: for the table of nodes in the documentation."""

import nir

from ...export.nir.nodes.kind import Kind, NeuronKind
from ..loihi.chip import DELAYS

CHIP, NETX = "Loihi's fixed point and Lava", "netx"


def on_chip(kind: Kind) -> dict[str, str]:
    """What the node becomes in a program for the chip, and in a netx file."""
    if isinstance(kind, NeuronKind):
        if kind.spikes:
            return {CHIP: "a group of neurons", NETX: "if stock LIF can run it, in a chain"}
        parts = "only with a Threshold behind it: a group of programmable neurons"
        return {CHIP: parts if kind.has_current else f"{parts}; or as the current of neurons", NETX: "no"}
    if kind.linear:
        return {CHIP: "a synapse, together with the linear nodes beside it", NETX: "in a chain"}
    if kind.node in (nir.Input, nir.Output):
        return {CHIP: "yes", NETX: "yes"}
    if kind.spikes:
        return {CHIP: "only behind an integrator, as one group with it", NETX: "no"}
    return {CHIP: f"a synapse's delay, up to {DELAYS[1]} steps", NETX: "no"}
