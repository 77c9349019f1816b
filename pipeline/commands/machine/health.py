"""What this machine has, without importing it: the answer must come at once."""

import importlib.metadata
import os
import platform
import shutil
import sys
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import InvalidVersion

from ....export.errors import InputError, SpiqError
from ....hardware.lava.environment.setup import COMMANDS, required
from ....hardware.names import OWN_QUANTUM, OWN_SPIKING, quantum_names, spiking_names
from ...config.data_folder import DATA_VARIABLE, data_folder


class Finding(NamedTuple):
    """One thing that was looked for; `advice` says what to do where it is not fine."""

    name: str
    found: str
    fine: bool
    optional: bool = False
    advice: str = ""


def health() -> list[Finding]:
    """Every finding: Python, the packages that spiq needs, cores and memory, GPU, data folder, Lava's environments,
    devices of other packages."""
    return [_python(), *_packages(), _machine(), _gpu(), _data(), *_lava(), *_added_devices()]


def _python() -> Finding:
    fine = sys.version_info >= (3, 11)
    return Finding("Python", platform.python_version(), fine, advice="spiq needs Python 3.11 or newer")


def _packages() -> list[Finding]:
    found = []
    for requirement in map(Requirement, importlib.metadata.requires("spiq") or []):
        # Without an extra's name, what belongs to one is left out.
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        requirement.marker = None
        advice = f"pip install '{requirement}'"
        try:
            version = importlib.metadata.version(requirement.name)
            found.append(Finding(requirement.name, version, _allowed(requirement, version), advice=advice))
        except importlib.metadata.PackageNotFoundError:
            found.append(Finding(requirement.name, "not installed", False, advice=advice))
    return found


def _allowed(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _machine() -> Finding:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Finding("machine", f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}", True)


def _gpu() -> Finding:
    # The driver's tool, since asking PyTorch would import it.
    there = shutil.which("nvidia-smi") is not None
    advice = "no NVIDIA driver; training runs on the CPU"
    return Finding("GPU", "NVIDIA driver" if there else "none", there, optional=True, advice=advice)


def _data() -> Finding:
    folder = data_folder()
    if folder is None:
        advice = "data sets are downloaded when first used"
        return Finding(DATA_VARIABLE, "not set", False, optional=True, advice=advice)
    return Finding(DATA_VARIABLE, str(folder), folder.is_dir(), advice="there is no such folder")


def _lava() -> list[Finding]:
    names = {"lava": "Lava", "netx": "lava-dl netx"}
    found = []
    for name, title in names.items():
        try:
            required(name)
            found.append(Finding(title, "ready", True, optional=True))
        except InputError as error:
            advice = f"{COMMANDS[name]}, to run on it ({error})"
            found.append(Finding(title, "not set up", False, optional=True, advice=advice))
    return found


def _added_devices() -> list[Finding]:
    """The devices that other packages add; only these are imported to be asked."""
    groups = ((spiking_names(), OWN_SPIKING, "spiking"), (quantum_names(), OWN_QUANTUM, "quantum"))
    names = [(name, kind) for there, own, kind in groups for name in there if name not in own]
    if not names:
        return []
    from ....hardware.registry import quantum_entry, spiking_entry

    found = []
    for name, kind in names:
        try:
            missing = (spiking_entry(name) if kind == "spiking" else quantum_entry(name)).missing()
        except SpiqError as error:
            missing = str(error)
        word = "ready" if missing is None else "not ready"
        found.append(Finding(f"{kind} device {name}", word, missing is None, optional=True, advice=missing or ""))
    return found
