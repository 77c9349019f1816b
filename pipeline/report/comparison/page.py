"""A comparison as one HTML page, in the style of a report's."""

from importlib.resources import files
from typing import Any

from ..page import environment, style
from .compared import Comparison
from .tables import notes, tables

PAGE = "compare.html.jinja"


def render(found: Comparison) -> str:
    """The page. The same comparison gives the same page, and no text of it becomes markup."""
    content: dict[str, Any] = {
        "title": f"{len(found.runs)} runs compared – spiq",
        "style": style(),
        "runs": list(zip(found.runs, found.names, strict=True)),
        "tables": list(tables(found)),
        "notes": list(notes(found)),
    }
    template = files(__name__.rpartition(".")[0]).joinpath(PAGE).read_text(encoding="utf-8")
    return environment().from_string(template).render(content)
