"""A section of the page: a heading, and a template with what goes into it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..validation.report import Report


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        key: Its name, which is that of its template `sections/KEY.html.jinja` and of its anchor in the page.
        title: Its heading.
        content: What the template is filled with, of a report; None where the report has nothing for the section, which
            is then left out.
    """

    key: str
    title: str
    content: Callable[[Report], dict[str, Any] | None]
