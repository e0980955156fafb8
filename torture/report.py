"""What an attack found."""

from dataclasses import dataclass

from unknot.report import Table


@dataclass(frozen=True)
class Report:
    """The outcome of an attack."""

    table: Table
    """A row for each thing that was attacked, with counts."""
    failures: tuple[str, ...] = ()
    """A sentence for each promise that did not hold."""
