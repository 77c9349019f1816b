"""A comparison as one HTML page, in the style of a report's."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ..page import environment, page
from ..section import Filled
from .compared import Comparison
from .tables import notes, tables

HEAD = "head.html.jinja"
TABLE = "table.html.jinja"


def render(found: Comparison) -> str:
    """The page. The same comparison gives the same page, and no text of it becomes markup."""
    made = environment()
    head = {"runs": list(zip(found.runs, found.names, strict=True)), "notes": list(notes(found))}
    keyed = [(f"table-{number}", table) for number, table in enumerate(tables(found), 1)]
    sections = [Filled(key, table.title, _filled(made, TABLE, {"key": key, "table": table})) for key, table in keyed]
    return page(made, f"{len(found.runs)} runs compared – spiq", _filled(made, HEAD, head), sections)


def _filled(made: Environment, name: str, content: dict[str, Any]) -> Markup:
    text = files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
    return Markup(made.from_string(text).render(content).rstrip())
