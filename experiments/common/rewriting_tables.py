"""Parts of tables that experiments with rewritten sentences have in common."""

from collections.abc import Mapping
from typing import Any

from unknot.experiments.common.tables import over_seeds, percent_cell, success_cell
from unknot.report import Table

Measured = list[dict[str, Any]]


def share_cell(measured: Measured, key: str) -> str:
    """Return a share in percent with its interval, of a row's metrics by seed (see `judge`)."""
    outcomes = over_seeds(measured, "outcomes", key)
    return success_cell(over_seeds(measured, key), [len(each) for each in outcomes], outcomes)


def heading(name: str) -> str:
    """Return a task's name as a title begins."""
    return name[0].upper() + name[1:]


def factors_table(name: str, rows: Mapping[str, Measured], titles: Mapping[str, str]) -> Table:
    """Tabulate how often each row's outputs are sentences of the grammar, and keep each factor.

    Args:
        name: of the task.
        rows: metrics of each row, by seed.
        titles: of the rows.
    """
    factors = list(next(iter(rows.values()))[0]["factors"])
    lines = [
        (
            titles[row],
            percent_cell(over_seeds(measured, "grammatical")),
            *(percent_cell(over_seeds(measured, "factors", factor)) for factor in factors),
        )
        for row, measured in rows.items()
    ]
    return Table(f"{heading(name)}: what was kept, in percent", ("", "grammatical", *factors), tuple(lines))
