"""The validation ladder: one thing changes from rung to rung, and each is compared with the one before.

`rungs` lists them. All but the first run from the bundle alone. A rung of some samples only, such as Lava's, is
compared with the first samples of the one before; the rung after it again with all. A rung that fails is skipped, and
the others are climbed.
"""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ...export.bundle.bundle import Bundle
from ...export.bundle.entries import LOIHI
from ...export.errors import InputError
from ...export.network.network import HybridNetwork
from ...export.network.trace import Trace
from ...hardware.network.cosimulation import check_samples, completed, cosimulate, sliced
from ...hardware.network.stages import Devices
from ...hardware.registry import devices, quantum_devices, spiking_entry
from ...hardware.runtime.sample_parts import over_parts
from .ascent import Ascent
from .failures import failures, reason
from .report import Report
from .reporting import reported
from .rung import Before, Rung, measured
from .rungs import CHIP, FLOAT, RungKind, rung_kinds

PYTORCH_BATCH = 16
"""Samples that a thread of PyTorch takes at once in float64: what stays in the cache is twice as fast."""

LadderWatch = Callable[[str, int, int], None]
"""Told on the way: the rung's name, samples done, samples in all."""


def climb(ascent: Ascent, watch: LadderWatch | None = None) -> Report:
    """Climb every rung; the report says how the accuracy fared and whether the gate is passed.

    A rung that fails, by what `failures` lists, is skipped with the reason, and so are the rungs that need its spikes;
    the others are climbed, each compared with the last one before it that was measured on all samples. Any other
    exception is a fault in the program and is raised. Raises InputError where samples and labels do not fit the bundle.
    """
    labels = ascent.labels
    _check(ascent)
    skipped: dict[str, str] = {}
    rungs: list[Rung] = []
    climbed: dict[str, Trace] = {}
    before: Before | None = None
    for kind in rung_kinds():
        if kind.snn is None and kind.never is None and ascent.trained is None:
            continue
        started = time.perf_counter()
        trace = _attempt(kind, ascent, climbed, skipped, watch)
        seconds = time.perf_counter() - started
        if trace is None:
            rungs.append(Rung(name=kind.name, skipped=skipped[kind.name]))
            continue
        samples = trace.samples
        against = Before(before.name, before.trace.first(samples)) if before else None
        rungs.append(measured(kind, trace, labels[:samples], against, seconds))
        climbed[kind.name] = trace
        if samples == len(labels):
            before = Before(kind.name, trace)
    return reported(ascent, rungs, climbed)


def _check(ascent: Ascent) -> None:
    count = check_samples(ascent.bundle.network, ascent.samples)
    labels, classes = ascent.labels, ascent.bundle.classes
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (count,):
        raise InputError(
            f"labels must be integers, one for each of the {count} samples, got {labels.dtype} {list(labels.shape)}"
        )
    odd = labels[(labels < 0) | (labels >= classes)]
    if odd.size:
        raise InputError(f"labels must lie from 0 to {classes - 1}, got {odd[0]}")


def _attempt(
    kind: RungKind,
    ascent: Ascent,
    climbed: Mapping[str, Trace],
    skipped: dict[str, str],
    watch: LadderWatch | None,
) -> Trace | None:
    """What the rung gives; None where it is skipped, and why is in `skipped` then."""
    obstacle = _obstacle(kind, ascent, skipped)
    if obstacle is not None:
        skipped[kind.name] = obstacle
        return None
    try:
        return _climbed(kind, ascent, climbed, watch)
    except failures() as error:
        # What fails beside us must not cost the other rungs.
        skipped[kind.name] = reason(error)
        return None


def _obstacle(kind: RungKind, ascent: Ascent, skipped: Mapping[str, str]) -> str | None:
    """Why a rung cannot be climbed, None where it can."""
    network = ascent.bundle.network
    if kind.never is not None:
        return kind.never
    if kind.needs_circuit and not network.quantum:
        return "the network has no circuit"
    if kind.compares == "spikes" and not network.spiking:
        return None if kind.name == FLOAT else "the network has no spiking stage"
    needed = _spikes_from(ascent.bundle) if kind.starts_from_spikes else kind.reference
    if needed is not None and needed in skipped:
        return f"needs the spikes of {needed}, which was skipped: {skipped[needed]}"
    return spiking_entry(kind.snn).missing() if kind.snn else None


def _spikes_from(bundle: Bundle) -> str:
    """The rung whose spikes the quantum half starts from."""
    on_chip = all(bundle.file(name, LOIHI) in bundle.content for name in bundle.network.spiking)
    return CHIP if on_chip and bundle.network.spiking else FLOAT


def _climbed(kind: RungKind, ascent: Ascent, climbed: Mapping[str, Trace], watch: LadderWatch | None) -> Trace:
    bundle, network, count = ascent.bundle, ascent.bundle.network, ascent.count(kind)
    if kind.snn is None or kind.qpu is None:
        return _trained(kind, ascent, watch)

    def tell(done: int) -> None:
        _tell(watch, kind.name, done, count)

    shots = ascent.ladder.shots if kind.with_shots else None
    samples = sliced(network, ascent.samples, slice(0, count))
    if kind.starts_from_spikes:
        # The fixed-point spikes are the same on every rung from loihi on, so they are computed once.
        known = climbed[_spikes_from(bundle)]
        spikes = Trace(network, {name: known[name] for name in network.spiking})
        on = Devices({}, quantum_devices(kind.qpu, bundle, bundle.manifest.seed))
        return completed(network, on, samples, spikes, shots, tell)
    return cosimulate(network, devices(bundle, kind.snn, kind.qpu), samples, shots, tell)


def _trained(kind: RungKind, ascent: Ascent, watch: LadderWatch | None) -> Trace:
    trained, network = ascent.trained, ascent.bundle.network
    assert trained is not None
    # One place for all answers: small ones kept between the large tensors of every part would hold their memory open.
    whole = dict(_places(network, ascent.total))
    answers = Trace(network, whole)

    def run(part: slice) -> int:
        found = trained.traced(network, sliced(network, ascent.samples, part), part.start)
        for name, values in whole.items():
            (values[:, part] if answers.sample_axis(name) else values[part])[...] = found[name]
        return part.stop

    # Converted before the threads begin, each of which would do it.
    trained.prepare()
    for done in over_parts(run, ascent.total, PYTORCH_BATCH):
        _tell(watch, kind.name, done, ascent.total)
    return answers


def _places(network: HybridNetwork, samples: int) -> Iterator[tuple[str, np.ndarray]]:
    """An array for each edge but those that Encode stages give, still empty."""
    for name in network.order:
        signal = network.signals[name]
        if name in network.encodes:
            continue
        if signal.kind == "spikes":
            yield name, np.empty((signal.steps or 0, samples, *signal.shape), np.uint8)
        else:
            yield name, np.empty((samples, *signal.shape))


def _tell(watch: LadderWatch | None, name: str, done: int, total: int) -> None:
    if watch:
        watch(name, done, total)
