"""Imports go pipeline → hardware → export, never back and never in a circle, those within functions too."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
ORDER = ("export", "hardware", "pipeline")
FILES = {file.relative_to(ROOT).with_suffix("").parts: file for room in ORDER for file in (ROOT / room).rglob("*.py")}


def imported(module: tuple[str, ...], file: Path) -> set[tuple[str, ...]]:
    """The files that a file imports. Within the packages all imports are relative ones."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            named = (*module[: len(module) - node.level], *(node.module.split(".") if node.module else ()))
            places = {(*named, alias.name) if (*named, alias.name) in FILES else named for alias in node.names}
            found |= {place if place in FILES else (*place, "__init__") for place in places}
    return (found & FILES.keys()) - {module}


IMPORTS = {module: imported(module, file) for module, file in FILES.items()}


def test_every_import_goes_down_the_rooms() -> None:
    assert sum(map(len, IMPORTS.values())) > len(FILES)
    back = [
        ("/".join(module), "/".join(other))
        for module, others in IMPORTS.items()
        for other in others
        if ORDER.index(other[0]) > ORDER.index(module[0])
    ]
    assert back == []


def test_no_files_import_each_other() -> None:
    TopologicalSorter(IMPORTS).prepare()
