"""`import spiq`: the names of the package itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spiq

ROOT = Path(__file__).parents[2]
FACE = ROOT / "src" / "spiq" / "__init__.py"


def test_every_name_is_there() -> None:
    for name in spiq.__all__:
        assert getattr(spiq, name) is not None
        assert name in dir(spiq)
    with pytest.raises(AttributeError, match="'nonesuch'"):
        spiq.nonesuch  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_no_name_is_that_of_a_sub_package() -> None:
    """`spiq.export` would be the function once and the sub-package from its first import on."""
    packages = {path.name for path in FACE.parent.iterdir() if path.is_dir()}
    assert packages >= {"export", "hardware", "pipeline"}
    assert not packages & set(spiq.__all__)


def test_what_a_type_checker_sees_is_what_is_imported() -> None:
    tree = ast.parse(FACE.read_text())
    checked = {
        (alias.name, f".{node.module}")
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert checked == set(spiq._HOMES.items())


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, spiq; print([name for name in ('numpy', 'torch', 'onnx', 'pennylane') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("where", ["clone", "parent", "elsewhere"])
def test_a_folder_called_spiq_does_not_shadow_it(where: str, tmp_path: Path) -> None:
    """A clone that is called spiq, seen from within, from beside it and from elsewhere."""
    clone = tmp_path / "spiq"
    (clone / "pipeline").mkdir(parents=True)
    folder = {"clone": clone, "parent": tmp_path, "elsewhere": tmp_path / "spiq" / "pipeline"}[where]
    code = "import spiq, spiq.export.errors; print(spiq.__version__, spiq.InputError.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.stdout.split() == [spiq.__version__, "InputError"], done.stderr


def test_verifying_takes_a_bundle_and_the_path_of_one(tiny_bundle: spiq.Bundle) -> None:
    found = spiq.verify(str(tiny_bundle.path))
    assert found == spiq.verify(tiny_bundle)
    assert len(found) > 5
    assert all(check.passed for check in found)


@pytest.mark.parametrize(
    ("given", "told"), [(7, "bundle must be a Bundle or the path of one, got a int"), ("nowhere", "got no such folder")]
)
def test_what_is_no_bundle_is_refused(given: object, told: str) -> None:
    for call in (spiq.verify, lambda one: spiq.cosim(one, []), lambda one: spiq.validate(one, [], [])):
        with pytest.raises(spiq.InputError, match=told):
            call(given)
