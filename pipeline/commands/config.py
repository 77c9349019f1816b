"""spiq config: what a configuration may hold."""

import typer

from ..printing import print_json
from .options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("config")(config)


def config(json: Json = False) -> None:
    """Print every key of a configuration in Markdown: type, default, what is allowed, what it means.

    With --json it is the JSON schema, for editors and other programs.

    Example: [bold]spiq config[/bold]
    """
    if json:
        from ..config.schema import Config

        print_json(Config.model_json_schema())
        return
    from ..config.reference import reference

    typer.echo(reference(), nl=False)
