"""A NIR graph as a chain of layers with real numbers: a synapse, a bias and a neuron group each.

NIR's neurons are read with one Euler step of dt, as in `nir_runtime`. On the chip a step is

    u ← (1 - current_decay)·u + Σ weight·spike,      v ← (1 - voltage_decay)·v + u + bias,      spike = v > threshold,

so what the nodes multiply their input with goes into the weights and the bias:

    IF        current_decay 1              voltage_decay 0              weight·r
    LIF       current_decay 1              voltage_decay dt/tau         weight·r·dt/tau
    CubaLIF   current_decay dt/tau_syn     voltage_decay dt/tau_mem     weight·w_in·dt/tau_syn·r·dt/tau_mem

A group has one threshold. A neuron with v_reset 0 is linear between its spikes, so a smaller threshold than the
group's largest is the same as that much more input: weight·(largest threshold / threshold).
"""

from dataclasses import dataclass
from itertools import pairwise

import nir
import numpy as np
from jaxtyping import Float

from ...export.errors import InputError
from ...export.geometry import Shape, parameter
from ...export.graph import LINEAR, PlacedGraph, PlacedNode
from ...export.time_step import checked_dt
from . import chip
from .fold import fold
from .synapse import Synapse

NEURONS = (nir.IF, nir.LIF, nir.CubaLIF)
"""The nodes that a neuron group of the chip can be."""

NEEDED = ", ".join(kind.__name__ for kind in NEURONS)

WHOLE_STEP_TOLERANCE = 1e-6
"""How far dt/tau may lie from 1 that it is taken for 1: the files hold time constants in float32."""


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A layer before it is quantized, under the name of its neuron node.

    The decays are the shares of u and v that a step takes away, from 0 to 1.
    """

    name: str
    synapse: Synapse
    bias: Float[np.ndarray, "*shape"]
    threshold: float
    current_decay: float
    voltage_decay: float

    @property
    def shape(self) -> Shape:
        return self.bias.shape


def float_layers(graph: PlacedGraph, dt: float) -> tuple[FloatLayer, ...]:
    """The graph's layers, for time steps of `dt` seconds.

    Raises InputError, naming the node: where the graph is not a chain; where it does not end in spiking neurons; for
    LI, I and Threshold; for neurons that differ within a node in a time constant, that have a leak or reset
    potential other than 0, a threshold under 0, a time constant under dt; and for a bias on a CubaLIF with a memory
    in its current, because the chip adds the bias behind the current.
    """
    checked_dt(dt)
    _check_chain(graph)
    layers: list[FloatLayer] = []
    linear: list[PlacedNode] = []
    read = graph.input_shape
    for placed in graph.nodes[1:-1]:
        where = f"{graph.name}: {placed}"
        if isinstance(placed.node, NEURONS):
            layers.append(_layer(linear, placed, read, dt, where))
            linear, read = [], placed.output_shape
        elif isinstance(placed.node, LINEAR):
            linear.append(placed)
        else:
            raise InputError(f"{where} cannot run on Loihi; of the nodes with a state or a threshold, {NEEDED} can")
    for placed in linear:
        if not isinstance(placed.node, nir.Flatten):
            raise InputError(f"{graph.name}: {placed} leads to no neurons; on Loihi a chain must end in {NEEDED}")
    if not layers:
        raise InputError(f"{graph.name}: there are no neurons; on Loihi a chain must end in {NEEDED}")
    return tuple(layers)


def _check_chain(graph: PlacedGraph) -> None:
    for before, placed in pairwise(graph.nodes):
        sources = ", ".join(map(repr, placed.sources))
        if len(placed.sources) > 1:
            raise InputError(f"{graph.name}: {placed} adds up {sources}; on Loihi a graph must be a chain")
        if placed.sources != (before.name,):
            raise InputError(
                f"{graph.name}: {placed} is not alone in reading {sources}; on Loihi a graph must be a chain"
            )


def _layer(linear: list[PlacedNode], placed: PlacedNode, read: Shape, dt: float, where: str) -> FloatLayer:
    node, shape = placed.node, placed.input_shape

    def value(key: str) -> Float[np.ndarray, "*shape"]:
        return parameter(getattr(node, key), key, shape, where)

    def one(key: str) -> float:
        values = value(key)
        if values.min() != values.max():
            raise InputError(
                f"{where}: {key} goes from {values.min():g} to {values.max():g}; on Loihi it must be one value for all "
                "neurons of a node"
            )
        return float(values.flat[0])

    def decay(key: str) -> float:
        share = dt / one(key)
        if abs(share - 1) <= WHOLE_STEP_TOLERANCE:
            return 1.0
        if share > 1:
            raise InputError(f"{where}: {key} is {one(key):g} s, shorter than dt, which is {dt:g} s")
        return share

    current_decay, voltage_decay = 1.0, 0.0
    gain = value("r")
    if isinstance(node, nir.LIF):
        voltage_decay = decay("tau")
        gain = gain * voltage_decay
    elif isinstance(node, nir.CubaLIF):
        current_decay, voltage_decay = decay("tau_syn"), decay("tau_mem")
        gain = gain * voltage_decay * value("w_in") * current_decay
        if round(current_decay * chip.DECAY_UNITY) < chip.CURRENT_DECAYS[0]:
            raise InputError(
                f"{where}: tau_syn is {one('tau_syn'):g} s, more than {2 * chip.DECAY_UNITY} times dt; Loihi's current "
                "cannot decay so slowly"
            )
    for key in ("v_leak", "v_reset"):
        if hasattr(node, key) and np.any(value(key) != 0):
            raise InputError(f"{where}: {key} is not 0; Loihi's neurons know only 0")
    thresholds = value("v_threshold")
    threshold = float(thresholds.max())
    if thresholds.min() < 0:
        raise InputError(f"{where}: v_threshold is {thresholds.min():g}; on Loihi it must be at least 0")
    if thresholds.min() < threshold:
        if thresholds.min() == 0:
            raise InputError(
                f"{where}: v_threshold is 0 for some neurons only; on Loihi no input scales that to one value"
            )
        gain = gain * (threshold / thresholds)
    if np.any(gain != 1):
        linear = [*linear, PlacedNode(placed.name, nir.Scale(gain), (), shape, shape)]
    synapse, bias = fold(linear, read, shape, where)
    if current_decay < 1 and np.any(bias != 0):
        raise InputError(
            f"{where}: a bias reaches its current, which has a memory (tau_syn above dt); Loihi adds a bias to the "
            "voltage only"
        )
    return FloatLayer(placed.name, synapse, bias, threshold, current_decay, voltage_decay)
