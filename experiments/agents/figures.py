"""The learning curves of the agents."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from unknot.experiments.agents.tasks import FLOORS, LABELS, LEARNERS, TASKS, Task
from unknot.style import BASELINE, COLOURS, ORACLE, band

ACROSS = 3
"""Panels in a row of the figure."""


def learning_curves(seeds: list[dict[str, Any]]) -> Figure:
    """Plot success in evaluations over environment steps, one panel per task in which agents learn.

    Lines are means over seeds, bands standard deviations. A seed that has reached its target stops; its curve
    keeps the last value.
    """
    names = [name for name in seeds[0] if TASKS[name].learners]
    columns = max(1, min(len(names), ACROSS))
    rows = max(1, math.ceil(len(names) / columns))
    figure = Figure(figsize=(4.2 * columns, 3 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for panel in panels.flat[len(names) :]:
        panel.remove()
    for panel, name in zip(panels.flat, names, strict=False):
        _plot_curves(panel, TASKS[name], [metrics[name] for metrics in seeds])
        panel.set(title=name, xlabel="environment steps", xscale="log", ylim=(-3, 105))
        panel.xaxis.set_minor_formatter(NullFormatter())
    for panel in panels[:, 0]:
        panel.set_ylabel("episodes that succeed, %")
    handles: dict[str, Any] = {}
    for panel in figure.axes:
        handles |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    figure.legend(handles=list(handles.values()), labels=list(handles), loc="outside lower center", ncols=4)
    return figure


def _plot_curves(panel: Any, task: Task, seeds: list[dict[str, Any]]) -> None:
    """Plot a line and a band for each learner, lines for baseline and oracle, and a star for planning."""
    for row in task.learners:
        curves = [[entry for entry in rows[row]["curve"] if entry["steps"]] for rows in seeds]
        steps = np.unique([entry["steps"] for curve in curves for entry in curve])
        success = [
            np.interp(steps, [e["steps"] for e in curve], [100 * e["success_rate"] for e in curve])
            for curve in curves
        ]
        band(panel, steps, success, COLOURS[list(LEARNERS).index(row)], LABELS[row])
    floor = max((row for row in FLOORS if row in seeds[0]), key=lambda row: _success(seeds, row))
    panel.axhline(_success(seeds, floor), label="trivial baseline", **BASELINE)
    panel.axhline(_success(seeds, "expert"), label="expert", **ORACLE)
    if task.planner:
        steps = [rows["planning"].get("best", {"steps": task.planner_steps})["steps"] for rows in seeds]
        place = np.mean(steps), _success(seeds, "planning")
        panel.plot(*place, "*", color="black", markersize=11, label=LABELS["planning"])


def _success(seeds: list[dict[str, Any]], row: str) -> float:
    """Return the mean success of a row, in percent."""
    return 100 * float(np.mean([rows[row]["success"] for rows in seeds]))
