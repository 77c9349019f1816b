"""Every figure of the documents that can be measured again, and what it may be on another machine.

A figure that must hold everywhere is exact: spikes that are equal, and errors that rounding alone makes. Accuracies of
a network that was trained here are held against the stated 95% interval, counts of spikes that quantization changed
against half and twice the stated one, ratios against what the benchmark promises, seconds against twice the stated.
"""

from collections.abc import Callable
from typing import Any

from ...export.errors import DeviceError
from ..benchmark.whole import START_ALLOWANCE
from ..validation.rung import Rung
from .claim import Bounds, Claim, Skipped
from .measurements import Ladder, lava_is_missing, numbers

LADDER = "docs/ladder.md"
MEASURED = "docs/measured.md"
PERFORMANCE = "docs/performance.md"
EXPLAINED = "docs/how-it-works.md"
LAVA = "docs/lava.md"
SECURITY = "docs/security.md"

ROUNDING = Bounds(0, 1e-12)
"""Of an expectation value that is computed two ways in double precision."""

CAMPAIGN = Bounds(0, 1e-9)
"""What the campaign of hybrid networks lets pass, whose values need not lie in [-1, 1]."""

NONE = Bounds(0, 0)


def _rung(name: str, field: str) -> Callable[[Ladder], float]:
    """A rung's figure. Raises Skipped where Lava is not set up, and DeviceError where the rung failed."""

    def read(ladder: Ladder) -> float:
        rung: Rung = next(rung for rung in ladder.report.rungs if rung.name == name)
        if rung.skipped is not None:
            raise (Skipped if name == "lava" and lava_is_missing() else DeviceError)(rung.skipped)
        return float(getattr(rung, field))

    return read


def _ladder(by: str, document: str, figures: dict[str, Any]) -> tuple[Claim, ...]:
    """The claims of a document's ladder; `figures` are what its table states."""
    interval, images = Bounds(*figures["interval"]), figures["images"]
    changed = figures["changed"]

    def row(rung: str, *cells: str) -> tuple[str, ...]:
        return (f"| {rung} |", *cells)

    def claim(rung: str, field: str, stated: float, shown: str, bounds: Bounds, everywhere: bool, *cells: str) -> Claim:
        name = f"{by}.{rung}.{field}"
        return Claim(name, document, row(rung, *cells), stated, shown, bounds, everywhere, by, _rung(rung, field))

    trained, shots, shift = figures["trained"], figures["shots"], figures["shift"]
    return (
        Claim(f"{by}.parameters", document, (f"{figures['parameters']:,} parameters",), figures["parameters"], ",.0f",
              Bounds(figures["parameters"], figures["parameters"]), True, by,
              lambda ladder: float(ladder.report.parameters)),
        claim("trained", "accuracy", trained, ".2%", interval, False, f"{trained:.2%}"),
        claim("nir", "spike_mismatches", 0, ",.0f", NONE, True, "| 0 |"),
        claim("nir", "agreement", 1, ".2%", Bounds(1, 1), True, "100.00%"),
        claim("loihi", "spike_mismatches", changed, ",.0f", Bounds(changed / 2, changed * 2), False, images),
        claim("loihi", "accuracy", figures["loihi"], ".2%", interval, False, f"{figures['loihi']:.2%}"),
        claim(figures["lava"], "spike_mismatches", 0, ",.0f", NONE, True, "| 0 |")._replace(
            name=f"{by}.lava.spike_mismatches", read=_rung("lava", "spike_mismatches")),
        claim("qasm", "max_error", figures["qasm"], ".2g", ROUNDING, True, f"{figures['qasm']:.1e}"),
        claim("shots", "accuracy", shots, ".2%", interval, False, f"{shots:.2%}"),
        # 1,024 shots have a standard error of 1/32 at most; the largest of thousands of values stays below six.
        claim("shots", "max_error", shift, ".2g", Bounds(0, 6 / 32), False, f"{shift:.2g}"),
    )  # fmt: skip


def _promise(name: str, promised: float) -> Claim:
    """A row of `spiq bench` whose ratio is promised."""

    def read(rows: dict[str, Any]) -> float:
        if name not in rows:
            raise Skipped(lava_is_missing() or f"`spiq bench` gave no row {name}")
        return rows[name].ratio

    quote = (f"| {name} |", f"| {promised:,.6g} |")
    shown = ",.0f" if promised >= 10 else ",.2f"
    return Claim(f"bench.{name}", PERFORMANCE, quote, promised, shown, Bounds(promised, None), False, "bench", read)


def _none_on_lava(printed: str) -> float:
    if "between simulator and Lava" not in printed:
        raise Skipped(lava_is_missing() or "only `--all` runs the programs on Lava")
    return numbers(r"between simulator and Lava: (\d+)", printed)[0]


