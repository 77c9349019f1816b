"""The folder that holds what can be fetched or made again: data sets, Lava's environments."""

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "SPIQ_CACHE"


def cache_folder() -> Path:
    """$SPIQ_CACHE where it is set, else the folder spiq in the user's cache; it need not be there yet."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("spiq"))
