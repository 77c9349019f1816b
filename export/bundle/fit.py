"""Whether a bundle's files fit each other: shapes, element types, and values that can be no such thing.

What is not looked at here is held against the rest by the device that runs it: `head.qasm`, `loihi.npz` and
`encoder.net`.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto

from ..angles import ANGLES
from ..errors import InputError
from ..onnx.encoder import COUNTS
from ..onnx.head import HEAD_EXPECTATIONS
from ..onnx.model import SPIKES
from ..onnx.readout import EXPECTATIONS, LOGITS
from ..onnx.signature import OnnxValue, check_signature

# `bundle` calls this module.
if TYPE_CHECKING:
    from .folder import Bundle

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class _Wanted(NamedTuple):
    """What an array must be; its values are finite too."""

    types: tuple[np.dtype, ...]
    shape: tuple[int, ...]
    least: float = -math.inf
    most: float = math.inf


def check_fit(bundle: "Bundle") -> None:
    """Raise InputError, naming the file, where two files of the bundle do not fit each other."""
    manifest, path = bundle.manifest, bundle.path
    if bundle.graph.input_shape != bundle.image_shape:
        raise InputError(
            f"{path / 'encoder.nir'}: reads {list(bundle.graph.input_shape)}, but the manifest's image_shape is "
            f"{manifest.image_shape}"
        )
    qubits = bundle.circuit.n_qubits
    if qubits != manifest.qubits:
        raise InputError(f"{path / 'head.json'}: has {qubits} qubits, but the manifest says {manifest.qubits}")
    features = math.prod(bundle.graph.output_shape)
    if features != ANGLES * qubits:
        raise InputError(
            f"{path / 'encoder.nir'}: gives {features} features, but {qubits} qubits read {ANGLES * qubits}"
        )
    try:
        program = bundle.program
    except UnicodeDecodeError as error:
        raise InputError(f"{path / 'head.qasm'}: not text in UTF-8: {error.reason} at byte {error.start}") from error
    # `spiq qasm` prints it, and a terminal would do what its control characters say.
    odd = next((character for character in program if not character.isprintable() and character not in "\t\r\n"), None)
    if odd is not None:
        raise InputError(f"{path / 'head.qasm'}: holds the character {odd!r}; a text of what prints is needed")
    _check_golden(bundle)
    _check_models(bundle)


def _check_golden(bundle: "Bundle") -> None:
    where, golden = bundle.path / "golden.npz", bundle.golden
    samples = golden.images.shape[0] if golden.images.ndim else 0
    if samples < 1:
        raise InputError(f"{where}: holds no samples; at least one is needed")
    steps, qubits, classes = bundle.coding.steps, bundle.circuit.n_qubits, bundle.manifest.classes
    whole, bits = (np.dtype(np.int64),), (np.dtype(np.uint8),)
    wanted = {
        "images": _Wanted(_FLOATS, (samples, *bundle.image_shape), 0, 1),
        "labels": _Wanted(whole, (samples,), 0, classes - 1),
        "spikes": _Wanted(bits, (steps, samples, *bundle.image_shape), 0, 1),
        "encoded": _Wanted(bits, (steps, samples, ANGLES * qubits), 0, 1),
        "angles": _Wanted(_FLOATS, (samples, qubits, ANGLES)),
        "expectations": _Wanted(_FLOATS, (samples, qubits)),
        "logits": _Wanted(_FLOATS, (samples, classes)),
    }
    arrays = [(f"{where}: {name}", array, wanted[name.removeprefix("loihi_")]) for name, array in vars(golden).items()]
    for what, array, needed in arrays:
        if array.shape != needed.shape:
            raise InputError(f"{what} has the shape {list(array.shape)}, not {list(needed.shape)}")
    for what, array, needed in arrays:
        _check_values(array, needed, what)


def _check_values(array: np.ndarray, wanted: _Wanted, where: str) -> None:
    if array.dtype not in wanted.types:
        raise InputError(f"{where} is {array.dtype}; {' or '.join(map(str, wanted.types))} is needed")
    odd = array[~(np.isfinite(array) & (array >= wanted.least) & (array <= wanted.most))]
    if odd.size:
        allowed = "finite numbers" if math.isinf(wanted.most) else f"{wanted.least} to {wanted.most}"
        raise InputError(f"{where} holds {odd[0]}; allowed are {allowed}")


def _check_models(bundle: "Bundle") -> None:
    qubits, classes = bundle.circuit.n_qubits, bundle.manifest.classes
    spikes = OnnxValue(TensorProto.UINT8, ("time", "sample", *bundle.image_shape))
    counts = OnnxValue(TensorProto.INT64, ("sample", ANGLES * qubits))
    # The circuit computes in double, the readout in single precision.
    expectations = OnnxValue(TensorProto.DOUBLE, ("sample", qubits))
    rounded = OnnxValue(TensorProto.FLOAT, ("sample", qubits))
    logits = OnnxValue(TensorProto.FLOAT, ("sample", classes))
    models = {
        "encoder.onnx": ({SPIKES: spikes}, {COUNTS: counts}),
        "readout.onnx": ({EXPECTATIONS: rounded}, {LOGITS: logits}),
        "model.onnx": ({SPIKES: spikes}, {LOGITS: logits, COUNTS: counts, HEAD_EXPECTATIONS: expectations}),
    }
    for name, (inputs, outputs) in models.items():
        check_signature(bundle.content[name], str(bundle.path / name), inputs, outputs)
