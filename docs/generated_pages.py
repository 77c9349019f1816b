"""The site's pages that have their home elsewhere: README.md, CHANGELOG.md, CONTRIBUTING.md and the notebooks.

MkDocs runs this while it builds (`mkdocs.yml`). A link of the README to `docs/x.md` becomes one to `x.md`; a link to a
file that has no page, such as an example, becomes the file's name.
"""

import json
import re
from pathlib import Path

import mkdocs_gen_files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md"}


def page(text: str) -> str:
    """The text of a file at the root, as a page at the site's top."""

    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        name, anchor, rest = target.partition("#")
        if "://" in target or not name:
            return found[0]
        if name in PAGES:
            return f"[{words}]({PAGES[name]}{anchor}{rest})"
        if name.startswith("docs/"):
            return f"[{words}]({name.removeprefix('docs/')}{anchor}{rest})"
        if name.endswith(".ipynb"):
            return f"[{words}](notebooks/{Path(name).stem}.md)"
        return words

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", link, text)


def cells(notebook: Path) -> str:
    """A notebook's cells, without outputs: text as text, code as code."""
    written = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        written.append(f"```python\n{text}\n```" if cell["cell_type"] == "code" else text)
    return "\n\n".join(written) + "\n"


for source, target in PAGES.items():
    with mkdocs_gen_files.open(target, "w") as file:
        file.write(page((ROOT / source).read_text(encoding="utf-8")))
for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
    with mkdocs_gen_files.open(f"notebooks/{notebook.name.removesuffix('.ipynb')}.md", "w") as file:
        file.write(cells(notebook))
