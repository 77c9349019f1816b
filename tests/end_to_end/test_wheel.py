"""The wheel holds every module, and they import from it alone."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"pipeline": "spiq.pipeline", "export": "spiq.export", "hardware": "spiq.hardware"}


def modules() -> list[str]:
    """Every module of the source tree."""
    found = []
    for folder, package in FOLDERS.items():
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found.append(".".join((package, *(part for part in parts if part != "__init__"))))
    return sorted(set(found))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # A copy, so that building leaves nothing in the source tree.
    source = tmp_path_factory.mktemp("source")
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_only_spiq(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"spiq"}


def test_every_module_imports_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    # Without -I the editable install's finder would answer for a module that the wheel lacks.
    program = (
        "import sys, importlib\n"
        "sys.meta_path = [finder for finder in sys.meta_path if '__editable__' not in str(finder)]\n"
        f"sys.path[:0] = [{str(target)!r}]\n"
        f"for name in {modules()!r}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(target)!r}), module.__file__\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_template_of_the_report_is_in_the_wheel(wheel: Path) -> None:
    assert "spiq/pipeline/report/page.html.jinja" in zipfile.ZipFile(wheel).namelist()


def test_the_lists_of_lavas_packages_are_in_the_wheel(wheel: Path) -> None:
    lists = {f"spiq/hardware/lava/environment/requirements-{name}.txt" for name in ("lava", "netx")}
    assert lists <= set(zipfile.ZipFile(wheel).namelist())


def test_the_scripts_folder_has_the_command() -> None:
    assert (Path(sysconfig.get_path("scripts")) / "spiq").exists()
