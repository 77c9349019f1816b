"""The folder of data sets that lie on this machine already."""

import os
from pathlib import Path

DATA_VARIABLE = "SPIQ_DATA"


def data_folder() -> Path | None:
    """$SPIQ_DATA where it is set; whether there is such a folder is not looked at."""
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder) if folder else None
