"""What the spiking stages of a bundle cost, in numbers."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.entries import LOIHI
from ...export.errors import InputError
from ..loihi.cost.activity import measured
from ..loihi.cost.resources import resources
from ..network.stage_inputs import stage_inputs
from ..parts import BundlePart
from .energy_model import ChipWork, Work
from .models import estimates
from .neurobench.metrics import metrics


def costs(bundle: Bundle, samples: Shaped[np.ndarray, "..."]) -> dict[str, Any]:
    """Memory and cores of a Loihi 2, NeuroBench's metrics, and energy and time by every model.

    What comes before a spiking stage runs in floating point here.

    Args:
        bundle: The network.
        samples: As the network reads them, [sample, *shape] or spikes [time, sample, *shape]; a few hundred will do.

    Returns:
        Plain data: `spiking`, one entry for each spiking stage in the network's order, with

        - `stage`, its name;
        - `chip`: `neurons`, `synapses`, `nonzero`, `synaptic_bytes`, `cores` and `chips` of a Loihi 2
          (`loihi.cost.resources`); None where the stage has no form on the chip, and `chip_left_out` says why;
        - `neurobench`: the metrics of the NIR graph, operations and updates per sample (`neurobench.metrics`);
        - `estimates`, `energy_range_pj` and `energy_range_models` (`models.estimates`).

    Raises:
        InputError: The samples do not fit the network, or there are none.

    Example:
        costs(open_bundle("runs/digits/bundle"), images)["spiking"][0]["energy_range_pj"]
    """
    return {"spiking": [_stage(bundle, name, samples) for name in bundle.network.spiking]}


def _stage(bundle: Bundle, name: str, samples: Shaped[np.ndarray, "..."]) -> dict[str, Any]:
    given = list(stage_inputs(bundle, name, samples, "nir"))
    found = metrics(bundle.network.spiking[name].graph, given)
    on_chip, left_out = None, None
    if (file := bundle.file(name, LOIHI)) not in bundle.content:
        left_out = bundle.manifest.left_out.get(file, f"the bundle has no {file}")
    else:
        program = BundlePart(bundle, name).program
        try:
            on_chip = ChipWork(program, resources(program), measured(program, given))
        # It is a program, but too large for a core, or for other input than the graph's.
        except InputError as error:
            left_out = str(error)
    return {
        "stage": name,
        "chip": None if on_chip is None else on_chip.taken.plain(),
        "chip_left_out": left_out,
        "neurobench": found.plain(),
        **estimates(Work(found, on_chip)),
    }