def _lava_500(ladder: Ladder) -> float:
    if ladder.lava_mismatches is None:
        raise Skipped(lava_is_missing() or "Lava was not run")
    return ladder.lava_mismatches


CLAIMS = (
    Claim("circuit.pennylane", EXPLAINED, ("PennyLane gives the same values",), 0, ".2g", ROUNDING, True, "circuit",
          lambda found: found),
    *_ladder("digits", LADDER, {
        "parameters": 16093, "images": "360", "interval": (0.9496, 0.9848), "trained": 0.9722, "changed": 1944,
        "loihi": 0.9722, "lava": "lava", "qasm": 3.1e-15, "shots": 0.9722, "shift": 0.087,
    }),
    Claim("digits.seconds", LADDER, ("the run takes a minute on 2 cores",), 60, ".0f",
          Bounds(None, 120), False, "digits", lambda ladder: ladder.seconds),
    _promise("head.train", 70),
    _promise("head.train.loop", 3000),
    _promise("head.noisy", 10_000),
    _promise("head.deep", 10),
    _promise("head.wide", 0.1),
    _promise("loihi.sim", 300),
    _promise("loihi.paper", 300),
    _promise("encoder.float", 1),
    _promise("train.step", 80),
    _promise("cosim.overlap", 0.8),
    Claim("bench.start", PERFORMANCE, ("| start |", f"at most {START_ALLOWANCE} s longer"), START_ALLOWANCE, ".2g",
          Bounds(None, START_ALLOWANCE), False, "bench", lambda rows: rows["start"].ours - rows["start"].peer),
    Claim("snntorch.spikes", EXPLAINED, ("networks no spike in floating point differed from snnTorch's",), 0, ",.0f",
          NONE, True, "snntorch", lambda printed: numbers(r"different from snnTorch: (\d+)", printed)[0]),
    Claim("snntorch.onnx", EXPLAINED, ("no count of onnxruntime's",), 0, ",.0f", NONE, True, "snntorch",
          lambda printed: numbers(r"onnxruntime that differ: (\d+)", printed)[0]),
    Claim("snntorch.lava", EXPLAINED, ("no spike of the 500 programs in Lava",), 0, ",.0f", NONE, True, "snntorch",
          _none_on_lava),
    Claim("hybrid.spikes", EXPLAINED, ("no spike and no decoded value differs",), 0, ",.0f", NONE, True, "hybrid",
          lambda printed: max(numbers(r", spikes: largest difference (\S+)", printed))),
    Claim("hybrid.expectations", EXPLAINED, ("expectation values differ by at most 1.1e-14",), 1.1e-14, ".2g",
          CAMPAIGN, True, "hybrid",
          lambda printed: max(numbers(r"nir and \w+, expectations: largest difference (\S+)", printed))),
    Claim("hybrid.twin", EXPLAINED, ("on the ONNX twin by 8.9e-15",), 8.9e-15, ".2g", CAMPAIGN, True, "hybrid",
          lambda printed: max(numbers(r"ONNX twin, expectations: largest difference (\S+)", printed))),
    Claim("scaled.programs", LAVA, ("found the same integers for all 2,000",), 0, ",.0f", NONE, True, "scaled",
          lambda printed: sum(numbers(r"'of other integers': (\d+)", printed))),
    Claim("hdf5.hung", SECURITY, ("`damaged_hdf5.py --tries 5000 --seed 0`", "| 0 |"), 0, ",.0f", NONE, True, "hdf5",
          lambda printed: numbers(r"(\d+) hung, ended the process", printed)[0]),
    Claim("bundles.wrong", SECURITY, ("`damaged_bundles.py --tries 2000 --seed 0`", "| 0 |"), 0, ",.0f", NONE, True,
          "bundles", lambda printed: numbers(r"tries, (\d+) wrong", printed)[0]),
    *_ladder("mnist", MEASURED, {
        "parameters": 7677, "images": "147,550", "interval": (0.9772, 0.9832), "trained": 0.9801, "changed": 147_550,
        "loihi": 0.9807, "lava": "lava, 64 images", "qasm": 2.3e-15, "shots": 0.9804, "shift": 0.13,
    }),
    Claim("mnist.lava.500", MEASURED, ("none of 108,000 output spikes differs from loihi's",), 0, ",.0f", NONE, True,
          "mnist", _lava_500),
    Claim("peers.spikes", EXPLAINED, ("| norse 1.1.0 |", "0 of 2,880"), 0, ",.0f", NONE, True, "peers", float),
)  # fmt: skip
"""In the order of MEASUREMENTS."""
