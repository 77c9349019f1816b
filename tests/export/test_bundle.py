"""A bundle is whole and unchanged, or it is refused."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spiq.export.bundle.folder import FILES, MANIFEST, Bundle, Golden, open_bundle, save_golden, write_bundle
from spiq.export.errors import InputError
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.readout import readout_onnx
from spiq.hardware.catalogue import spiking_device


def test_the_tiny_network_fires_so_that_comparisons_with_it_mean_something(tiny_bundle: Bundle) -> None:
    for encoded in (tiny_bundle.golden.encoded, tiny_bundle.golden.loihi_encoded):
        assert 0.05 < encoded.mean() < 0.95
        assert len(np.unique(encoded.sum(0), axis=0)) == len(tiny_bundle.golden.labels)


def test_what_is_written_is_read_again(tiny_bundle: Bundle) -> None:
    again = open_bundle(tiny_bundle.path)
    assert again.manifest == tiny_bundle.manifest
    assert again.circuit == tiny_bundle.circuit
    assert set(os.listdir(tiny_bundle.path)) == {*FILES, MANIFEST}


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_refused(tiny_bundle: Bundle, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from((MANIFEST, *FILES)))
    content = bytearray((tiny_bundle.path / name).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle.path, copy, dirs_exist_ok=True)
    (copy / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        open_bundle(copy)


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_file_that_is_missing_empty_or_cut_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, name: str, damage: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle.path, copy)
    content = (copy / name).read_bytes()
    if damage == "missing":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        open_bundle(copy)


def rewritten(bundle: Bundle, copy: Path, **changes: object) -> None:
    """The bundle with a manifest that says something else, and is sealed again."""
    shutil.copytree(bundle.path, copy)
    manifest = bundle.manifest.model_copy(update=changes)
    manifest = manifest.model_copy(update={"digest": manifest.content_digest()})
    (copy / MANIFEST).write_text(manifest.text())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "schema_version is 99"),
        ({"schema_version": "1"}, "schema_version is '1'"),
        ({"qubits": 5}, "qubits, but the manifest says 5"),
        ({"classes": 7}, "golden.npz: logits has the shape"),
        ({"image_shape": [1, 9, 8]}, "encoder.nir: reads"),
        ({"coding": {"kind": "phase", "steps": 5, "seed": 0}}, "golden.npz: spikes has the shape"),
        ({"coding": {"kind": "morse", "steps": 8, "seed": 0}}, "kind must be one of"),
        ({"dt": 0.0}, "dt"),
        ({"angle_scale": "3"}, "angle_scale"),
        ({"files": {"encoder.nir": "0"}}, "files must list"),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_manifest_that_does_not_fit_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, changes: dict, message: str
) -> None:
    rewritten(tiny_bundle, tmp_path / "copy", **changes)
    with pytest.raises(InputError, match=message):
        open_bundle(tmp_path / "copy")


def test_a_key_that_this_version_does_not_know_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    rewritten(tiny_bundle, tmp_path / "copy")
    path = tmp_path / "copy" / MANIFEST
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"colour": 1}, indent=2, sort_keys=True) + "\n")
    with pytest.raises(InputError, match=r"manifest\.json: colour: Extra inputs are not permitted"):
        open_bundle(tmp_path / "copy")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such bundle"):
        open_bundle(tmp_path / "none")
    with pytest.raises(InputError, match="not a bundle"):
        open_bundle(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps([1, 2]))
    with pytest.raises(InputError, match="schema_version is None"):
        open_bundle(tmp_path)


def test_a_manifest_with_other_line_ends_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    rewritten(tiny_bundle, tmp_path / "copy")
    path = tmp_path / "copy" / MANIFEST
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(InputError, match=r"manifest\.json: its digest is not that of its content"):
        open_bundle(tmp_path / "copy")


@pytest.mark.parametrize("name", ["extra.bin", ".DS_Store", "encoder.nir~"])
def test_a_folder_with_a_file_that_is_not_the_bundles_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle.path, copy)
    (copy / name).write_bytes(b"")
    with pytest.raises(InputError, match=rf"copy: holds {name}; only manifest\.json and the files that it lists"):
        open_bundle(copy)


def test_a_file_that_the_manifest_says_was_left_out_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    files = {name: digest for name, digest in tiny_bundle.manifest.files.items() if name != "encoder.net"}
    rewritten(tiny_bundle, tmp_path / "copy", files=files, left_out={"encoder.net": "it branches"})
    with pytest.raises(InputError, match=r"copy: holds encoder\.net; only"):
        open_bundle(tmp_path / "copy")


def copied(bundle: Bundle, folder: Path) -> dict[str, str]:
    for name in FILES:
        (folder / name).write_bytes(bundle.content[name])
    return {}


def test_a_file_that_a_network_has_no_form_for_is_left_out_with_the_reason(tiny_bundle: Bundle, tmp_path: Path) -> None:
    def without_netx(folder: Path) -> dict[str, str]:
        copied(tiny_bundle, folder)
        (folder / "encoder.net").unlink()
        return {"encoder.net": "it branches"}

    path = tmp_path / "bundle"
    written = write_bundle(path, tiny_bundle.manifest, without_netx)
    assert written.manifest.left_out == {"encoder.net": "it branches"}
    assert "encoder.net" not in open_bundle(path).content
    with pytest.raises(InputError, match=r"bundle: has no encoder\.net: it branches"):
        spiking_device("netx", written)
    with pytest.raises(InputError, match=r"left_out holds head\.qasm; encoder\.net is allowed"):
        write_bundle(
            tmp_path / "other", tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder) | {"head.qasm": "no"}
        )


def test_an_existing_bundle_stays_unless_it_may_be_replaced(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    with pytest.raises(InputError, match="exists already; --force"):
        write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    renamed = tiny_bundle.manifest.model_copy(update={"name": "other"})
    written = write_bundle(path, renamed, lambda folder: copied(tiny_bundle, folder), may_replace=True)
    assert (written.manifest.name, written.path) == ("other", path)
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_folder_that_is_no_bundle_is_not_replaced(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "thesis"
    path.mkdir()
    (path / "chapter.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not a bundle, so it is not replaced"):
        write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder), may_replace=True)
    assert (path / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("there_before", [False, True])
def test_a_failure_on_the_way_leaves_the_old_bundle_or_none(
    tiny_bundle: Bundle, tmp_path: Path, there_before: bool
) -> None:
    path = tmp_path / "bundle"
    if there_before:
        write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))

    def fail(folder: Path) -> None:
        (folder / "encoder.nir").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        write_bundle(path, tiny_bundle.manifest, fail, may_replace=True)
    assert os.listdir(tmp_path) == (["bundle"] if there_before else [])
    if there_before:
        open_bundle(path)


def test_a_bundle_that_its_own_check_refuses_replaces_nothing(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    wrong = tiny_bundle.manifest.model_copy(update={"classes": 7})
    with pytest.raises(InputError, match=r"bundle/golden\.npz: logits has the shape"):
        write_bundle(path, wrong, lambda folder: copied(tiny_bundle, folder), may_replace=True)
    assert open_bundle(path).manifest == tiny_bundle.manifest
    assert os.listdir(tmp_path) == ["bundle"]


def with_content(bundle: Bundle, path: Path, name: str, content: bytes) -> Bundle:
    """The bundle with other content in one file, sealed again."""

    def fill(folder: Path) -> dict[str, str]:
        copied(bundle, folder)
        (folder / name).write_bytes(content)
        return {}

    return write_bundle(path, bundle.manifest, fill)


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("images", lambda images: images.astype(np.float16), "images is float16; float32 or float64 is needed"),
        ("images", lambda images: images * 255, r"images holds \d+\.\d*; allowed are 0 to 1"),
        ("images", lambda images: images[:0], "holds no samples"),
        ("images", lambda images: images.sum(), "holds no samples"),
        ("labels", lambda labels: labels.astype(float), "labels is float64; int64 is needed"),
        ("labels", lambda labels: labels - 10, r"labels holds -\d+; allowed are 0 to 9"),
        ("labels", lambda labels: labels + 10, r"labels holds 1\d; allowed are 0 to 9"),
        ("spikes", lambda spikes: spikes.astype(bool), "spikes is bool; uint8 is needed"),
        ("encoded", lambda encoded: encoded.astype(np.float32), "encoded is float32; uint8 is needed"),
        ("loihi_encoded", lambda encoded: encoded + 2, "loihi_encoded holds [23]; allowed are 0 to 1"),
        ("loihi_angles", lambda angles: angles[:, :2], r"loihi_angles has the shape \[3, 2, 3\], not \[3, 3, 3\]"),
        ("expectations", lambda values: values.astype("S4"), r"expectations is \|S4; float32 or float64 is needed"),
        ("logits", lambda logits: logits * np.nan, "logits holds nan; allowed are finite numbers"),
        ("loihi_logits", lambda logits: logits - np.inf, "loihi_logits holds -inf; allowed are finite numbers"),
    ],
)
def test_golden_arrays_that_can_be_no_such_thing_are_refused(
    tiny_bundle: Bundle, tmp_path: Path, field: str, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    golden = dataclasses.replace(tiny_bundle.golden, **{field: change(getattr(tiny_bundle.golden, field))})
    save_golden(tmp_path / "golden.npz", golden)
    with pytest.raises(InputError, match=rf"bundle/golden\.npz: {message}"):
        with_content(tiny_bundle, tmp_path / "bundle", "golden.npz", (tmp_path / "golden.npz").read_bytes())


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Golden)])
def test_every_golden_array_is_looked_at(tiny_bundle: Bundle, tmp_path: Path, field: str) -> None:
    golden = dataclasses.replace(tiny_bundle.golden, **{field: getattr(tiny_bundle.golden, field).astype(complex)})
    save_golden(tmp_path / "golden.npz", golden)
    with pytest.raises(InputError, match=rf"golden\.npz: {field} is complex128"):
        with_content(tiny_bundle, tmp_path / "bundle", "golden.npz", (tmp_path / "golden.npz").read_bytes())


def test_a_readout_of_another_circuit_or_other_classes_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for classes, qubits, message in (
        (10, 7, r"reads 'expectations' float \[sample, 7\]; needed is 'expectations' float \[sample, 3\]"),
        (4, 3, r"gives 'logits' float \[sample, 4\]; needed is 'logits' float \[sample, 10\]"),
    ):
        readout = onnx_bytes(readout_onnx(np.zeros((classes, qubits)), np.zeros(classes), False))
        with pytest.raises(InputError, match=rf"bundle/readout\.onnx: {message}"):
            with_content(tiny_bundle, tmp_path / "bundle", "readout.onnx", readout)


@pytest.mark.parametrize("name", ["encoder.onnx", "readout.onnx", "model.onnx"])
def test_an_onnx_model_in_another_ones_place_is_refused(tiny_bundle: Bundle, tmp_path: Path, name: str) -> None:
    for other in {"encoder.onnx", "readout.onnx", "model.onnx"} - {name}:
        with pytest.raises(
            InputError, match=rf"bundle/{name}: (reads|gives) .*; needed is '(spikes|exp|counts|logits)"
        ):
            with_content(tiny_bundle, tmp_path / "bundle", name, tiny_bundle.content[other])
    with pytest.raises(InputError, match=rf"bundle/{name}: "):
        with_content(tiny_bundle, tmp_path / "bundle", name, b"no model")


def test_a_whole_model_that_keeps_its_counts_to_itself_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_bundle.content["model.onnx"])
    (counts,) = (value for value in model.graph.output if value.name == "counts")
    model.graph.output.remove(counts)
    with pytest.raises(InputError, match=r"model\.onnx: gives 'logits' .*; needed is .*'counts' int64 \[sample, 9\]"):
        with_content(tiny_bundle, tmp_path / "bundle", "model.onnx", onnx_bytes(model))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("encoder.nir", "not readable as HDF5; it is not an HDF5 file"),
        ("head.json", "not readable as JSON"),
        ("head.qasm", "not text in UTF-8: invalid start byte at byte 0"),
        ("golden.npz", "this is no readable .npz archive"),
    ],
)
def test_content_that_was_sealed_but_is_not_what_its_name_says_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"bundle/{name}: {message}"):
        with_content(tiny_bundle, tmp_path / "bundle", name, b"\xff\xfe")


def test_a_written_bundle_names_no_folder_that_is_gone(tiny_bundle: Bundle, tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "bundle", tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    assert written.graph.name == str(tmp_path / "bundle" / "encoder.nir")


def test_the_same_golden_samples_give_the_same_bytes(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_golden(tmp_path / name, tiny_bundle.golden)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes() == tiny_bundle.content["golden.npz"]


def test_golden_arrays_are_never_pickled(tiny_bundle: Bundle, tmp_path: Path) -> None:
    objects = dataclasses.replace(tiny_bundle.golden, labels=np.array([{}], dtype=object))
    arrays = {field.name: getattr(objects, field.name) for field in dataclasses.fields(objects)}
    copy = tmp_path / "copy"

    def fill(folder: Path) -> dict[str, str]:
        copied(tiny_bundle, folder)
        np.savez(folder / "golden.npz", **arrays)
        return {}

    with pytest.raises(InputError, match=r"golden\.npz: labels cannot be read"):
        write_bundle(copy, tiny_bundle.manifest, fill)
