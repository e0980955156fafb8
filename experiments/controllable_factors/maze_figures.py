"""The picture of the maze's latent plane."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.envs.maze_world import PAPER_ACTIONS as ACTIONS
from unknot.experiments.controllable_factors.maze_measures import sample_variations, survey
from unknot.representation.metrics.modes import kernel_width
from unknot.representation.selectivity import Selectivity

COLOURS = ("black", "navy", "green", "deeppink", "orange", "deepskyblue")
"""Of the actions."""


def plot_plane(learner: Selectivity, seed: int) -> Figure:
    """Plot the density of 1,000 variations by action, and the codes of all cells (the paper's Fig. 2)."""
    cells, codes, _ = survey(learner)
    variations = sample_variations(learner, seed)
    figure = Figure(figsize=(9, 4.2))
    density, plane = figure.subplots(1, 2)
    points = variations.change
    reach = 1.3 * np.abs(points).max() + 1e-6
    axis = np.linspace(-reach, reach, 80)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    width = kernel_width(points)
    heights = np.exp(-np.square(grid[:, None] - points).sum(-1) / (2 * width**2)).mean(1)
    density.contourf(axis, axis, heights.reshape(80, 80), 12, cmap="Greys")
    for index, action in enumerate(ACTIONS):
        chosen = variations.action == index
        density.scatter(*points[chosen].T, s=6, color=COLOURS[index], label=f"{action} ({chosen.sum()})")
    density.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    density.set_title("h' − h of 1,000 sampled factors")
    for a, b in _neighbours(cells):
        plane.plot(*codes[[a, b]].T, color="lightgrey", zorder=0)
    plane.scatter(*codes.T, c=np.c_[cells / cells.max(), np.full(len(cells), 0.5)], s=30)
    plane.set_title("h of every cell")
    for panel in (density, plane):
        panel.set_aspect("equal")
    return figure


def _neighbours(cells: NDArray[np.int64]) -> list[tuple[int, int]]:
    distance = np.abs(cells[:, None] - cells).sum(-1)
    return [(int(a), int(b)) for a, b in np.argwhere(distance == 1) if a < b]
