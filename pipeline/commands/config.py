"""spiq config: what a configuration may hold."""

import typer

from ..terminal.printing import print_json
from .options import Json


def config(json: Json = False) -> None:
    """The reference is in Markdown: of each key the type, the default, what is allowed and what it means. With --json
    it is the JSON schema, for editors and other programs.

    Example: spiq config
    """
    if json:
        from ..config.schema import Config

        print_json(Config.model_json_schema())
        return
    from ..config.reference import reference

    typer.echo(reference(), nl=False)
