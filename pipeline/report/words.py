"""What the report says in words: what each rung runs on, and how each column is read."""

from ..validation.analysis.confidence import CONFIDENCE
from ..validation.rungs import rung_kind
from .table import COLUMNS


def halves(name: str) -> tuple[str, str]:
    """What the two halves of a rung run on; nothing is known of a rung that another version wrote."""
    kind = rung_kind(name)
    return ("", "") if kind is None else (kind.spiking, kind.quantum)


_MEANINGS = (
    "A step on the way from the training code to the hardware. Only one thing changes from one rung to the next, so a "
    "loss of accuracy comes from that one thing. A skipped rung was not measured and does not count.",
    "The samples that were classified: the same ones on every rung, none of them used in training.",
    "The fraction of samples whose predicted class is the true one.",
    f"The Wilson score interval of the accuracy, at {CONFIDENCE:.0%}: the accuracy on endless samples lies in it. "
    "More samples make it narrower. All rungs see the same samples, so two rungs can really differ even if their "
    "intervals overlap: the paired difference tells.",
    "The fraction of samples that get the same prediction as on the rung before, right or wrong. It can fall "
    "although the accuracy stays the same.",
    "Output spikes of the encoder that differ from the rung before, over all samples, time steps and features. 0 means "
    "that the spiking half is exactly the same. Empty if a rung changes the quantum half only.",
    "The largest difference of an expectation value <Z> from the rung before, over all samples and qubits; <Z> lies "
    "between -1 and 1. Without shots it is rounding. Shots scatter a <Z> by at most 1/√shots (one standard "
    "deviation), and the largest of many differences is several times that.",
    "Wall-clock time of the rung on the machine named below. It says how long the check took, not how fast the "
    "hardware would be.",
)
_SPIKING_HALF = (
    "What ran the spiking stages, which turn encoded samples into output spikes. The circuit reads numbers that are "
    "decoded from these."
)
_QUANTUM_HALF = (
    "What ran the quantum circuit, which turns its inputs into expectation values. A classical stage reads these; the "
    "largest value of the answer is the class."
)

PAGE_COLUMNS = (COLUMNS[0], "spiking half", "quantum half", *COLUMNS[1:])
"""The ladder's columns on the page: the table's, with the halves in words."""

MEANINGS = dict(zip(PAGE_COLUMNS, (_MEANINGS[0], _SPIKING_HALF, _QUANTUM_HALF, *_MEANINGS[1:]), strict=True))
"""How to read a column, by its name."""
