"""A training step makes every tensor on the network's own device.

The device "meta" computes shapes only, on any machine, and refuses a tensor of another device as a GPU does.
"""

import pytest
import snntorch
import torch
import torch.nn.functional as F

from spiq.pipeline.config.schema import Config
from spiq.pipeline.models.sqdr_cnn import SQDRCNN


@pytest.mark.parametrize("noise", [{}, {"bit_flip": 0.02, "readout": 0.1}], ids=["ideal", "noisy"])
@pytest.mark.parametrize("blocks", [1, 2, 4, 6])
def test_nothing_is_made_on_the_processor(blocks: int, noise: dict[str, float]) -> None:
    config = Config.model_validate(
        {
            "name": "x",
            "data": {"source": "digits"},
            "circuit": {"blocks": blocks, "qubits": 5},
            "noise": noise,
        }
    )
    model = SQDRCNN(config, (1, 28, 28), 10).to("meta").train()
    for neuron in (layer for layer in model.encoder if isinstance(layer, snntorch.Leaky)):
        # These two numbers are read out, and "meta" has none.
        neuron.register_buffer("beta", torch.tensor(1.0))
        neuron.register_buffer("threshold", torch.tensor(1.0))
    optimizer = torch.optim.Adam(model.parameters())
    spikes = torch.zeros(8, 16, 1, 28, 28, dtype=torch.uint8).to("meta").float()
    loss = F.cross_entropy(model(spikes), torch.zeros(16, dtype=torch.long, device="meta"))
    loss.backward()
    optimizer.step()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.device.type == "meta" for gradient in gradients)
