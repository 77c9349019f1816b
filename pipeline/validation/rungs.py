"""The rungs of the ladder: what changes from one to the next, what it is held against, and its words.

    trained   the framework in float64              the framework in float64
    nir       the NIR file in floating point        exact
    loihi     Loihi's fixed point                   exact
    lava      the same on real Lava, some samples   exact
    qasm      Loihi's fixed point                   the OpenQASM in Qiskit Aer, state vector
    shots     Loihi's fixed point                   the OpenQASM in Qiskit Aer, finite shots

A spiking device that another package adds has a rung behind `lava`, a quantum device one behind `shots`.
"""

from dataclasses import dataclass
from typing import Literal

from ...export.errors import SpiqError
from ...hardware.names import OWN_QUANTUM, OWN_SPIKING, quantum_names, spiking_names
from ...hardware.registry import quantum_entry, spiking_entry

_PYTORCH = "PyTorch, 64-bit floating point"
_LOIHI = "Loihi's fixed point, simulated"
_EXACT = "exact, by the circuit's light cone"

CHIP = "loihi"
"""The rung whose spikes the rungs of the quantum half start from, where the network has a form on the chip."""

FLOAT = "nir"
"""The rung whose spikes they start from otherwise."""

LAVA = "lava"
"""The rung of the real Lava."""

CIRCUIT = "qasm"
"""The rung whose expectation values are exact, which those with shots are held against."""

SHOTS = "shots"
"""The rung that measures with the ladder's own number of shots."""


@dataclass(frozen=True)
class RungKind:
    """A rung.

    `spiking` and `quantum` are the words for what its halves run on. It runs on the devices `snn` and `qpu`; where
    `snn` is None the trained network itself runs, and where `starts_from_spikes` those of the rung CHIP are taken,
    which are deterministic. `compares` says what is held against the rung before, and `must_be_equal` that spikes which
    differ fail the gate. `reference` is the rung without which this one is skipped. `is_slow` rungs run some samples
    only, `with_shots` ones measure. `never` is the reason why a rung is not climbed in this version.
    """

    name: str
    spiking: str
    quantum: str
    snn: str | None = None
    qpu: str | None = None
    compares: Literal["spikes", "expectations"] | None = None
    reference: str | None = None
    starts_from_spikes: bool = False
    must_be_equal: bool = False
    is_slow: bool = False
    with_shots: bool = False
    never: str | None = None

    @property
    def needs_circuit(self) -> bool:
        """Whether the rung says something of the quantum half only."""
        return self.starts_from_spikes


TRAINED = RungKind("trained", _PYTORCH, _PYTORCH)

RUNGS = (
    TRAINED,
    RungKind(FLOAT, "the NIR file, floating point", _EXACT, FLOAT, "exact", "spikes"),
    RungKind(CHIP, _LOIHI, _EXACT, "loihi", "exact", "spikes"),
    RungKind(
        LAVA,
        "Intel's Lava, fixed point",
        _EXACT,
        LAVA,
        "exact",
        "spikes",
        reference=CHIP,
        must_be_equal=True,
        is_slow=True,
    ),
    RungKind(
        CIRCUIT,
        _LOIHI,
        "OpenQASM in Qiskit Aer, state vector",
        CHIP,
        "aer",
        "expectations",
        reference=CHIP,
        starts_from_spikes=True,
    ),
    RungKind(
        SHOTS,
        _LOIHI,
        "OpenQASM in Qiskit Aer, finite shots",
        CHIP,
        "aer",
        "expectations",
        reference=CHIP,
        starts_from_spikes=True,
        with_shots=True,
    ),
    RungKind(
        "device",
        _LOIHI,
        "OpenQASM with a device's noise, finite shots",
        never="device noise models are not part of this version",
    ),
)


def rung_kinds() -> tuple[RungKind, ...]:
    """Every rung in the order of the ladder, those of other packages' devices among them."""
    spiking = [_of_spiking(name) for name in spiking_names() if name not in OWN_SPIKING]
    quantum = [_of_quantum(name) for name in quantum_names() if name not in OWN_QUANTUM]
    names = [kind.name for kind in RUNGS]
    behind_lava, behind_shots = names.index(LAVA) + 1, names.index(SHOTS) + 1
    return (*RUNGS[:behind_lava], *spiking, *RUNGS[behind_lava:behind_shots], *quantum, *RUNGS[behind_shots:])


def rung_kind(name: str) -> RungKind | None:
    """The rung of that name; None where there is none, as of another version or of a package that is not there."""
    own = next((kind for kind in RUNGS if kind.name == name), None)
    return own or next((kind for kind in rung_kinds() if kind.name == name), None)


def _of_spiking(name: str) -> RungKind:
    try:
        entry = spiking_entry(name)
    except SpiqError as error:
        return RungKind(name, name, _EXACT, never=str(error))
    reference = entry.reference if entry.reference in (FLOAT, CHIP) else None
    return RungKind(
        name,
        entry.summary,
        _EXACT,
        name,
        "exact",
        "spikes",
        reference=reference,
        must_be_equal=entry.must_be_equal,
        is_slow=entry.is_slow,
        never=entry.missing(),
    )


def _of_quantum(name: str) -> RungKind:
    try:
        entry = quantum_entry(name)
    except SpiqError as error:
        return RungKind(name, _LOIHI, name, never=str(error))
    return RungKind(
        name,
        _LOIHI,
        entry.summary,
        CHIP,
        name,
        "expectations",
        reference=CHIP,
        starts_from_spikes=True,
        with_shots=not entry.is_exact,
        never=entry.missing(),
    )
