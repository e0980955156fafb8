"""Pictures: codes by attribute, and what is kept against what is transferred."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.arae.data import Task
from unknot.experiments.arae.tables import NAMES, TITLES, mean_of, rows_of
from unknot.models.text.transfer import Rewriter
from unknot.report import save_figure
from unknot.representation.learner import encode_all

CODES = 1000
"""Codes that are plotted, at most."""
MARKERS = "o^*sDvPX<>"
"""Of the rows of a table."""


def save_pictures(model: Rewriter, task: Task, path: Path) -> None:
    """Write a model's codes by attribute to `figures/` in its folder, and to TensorBoard."""
    model.eval()
    with SummaryWriter(str(path)) as writer:
        save_figure(codes(model, task), path / "figures/codes.png", writer)


def codes(model: Rewriter, task: Task) -> Figure:
    """Plot the codes of test sentences on their two principal components, coloured by their attribute."""
    found = encode_all(model, task.test.sentences[:CODES]).numpy(force=True)
    centred = found - found.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ axes[:2].T
    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    for value, name in enumerate(task.values):
        own = plane[task.test.labels[: len(plane)] == value]
        axis.scatter(own[:, 0], own[:, 1], s=4, label=name)
    axis.set(xlabel="first principal component of codes", ylabel="second")
    axis.legend()
    return figure


def tradeoffs(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot for each task what rows keep against what they transfer, means over seeds."""
    return {f"tradeoff-{task}": _tradeoff(seeds, task) for task in seeds[0]["tasks"]}


def _tradeoff(seeds: list[dict[str, Any]], task: str) -> Figure:
    rows = rows_of(seeds, task)
    exact = all("kept" in each for row in rows.values() for each in row)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for (name, measured), marker in zip(rows.items(), MARKERS, strict=False):
        x = 100 * mean_of(measured, "transfer")
        y = 100 * mean_of(measured, "kept") if exact else mean_of(measured, "bleu")
        axis.scatter(x, y, marker=marker, label=TITLES[name])
    axis.set(xlim=(-5, 105), ylim=(-5, 105), xlabel="transferred, %")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_ylabel("all else kept, %" if exact else "BLEU with the original")
    axis.set_title(NAMES[task])
    return figure
