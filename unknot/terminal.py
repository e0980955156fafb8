"""Shared by the commands: reading options and printing."""

import json
import os
from typing import Any

from rich.console import Console

from unknot.report import Table
from unknot.running import UsageError

__all__ = ["console", "print_tables", "read_option", "say"]

PYTHON = {"True": True, "False": False, "None": None}
"""What Python writes otherwise than JSON; as text it would be true for most that read it."""
PIPED = 200
"""Width in columns where there is no terminal, so that a table in a file is not cut to 80."""
console = Console()
"""Where the commands print."""
if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = PIPED


def read_option(word: str) -> tuple[str, Any]:
    """Read KEY=VALUE; the value is JSON, or True, False or None as in Python, else text."""
    key, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"options are given as KEY=VALUE, not {word!r}")
    if value in PYTHON:
        return key, PYTHON[value]
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value


def print_tables(tables: list[Table]) -> None:
    """Print tables, an empty line after each."""
    for table in tables:
        console.print(table.to_rich())
        console.print()


def say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, soft_wrap=True, markup=False, highlight=False)
