"""One measurement after the other, each with the claims that it decides."""

from collections.abc import Callable, Iterator
from typing import Any

from ...export.errors import SpiqError
from .claim import Claim, Finding, Measurement, Skipped
from .claims import CLAIMS
from .measurements import MEASUREMENTS


def plan(quick: bool) -> list[Measurement]:
    """What is done, the quick way or in full."""
    return [measurement for measurement in MEASUREMENTS if measurement.expected(quick) is not None]


def claims_of(measurement: Measurement) -> list[Claim]:
    """The claims that a measurement decides."""
    return [claim for claim in CLAIMS if claim.by == measurement.name]


def findings(quick: bool, watch: Callable[[Measurement], None] | None = None) -> Iterator[Finding]:
    """Every claim's finding; those that the quick way leaves out are skipped. `watch` hears what is begun."""
    planned = plan(quick)
    for measurement in planned:
        if watch:
            watch(measurement)
        yield from _measured(measurement, quick)
    for measurement in MEASUREMENTS:
        if measurement not in planned:
            minutes = measurement.full_seconds / 60
            reason = f"only with --all; about {minutes:.0f} min" if minutes else "only with --all"
            yield from (Finding(claim, "skipped", reason=reason) for claim in claims_of(measurement))


def _measured(measurement: Measurement, quick: bool) -> Iterator[Finding]:
    claims = claims_of(measurement)
    try:
        given = measurement.measure(quick)
    except Skipped as reason:
        yield from (Finding(claim, "skipped", reason=str(reason)) for claim in claims)
    except SpiqError as error:
        yield from (Finding(claim, "failed", reason=str(error)) for claim in claims)
    else:
        yield from (found(claim, given) for claim in claims)


def found(claim: Claim, given: Any) -> Finding:
    """What the measurement's answer says of the claim."""
    try:
        figure = claim.read(given)
    except Skipped as reason:
        return Finding(claim, "skipped", reason=str(reason))
    except SpiqError as error:
        return Finding(claim, "failed", reason=str(error))
    return Finding(claim, "holds" if claim.bounds.hold(figure) else "differs", figure)
