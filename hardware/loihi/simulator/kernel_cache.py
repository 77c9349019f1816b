"""Kernels that Numba compiles once and keeps in its cache."""

import pickle

import numba

# What Python's pickle, in which Numba keeps its cache, raises for bytes that are not its own: `pickle.UnpicklingError`
# says in its documentation which others there are.
_DAMAGED = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError)


def kept_on_disk(signature):
    """A decorator: compiled when the module is imported, or read from Numba's cache.

    Compiled each time where the cache has no folder, where its folder cannot be written, and where its files are
    damaged. What the function calls of its own module is compiled with it; Numba does not see when another module
    changes.
    """
    options = {"nogil": True, "error_model": "numpy"}

    def compiled(function):
        try:
            return numba.njit(signature, cache=True, **options)(function)
        except (RuntimeError, OSError, *_DAMAGED):
            return numba.njit(signature, **options)(function)

    return compiled
