"""The time step with which a network's differential equations are read."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

DEFAULT_DT = 1e-4
"""Seconds: the convention of snnTorch's exporter and of the NIR paper."""

Integration = Literal["euler", "per-step"]
"""What r of an IF or I means. NIR's equation is dv/dt = r·x.

`euler`: as it says, v ← v + dt·r·x; SpikingJelly writes its files so, with r = 1/dt. `per-step`: v ← v + r·x, as
snnTorch, sinabs and norse mean it, which write r = 1.
"""

INTEGRATIONS: tuple[Integration, ...] = get_args(Integration)

DEFAULT_INTEGRATION: Integration = "per-step"
"""What spiq writes: the convention of most."""


@dataclass(frozen=True)
class TimeStep:
    """One Euler step of `dt` seconds.

    `integration` is how every IF and I is read; where it is None, each node's r decides (`neurons.integration_of`).
    Raises InputError where either is not allowed.
    """

    dt: float = DEFAULT_DT
    integration: Integration | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise InputError(f"dt must be a finite number of seconds above 0, got {self.dt}")
        if self.integration is not None and self.integration not in INTEGRATIONS:
            allowed = " or ".join(map(repr, INTEGRATIONS))
            raise InputError(f"integration must be {allowed}, got {self.integration!r}")
