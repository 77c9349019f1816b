"""Which nodes of a graph are NeuroBench's layers.

NeuroBench looks at PyTorch's modules; these are the nodes that such modules become (`spiq.export.from_torch`).

    connection layer    nn.Linear, nn.Conv1d, nn.Conv2d             Linear, Affine, Conv1d, Conv2d
    activation layer    snntorch.SpikingNeuron                      a spiking neuron, of one node or of several

after neurobench/blocks/layer.py (STATELESS_LAYERS), neurobench/models/neurobench_model.py (connection_layers) and
neurobench/models/snntorch_models.py (SpikingNeuron is added to the activation layers). The layer in which an RLeaky or
an RSynaptic hears itself is a module within the neuron and counts too; one number for each neuron there does not.

`nn.MaxPool2d` is no layer to NeuroBench. In a graph it is a SumPool2d and an IF of threshold 0.5, and that IF is none
of the network's neurons here. On a chip it is one, and it is counted there.
"""

import nir
import numpy as np

from ....export.from_torch.layers import OR_THRESHOLD
from ....export.nir.graph import ResolvedGraph, ResolvedNode
from ....export.nir.neuron_step import ToValue
from ....export.nir.neurons import neuron_step
from ....export.nir.nodes.table import gives_spikes, has_state, is_neuron
from ....export.nir.operations import Convolution, Matrix


def connection_layers(graph: ResolvedGraph) -> dict[str, Convolution | Matrix]:
    """The operation of each connection layer, by its node's name."""
    found: dict[str, Convolution | Matrix] = {}
    for resolved in graph.nodes:
        if not has_state(resolved.node):
            operation = resolved.operation(graph.step)
            if isinstance(operation, Convolution | Matrix):
                found[resolved.name] = operation
    return found


def activation_layers(graph: ResolvedGraph) -> list[ResolvedNode]:
    """The spiking neurons that are no max pooling."""
    by_name = {resolved.name: resolved for resolved in graph.nodes}
    return [
        resolved
        for resolved in graph.nodes
        if is_neuron(resolved.node) and not _is_max_pooling(resolved, graph, by_name)
    ]


def _is_max_pooling(resolved: ResolvedNode, graph: ResolvedGraph, by_name: dict[str, ResolvedNode]) -> bool:
    """Whether it is the IF with which a sum of spikes becomes their OR."""
    if not isinstance(resolved.node, nir.IF) or len(resolved.sources) != 1 or resolved.delayed:
        return False
    pool = by_name[resolved.sources[0]]
    if not isinstance(pool.node, nir.SumPool2d):
        return False
    spiking = all(
        gives_spikes(node) or isinstance(node, nir.Input) for node in (by_name[name].node for name in pool.sources)
    )
    step = neuron_step(resolved, graph.step, str(resolved))
    return (
        spiking
        and bool(np.all(step.threshold == OR_THRESHOLD))
        and bool(np.all(step.potential.takes == 1))
        and isinstance(step.reset, ToValue)
        and not step.reset.value.any()
    )
