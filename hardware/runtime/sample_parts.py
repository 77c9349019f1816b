"""PyTorch over many samples: parts of them side by side, each on one thread.

Samples do not depend on one another, while the tensors of a part that fits a core's cache are too small to be worth a
second thread within each operation.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")

AHEAD = 2
"""Parts a thread that may be computed before the first of them is taken: what bounds the memory."""


def over_parts(run: Callable[[slice], Result], samples: int, size: int) -> Iterator[Result]:
    """What `run` gives for each `size` samples, in order; as many parts at once as PyTorch may use threads.

    `run` is called from several threads, in which PyTorch's operations have one thread each. What it raises is raised
    here, when that part's turn comes.
    """
    parts = [slice(start, min(start + size, samples)) for start in range(0, samples, size)]
    threads = torch.get_num_threads()
    if threads == 1 or len(parts) <= 1:
        yield from map(run, parts)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for part in parts:
                waiting.append(pool.submit(run, part))
                if len(waiting) == AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        # What one thread sets, the threads that come later begin with.
        torch.set_num_threads(threads)
