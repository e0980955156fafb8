"""Progress of long work: a bar on a terminal; elsewhere a line at the start and every ten seconds.

Every room may import this module; it imports rich alone.
"""

import sys
import time
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

__all__ = ["announce", "progress_bar"]

INTERVAL = 10.0
"""Seconds between lines where there is no terminal."""


def announce(line: str) -> None:
    """Print a line on standard error at once."""
    print(line, file=sys.stderr, flush=True)


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
