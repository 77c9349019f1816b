"""The nodes with a state: neurons, and integrators, which give their potential."""

import nir

from ..neuron_step import NeuronStep, ToValue
from .kind import NeuronKind

IF = NeuronKind(
    nir.IF,
    "dv/dt = r·x; where v > v_threshold a spike, then v = v_reset",
    ("r", "v_threshold", "v_reset"),
    lambda p: NeuronStep(p.integrating("r"), threshold=p["v_threshold"], reset=ToValue(p["v_reset"])),
    integrated="r",
)

LIF = NeuronKind(
    nir.LIF,
    "tau·dv/dt = v_leak - v + r·x; where v > v_threshold a spike, then v = v_reset",
    ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    lambda p: NeuronStep(p.leaky("tau", "r", "v_leak"), threshold=p["v_threshold"], reset=ToValue(p["v_reset"])),
)

CUBA_LIF = NeuronKind(
    nir.CubaLIF,
    "tau_syn·di/dt = -i + w_in·x, tau_mem·dv/dt = v_leak - v + r·i; where v > v_threshold a spike, then v = v_reset",
    ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    lambda p: NeuronStep(
        p.leaky("tau_mem", "r", "v_leak"), p.leaky("tau_syn", "w_in"), p["v_threshold"], ToValue(p["v_reset"])
    ),
    has_current=True,
)

I = NeuronKind(  # noqa: E741 the name of NIR's node
    nir.I, "dv/dt = r·x; gives v", ("r",), lambda p: NeuronStep(p.integrating("r")), integrated="r"
)

LI = NeuronKind(
    nir.LI,
    "tau·dv/dt = v_leak - v + r·x; gives v",
    ("tau", "r", "v_leak"),
    lambda p: NeuronStep(p.leaky("tau", "r", "v_leak")),
)

CUBA_LI = NeuronKind(
    nir.CubaLI,
    "tau_syn·di/dt = -i + w_in·x, tau_mem·dv/dt = v_leak - v + r·i; gives v",
    ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    lambda p: NeuronStep(p.leaky("tau_mem", "r", "v_leak"), p.leaky("tau_syn", "w_in")),
    has_current=True,
)

NEURONS = (IF, LIF, CUBA_LIF, LI, I, CUBA_LI)
"""All of them."""
