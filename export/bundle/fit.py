"""Whether a bundle's files fit each other: shapes, element types, and values that can be no such thing.

What is not looked at here is held against the rest by the device that runs it: the OpenQASM, the fixed-point program
and the netx file of each stage.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from ..errors import InputError
from ..network.network import INPUT, HybridNetwork
from ..network.signals import Signal
from ..onnx.model import SPIKES
from ..onnx.signature import OnnxValue, check_signature
from ..onnx.stages.encoder import COUNTS
from ..onnx.twin import twin_signature
from .bundle import Bundle
from .entries import ONNX, QASM
from .golden import LABELS, LOIHI
from .manifest import CALIBRATION, SCHEMA, TWIN

LEAST_CALIBRATION = 1
"""Samples that calibration.npz must have; exporting writes 64 or more where there are so many."""

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_BITS = (np.dtype(np.uint8),)
_WHOLE = (np.dtype(np.int64),)


class _Wanted(NamedTuple):
    """What an array must be; its values are finite too."""

    types: tuple[np.dtype, ...]
    shape: tuple[int, ...]
    least: float = -math.inf
    most: float = math.inf


def check_arrays(network: HybridNetwork, arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Raise InputError where the golden arrays, by the names of `golden`, are not those of the network."""
    signals, encodes = network.signals, network.encodes
    behind = network.behind_spiking
    required = {INPUT, *network.order}
    with_loihi = any(name.startswith(LOIHI) for name in arrays)
    allowed = required | {LABELS} | {f"{LOIHI}{name}" for name in behind}
    needed = required | ({f"{LOIHI}{name}" for name in behind} if with_loihi else set())
    odd = sorted((needed - arrays.keys()) | (arrays.keys() - allowed))
    if odd:
        raise InputError(f"{where}: missing or unknown arrays: {', '.join(odd)}")
    given = arrays[INPUT]
    axis = 1 if network.input.kind == "spikes" else 0
    samples = given.shape[axis] if given.ndim > axis else 0
    if samples < 1:
        raise InputError(f"{where}: must hold at least one sample, got none")
    for name, array in arrays.items():
        if name == LABELS:
            wanted = _Wanted(_WHOLE, (samples,), 0, max(2, network.output_size) - 1)
        else:
            signal = signals[name.removeprefix(LOIHI)]
            wanted = _wanted(signal, samples)
            if name == INPUT and encodes:
                wanted = wanted._replace(least=0, most=1)
        what = f"{where}: {name}"
        if array.shape != wanted.shape:
            raise InputError(f"{what} must have the shape {list(wanted.shape)}, got {list(array.shape)}")
        _check_values(array, wanted, what)


def check_fit(bundle: Bundle) -> None:
    """Raise InputError, naming the file, where two files of the bundle do not fit each other."""
    network = bundle.network
    for name in network.quantum:
        _check_text(bundle, name)
    for name, stage in network.spiking.items():
        if bundle.file(name, ONNX) in bundle.content:
            spikes = OnnxValue(TensorProto.UINT8, ("time", "sample", *stage.graph.input_shape))
            counts = OnnxValue(TensorProto.INT64, ("sample", math.prod(stage.graph.output_shape)))
            check_signature(bundle.part(name, ONNX), bundle.where(name, ONNX), {SPIKES: spikes}, {COUNTS: counts})
    if TWIN in bundle.content:
        inputs, outputs = twin_signature(network)
        if bundle.manifest.schema_version != SCHEMA:
            outputs = _outputs_of_schema_2(bundle, outputs)
        check_signature(bundle.content[TWIN], str(bundle.path / TWIN), inputs, outputs)
    if CALIBRATION in bundle.content:
        _check_calibration(bundle)


def _wanted(signal: Signal, samples: int) -> _Wanted:
    if signal.kind == "spikes":
        return _Wanted(_BITS, (signal.steps or 0, samples, *signal.shape), 0, 1)
    return _Wanted(_FLOATS, (samples, *signal.shape))


def _check_values(array: np.ndarray, wanted: _Wanted, where: str) -> None:
    if array.dtype not in wanted.types:
        raise InputError(f"{where} must be {' or '.join(map(str, wanted.types))}, got {array.dtype}")
    odd = array[~(np.isfinite(array) & (array >= wanted.least) & (array <= wanted.most))]
    if odd.size:
        allowed = "finite numbers" if math.isinf(wanted.most) else f"values from {wanted.least} to {wanted.most}"
        raise InputError(f"{where} must hold {allowed}, got {odd[0]}")


def _check_text(bundle: Bundle, stage: str) -> None:
    where = bundle.where(stage, QASM)
    try:
        program = bundle.program(stage)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not text in UTF-8: {error.reason} at byte {error.start}") from error
    # `spiq qasm` prints it, and a terminal would do what its control characters say.
    odd = next((character for character in program if not character.isprintable() and character not in "\t\r\n"), None)
    if odd is not None:
        raise InputError(f"{where}: must hold characters that print, got {odd!r}")


def _check_calibration(bundle: Bundle) -> None:
    where, arrays = bundle.path / CALIBRATION, bundle.calibration
    if arrays.keys() != bundle.network.quantum.keys():
        odd = sorted(arrays.keys() ^ bundle.network.quantum.keys())
        raise InputError(f"{where}: missing or unknown arrays: {', '.join(odd)}")
    for name, stage in bundle.network.quantum.items():
        array = arrays[name]
        samples = len(array) if array.ndim else 0
        if samples < LEAST_CALIBRATION or array.shape != (samples, stage.circuit.input_size):
            raise InputError(
                f"{where}: {name} must have the shape [sample, {stage.circuit.input_size}], got {list(array.shape)}"
            )
        _check_values(array, _Wanted(_FLOATS, array.shape), f"{where}: {name}")


def _outputs_of_schema_2(bundle: Bundle, outputs: Mapping[str, OnnxValue]) -> dict[str, OnnxValue]:
    """By the names that they had, and the counts beside them."""
    (stage,) = bundle.network.spiking.values()
    counts = OnnxValue(TensorProto.INT64, ("sample", math.prod(stage.graph.output_shape)))
    return {name: outputs[stage] for stage, name in bundle.twin_outputs.items()} | {COUNTS: counts}
