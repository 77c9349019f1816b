"""What the doctor finds, on a machine made up for it."""

import importlib.metadata
from pathlib import Path

import pytest

from spiq.pipeline.commands.machine.health import Finding, health
from spiq.pipeline.config.data_folder import DATA_VARIABLE


def found(monkeypatch: pytest.MonkeyPatch, requirement: str, installed: str | None) -> dict[str, Finding]:
    """The findings by name where spiq needs this alone, and the package is installed in this version or not at all."""

    def version(name: str) -> str:
        if installed is None:
            raise importlib.metadata.PackageNotFoundError
        return installed

    monkeypatch.setattr(importlib.metadata, "requires", lambda name: [requirement])
    monkeypatch.setattr(importlib.metadata, "version", version)
    return {item.name: item for item in health()}


@pytest.mark.parametrize(
    ("requirement", "installed", "fine"),
    [
        ("torch>=2.4", "2.4", True),
        ("torch>=2.4", "2.13.0+cpu", True),
        ("torch>=2.4", "2.5.0rc1", True),
        ("torch>=2.4", "2.3.1", False),
        ("torch>=2.4", "2.4rc1", False),
        ("torch<3,>=2.4", "3.0", False),
        ("torch>=2.4", "of Tuesday", False),
        ("torch[all]>=2.4", None, False),
        ('torch>=2.4; python_version >= "3"', "2.0", False),
        ("torch", "0.1", True),
    ],
)
def test_a_package_is_fine_in_the_versions_that_spiq_allows(
    monkeypatch: pytest.MonkeyPatch, requirement: str, installed: str | None, fine: bool
) -> None:
    finding = found(monkeypatch, requirement, installed)["torch"]
    assert finding.found == (installed or "not installed")
    assert finding.fine == fine
    assert not finding.optional
    assert finding.advice == f"pip install '{requirement.partition(';')[0]}'"


@pytest.mark.parametrize("marker", ['extra == "bench"', 'python_version < "3"', 'extra == "a" and os_name == "posix"'])
def test_a_package_that_is_not_needed_here_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, marker: str) -> None:
    assert "matplotlib" not in found(monkeypatch, f"matplotlib>=3.9; {marker}", None)


def test_a_package_in_a_wrong_version_ends_the_doctor_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from spiq.pipeline.commands.main import app

    for installed, status in (("2.4", 0), ("2.3", 1)):
        found(monkeypatch, "torch>=2.4", installed)
        done = CliRunner().invoke(app, ["doctor"])
        assert done.exit_code == status
        assert ("pip install 'torch>=2.4'" in done.stdout) == (status == 1)


def test_the_data_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, fine, optional in (
        (str(tmp_path), True, False),
        (str(tmp_path / "none"), False, False),
        ("", False, True),
    ):
        monkeypatch.setenv(DATA_VARIABLE, value)
        (finding,) = [item for item in health() if item.name == "SPIQ_DATA"]
        assert (finding.found, finding.fine, finding.optional) == (value or "not set", fine, optional)
