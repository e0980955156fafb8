"""A picture of systems that rewrite sentences: what is kept against what is transferred."""

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from unknot.experiments.common.tables import mean

MARKERS = "o^*sDvPX<>"
"""Of the rows of a table, in turn."""


def tradeoff(rows: Mapping[str, list[dict[str, Any]]], titles: Mapping[str, str], title: str) -> Figure:
    """Plot what rows keep, all factors or by BLEU, against what they transfer.

    Args:
        rows: metrics of each row, by seed.
        titles: of the rows.
        title: of the picture.
    """
    exact = all("kept" in each for row in rows.values() for each in row)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for k, (name, measured) in enumerate(rows.items()):
        x = 100 * mean(measured, "transfer")
        y = 100 * mean(measured, "kept") if exact else mean(measured, "bleu")
        axis.scatter(x, y, marker=MARKERS[k % len(MARKERS)], label=titles[name])
    axis.set(xlim=(-5, 105), ylim=(-5, 105), xlabel="transferred, %")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_ylabel("all else kept, %" if exact else "BLEU with the original")
    axis.set_title(title)
    return figure


def tradeoffs(
    seeds: list[dict[str, Any]],
    rows_of: Callable[[list[dict[str, Any]], str], Mapping[str, list[dict[str, Any]]]],
    titles: Mapping[str, str],
    names: Mapping[str, str],
) -> dict[str, Figure]:
    """Plot for each task what rows keep against what they transfer, means over seeds.

    Args:
        seeds: the metrics of each.
        rows_of: returns the metrics of each row of a task, by seed.
        titles: of the rows.
        names: of the tasks.
    """
    tasks = seeds[0]["tasks"]
    return {f"tradeoff-{task}": tradeoff(rows_of(seeds, task), titles, names[task]) for task in tasks}
