"""A section of the page: a heading, and a template with what goes into it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from ..validation.report import Report


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        key: Its name, which is that of its template `sections/templates/KEY.html.jinja` and of its anchor in the page.
        title: Its heading.
        content: What the template is filled with, of a report; None where the report has nothing for the section, which
            is then left out.
    """

    key: str
    title: str
    content: Callable[[Report], dict[str, Any] | None]


class Filled(NamedTuple):
    """A section as it stands in a page: its anchor, its heading and its content."""

    key: str
    title: str
    html: Markup
