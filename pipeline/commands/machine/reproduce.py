"""spiq reproduce: the documents' figures, measured again on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from ....export.errors import InputError
from ...terminal.printing import print_json, print_line, print_table, tell
from ..options import Json

if TYPE_CHECKING:
    from ...reproduction.claim import Finding

COLUMNS = ("figure", "stated", "allowed", "found", "verdict")


def reproduce(
    quick: Annotated[bool, typer.Option("--quick", help="What takes under 5 minutes on 2 cores. The default.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every figure: an hour on 2 cores; MNIST must lie in $SPIQ_DATA.")
    ] = False,
    json: Json = False,
) -> None:
    """What is exact must hold on every machine: equal spikes, errors of rounding. If such a figure differs, the exit
    status is 1. Accuracies, ratios and seconds depend on the machine; if they differ, that is told and no more.

    Example: spiq reproduce --quick
    """
    if quick and everything:
        raise InputError("--quick and --all are two ways; give one of them")
    from ...reproduction.run import claims_of, findings, plan
    from ...terminal.progress import step_line

    planned = plan(not everything)
    if not json:
        rows = [
            (measurement.command, str(len(claims_of(measurement))), f"{measurement.expected(not everything):.0f} s")
            for measurement in planned
        ]
        total = sum(measurement.expected(not everything) or 0 for measurement in planned)
        print_table(f"about {total / 60:.0f} minutes on 2 cores", ("work", "figures", "expected"), rows)
    found: list[Finding] = []
    with step_line() as watch:
        for finding in findings(not everything, lambda measurement: watch(measurement.command)):
            found.append(finding)
    if json:
        print_json([finding.as_dict() for finding in found])
    else:
        _print(found)
    if any(finding.counts for finding in found):
        tell("a figure that must hold on every machine does not hold on this one")
        raise typer.Exit(1)


def _print(found: "list[Finding]") -> None:
    print_table(
        "the documents' figures on this machine",
        COLUMNS,
        [
            (
                finding.claim.name,
                finding.claim.in_words(finding.claim.stated),
                finding.claim.rule(),
                "" if finding.found is None else finding.claim.in_words(finding.found),
                _verdict(finding),
            )
            for finding in found
        ],
    )
    reasons: dict[str, list[str]] = {}
    for finding in found:
        if finding.reason is not None:
            reasons.setdefault(f"{finding.verdict}: {finding.reason}", []).append(finding.claim.name)
    for reason, names in reasons.items():
        print_line(f"{reason} ({', '.join(names)})")


def _verdict(finding: "Finding") -> str:
    by_machine = finding.verdict == "differs" and not finding.claim.everywhere
    return "differs, by machine" if by_machine else finding.verdict
