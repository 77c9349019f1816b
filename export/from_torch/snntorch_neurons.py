"""snnTorch's neurons as NIR's nodes, with the same spikes.

One step of snnTorch 1.0 (`_neurons/*.py`), with the potential m, the current i, the threshold θ, x what comes in, S the
spikes and R = [m[t-1] > θ] of the stored potential:

    I = x, for RLeaky and RSynaptic x + V(S[t-1]);  i = alpha·i' + I for Synaptic and RSynaptic, else I
    subtract                    m = beta·m' + i - R·θ          S = [m > θ]
    subtract, no reset_delay    q = beta·m' + i - R·θ          S = [q > θ],  m = q - (S - R)·θ
    zero of Leaky               m = beta·(1 - R)·m' + i        S = [m > θ]
    zero, no reset_delay        q as there                     S = [q > θ],  m = q - (S - R)·q
    zero of all others          m = (1 - R)·(beta·m' + i)      what comes in is lost in the step after a spike
    none                        m = beta·m' + i                S = [m > θ]

In NIR, whose neurons are read with one Euler step of dt, m ← beta·m + x is an integrator: an LI with dt/tau = 1 - beta
and r = tau/dt, and where beta is 1 an I, or an LI with tau and r infinite where it is 1 for some neurons only. The
resets to zero that lose nothing are NIR's own neurons with such a tau and r: IF, LIF, and CubaLIF with a current.
Subtraction and none are the integrator, a Threshold and what leads back (`composite` draws them). The sums round in
other places than snnTorch's, so a neuron with a leak whose potential comes as close to its threshold as a double's
last digits may fire in one and not in the other.
"""

from types import MethodType
from typing import Any, NamedTuple

import nir
import numpy as np
import snntorch
import torch
from jaxtyping import Float
from snntorch import SpikingNeuron
from torch import nn

from ..errors import InputError
from ..nir.geometry import Shape
from ..nir.time_step import TimeStep
from ..nir.unfolding import Edge
from .layers import convolution, float64, linear, unit_r
from .stock_layers import check_computation, check_hooks, described

_FUNCTIONS = {"subtract": "_base_sub", "zero": "_base_zero", "none": "_base_int"}
"""The method that computes each reset."""

_RECURRENT = (snntorch.RLeaky, snntorch.RSynaptic)

_WITH_CURRENT = (snntorch.Synaptic, snntorch.RSynaptic)

Parameter = Float[np.ndarray, "*shape"]


class NeuronNodes(NamedTuple):
    """Nodes by name in the order in which a step computes them, the edges between them, and what reads and gives."""

    nodes: dict[str, nir.NIRNode]
    edges: list[Edge]
    reads: tuple[str, ...]
    gives: str


def neuron_nodes(name: str, module: Any, shape: Shape, step: TimeStep) -> NeuronNodes:
    """The neuron's nodes; the one that gives its spikes has the layer's name.

    Raises InputError, naming the layer, for a setting that NIR cannot say exactly.
    """
    where = described(name, module)
    _check(module, where)
    threshold = _parameter(module.threshold, "threshold", shape, where)
    beta, takes = _membrane(module, shape, where)
    alpha = _parameter(module.alpha, "alpha", shape, where).clip(0, 1) if isinstance(module, _WITH_CURRENT) else None
    if not _fires_above_zero(module, shape):
        raise InputError(
            f"{where}: its spike_grad must give 1 above 0 and 0 elsewhere, as all of snntorch.surrogate do, got others"
        )
    delays = bool(getattr(module, "reset_delay", True))
    if module.reset_mechanism == "zero":
        _check_zero(module, threshold, delays, where)
        found = _resetting_to_zero(name, beta, takes, alpha, threshold, step)
    else:
        found = _integrating(name, beta, takes, alpha, threshold, step)
        if module.reset_mechanism == "subtract" and delays:
            _add_subtraction(found, name, threshold / takes)
        elif module.reset_mechanism == "subtract":
            _add_subtraction_at_once(found, name, threshold, beta / takes, step)
    return _with_recurrence(found, name, module, shape) if isinstance(module, _RECURRENT) else found


