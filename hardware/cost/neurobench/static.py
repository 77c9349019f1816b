"""NeuroBench's static metrics: footprint and connection sparsity.

**Footprint** (neurobench/metrics/static/footprint.py): the bytes of all parameters and buffers of the PyTorch network.
A graph is counted as the snnTorch network of the same spikes, not run yet, in single precision, as networks are
trained, whatever the precision of the file: 4 bytes for each of these numbers, and 8 for the word below.

- A connection layer: its weights and its bias. A Conv1d or Conv2d always has a bias in NIR; one of zeros only is taken
  for a layer without.
- A neuron, as snnTorch 1.0's Leaky and RLeaky hold it: threshold, beta and graded_spikes_factor, one number each; with
  a current, as its Synaptic and RSynaptic hold it, alpha too. reset_mechanism_val is one 64-bit word. A potential has
  no size before the network has run. An input factor, a rest potential and a value after a spike, for which snnTorch
  has no numbers, count where they are not 1, 0 and 0.
- Any other number of the graph, such as a Scale's or a Delay's.

Numbers that are the same for all neurons along an axis are one number along it: a file holds one for each neuron,
snnTorch usually a single one. Normalization that the export folded into a layer is gone, so it has no bytes.

**Connection sparsity** (neurobench/metrics/static/connection_sparsity.py): the fraction of weights that are 0, over all
connection layers and without biases, divided in single precision and rounded to 4 places.
"""

import math

import nir
import numpy as np
from jaxtyping import Float

from ....export.nir.graph import ResolvedGraph, ResolvedNode
from ....export.nir.neuron_step import NeuronStep, Subtraction, ToValue
from ....export.nir.neurons import neuron_step
from ....export.nir.nodes.kind import is_one
from ....export.nir.nodes.table import has_state
from ....export.nir.operations import Comparison, Convolution, DelayLine, Factor, Matrix
from .layers import activation_layers, connection_layers

NUMBER_BYTES = 4
"""A number in single precision."""

WORD_BYTES = 8
"""snnTorch's reset_mechanism_val, a 64-bit integer."""

DECIMALS = 4
"""To which NeuroBench rounds the connection sparsity."""


def footprint_bytes(graph: ResolvedGraph) -> int:
    """The bytes of the network's numbers, as NeuroBench counts those of the snnTorch network."""
    neurons = {resolved.name for resolved in activation_layers(graph)}
    return sum(_bytes(resolved, graph, resolved.name in neurons) for resolved in graph.nodes)


def connection_sparsity(graph: ResolvedGraph) -> float:
    """The fraction of weights that are 0, to 4 places; 0 where there is no connection layer."""
    weights = [operation.weight for operation in connection_layers(graph).values()]
    count = sum(weight.size for weight in weights)
    if not count:
        return 0.0
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return round(float(np.float32(zeros) / np.float32(count)), DECIMALS)


def _bytes(resolved: ResolvedNode, graph: ResolvedGraph, is_activation_layer: bool) -> int:
    if has_state(resolved.node):
        step = neuron_step(resolved, graph.step, str(resolved))
        if step.threshold is not None and not is_activation_layer:
            return 0  # max pooling
        return _neuron_bytes(step)
    match resolved.operation(graph.step):
        case Convolution() as conv:
            return NUMBER_BYTES * (conv.weight.size + (conv.bias.size if conv.bias.any() else 0))
        case Matrix() as matrix:
            has_bias = isinstance(resolved.node, nir.Affine)
            return NUMBER_BYTES * (matrix.weight.size + (matrix.bias.size if has_bias else 0))
        case Factor(values) | Comparison(values) | DelayLine(values):
            return NUMBER_BYTES * _fewest(np.asarray(values))
        case _:
            return 0


def _neuron_bytes(step: NeuronStep) -> int:
    lines = [step.potential] if step.current is None else [step.potential, step.current]
    numbers = [line.forgets for line in lines]
    numbers += [line.takes for line in lines if not is_one(line.takes).all()]
    numbers += [line.rest for line in lines if line.rest is not None and line.rest.any()]
    if step.threshold is None:
        return NUMBER_BYTES * sum(map(_fewest, numbers))
    numbers.append(step.threshold)
    match step.reset:
        case ToValue(value) if value.any():
            numbers.append(value)
        case Subtraction(amount) if (
            amount.any() and not is_one(amount[amount != 0] / step.threshold[amount != 0]).all()
        ):
            numbers.append(amount)
    graded_spikes_factor = 1
    return NUMBER_BYTES * (sum(map(_fewest, numbers)) + graded_spikes_factor) + WORD_BYTES


def _fewest(values: Float[np.ndarray, "*shape"]) -> int:
    """How many numbers there are if one stands for all that are the same along an axis."""
    sizes = (1 if (values == values.take([0], axis)).all() else values.shape[axis] for axis in range(values.ndim))
    return math.prod(sizes)
