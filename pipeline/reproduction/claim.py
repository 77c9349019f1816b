"""A figure that the documents state, what it may be here, and what was found."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Verdict = Literal["holds", "differs", "failed", "skipped"]


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """Why something cannot be measured on this machine."""


class Bounds(NamedTuple):
    """What a figure may be; None where there is no bound."""

    least: float | None
    most: float | None

    def hold(self, found: float) -> bool:
        """Whether the figure lies within them, the ends included.

        Example: `Bounds(0, None).hold(0.5)`, but not `Bounds(1, 1).hold(0.5)`.
        """
        return (self.least is None or found >= self.least) and (self.most is None or found <= self.most)


class Measurement(NamedTuple):
    """One piece of work that gives one or more figures.

    command: what a user would type. seconds: how long it takes on 2 cores, quick and in full; None where the quick way
    leaves it out. measure: does it, the quick way or in full. It raises Skipped where this machine cannot, and
    SpiqError where it went wrong.
    """

    name: str
    command: str
    quick_seconds: float | None
    full_seconds: float
    measure: Callable[[bool], Any]

    def expected(self, quick: bool) -> float | None:
        """How long it takes; None if it is left out."""
        return self.quick_seconds if quick else self.full_seconds


class Claim(NamedTuple):
    """A stated figure.

    where: the document, from the checkout's root. quote: what stands together on one of its lines. stated: the figure;
    shown: its format. bounds: what it may be here. everywhere: whether it must be so on every machine; other figures
    depend on how a machine rounds in training and on how fast it is. read: takes the figure out of what the measurement
    of the name `by` gives.
    """

    name: str
    where: str
    quote: tuple[str, ...]
    stated: float
    shown: str
    bounds: Bounds
    everywhere: bool
    by: str
    read: Callable[[Any], float]

    def in_words(self, figure: float) -> str:
        return format(figure, self.shown)

    def rule(self) -> str:
        """What the figure may be, in words."""
        least, most = (None if end is None else self.in_words(end) for end in self.bounds)
        if least == most:
            return f"must be {least}"
        if least is None:
            return f"at most {most}"
        return f"at least {least}" if most is None else f"{least} to {most}"


class Finding(NamedTuple):
    """What became of a claim; `found` is None, and `reason` says why, where nothing was measured."""

    claim: Claim
    verdict: Verdict
    found: float | None = None
    reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it is an error of spiq's: what must hold on every machine does not here."""
        return self.claim.everywhere and self.verdict in ("differs", "failed")

    def as_dict(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        claim = self.claim
        return {
            "name": claim.name,
            "where": claim.where,
            "stated": claim.stated,
            "least": claim.bounds.least,
            "most": claim.bounds.most,
            "every_machine": claim.everywhere,
            "found": self.found,
            "verdict": self.verdict,
            "reason": self.reason,
        }
