"""Shows what stands below `Example:` in a docstring as Python code.

griffe takes it for prose; the docstrings keep it plain, as it reads best in an editor and in help().
"""

import re
import textwrap
from typing import Any

import griffe

BLOCK = re.compile(r"^(?P<head>Examples?:)\n(?P<body>(?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)


class ExampleBlocks(griffe.Extension):
    """Fences the examples of every docstring before it is parsed."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = BLOCK.sub(fenced, obj.docstring.value)


def fenced(found: re.Match[str]) -> str:
    body = textwrap.dedent(found["body"]).strip("\n")
    if "```" in body or body.lstrip().startswith(">>>"):
        return found[0]
    return "Example:\n" + textwrap.indent(f"```python\n{body}\n```", "    ") + "\n"
