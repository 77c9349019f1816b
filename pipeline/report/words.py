"""What the report says in words: what each rung runs on, and how each column is read."""

from ..analysis.confidence import CONFIDENCE
from ..validation.rungs import rung_kind
from .table import COLUMNS


def halves(name: str) -> tuple[str, str]:
    """What the two halves of a rung run on; nothing is known of a rung that another version wrote."""
    kind = rung_kind(name)
    return ("", "") if kind is None else (kind.spiking, kind.quantum)


_MEANINGS = (
    "A step on the way from the training code to the hardware. One thing changes from a rung to the next, so a loss "
    "of accuracy can be put down to that one thing. A skipped rung was not measured and counts for nothing.",
    "The samples that were classified: the same ones on every rung, none of them used in training.",
    "The share of samples whose predicted class is the true one.",
    f"The Wilson score interval of the accuracy, at {CONFIDENCE:.0%}: how far the accuracy on so few samples may lie "
    "from the one on endless samples. It grows narrower with more samples. The rungs share their samples, so two "
    "rungs can differ in earnest even where their intervals overlap; agreement tells.",
    "The share of samples that get the same prediction as on the rung before, right or wrong. It can fall while the "
    "accuracy stands still.",
    "Spikes out of the encoder that differ from the rung before, over all samples, time steps and features. 0 says "
    "that the spiking half came across exactly. Empty where a rung changes the quantum half only.",
    "The largest difference of an expectation value <Z> from the rung before, over all samples and qubits; <Z> lies "
    "between -1 and 1. Without shots it is rounding. Shots scatter a <Z> by at most 1/√shots (one standard "
    "deviation), and the largest of many differences is several times that.",
    "Wall-clock time of the rung on the machine named below. It says how long the check took, not how fast the "
    "hardware would be.",
)
_SPIKING_HALF = (
    "What ran the spiking stages, which turn coded samples into spikes. Numbers that are decoded of these go into the "
    "circuit."
)
_QUANTUM_HALF = (
    "What ran the quantum circuit, which turns its inputs into expectation values. A classical stage, or the largest "
    "value, tells the class."
)

PAGE_COLUMNS = (COLUMNS[0], "spiking half", "quantum half", *COLUMNS[1:])
"""The ladder's columns on the page: the table's, with the halves in words."""

MEANINGS = dict(zip(PAGE_COLUMNS, (_MEANINGS[0], _SPIKING_HALF, _QUANTUM_HALF, *_MEANINGS[1:]), strict=True))
"""How to read a column, by its name."""
