"""Neurons of snnTorch's beside the pipeline's own in an encoder: snnTorch itself is the judge."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import snntorch
import torch
from torch import nn

from shared.snntorch_networks import snntorchs_spikes, spiked
from spiq.pipeline.models.encoder import run_encoder

NEURONS = [
    lambda: snntorch.Leaky(0.9, reset_delay=False, spike_grad=spiked, init_hidden=True),
    lambda: snntorch.Leaky(torch.tensor([0.5, 0.9, 1.0, 0.3]), spike_grad=spiked, init_hidden=True),
    lambda: snntorch.Leaky(0.9, reset_mechanism="none", spike_grad=spiked, init_hidden=True),
    lambda: snntorch.Synaptic(0.5, 0.9, spike_grad=spiked, init_hidden=True, output=True),
    lambda: snntorch.RLeaky(0.9, linear_features=4, spike_grad=spiked, init_hidden=True),
    lambda: snntorch.RSynaptic(0.5, 0.9, linear_features=4, spike_grad=spiked, init_hidden=True),
]


@pytest.mark.parametrize("make", NEURONS)
def test_any_neuron_runs_over_time_as_snntorch_does(make) -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Linear(6, 4), make(), nn.Linear(4, 4), snntorch.Leaky(0.8, spike_grad=spiked, init_hidden=True)
    ).double()
    spikes = (torch.rand(15, 5, 6) < 0.5).double()
    expected = torch.from_numpy(snntorchs_spikes(encoder, spikes.numpy()))
    with torch.no_grad():
        assert torch.equal(run_encoder(encoder, spikes, 2.0).to(torch.uint8), expected)
        # Several threads do not share a membrane.
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda part: run_encoder(encoder, part, 2.0), spikes.split(1, dim=1)))
    assert torch.equal(torch.cat(found, dim=1).to(torch.uint8), expected)
    assert expected.any()


def test_a_recurrent_neuron_can_be_trained() -> None:
    encoder = nn.Sequential(nn.Linear(6, 4), snntorch.RLeaky(0.9, linear_features=4, init_hidden=True))
    run_encoder(encoder, torch.rand(8, 5, 6), 2.0).sum().backward()
    assert encoder[1].recurrent.weight.grad.abs().sum() > 0  # type: ignore[union-attr]
