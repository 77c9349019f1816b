"""Random networks in random units: how many programs for the chip differ from that of the same network in another one.

python tests/campaigns/scaled_networks.py --tries 1000 --seed 0
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.scaled_network import random_layers, random_spikes, resolved, whole_numbers
from spiq.export.errors import InputError
from spiq.hardware.loihi.lowering.lower import lower_to_loihi

KINDS = {
    "powers of two": lambda random: 2.0 ** random.integers(-100, 101),
    "any factor": lambda random: 10.0 ** random.uniform(-30, 30),
}


def main() -> int:
    """Print how many networks were tried, refused, and lowered to other integers; exit status 1 if any were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    differing = 0
    for kind, factor in KINDS.items():
        counts: Counter[str] = Counter()
        for number in range(asked.tries):
            random = np.random.default_rng((asked.seed, number))
            # A rounding tie is decided by the last digit, which only a power of two leaves alone.
            coarse = kind == "powers of two" and bool(number % 2)
            shape, layers = random_layers(random, coarse)
            spikes = random_spikes(random, shape) if random.integers(2) else None
            answers = []
            for factors in ([1.0] * len(layers), [factor(random) for _ in layers]):
                try:
                    answers.append(whole_numbers(lower_to_loihi(resolved(shape, layers, factors), spikes)))
                except InputError:
                    answers.append(["refused"])
            counts["refused in both units"] += answers[0] == answers[1] == ["refused"]
            counts["of other integers"] += answers[0] != answers[1]
        differing += counts["of other integers"]
        print(f"{kind}: {asked.tries} networks, {dict(counts)}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
