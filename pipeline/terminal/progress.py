"""Progress on stderr, for long work: bars in a terminal and a notebook, lines in a pipe or the log of a CI."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ...export.wording import one_line

Figures = Callable[[int, int, int, float, float, float | None], None]
"""What a training tells: epoch, batch, batches, mean loss, accuracy, the newest accuracy on images held out. It tells
an epoch's last batch twice: when it is done, and when the epoch is."""


def shows_bars(console: Console) -> bool:
    """Whether bars that move can be seen there; in a notebook rich needs ipywidgets for them."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


def _progress(console: Console, *columns: str | TextColumn) -> Progress:
    return Progress(
        TextColumn("{task.description:8}", markup=False),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def training_bar(epochs: int) -> Iterator[Figures]:
    """A bar over all epochs with loss and accuracy, or a line for each epoch; yields what training tells.

    Example: the line is `epoch 3/60  loss 0.4321  accuracy 87.12%  held out 88.00%`.
    """
    console = Console(stderr=True)
    if not shows_bars(console):
        yield _epoch_lines(epochs)
        return
    with _progress(console, TextColumn("{task.fields[figures]}")) as progress:
        task = progress.add_task("training", total=epochs, figures="")

        def watch(epoch: int, batch: int, batches: int, loss: float, accuracy: float, validation: float | None) -> None:
            figures = _figures(epoch, epochs, loss, accuracy, validation)
            progress.update(task, completed=epoch + batch / batches, figures=figures)

        yield watch


def _epoch_lines(epochs: int) -> Figures:
    computed: set[int] = set()

    def watch(epoch: int, batch: int, batches: int, loss: float, accuracy: float, validation: float | None) -> None:
        if batch < batches:
            return
        if epoch in computed:
            _line(_figures(epoch, epochs, loss, accuracy, validation))
        computed.add(epoch)

    return watch


def _figures(epoch: int, epochs: int, loss: float, accuracy: float, validation: float | None) -> str:
    held = "" if validation is None else f"  held out {validation:.2%}"
    return f"epoch {epoch + 1}/{epochs}  loss {loss:.4f}  accuracy {accuracy:.2%}{held}"


@contextmanager
def sample_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each name, over samples, or a line when it is done; yields a function of name, samples done, samples in
    all.

    Example: the line is `loihi  360/360  0.4 s`, the seconds since the name before was done.
    """
    console = Console(stderr=True)
    if not shows_bars(console):
        yield _sample_lines()
        return
    with _progress(console, TextColumn("{task.completed:.0f}/{task.total:.0f}")) as progress:
        tasks = {}

        def watch(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(one_line(name), total=total)
            progress.update(tasks[name], completed=done)

        yield watch


def _sample_lines() -> Callable[[str, int, int], None]:
    finished: set[str] = set()
    before = time.monotonic()

    def watch(name: str, done: int, total: int) -> None:
        nonlocal before
        if done < total or name in finished:
            return
        finished.add(name)
        now = time.monotonic()
        _line(f"{one_line(name)}  {done}/{total}  {now - before:.1f} s")
        before = now

    return watch


def _line(text: str) -> None:
    # Whoever reads a log wants the line when it is written.
    print(text, file=sys.stderr, flush=True)


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
