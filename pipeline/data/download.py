"""Downloads whose content is known beforehand: a file arrives whole and right, or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from ...export.errors import InputError
from ...export.files.plain import check_plain


def download(name: str, mirrors: Sequence[str], md5: str, folder: Path) -> Path:
    """The file `name` in `folder`, downloaded from the first mirror that has it unless a copy with this MD5 is there.

    A mirror is an address that ends in "/". Raises InputError, telling what each mirror answered, when none delivers
    the file with that MD5; nothing is left in the folder then.
    """
    # The bar says it; pooch's own lines would stand before an error, which is to be one sentence.
    pooch.get_logger().setLevel("WARNING")
    if os.path.lexists(folder / name):
        # pooch looks at the copy's content, and would wait at a FIFO for ever.
        check_plain(folder / name, "the downloaded file", may_be_link=True)
    failures = []
    for mirror in mirrors:
        try:
            with _progress() as progress:
                # pooch's annotation knows only bool, its manual "an arbitrary progress bar object" too.
                bar: Any = _Bar(progress, progress.add_task(name, total=None))
                return Path(pooch.retrieve(mirror + name, f"md5:{md5}", name, folder, progressbar=bar))
        except OSError as error:
            failures.append(f"{mirror}: {_reason(error)}")
        except ValueError:
            failures.append(f"{mirror}: its file has not the published MD5 {md5}")
    raise InputError(f"{folder} has no whole {name}, and its download failed ({'; '.join(failures)})")


def _reason(error: OSError) -> str:
    """What went wrong in a few words: the errors of requests, which are OSErrors, hold pages of text."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return error.strerror or type(error).__name__


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Bar:
    """A rich progress bar under the names that pooch calls (its manual, "Custom progress bars")."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, total: float) -> None:
        self._progress.update(self._task, total=total or None)

    def update(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        """Nothing: the bar goes when its Progress ends."""
