"""The notebooks of examples/ run from top to bottom, and what they say is so."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def facts(name: str, expression: str, folder: Path) -> dict[str, Any]:
    """A dict that is computed in the kernel once all cells of the notebook of that name have run."""
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(f"import json; print('FACTS', json.dumps({expression}))"))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    texts = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    return json.loads(texts.split("FACTS", 1)[1])


def test_your_own_network_runs_on_loihi_and_in_qiskit(tmp_path: Path) -> None:
    rungs = "{rung.name: [rung.accuracy, rung.spike_mismatches] for rung in validation.report.rungs}"
    found = facts(
        "own_network",
        f"{{'rungs': {rungs}, 'error': error, 'cosim': float((trace.predictions == y_test).mean())}}",
        tmp_path,
    )
    rungs = found["rungs"]
    assert rungs["trained"][0] > 0.6
    assert rungs["nir"] == [rungs["trained"][0], 0]
    assert rungs["lava"][1] in (0, None), "Lava's spikes must be loihi's; None if it is not set up"
    assert abs(found["cosim"] - rungs["loihi"][0]) < 0.1
    assert found["error"] < 1e-12


def test_the_notebook_finds_the_rung_the_layer_and_the_weight(tmp_path: Path) -> None:
    accuracies = "{name: [before[name].accuracy, after[name].accuracy] for name in ('trained', 'nir', 'loihi')}"
    zeroed = "layers[0].zeroed / layers[0].weights"
    expression = f"{{'lossy': lossy, 'zeroed': {zeroed}, 'weight': [row, column], 'all': {accuracies}}}"
    found = facts("where_accuracy_was_lost", expression, tmp_path)
    assert found["lossy"] == ["loihi"]
    assert found["zeroed"] > 0.9
    assert found["weight"] == [0, 0]
    assert found["all"]["nir"] == found["all"]["trained"]
    broken, mended = found["all"]["loihi"]
    assert broken < 0.5
    assert mended > found["all"]["trained"][1] - 0.03
