"""A bundle is whole and unchanged, or it is refused."""

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

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle, write_bundle
from spiq.export.bundle.golden import save_golden
from spiq.export.bundle.manifest import CALIBRATION, MANIFEST
from spiq.export.errors import InputError
from spiq.export.files.arrays import write_npz
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.stages.readout import readout_onnx
from spiq.hardware.registry import spiking_devices

FILES = (
    "encoder.nir",
    "encoder.onnx",
    "encoder.loihi.npz",
    "encoder.net",
    "head.json",
    "head.qasm",
    "readout.onnx",
    "model.onnx",
    "golden.npz",
    "calibration.npz",
)


def test_the_tiny_network_fires_so_that_comparisons_with_it_mean_something(tiny_bundle: Bundle) -> None:
    golden = tiny_bundle.golden
    assert golden.loihi is not None
    assert golden.labels is not None
    for encoded in (golden.trace["encoder"], golden.loihi["encoder"]):
        assert 0.05 < encoded.mean() < 0.95
        assert len(np.unique(encoded.sum(0), axis=0)) == len(golden.labels)


def test_what_is_written_is_read_again(tiny_bundle: Bundle) -> None:
    again = open_bundle(tiny_bundle.path)
    assert again.manifest == tiny_bundle.manifest
    assert again.network.quantum == tiny_bundle.network.quantum
    assert repr(again) == repr(tiny_bundle)
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


def stage(name: str, **changes: object) -> dict[str, object]:
    """What the manifest says otherwise of one stage."""
    return {name: changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "schema_version must be 2 or 3 for this version of spiq, got 99"),
        ({"schema_version": "1"}, "schema_version must be 2 or 3 for this version of spiq, got '1'"),
        (
            {"input": {"kind": "values", "shape": [1, 9, 8]}},
            r"stage 'encoder': must read spikes .* a step, got \[1, 9, 8\]",
        ),
        ({"input": {"kind": "values", "shape": []}}, "input.shape"),
        ({"output": "nonesuch"}, "output must be a stage, got 'nonesuch'"),
        ({"output": "head"}, "stage 'readout': does not lead to the output 'head'"),
        (stage("spikes", coding={"kind": "phase", "steps": 5, "seed": 0}), "golden.npz: spikes must have the shape"),
        (stage("spikes", coding={"kind": "morse", "steps": 8, "seed": 0}), "kind must be one of"),
        (stage("encoder", dt=0.0), "dt"),
        (stage("encoder", kind="spinning"), "stages.encoder"),
        (stage("angles", scale="3"), "scale"),
        (stage("angles", windows=3), "windows of equal length"),
        (stage("angles", reads=["head"]), "is a cycle"),
        (stage("head", reads=["encoder"]), "stage 'head': must read values, got spikes"),
        (stage("readout", reads=["head", "angles"]), "stage 'readout': must read 1 of what others give, got 2"),
        ({"files": {"encoder.nir": "0"}}, "files must list"),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_manifest_that_does_not_fit_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, changes: dict, message: str
) -> None:
    if changes.keys() & tiny_bundle.manifest.stages.keys():
        stages = tiny_bundle.manifest.model_dump(exclude_none=True)["stages"]
        changes = {"stages": {name: entry | changes.get(name, {}) for name, entry in stages.items()}}
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
    with pytest.raises(InputError, match="must be a folder that `spiq export` or `spiq run` wrote, got no such folder"):
        open_bundle(tmp_path / "none")
    with pytest.raises(InputError, match=r"must be a bundle, got a folder without manifest\.json"):
        open_bundle(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps([1, 2]))
    with pytest.raises(InputError, match="schema_version must be 2 or 3 for this version of spiq, got None"):
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
    with pytest.raises(
        InputError, match=rf"copy: must hold only manifest\.json and the files that it lists, got {name}"
    ):
        open_bundle(copy)


def test_a_file_that_the_manifest_says_was_left_out_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    files = {name: digest for name, digest in tiny_bundle.manifest.files.items() if name != "encoder.net"}
    rewritten(tiny_bundle, tmp_path / "copy", files=files, left_out={"encoder.net": "it branches"})
    with pytest.raises(InputError, match=r"copy: must hold only .*, got encoder\.net"):
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
        spiking_devices("netx", written)
    with pytest.raises(InputError, match=r"left_out must hold only encoder\.onnx, .*, got head\.qasm"):
        write_bundle(
            tmp_path / "other", tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder) | {"head.qasm": "no"}
        )


