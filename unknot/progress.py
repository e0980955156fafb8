"""Progress of long work: a bar on a terminal; elsewhere a line at the start and every ten seconds.

Every room may import this module; it imports rich alone.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["announce", "heartbeat", "progress_bar"]

INTERVAL = 10.0
"""Seconds between lines where there is no terminal."""
GRACE = 2.0
"""Seconds more of silence before `heartbeat` speaks: a display of progress that is due speaks first."""


_said: tuple[float, str] = (0.0, "")
"""When the last line was announced, and the line."""


def announce(line: str) -> None:
    """Print a line on standard error at once."""
    global _said
    _said = (time.monotonic(), line)
    print(line, file=sys.stderr, flush=True)


@contextmanager
def heartbeat(task: str) -> Iterator[None]:
    """Where there is no terminal, print a line when nothing was announced for some ten seconds.

    Args:
        task: what is done, such as "unknot run dynamics-content".
    """
    if Console(stderr=True).is_terminal:
        yield
        return
    began, over = time.monotonic(), threading.Event()

    def beat() -> None:
        heard = began
        while not over.wait(max(0.0, heard + INTERVAL + GRACE - time.monotonic())):
            heard = max(heard, _said[0])
            if time.monotonic() < heard + INTERVAL + GRACE:
                continue
            heard = time.monotonic()
            last = f'; last: "{_said[1]}"' if _said[0] >= began else ""
            print(f"{task}: still working after {heard - began:.0f} s{last}", file=sys.stderr, flush=True)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def progress_bar(shown: bool, *columns: ProgressColumn) -> Progress:
    """Return a progress display: the task, how much of it is done, and the time that remains.

    Args:
        shown: whether it shows anything.
        *columns: further columns of the bar, before the time that remains.

    Returns:
        rich's `Progress`, a context manager: `add_task`, then `advance` or `update`.
    """
    if shown and not Console(stderr=True).is_terminal:
        return _Lines()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )


class _Lines(Progress):
    """Progress as lines, for logs and pipes."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self._due: dict[TaskID, float] = {}

    def add_task(self, description: str, *args: Any, **fields: Any) -> TaskID:
        """Add a task, and print a line."""
        task = super().add_task(description, *args, **fields)
        self._due[task] = time.monotonic() + INTERVAL
        announce(f"{description} …")
        return task

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance the task, and print its progress if a line is due."""
        super().advance(task_id, advance)
        self._report(task_id)

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Update the task, and print its progress if a line is due."""
        super().update(task_id, **changes)
        self._report(task_id)

    def _report(self, task_id: TaskID) -> None:
        if time.monotonic() < self._due.get(task_id, 0.0):
            return
        self._due[task_id] = time.monotonic() + INTERVAL
        task = self.tasks[self.task_ids.index(task_id)]
        left = f", {task.time_remaining:.0f} s left" if task.time_remaining is not None else ""
        announce(f"{task.description}: {task.completed:g} of {task.total:g}{left}")
