"""Every command of `spiq` by name: its summary, and the module that has it, which is imported when it is asked for.

So the overview imports no command, and a command only what it needs itself.
"""

import importlib
import inspect
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

CONTEXT = {"help_option_names": ["-h", "--help"]}


class Home(NamedTuple):
    """The module in this folder that has a command as an attribute of its name, a function or a `Typer` of several."""

    module: str
    summary: str


COMMANDS = {
    "run": Home("run", "Train, export, climb the ladder, report."),
    "train": Home("run", "Train jointly; the run's folder then holds the best checkpoint."),
    "export": Home("run", "Write the bundle of a trained run."),
    "report": Home("run", "Print a run's report."),
    "config": Home("config", "Print every key of a configuration."),
    "cosim": Home("cosim", "Run both halves together: images in, predictions out."),
    "qasm": Home("bundle", "Print the quantum half as OpenQASM."),
    "inspect": Home("bundle", "Show a bundle's layers, circuit, files and costs."),
    "verify": Home("bundle", "Run the golden samples through every file of a bundle."),
    "validate": Home("validate", "Climb the ladder with a bundle alone."),
    "compare": Home("compare", "Put runs side by side, with paired tests."),
    "devices": Home("machine.devices", "List the spiking and quantum devices."),
    "nir": Home("nir", "Run a NIR graph on spikes, and compare devices."),
    "check": Home("check", "Show which parts of a file are supported where."),
    "doctor": Home("machine.doctor", "Show what is installed on this machine."),
    "lava": Home("machine.lava", "Set up real Lava in an environment of its own."),
    "bench": Home("machine.bench", "Time spiq against PennyLane, Lava and PyTorch."),
    "reproduce": Home("machine.reproduce", "Measure the figures of the documents again on this machine."),
}
"""In the order of the overview. A summary is the first line of its command's help too; a function's docstring has what
follows it."""


class Listed(TyperCommand):
    """A command in the overview: its name and its summary; the command itself takes over where it is asked for."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which parses its arguments."""
        return command(str(self.name)).make_context(info_name, args, parent, **extra)


class CommandGroup(TyperGroup):
    """All commands of `COMMANDS`, none of them imported yet."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, home in COMMANDS.items():
            self.add_command(Listed(name, help=home.summary, rich_markup_mode=None))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer does, but its own flags for completion are False and not None if they are not given: to turn None
        into a flag it would import pydantic, and with it every command's help would take twice as long."""
        for parameter in self.params:
            if parameter.name in ("install_completion", "show_completion"):
                parameter.default = False
        return super().parse_args(ctx, args)


def command(name: str) -> Any:
    """The command of that name as typer makes it, its help with the summary in front."""
    home = COMMANDS[name]
    found = getattr(importlib.import_module(f".{home.module}", __package__), name)
    if isinstance(found, typer.Typer):
        found.info.help = home.summary
        return get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)
    alone.command(name, help=f"{home.summary}\n\n{inspect.getdoc(found) or ''}")(found)
    return get_command(alone)