def test_an_existing_bundle_stays_unless_it_may_be_replaced(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    write_bundle(path, tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    with pytest.raises(InputError, match="exists already"):
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
    wrong = tiny_bundle.manifest.model_copy(update={"output": "nonesuch"})
    with pytest.raises(InputError, match=r"bundle/manifest\.json: output must be a stage, got 'nonesuch'"):
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


def with_golden(bundle: Bundle, folder: Path, arrays: dict[str, np.ndarray]) -> Bundle:
    """The bundle with other golden arrays."""
    write_npz(folder / "golden.npz", arrays)
    return with_content(bundle, folder / "bundle", "golden.npz", (folder / "golden.npz").read_bytes())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("input", lambda images: images.astype(np.float16), "input must be float32 or float64, got float16"),
        ("input", lambda images: images * 255, r"input must hold values from 0 to 1, got \d+\.\d*"),
        ("input", lambda images: images[:0], "must hold at least one sample, got none"),
        ("input", lambda images: images.sum(), "must hold at least one sample, got none"),
        ("labels", lambda labels: labels.astype(float), "labels must be int64, got float64"),
        ("labels", lambda labels: labels - 10, r"labels must hold values from 0 to 9, got -\d+"),
        ("labels", lambda labels: labels + 10, r"labels must hold values from 0 to 9, got 1\d"),
        ("spikes", lambda spikes: spikes.astype(bool), "spikes must be uint8, got bool"),
        ("encoder", lambda encoded: encoded.astype(np.float32), "encoder must be uint8, got float32"),
        ("loihi.encoder", lambda encoded: encoded + 2, "loihi.encoder must hold values from 0 to 1, got [23]"),
        ("loihi.angles", lambda angles: angles[:, :6], r"loihi.angles must have the shape \[3, 9\], got \[3, 6\]"),
        ("head", lambda values: values.astype("S4"), r"head must be float32 or float64, got \|S4"),
        ("readout", lambda logits: logits * np.nan, "readout must hold finite numbers, got nan"),
        ("loihi.readout", lambda logits: logits - np.inf, "loihi.readout must hold finite numbers, got -inf"),
    ],
)
def test_golden_arrays_that_can_be_no_such_thing_are_refused(
    tiny_bundle: Bundle, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    arrays = tiny_bundle.golden.arrays()
    with pytest.raises(InputError, match=rf"bundle/golden\.npz: {message}"):
        with_golden(tiny_bundle, tmp_path, arrays | {name: np.asarray(change(arrays[name]))})


def test_every_golden_array_is_looked_at(tiny_bundle: Bundle, tmp_path: Path) -> None:
    arrays = tiny_bundle.golden.arrays()
    assert len(arrays) == 11
    for name, values in arrays.items():
        with pytest.raises(InputError, match=rf"golden\.npz: {name} must be .*, got complex128"):
            with_golden(tiny_bundle, tmp_path, arrays | {name: values.astype(complex)})


@pytest.mark.parametrize("name", ["input", "encoder", "loihi.head"])
def test_a_golden_array_that_is_missing_or_unknown_is_refused(tiny_bundle: Bundle, tmp_path: Path, name: str) -> None:
    arrays = tiny_bundle.golden.arrays()
    for changed in (
        {key: values for key, values in arrays.items() if key != name},
        arrays | {f"{name}s": arrays[name]},
    ):
        with pytest.raises(InputError, match=rf"golden\.npz: missing or unknown arrays: {name}"):
            with_golden(tiny_bundle, tmp_path, changed)


def test_golden_samples_need_no_labels(tiny_bundle: Bundle, tmp_path: Path) -> None:
    arrays = {name: values for name, values in tiny_bundle.golden.arrays().items() if name != "labels"}
    assert with_golden(tiny_bundle, tmp_path, arrays).golden.labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"head": np.zeros((64, 8))}, r"head must have the shape \[sample, 9\], got \[64, 8\]"),
        ({"head": np.zeros((0, 9))}, r"head must have the shape \[sample, 9\], got \[0, 9\]"),
        ({"head": np.full((4, 9), np.nan)}, "head must hold finite numbers, got nan"),
        ({"other": np.zeros((64, 9))}, "missing or unknown arrays: head, other"),
    ],
)
def test_calibration_that_can_be_no_such_thing_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, arrays: dict, message: str
) -> None:
    write_npz(tmp_path / CALIBRATION, arrays)
    with pytest.raises(InputError, match=rf"bundle/calibration\.npz: {message}"):
        with_content(tiny_bundle, tmp_path / "bundle", CALIBRATION, (tmp_path / CALIBRATION).read_bytes())


