"""How <Z> is measured: what may be asked for, and what bit-strings mean.

With p(b) the probability of the bit-string b, or its share of the shots, <Z_q> = sum_b (-1)^(b_q) p(b): a qubit that is
found in 0 counts +1, one that is found in 1 counts -1.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float

from ...export.errors import InputError

# Amplitudes that a simulator holds at once: some 10 MB, and enough samples a run that the cost of a call is small.
AMPLITUDES_PER_RUN = 2**19
SAMPLES_PER_RUN = 1024


def sample_runs(n_samples: int, n_qubits: int) -> Iterator[slice]:
    """Split the samples in runs that take a bounded memory as state vectors."""
    step = min(SAMPLES_PER_RUN, max(1, AMPLITUDES_PER_RUN >> n_qubits))
    return (slice(start, min(start + step, n_samples)) for start in range(0, n_samples, step))


MOST_SHOTS = 10**9
"""More would not fit the counters of every simulator."""


def check_shots(shots: int | None) -> None:
    """Raises `InputError` unless `shots` is None (the exact value) or a whole number from 1 to MOST_SHOTS."""
    if shots is not None and (
        isinstance(shots, bool) or not isinstance(shots, int | np.integer) or not 1 <= shots <= MOST_SHOTS
    ):
        raise InputError(
            f"shots: found {shots!r}, allowed is a whole number from 1 to {MOST_SHOTS}, or none for the exact value"
        )


def seed_sequence(seed: int) -> np.random.SeedSequence:
    """The root of a device's random numbers. Raises `InputError` unless `seed` is a whole number from 0 on."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: found {seed!r}, allowed is a whole number from 0 on")
    return np.random.SeedSequence(int(seed))


def expectations_of_probabilities(
    probabilities: Float[np.ndarray, "sample bit_string"],
) -> Float[np.ndarray, "sample bit"]:
    """<Z> of every bit, for probabilities (or shares of the shots) of all 2^n bit-strings; bit 0 is the lowest."""
    n_samples, n_strings = probabilities.shape
    by_bit = [
        probabilities.reshape(n_samples, -1, 2, 2**bit).sum(axis=(1, 3)) for bit in range(n_strings.bit_length() - 1)
    ]
    # Rounding may leave a sum a hair outside of what <Z> can be.
    return np.clip(np.stack([value[:, 0] - value[:, 1] for value in by_bit], axis=-1), -1.0, 1.0)


def expectations_of_counts(counts: Mapping[str, int], n_bits: int) -> Float[np.ndarray, "bit"]:
    """<Z> of every bit, for how often each bit-string was found, keyed in hexadecimal (`"0x1a"`); bit 0 is the lowest.

    At most 62 bits.
    """
    outcomes = np.array([int(bit_string, 16) for bit_string in counts], dtype=np.int64)
    times = np.array(list(counts.values()), dtype=np.int64)
    ones = times @ (outcomes[:, None] >> np.arange(n_bits) & 1)
    return 1.0 - 2.0 * ones / times.sum()