def _check(module: Any, where: str) -> None:
    """Raises InputError where the neuron does more than the equations, or was changed after it was made."""
    kind = next(kind for kind in type(module).__mro__ if kind.__module__.startswith("snntorch."))
    mechanism = module.reset_mechanism
    function = getattr(kind, _FUNCTIONS[mechanism])
    if (
        module.state_function != MethodType(function, module)
        or module.reset_mechanism_val != SpikingNeuron.reset_dict[mechanism]
    ):
        raise InputError(
            f"{where}: must be made with reset_mechanism={mechanism!r}, got one whose reset_mechanism was changed "
            "after it was made, since snnTorch computes with a part of each"
        )
    if module.inhibition or module.state_quant or not bool((module.graded_spikes_factor == 1).all()):
        raise InputError(f"{where}: inhibition, state_quant and graded spikes have no NIR form")
    if isinstance(module, snntorch.RSynaptic) and not module.reset_delay:
        raise InputError(
            f"{where}: reset_delay must be True, got False, with which snnTorch 1.0's RSynaptic does not reset what it "
            "stores"
        )


def _check_zero(module: Any, threshold: Parameter, delays: bool, where: str) -> None:
    if delays and not isinstance(module, snntorch.Leaky):
        advice = "reset_mechanism='subtract'"
        if isinstance(module, snntorch.Synaptic | snntorch.RLeaky):
            advice = f"reset_delay=False or {advice}"
        raise InputError(
            f"{where}: must be made with {advice}, got reset_mechanism='zero', with which snnTorch loses what comes to "
            "it in the step after a spike, which no neuron of NIR does"
        )
    if not delays and (threshold < 0).any():
        raise InputError(
            f"{where}: the threshold must be 0 or more, got {threshold.min():g} somewhere, since with "
            "reset_delay=False snnTorch resets such a neuron at rest, which doubles its potential where it does not "
            "fire"
        )


def _membrane(module: Any, shape: Shape, where: str) -> tuple[Parameter, Parameter]:
    """beta, and what an input of 1 adds to the potential."""
    if not isinstance(module, snntorch.Lapicque):
        return _parameter(module.beta, "beta", shape, where).clip(0, 1), np.ones(shape)
    resistance, capacity, time = (
        _parameter(getattr(module, key), key, shape, where) for key in ("R", "C", "time_step")
    )
    beta, takes = 1 - time / (resistance * capacity), resistance * (1 / (resistance * capacity)) * time
    if (beta < 0).any() or (beta > 1).any() or (takes == 0).any():
        raise InputError(
            f"{where}: a step must leave 0 to 1 of its potential (1 - time_step / (R·C)), got {beta.min():g} to "
            f"{beta.max():g}"
        )
    return beta, takes


def _resetting_to_zero(
    name: str, beta: Parameter, takes: Parameter, alpha: Parameter | None, threshold: Parameter, step: TimeStep
) -> NeuronNodes:
    reset = np.zeros_like(threshold)
    if alpha is None and (beta == 1).all():
        node: nir.NIRNode = nir.IF(unit_r(beta.shape, step) * takes, threshold, reset)
    elif alpha is None:
        tau, r = _leak(beta, takes, step)
        node = nir.LIF(tau, r, np.zeros_like(tau), threshold, reset)
    else:
        (tau_mem, r), (tau_syn, w_in) = _leak(beta, takes, step), _leak(alpha, np.ones_like(alpha), step)
        node = nir.CubaLIF(tau_syn, tau_mem, r, np.zeros_like(r), threshold, w_in=w_in, v_reset=reset)
    return NeuronNodes({name: node}, [], (name,), name)


def _integrating(
    name: str, beta: Parameter, takes: Parameter, alpha: Parameter | None, threshold: Parameter, step: TimeStep
) -> NeuronNodes:
    """The integrator, its current before it and the Threshold behind it: a neuron without a reset."""
    membrane, current = f"{name}_membrane", f"{name}_current"
    nodes: dict[str, nir.NIRNode] = {}
    edges = [(membrane, name)]
    if alpha is not None:
        nodes[current] = _integrator(alpha, np.ones_like(alpha), step)
        edges.insert(0, (current, membrane))
    nodes |= {membrane: _integrator(beta, takes, step), name: nir.Threshold(threshold)}
    return NeuronNodes(nodes, edges, (membrane if alpha is None else current,), name)


