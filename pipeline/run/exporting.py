"""From a trained network to a bundle: the end of PyTorch's part."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ...export.bundle.epochs import Epochs
from ...export.bundle.folder import SCHEMA as BUNDLE_SCHEMA
from ...export.bundle.folder import Bundle, Golden, LeftOut, Manifest, save_golden, write_bundle
from ...export.circuit.qasm import to_openqasm3
from ...export.errors import InputError
from ...export.from_torch.graph import to_nir
from ...export.nir.file import read_nir, write_nir
from ...export.nir.graph import place
from ...export.onnx.encoder import encoder_onnx
from ...export.onnx.model import onnx_bytes
from ...export.onnx.readout import readout_onnx
from ...export.onnx.twin import twin_onnx
from ...hardware.cosimulation import read_out, sample_angles
from ...hardware.loihi.device import LoihiDevice
from ...hardware.loihi.formats.netx_file import BIAS_EXPONENT as NETX_BIAS_EXPONENT
from ...hardware.loihi.formats.netx_file import write_netx
from ...hardware.loihi.lowering.lower import lower_to_loihi
from ...hardware.qpu.exact_device import ExactDevice
from ..config.schema import Config
from ..data import ImageSet
from ..models.sqdr_cnn import SQDRCNN
from ..models.tracing import traced

SAME_LOGIT = 1e-9
"""Logits in float64 that lie further apart are of two networks: rounding stays far below, an epoch goes far beyond."""


def export_bundle(
    config: Config,
    model: SQDRCNN,
    data: ImageSet,
    path: Path,
    may_replace: bool = False,
    before_replacing: Callable[[], None] | None = None,
    epochs: Epochs | None = None,
) -> Bundle:
    """Write the bundle of a trained network in float64 and open it again.

    The scales of the fixed-point program are chosen on training images, the golden samples are test images. `epochs`
    says how far the network was trained; without it the bundle says that this is not known.
    `before_replacing` is called when every part is written and what is at `path` is still as it was. Raises InputError
    where the path is taken, unless it may be replaced, and where a part cannot be exported.
    """
    shape, settings = data.train_images.shape[1:], config.export
    manifest = Manifest(
        schema_version=BUNDLE_SCHEMA,
        name=config.name,
        versions={},
        image_shape=list(shape),
        classes=data.classes,
        qubits=config.circuit.qubits,
        coding=config.coding_scheme.to_dict(),
        angle_scale=config.circuit.angle_scale,
        dt=settings.dt,
        integration=settings.integration,
        data=config.data.source,
        pixel_range=data.pixel_range,
        epochs=epochs,
        seed=config.seed,
        files={},
    )
    model = model.double().eval()

    def fill(folder: Path) -> LeftOut:
        left_out: LeftOut = {}
        write_nir(folder / "encoder.nir", to_nir(model.encoder, shape, settings.dt, settings.integration))
        # What follows is made from the file, as anyone else would read it.
        graph = place(read_nir(folder / "encoder.nir"), "encoder.nir", settings.dt, settings.integration)
        (folder / "encoder.onnx").write_bytes(onnx_bytes(encoder_onnx(graph)))
        program = lower_to_loihi(graph, _calibration_spikes(config, data), NETX_BIAS_EXPONENT)
        program.save(folder / "loihi.npz")
        try:
            write_netx(folder / "encoder.net", program)
        except InputError as error:
            left_out["encoder.net"] = str(error)
        circuit = model.head.circuit()
        (folder / "head.json").write_text(circuit.to_json())
        (folder / "head.qasm").write_text(to_openqasm3(circuit))
        weight, bias = (tensor.detach().float().cpu().numpy() for tensor in (model.readout.weight, model.readout.bias))
        readout = onnx_bytes(readout_onnx(weight, bias, config.readout.relu))
        (folder / "readout.onnx").write_bytes(readout)
        twin = twin_onnx(graph, config.circuit.angle_scale, circuit, weight, bias, config.readout.relu)
        (folder / "model.onnx").write_bytes(onnx_bytes(twin))
        save_golden(folder / "golden.npz", _golden(config, model, data, LoihiDevice(program), readout))
        if before_replacing:
            before_replacing()
        return left_out

    return write_bundle(path, manifest, fill, may_replace)


def is_bundle_of(bundle: Bundle, model: SQDRCNN) -> bool:
    """Whether the bundle was made of this network: PyTorch's logits of its golden samples are the network's.

    The network must be one that reads images of the bundle's shape; it is left in float64.
    """
    logits = traced(model, bundle.golden.spikes).logits
    return logits.shape == bundle.golden.logits.shape and np.allclose(logits, bundle.golden.logits, 0, SAME_LOGIT)


def _calibration_spikes(config: Config, data: ImageSet) -> UInt8[np.ndarray, "time sample channel height width"]:
    count = min(config.export.calibration_samples, len(data.train_images))
    chosen = np.random.default_rng(config.seed).choice(len(data.train_images), count, replace=False)
    return config.coding_scheme.encode(data.train_images[np.sort(chosen)])


def _golden(config: Config, model: SQDRCNN, data: ImageSet, loihi: LoihiDevice, readout: bytes) -> Golden:
    images = data.test_images[: config.export.golden_samples]
    spikes = config.coding_scheme.encode(images)
    trained = traced(model, spikes)
    encoded = loihi.run(spikes)
    angles = sample_angles(encoded, config.circuit.angle_scale)
    expectations = ExactDevice(config.seed).expectations(model.head.circuit(), angles, None)
    return Golden(
        images=images,
        labels=data.test_labels[: config.export.golden_samples],
        spikes=spikes,
        encoded=trained.encoded,
        angles=trained.angles,
        expectations=trained.expectations,
        logits=trained.logits,
        loihi_encoded=encoded,
        loihi_angles=angles,
        loihi_expectations=expectations,
        loihi_logits=read_out(readout, expectations),
    )
