"""The report as one HTML page that needs nothing else: no script, and no font, image or style sheet of its own."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from ..validation.report import Report
from .charts.plot import printable
from .section import Filled, Section
from .sections import costs, ladder, lost, machine, quantum, reading, spiking, training, verdict

HEAD = verdict.SECTION

SECTIONS: tuple[Section, ...] = (
    ladder.SECTION,
    lost.SECTION,
    spiking.SECTION,
    quantum.SECTION,
    costs.SECTION,
    training.SECTION,
    reading.SECTION,
    machine.SECTION,
)
"""The page from top to bottom, below its head."""

PAGE = "page.html.jinja"
STYLE = "style.css"

EMBEDDED_HEIGHT = 700
"""Pixels of the frame in a notebook."""


def render(report: Report) -> str:
    """The page. The same report gives the same page, and no text of the report becomes markup."""
    filled = environment()
    sections = [(section, section.content(report)) for section in SECTIONS]
    return page(
        filled,
        f"{report.name} – spiq report",
        _filled(filled, HEAD, HEAD.content(report) or {}),
        [
            Filled(section.key, section.title, _filled(filled, section, content))
            for section, content in sections
            if content is not None
        ],
    )


def page(filled: Environment, title: str, header: Markup, sections: Sequence[Filled]) -> str:
    """A page of this style: its head, then its sections."""
    return filled.get_template(PAGE).render(
        title=printable(title), style=Markup(_file(STYLE)), header=header, sections=sections
    )


def embedded(report: Report) -> str:
    """The page within another one, such as a notebook's: in a frame, so that neither's style touches the other's."""
    height = EMBEDDED_HEIGHT
    return f'<iframe srcdoc="{escape(render(report))}" style="width: 100%; height: {height}px; border: 0"></iframe>'


def environment() -> Environment:
    """Where templates are filled: no value becomes markup, and what XML forbids is replaced."""
    made = Environment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["capitalized"] = lambda text: text[:1].upper() + text[1:]
    return made


def _filled(environment: Environment, section: Section, content: dict[str, Any]) -> Markup:
    return Markup(environment.get_template(f"sections/templates/{section.key}.html.jinja").render(content).rstrip())


def _file(name: str) -> str:
    return files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")


def _finalize(value: object) -> object:
    return printable(value) if type(value) is str else value
