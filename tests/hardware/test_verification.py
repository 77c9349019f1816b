"""Verification finds a file whose content is whole but gives something else than the golden samples say."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from shared.bundles import with_files
from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.export.circuit.circuit import Circuit
from spiq.export.circuit.file import circuit_to_json
from spiq.export.circuit.qasm import to_openqasm3
from spiq.export.circuit.reupload import as_reupload, reupload_circuit
from spiq.export.errors import InputError
from spiq.export.files.arrays import write_npz
from spiq.hardware.network.verification import verify


def failed(bundle: Bundle) -> set[str]:
    return {check.file for check in verify(bundle) if not check.passed}


def changed(bundle: Bundle, path: Path, **content: bytes) -> Bundle:
    """The bundle with other content in some files, sealed again."""
    names = {name.replace(".", "_"): name for name in bundle.content}
    return with_files(bundle, path, {names[key]: stored for key, stored in content.items()})


def other_circuit(bundle: Bundle) -> Circuit:
    made_of = as_reupload(bundle.network.quantum["head"].circuit)
    assert made_of is not None
    return reupload_circuit(made_of.weights + 0.01, made_of.entangler)


def with_golden(bundle: Bundle, folder: Path, **arrays: np.ndarray) -> bytes:
    """golden.npz with other values in some arrays; _ stands for the point in their names."""
    names = {name.replace(".", "_"): name for name in bundle.golden.arrays()}
    write_npz(folder / "golden.npz", bundle.golden.arrays() | {names[key]: values for key, values in arrays.items()})
    return (folder / "golden.npz").read_bytes()


def test_a_bundle_as_it_was_written_passes(tiny_bundle: Bundle) -> None:
    assert failed(tiny_bundle) == set()


def test_a_bundle_passes_wherever_it_lies(tiny_bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle.path, tmp_path / "elsewhere")
    assert failed(open_bundle(tmp_path / "elsewhere")) == set()


def test_a_bundle_is_judged_as_it_was_when_it_was_opened(tiny_bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle.path, tmp_path / "gone")
    opened = open_bundle(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    assert failed(opened) == set()


def test_another_angle_scale_is_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    angles = tiny_bundle.manifest.stages["angles"].model_copy(update={"scale": 0.5})
    manifest = tiny_bundle.manifest.model_copy(update={"stages": tiny_bundle.manifest.stages | {"angles": angles}})
    other = changed(replace(tiny_bundle, manifest=manifest), tmp_path / "bundle")
    assert failed(other) == {"manifest.json", "all of them"}
    assert {check.what for check in verify(other) if check.file == "manifest.json" and not check.passed} == {
        "angles: largest difference"
    }


def test_another_circuit_is_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    other = other_circuit(tiny_bundle)
    bundle = changed(tiny_bundle, tmp_path / "json", head_json=circuit_to_json(other).encode())
    assert "head.json" in failed(bundle)
    bundle = changed(tiny_bundle, tmp_path / "qasm", head_qasm=to_openqasm3(other).encode())
    assert failed(bundle) == {"head.qasm", "all of them"}


def test_the_bound_of_a_logit_grows_with_the_logits(tiny_bundle: Bundle, tmp_path: Path) -> None:
    def found(part: float) -> set[str]:
        """What fails where the readout's bias is 400, and the golden logits are wrong by a part of themselves."""
        content = {}
        for name in ("readout.onnx", "model.onnx"):
            model = onnx.load_from_string(tiny_bundle.content[name])
            (bias,) = (
                constant
                for constant in model.graph.initializer
                if constant.name.endswith("bias") and constant.dims == [10]
            )
            bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(400), bias.name))
            content[name.replace(".", "_")] = model.SerializeToString()
        arrays = tiny_bundle.golden.arrays()
        logits, loihi_logits = ((arrays[name] + 400) * (1 + part) for name in ("readout", "loihi.readout"))
        content["golden_npz"] = with_golden(tiny_bundle, tmp_path, readout=logits, loihi_readout=loihi_logits)
        return failed(changed(tiny_bundle, tmp_path / f"bundle{part}", **content))

    # 5e-6 of 400 is 2e-3, a rounding or two of float32 at 400 is 6e-5.
    assert found(5e-6) == set()
    assert found(2e-5) == {"readout.onnx", "model.onnx", "all of them"}


def test_another_model_is_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_bundle.content["model.onnx"])
    (bias,) = (constant for constant in model.graph.initializer if constant.name.endswith("readout/bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias)[::-1] + np.float32(0.01), bias.name))
    bundle = changed(tiny_bundle, tmp_path / "bundle", model_onnx=model.SerializeToString())
    assert failed(bundle) == {"model.onnx"}


FOUND_BY = {
    "input": {"manifest.json", "all of them"},
    "spikes": {"manifest.json", "encoder.nir", "encoder.onnx", "encoder.loihi.npz", "model.onnx"},
    "encoder": {"manifest.json", "encoder.nir", "encoder.onnx"},
    "angles": {"manifest.json", "head.json", "head.qasm"},
    "head": {"head.json", "head.qasm", "readout.onnx", "model.onnx"},
    "readout": {"readout.onnx", "model.onnx"},
    "loihi.encoder": {"encoder.loihi.npz", "all of them"},
    "loihi.angles": {"all of them"},
    "loihi.head": {"all of them"},
    "loihi.readout": {"all of them"},
}
"""The files that give something else than a changed golden array says. The labels are not the network's to say."""


def test_every_golden_array_but_the_labels_is_judged_by_a_file(tiny_bundle: Bundle) -> None:
    assert tiny_bundle.golden.arrays().keys() - {"labels"} == FOUND_BY.keys()


def test_golden_labels_that_are_no_classes_are_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    labels = tiny_bundle.golden.labels
    assert labels is not None
    golden = with_golden(tiny_bundle, tmp_path, labels=np.full_like(labels, 99))
    with pytest.raises(InputError, match=r"golden\.npz: labels must hold values from 0 to 9, got 99"):
        changed(tiny_bundle, tmp_path / "bundle", golden_npz=golden)


@pytest.mark.parametrize(("name", "files"), FOUND_BY.items())
def test_other_golden_values_are_found(tiny_bundle: Bundle, tmp_path: Path, name: str, files: set[str]) -> None:
    values = tiny_bundle.golden.arrays()[name]
    # Images and spikes must stay in [0, 1].
    other = 1 - values if values.dtype == np.uint8 or name == "input" else values + 0.01
    golden = with_golden(tiny_bundle, tmp_path, **{name.replace(".", "_"): other})
    assert failed(changed(tiny_bundle, tmp_path / "bundle", golden_npz=golden)) == files


def test_a_bundle_of_the_version_before_passes_and_what_is_changed_in_it_is_found(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "data" / "run_0_1"
    opened = open_bundle(old)
    assert opened.manifest.schema_version == 2
    assert failed(opened) == set()
    assert {check.file for check in verify(opened)} == {
        "manifest.json", "encoder.nir", "encoder.onnx", "loihi.npz", "encoder.net", "head.json", "head.qasm",
        "readout.onnx", "model.onnx", "all of them",
    }  # fmt: skip
