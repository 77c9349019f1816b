"""Verification finds a file whose content is whole but gives something else than the golden samples say."""

import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from spiq.export.bundle.folder import Bundle, Golden, LeftOut, open_bundle, save_golden, write_bundle
from spiq.export.circuit.qasm import to_openqasm3
from spiq.export.circuit.reupload import ReuploadCircuit
from spiq.export.errors import InputError
from spiq.hardware.verification import verify


def failed(bundle: Bundle) -> set[str]:
    return {check.file for check in verify(bundle) if not check.passed}


def changed(bundle: Bundle, path: Path, **content: bytes) -> Bundle:
    """The bundle with other content in some files, sealed again."""

    def fill(folder: Path) -> LeftOut:
        for name, stored in bundle.content.items():
            (folder / name).write_bytes(content.get(name.replace(".", "_"), stored))
        return bundle.manifest.left_out

    return write_bundle(path, bundle.manifest, fill)


def other_circuit(bundle: Bundle) -> ReuploadCircuit:
    return replace(bundle.circuit, weights=bundle.circuit.weights + 0.01)


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
    manifest = tiny_bundle.manifest.model_copy(update={"angle_scale": 0.5})
    other = changed(replace(tiny_bundle, manifest=manifest), tmp_path / "bundle")
    assert failed(other) == {"manifest.json", "all of them"}


def test_another_circuit_is_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    other = other_circuit(tiny_bundle)
    bundle = changed(tiny_bundle, tmp_path / "json", head_json=other.to_json().encode())
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
        golden = tiny_bundle.golden
        logits, loihi_logits = ((values + 400) * (1 + part) for values in (golden.logits, golden.loihi_logits))
        save_golden(tmp_path / "golden.npz", replace(golden, logits=logits, loihi_logits=loihi_logits))
        content["golden_npz"] = (tmp_path / "golden.npz").read_bytes()
        return failed(changed(tiny_bundle, tmp_path / f"bundle{part}", **content))

    # 5e-6 of 400 is 2e-3, a rounding or two of float32 at 400 is 6e-5.
    assert found(5e-6) == set()
    assert found(2e-5) == {"readout.onnx", "model.onnx", "all of them"}


def test_another_model_is_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_bundle.content["model.onnx"])
    (bias,) = (constant for constant in model.graph.initializer if constant.name == "readout/bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias)[::-1] + np.float32(0.01), bias.name))
    bundle = changed(tiny_bundle, tmp_path / "bundle", model_onnx=model.SerializeToString())
    assert failed(bundle) == {"model.onnx"}


FOUND_BY = {
    "images": {"manifest.json", "all of them"},
    "spikes": {"manifest.json", "encoder.nir", "encoder.onnx", "loihi.npz", "model.onnx"},
    "encoded": {"manifest.json", "encoder.nir", "encoder.onnx"},
    "angles": {"manifest.json", "head.json", "head.qasm"},
    "expectations": {"head.json", "head.qasm", "readout.onnx"},
    "logits": {"readout.onnx", "model.onnx"},
    "loihi_encoded": {"loihi.npz"},
    "loihi_angles": {"all of them"},
    "loihi_expectations": {"all of them"},
    "loihi_logits": {"all of them"},
}
"""The files that give something else than a changed golden array says. The labels are not the network's to say."""


def test_every_golden_array_but_the_labels_is_judged_by_a_file() -> None:
    assert {field.name for field in fields(Golden)} - {"labels"} == FOUND_BY.keys()


def test_golden_labels_that_are_no_classes_are_found(tiny_bundle: Bundle, tmp_path: Path) -> None:
    save_golden(
        tmp_path / "golden.npz", replace(tiny_bundle.golden, labels=np.full_like(tiny_bundle.golden.labels, 99))
    )
    with pytest.raises(InputError, match=r"golden\.npz: labels holds 99; allowed are 0 to 9"):
        changed(tiny_bundle, tmp_path / "bundle", golden_npz=(tmp_path / "golden.npz").read_bytes())


@pytest.mark.parametrize(("field", "files"), FOUND_BY.items())
def test_other_golden_values_are_found(tiny_bundle: Bundle, tmp_path: Path, field: str, files: set[str]) -> None:
    values = getattr(tiny_bundle.golden, field)
    # Images and spikes must stay in [0, 1].
    other = 1 - values if values.dtype == np.uint8 or field == "images" else values + 0.01
    save_golden(tmp_path / "golden.npz", replace(tiny_bundle.golden, **{field: other}))
    bundle = changed(tiny_bundle, tmp_path / "bundle", golden_npz=(tmp_path / "golden.npz").read_bytes())
    assert failed(bundle) == files
