"""The same weights from the same seed on a GPU too, whose fastest operations add in another order in every run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""The variable by which cuBLAS is told its memory; with the value below its sums have one order
(docs.nvidia.com/cuda/cublas, "Results reproducibility")."""

FIXED = ":4096:8"


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Only operations that give the same bits in every run, while the block runs; on a CPU they all do.

    PyTorch's settings are put back behind it. The environment's variable stays, since cuBLAS reads it once.

    Args:
        device: Where the block computes.
    """
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault(WORKSPACE, FIXED)
    operations, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    # It would choose the fastest convolution of this very run.
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(operations, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
