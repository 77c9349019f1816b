"""Progress on stderr, for long work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..export.wording import one_line


def _progress(*columns: str | TextColumn) -> Progress:
    return Progress(
        TextColumn("{task.description:8}", markup=False),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def training_bar(epochs: int) -> Iterator[Callable[[int, int, int, float, float, float | None], None]]:
    """A bar over all epochs with loss and accuracy; yields what training tells."""
    with _progress(TextColumn("{task.fields[figures]}")) as progress:
        task = progress.add_task("training", total=epochs, figures="")

        def watch(epoch: int, batch: int, batches: int, loss: float, accuracy: float, validation: float | None) -> None:
            held = "" if validation is None else f"  held out {validation:.2%}"
            figures = f"epoch {epoch + 1}/{epochs}  loss {loss:.4f}  accuracy {accuracy:.2%}{held}"
            progress.update(task, completed=epoch + batch / batches, figures=figures)

        yield watch


@contextmanager
def sample_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each name, over samples; yields a function of name, samples done, samples in all."""
    with _progress(TextColumn("{task.completed:.0f}/{task.total:.0f}")) as progress:
        tasks = {}

        def watch(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(one_line(name), total=total)
            progress.update(tasks[name], completed=done)

        yield watch


@contextmanager
def working(what: str) -> Iterator[None]:
    """A sign of life for work without known steps."""
    with step_line() as watch:
        watch(what)
        yield


@contextmanager
def step_line() -> Iterator[Callable[[str], None]]:
    """A sign of life that says what is being done; yields a function of that, in a few words."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def watch(step: str) -> None:
            progress.update(task, description=one_line(step))

        yield watch