def test_a_readout_of_another_circuit_or_other_classes_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for classes, qubits, message in (
        (10, 7, r"manifest\.json: stage 'readout': its input 'expectations' must be \[sample, 7\], got \[3\]"),
        (4, 3, r"golden\.npz: labels must hold values from 0 to 3, got \d"),
    ):
        readout = onnx_bytes(readout_onnx(np.zeros((classes, qubits)), np.zeros(classes), False))
        with pytest.raises(InputError, match=rf"bundle/{message}"):
            with_content(tiny_bundle, tmp_path / "bundle", "readout.onnx", readout)


@pytest.mark.parametrize("name", ["encoder.onnx", "model.onnx"])
def test_an_onnx_model_in_another_ones_place_is_refused(tiny_bundle: Bundle, tmp_path: Path, name: str) -> None:
    for other in {"encoder.onnx", "readout.onnx", "model.onnx"} - {name}:
        with pytest.raises(InputError, match=rf"bundle/{name}: must (read|give) '(spikes|counts|head)' .*, got"):
            with_content(tiny_bundle, tmp_path / "bundle", name, tiny_bundle.content[other])


def test_a_classical_stage_reads_numbers(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bundle/readout\.onnx: 'spikes' must be a float or double .*, got uint8"):
        with_content(tiny_bundle, tmp_path / "bundle", "readout.onnx", tiny_bundle.content["encoder.onnx"])


@pytest.mark.parametrize("name", ["encoder.onnx", "readout.onnx", "model.onnx"])
def test_what_is_no_onnx_model_is_refused(tiny_bundle: Bundle, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"bundle/{name}: "):
        with_content(tiny_bundle, tmp_path / "bundle", name, b"no model")


def test_a_whole_model_that_keeps_its_expectations_to_itself_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_bundle.content["model.onnx"])
    (head,) = (value for value in model.graph.output if value.name == "head")
    model.graph.output.remove(head)
    with pytest.raises(InputError, match=r"model\.onnx: must give 'head' double \[sample, 3\], .*, got 'readout'"):
        with_content(tiny_bundle, tmp_path / "bundle", "model.onnx", onnx_bytes(model))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("encoder.nir", "not readable as HDF5; it is not an HDF5 file"),
        ("head.json", "not readable as JSON"),
        ("head.qasm", "not text in UTF-8: invalid start byte at byte 0"),
        ("golden.npz", "not readable as an .npz archive of golden samples: this is no readable .npz archive"),
    ],
)
def test_content_that_was_sealed_but_is_not_what_its_name_says_is_refused(
    tiny_bundle: Bundle, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"bundle/{name}: {message}"):
        with_content(tiny_bundle, tmp_path / "bundle", name, b"\xff\xfe")


def test_a_written_bundle_names_no_folder_that_is_gone(tiny_bundle: Bundle, tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "bundle", tiny_bundle.manifest, lambda folder: copied(tiny_bundle, folder))
    assert written.network.spiking["encoder"].graph.name == str(tmp_path / "bundle" / "encoder.nir")


def test_the_same_golden_samples_give_the_same_bytes(tiny_bundle: Bundle, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_golden(tmp_path / name, tiny_bundle.golden)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes() == tiny_bundle.content["golden.npz"]


def test_golden_arrays_are_never_pickled(tiny_bundle: Bundle, tmp_path: Path) -> None:
    arrays = tiny_bundle.golden.arrays() | {"labels": np.array([{}], dtype=object)}

    def fill(folder: Path) -> dict[str, str]:
        copied(tiny_bundle, folder)
        np.savez(folder / "golden.npz", **arrays)
        return {}

    with pytest.raises(InputError, match=r"golden\.npz: the key labels: "):
        write_bundle(tmp_path / "copy", tiny_bundle.manifest, fill)
