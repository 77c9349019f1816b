"""The learning rate of each step: it falls to zero along a half cosine (without restarts, arXiv 1608.03983).

It depends on the epoch and on the configuration alone. So a run that goes on to another number of epochs than it was
begun with takes, from there on, the rates that a run of the new number has at these epochs.
"""

import math

from ..config.schema import Training


def learning_rate(config: Training, epoch: float) -> float:
    """The rate at `epoch`, which counts from 0: 2.5 is the middle of the third.

    Example: `learning_rate(Training(epochs=10, learning_rate=0.01), 5)` is 0.005.
    """
    return config.learning_rate * (1 + math.cos(math.pi * (epoch / config.epochs))) / 2
