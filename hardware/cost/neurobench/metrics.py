"""All of NeuroBench's metrics of a graph together."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from ....export.nir.graph import ResolvedGraph
from .static import connection_sparsity, footprint_bytes
from .workload import Workload, counted


class Metrics(NamedTuple):
    """The figures, by the definitions of `static` and `workload`; operations and updates per sample."""

    footprint_bytes: int
    connection_sparsity: float
    workload: Workload

    @property
    def activation_sparsity(self) -> float:
        """The fraction of zeros in what the neurons gave; 0 where there are no neurons."""
        given = self.workload.samples * self.workload.steps * self.workload.neurons
        return (given - self.workload.spikes) / given if given else 0.0

    def plain(self) -> dict[str, Any]:
        """The figures as data that JSON can hold."""
        counts = self.workload
        return {
            "footprint_bytes": self.footprint_bytes,
            "connection_sparsity": self.connection_sparsity,
            "activation_sparsity": self.activation_sparsity,
            "synaptic_operations": {
                "dense": counts.dense / counts.samples,
                "effective_macs": counts.effective_macs / counts.samples,
                "effective_acs": counts.effective_acs / counts.samples,
            },
            "membrane_updates": counts.membrane_updates / counts.samples,
            "samples": counts.samples,
        }


def metrics(graph: ResolvedGraph, batches: Iterable[Shaped[np.ndarray, "time sample *shape"]]) -> Metrics:
    """NeuroBench's metrics of the graph on these input spikes.

    Args:
        graph: The graph, as `spiq.export.nir.graph.resolve` gives it.
        batches: Input spikes [time, sample, *shape], in as many batches as there are.

    Returns:
        The figures that the package neurobench gives for the snnTorch network of the graph.

    Raises:
        InputError: There are no samples, or the graph cannot run on them.

    Example:
        metrics(resolve(graph), [spikes]).plain()
    """
    return Metrics(footprint_bytes(graph), connection_sparsity(graph), counted(graph, batches))
