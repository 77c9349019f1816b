"""Neurons that are reset by subtraction, in NIR's nodes."""

import nir
import numpy as np

from spiq.export.nir.graph import ResolvedGraph, resolve

DT = 1e-4


def subtracting(
    beta: np.ndarray, threshold: np.ndarray, at_once: bool
) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """The nodes of snnTorch's Leaky with reset_mechanism "subtract" (`at_once`: reset_delay=False), and their edges.

    What comes in goes to `integrator`; the spikes are those of `spikes`. A beta of 1 has no leak.
    """
    with np.errstate(divide="ignore"):
        integrator = nir.LI(DT / (1 - beta), 1 / (1 - beta), np.zeros_like(beta))
    nodes: dict[str, nir.NIRNode] = {"integrator": integrator, "spikes": nir.Threshold(threshold)}
    edges = [("integrator", "spikes")]
    if not at_once:
        nodes["reset"] = nir.Scale(-threshold)
        return nodes, [*edges, ("spikes", "reset"), ("reset", "integrator")]
    nodes |= {
        "before": nir.Delay(np.full(threshold.shape, DT)),
        "still above": nir.Threshold(threshold),
        "taken": nir.Scale(-threshold),
        "reset before": nir.Scale(-threshold),
        "reset": nir.Scale(-beta * threshold),
    }
    edges += [("integrator", "before"), ("before", "still above"), ("still above", "taken"), ("taken", "spikes")]
    edges += [("spikes", "reset before"), ("reset before", "before"), ("spikes", "reset"), ("reset", "integrator")]
    return nodes, edges


def subtracting_layer(
    weight: np.ndarray, beta: np.ndarray, threshold: np.ndarray, at_once: bool, recurrent: np.ndarray | None = None
) -> ResolvedGraph:
    """A matrix and such neurons behind it, which may hear their own spikes through another one."""
    nodes, edges = subtracting(beta, threshold, at_once)
    whole = {"input": nir.Input(np.array(weight.shape[1:])), "weight": nir.Linear(weight), **nodes}
    edges += [("input", "weight"), ("weight", "integrator"), ("spikes", "output")]
    if recurrent is not None:
        whole["again"] = nir.Linear(recurrent)
        edges += [("spikes", "again"), ("again", "integrator")]
    whole["output"] = nir.Output(None)
    return resolve(nir.NIRGraph(whole, edges, type_check=False), "net.nir", DT)
