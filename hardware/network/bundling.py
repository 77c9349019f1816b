"""From a network in memory to a bundle: every form of every stage, golden samples and calibration samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64, Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.entries import JSON, LOIHI, NETX, NIR, ONNX, QASM, InputEntry, entries_of
from ...export.bundle.epochs import Epochs
from ...export.bundle.folder import LeftOut, write_bundle
from ...export.bundle.golden import Golden, save_calibration, save_golden
from ...export.bundle.manifest import CALIBRATION, GOLDEN, SCHEMA, TWIN, Manifest
from ...export.circuit.file import circuit_to_json
from ...export.circuit.qasm import to_openqasm3
from ...export.errors import InputError
from ...export.network.network import INPUT, HybridNetwork
from ...export.network.trace import Trace
from ...export.onnx.model import onnx_bytes
from ...export.onnx.stages.encoder import encoder_onnx
from ...export.onnx.twin import twin_onnx
from ..loihi.device import LoihiDevice
from ..loihi.formats.netx_file import BIAS_EXPONENT as NETX_BIAS_EXPONENT
from ..loihi.formats.netx_file import write_netx
from ..loihi.formats.storage import write_program
from ..loihi.lowering.lower import lower_to_loihi
from ..loihi.program import LoihiProgram
from ..qpu.exact_device import ExactDevice
from ..runtime.nir_runtime import NirRuntime
from .cosimulation import check_samples, sliced
from .stages import Devices, Values, run_stages

Samples = Shaped[np.ndarray, "..."]

SAME = 1e-9
"""Largest difference of a circuit's inputs or expectations from the trained network's, in parts of the largest or of 1:
rounding in float64."""

SAME_SINGLE = 1e-5
"""The same of a classical stage, which may be in float32."""

MOST_CALIBRATION = 1024
"""Samples whose circuit inputs are kept."""


@dataclass(frozen=True)
class Origin:
    """Where a network comes from: what the manifest says beside its graph (`bundle.manifest.Manifest`)."""

    name: str
    data: str = ""
    seed: int = 0
    pixel_range: int | None = None
    epochs: Epochs | None = None


@dataclass(frozen=True)
class Examples:
    """The samples that a bundle is made with.

    `golden` are kept with every value, `trace` is what the trained network gives for them, in float64, and `labels`
    their classes if they are known. On `calibration`, training samples, the fixed-point scales are chosen; the inputs
    of each circuit are kept for `circuit_calibration`.
    """

    golden: Samples
    trace: Trace
    labels: Int64[np.ndarray, " sample"] | None
    calibration: Samples
    circuit_calibration: Samples


def bundle_network(
    network: HybridNetwork,
    path: Path | str,
    examples: Examples,
    origin: Origin,
    may_replace: bool = False,
    before_replacing: Callable[[], None] | None = None,
) -> Bundle:
    """Write the network's bundle and open it again.

    A form that a stage does not have, on the chip say, is left out, and the manifest says why. `before_replacing` is
    called when every part is written and what is at `path` is still as it was. Raises InputError where the path is
    taken, unless it may be replaced, and where the samples do not fit the network.
    """
    check_samples(network, examples.golden)
    check_samples(network, examples.calibration)
    read = network.input
    manifest = Manifest(
        schema_version=SCHEMA,
        name=origin.name,
        versions={},
        files={},
        pixel_range=origin.pixel_range,
        epochs=origin.epochs,
        data=origin.data,
        seed=origin.seed,
        input=InputEntry(kind=read.kind, shape=list(read.shape), steps=read.steps),
        stages=entries_of(network),
        output=network.output,
    )

    def fill(folder: Path) -> LeftOut:
        left_out: LeftOut = {}
        exact = {name: ExactDevice(stage.circuit) for name, stage in network.quantum.items()}
        programs = _write_spiking(network, folder, examples.calibration, exact, left_out)
        for name, stage in network.quantum.items():
            (folder / f"{name}{JSON}").write_text(circuit_to_json(stage.circuit))
            (folder / f"{name}{QASM}").write_text(to_openqasm3(stage.circuit))
        for name, stage in network.classical.items():
            (folder / f"{name}{ONNX}").write_bytes(stage.content)
        _write_or_tell(folder / TWIN, lambda: onnx_bytes(twin_onnx(network)), left_out)
        fixed_point = programs.keys() == network.spiking.keys()
        spiking = {
            name: LoihiDevice(programs[name]) if fixed_point else NirRuntime(stage.graph)
            for name, stage in network.spiking.items()
        }
        on = Devices(spiking, exact)
        loihi = _behind(network, on, examples.golden) if fixed_point and network.spiking else None
        trace = Trace(network, {name: examples.trace[name] for name in network.order})
        save_golden(folder / GOLDEN, Golden(examples.golden, examples.labels, trace, loihi))
        if network.quantum:
            save_calibration(folder / CALIBRATION, _circuit_inputs(network, on, examples.circuit_calibration))
        else:
            left_out[CALIBRATION] = "the network has no circuit"
        _check_same(network, exact, examples)
        if before_replacing:
            before_replacing()
        return left_out

    return write_bundle(path, manifest, fill, may_replace)


def _check_same(network: HybridNetwork, exact: Mapping[str, ExactDevice], examples: Examples) -> None:
    """Raise InputError where the stages in floating point give something else than the trained network itself."""
    on = Devices({name: NirRuntime(stage.graph) for name, stage in network.spiking.items()}, exact)
    for name in network.order:
        # Of what the trained network gave the stage, so that the first one that differs is named.
        values: Values = {INPUT: examples.golden, **examples.trace}
        run_stages(network, {name}, values, on)
        found, wanted = values[name], examples.trace[name]
        if network.signals[name].kind == "spikes":
            differing = int((found != wanted).sum())
            if differing:
                raise InputError(
                    f"stage {name!r}: its {wanted.size} spikes must be the trained network's, got {differing} that are "
                    "not"
                )
            continue
        scale = np.maximum(1, np.abs(wanted).max())
        error = float(np.abs(found.reshape(wanted.shape) - wanted).max() / scale)
        allowed = SAME_SINGLE if name in network.classical else SAME
        if not error <= allowed:
            raise InputError(
                f"stage {name!r}: its values must differ from the trained network's by at most {allowed:g} of the "
                f"largest, got {error:.2g}"
            )


def _write_spiking(
    network: HybridNetwork, folder: Path, calibration: Samples, exact: Mapping[str, ExactDevice], left_out: LeftOut
) -> dict[str, LoihiProgram]:
    """Write every form of the spiking stages; the programs of those that fit the chip, by stage."""
    on = Devices({name: NirRuntime(stage.graph) for name, stage in network.spiking.items()}, exact)
    values: Values = {INPUT: calibration}
    run_stages(network, network.before(set(network.spiking)), values, on)
    programs = {}
    for name, stage in network.spiking.items():
        graph = stage.graph
        (folder / f"{name}{NIR}").write_bytes(stage.content)
        _write_or_tell(folder / f"{name}{ONNX}", lambda graph=graph: onnx_bytes(encoder_onnx(graph)), left_out)
        spikes = values[network.reads[name][0]]
        try:
            program = lower_to_loihi(graph, spikes.reshape(*spikes.shape[:2], *graph.input_shape), NETX_BIAS_EXPONENT)
        except InputError as error:
            left_out |= {f"{name}{LOIHI}": str(error), f"{name}{NETX}": str(error)}
            continue
        write_program(folder / f"{name}{LOIHI}", program)
        programs[name] = program
        try:
            write_netx(folder / f"{name}{NETX}", program)
        except InputError as error:
            left_out[f"{name}{NETX}"] = str(error)
    return programs


def _write_or_tell(file: Path, content: Callable[[], bytes], left_out: LeftOut) -> None:
    try:
        file.write_bytes(content())
    except InputError as error:
        left_out[file.name] = str(error)


def _behind(network: HybridNetwork, on: Devices, samples: Samples) -> Trace:
    """What the devices may change: the spiking stages and all that they lead to."""
    values: Values = {INPUT: samples}
    run_stages(network, network.order, values, on)
    return Trace(network, {name: values[name] for name in network.order if name in network.behind_spiking})


def _circuit_inputs(
    network: HybridNetwork, on: Devices, samples: Samples
) -> dict[str, Float[np.ndarray, "sample input"]]:
    values: Values = {INPUT: sliced(network, samples, slice(0, MOST_CALIBRATION))}
    run_stages(network, network.before(set(network.quantum)), values, on)
    read = {name: values[network.reads[name][0]] for name in network.quantum}
    return {name: inputs.reshape(len(inputs), -1).astype(np.float64) for name, inputs in read.items()}
