"""How far a training went."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Epochs(BaseModel):
    """How many epochs a network was trained for, and for how many it was meant to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    trained: Annotated[int, Field(ge=0)]
    planned: Annotated[int, Field(ge=1)]

    @property
    def finished(self) -> bool:
        return self.trained >= self.planned


def training_in_words(epochs: Epochs | None) -> str:
    """Whether the training is finished, as it stands behind "is"; None: not known, in what an earlier version wrote."""
    if epochs is None:
        return "not known to be finished"
    return f"{'finished' if epochs.finished else 'NOT finished'}, {epochs.trained} of {epochs.planned} epochs"
