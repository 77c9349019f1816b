"""What the quantum half did: the circuit, its measured values beside the exact ones, and accuracy against shots."""

from pydantic import BaseModel, ConfigDict

from .climbed import Climbed


class QuantumHalf(BaseModel):
    """A circuit stage.

    Attributes:
        stage: Its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str


def quantum_halves(climbed: Climbed) -> list[QuantumHalf]:
    """Every circuit of the network, in its order."""
    return [QuantumHalf(stage=name) for name in climbed.bundle.network.quantum]
