"""What an import costs: a simulator that a run does not use is not imported."""

import subprocess
import sys

import pytest

BUILD = (
    "from spiq.pipeline.config.schema import Config\nfrom spiq.pipeline.models.sqdr_cnn import SQDRCNN\n"
    "config = Config.model_validate({{'name': 'a', 'data': {{'source': 'digits'}}, "
    "'encoder': {{'channels': [2]}}, 'circuit': {{'qubits': 1, 'simulator': '{simulator}'}}}})\n"
    "SQDRCNN(config, (1, 4, 4), 2)\n"
)


@pytest.mark.parametrize(
    ("program", "imported"),
    [
        ("import spiq.pipeline.models.sqdr_cnn\n", False),
        (BUILD.format(simulator="lightcone"), False),
        (BUILD.format(simulator="pennylane"), True),
    ],
    ids=["import", "lightcone", "pennylane"],
)
def test_pennylane_is_imported_by_its_own_simulator_only(program: str, imported: bool) -> None:
    asked = program + "import sys\nprint('pennylane' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(imported)
