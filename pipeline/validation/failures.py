"""What a part of the ladder may fail by without being a fault of the program."""

from functools import lru_cache

from ...export.errors import SpiqError

LONGEST_REASON = 300
"""Characters of a library's own message that a report quotes."""


@lru_cache(maxsize=1)
def failures() -> tuple[type[Exception], ...]:
    """A device that refuses or fails, memory that is full, a process or file of the system, and what PyTorch and other
    C++ libraries (RuntimeError), Qiskit and onnxruntime raise, whose errors have no common base."""
    # Who only reads a report must not wait for these.
    import onnxruntime.capi.onnxruntime_pybind11_state as onnxruntime_errors
    from qiskit.exceptions import QiskitError

    found = vars(onnxruntime_errors).values()
    of_onnxruntime = [error for error in found if isinstance(error, type) and issubclass(error, Exception)]
    return (SpiqError, MemoryError, OSError, RuntimeError, QiskitError, *of_onnxruntime)


def reason(error: BaseException) -> str:
    """Why it failed, on one line."""
    if isinstance(error, SpiqError):
        return str(error)
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:LONGEST_REASON]}" if words else type(error).__name__