def _add_subtraction(found: NeuronNodes, name: str, amount: Parameter) -> None:
    found.nodes[f"{name}_reset"] = nir.Scale(-amount)
    found.edges.extend([(name, f"{name}_reset"), (f"{name}_reset", f"{name}_membrane")])


def _add_subtraction_at_once(
    found: NeuronNodes, name: str, threshold: Parameter, kept: Parameter, step: TimeStep
) -> None:
    """What is left after a spike is heard a step later: if it is above the threshold still, that takes one more off."""
    membrane = f"{name}_membrane"
    reset, taken, left, above, again = (f"{name}_{part}" for part in ("reset", "taken", "left", "above", "again"))
    added: dict[str, nir.NIRNode] = {
        reset: nir.Scale(-threshold * kept),
        taken: nir.Scale(-threshold),
        left: nir.Delay(np.full(threshold.shape, step.dt)),
        above: nir.Threshold(threshold),
        again: nir.Scale(-threshold),
    }
    found.nodes.update(added)
    found.edges.extend(
        [
            (name, reset),
            (reset, membrane),
            (name, taken),
            (taken, left),
            (membrane, left),
            (left, above),
            (above, again),
            (again, name),
        ]
    )


def _with_recurrence(found: NeuronNodes, name: str, module: Any, shape: Shape) -> NeuronNodes:
    """The neuron with what hears its spikes of the step before."""
    recurrent = f"{name}_recurrent"
    node = _recurrent_node(module, shape, described(name, module))
    edges = [*found.edges, (name, recurrent), *((recurrent, entry) for entry in found.reads)]
    return found._replace(nodes={**found.nodes, recurrent: node}, edges=edges)


def _recurrent_node(module: Any, shape: Shape, where: str) -> nir.NIRNode:
    inner = module.recurrent
    match inner:
        case nn.Linear():
            check_computation(inner, nn.Linear, (), f"{where}: its recurrent layer")
            if shape != (inner.in_features,):
                raise InputError(
                    f"{where}: its recurrent layer must read its input {list(shape)}, got {inner.in_features}"
                )
            return linear(float64(inner.weight), None if inner.bias is None else float64(inner.bias))
        case nn.Conv2d():
            check_computation(inner, nn.Conv2d, ("_conv_forward",), f"{where}: its recurrent layer")
            return convolution(inner, shape, where)
        case _:
            check_hooks(inner, f"{where}: its recurrent layer")
            return nir.Scale(_parameter(inner.V, "V", shape, where))


def _integrator(kept: Parameter, takes: Parameter, step: TimeStep) -> nir.LI | nir.I:
    if (kept == 1).all():
        return nir.I(unit_r(kept.shape, step) * takes)
    tau, r = _leak(kept, takes, step)
    return nir.LI(tau, r, np.zeros_like(tau))


def _leak(kept: Parameter, takes: Parameter, step: TimeStep) -> tuple[Parameter, Parameter]:
    """tau and the factor of the input with which an Euler step is v ← kept·v + takes·x.

    Rounded like this dt/tau times the factor is never above `takes`: else a spike that meets the threshold 1 at rest
    would fire.
    """
    with np.errstate(divide="ignore"):
        tau = step.dt / (1 - kept)
        return tau, np.where(kept == 1, np.inf, takes / (step.dt / tau))


def _parameter(value: torch.Tensor | float, key: str, shape: Shape, where: str) -> Parameter:
    try:
        # torch lines shapes up at the last axis, as numpy does.
        return np.broadcast_to(float64(torch.as_tensor(value)), shape).copy()
    except ValueError as error:
        raise InputError(
            f"{where}: {key} must fit its input {list(shape)}, got {list(torch.as_tensor(value).shape)}"
        ) from error


def _fires_above_zero(module: Any, shape: Shape) -> bool:
    """Whether the neuron's spike function, which may be any callable, gives spikes at all values that are tried."""
    tried = torch.tensor([-1e3, -1.0, -1e-6, 0.0, 1e-6, 1.0, 1e3], dtype=torch.float64, device=module.threshold.device)
    distances = tried.reshape(-1, *(1,) * len(shape)).repeat(1, *shape)
    with torch.no_grad():
        return torch.equal(module.spike_grad(distances).double(), (distances > 0).double())
