"""What an agent achieved in some episodes: numbers, a table for other programs, a picture."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unknot.checks import count, require
from unknot.envs.simulation import FloorPlan
from unknot.files import write_text

from .intervals import wilson_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Evaluation"]

Array: TypeAlias = NDArray[Any]

BINS = 6
"""Groups of equal width of distances, of which a picture shows the success."""


@dataclass(frozen=True)
class Evaluation:
    """What an agent achieved in some episodes; row k of each array is the problem of seed + k."""

    episodes: int
    """Number of episodes."""
    success_rate: float
    """Share of the episodes, in [0, 1], whose last step was a success."""
    interval: tuple[float, float]
    """Wilson's 95% interval of the success rate."""
    mean_return: float
    """Mean of `returns`."""
    decision_seconds: float
    """Mean time of `predict` for one decision of one episode, in seconds."""
    successes: Array
    """bool (episodes,): `is_success` at the episode's last step."""
    returns: Array
    """float64 (episodes,): sum of the episode's rewards, undiscounted."""
    steps: Array
    """int64 (episodes,): the step, counted from 1, at which `is_success` first held; -1: never."""
    lengths: Array
    """int64 (episodes,): steps the episode lasted."""
    seeds: Array = field(default_factory=lambda: np.zeros(0, int))
    """int64 (episodes,): the seeds of the episodes."""
    paths: tuple[Mapping[str, Array], ...] = ()
    """For each episode its factors by name, (lengths + 1, ...): before its first step and after each. Empty
    where infos have no factors."""
    goals: tuple[Mapping[str, Array], ...] = ()
    """For each episode the factors of its goal. Empty where infos have no goal."""
    floor_plan: FloorPlan | None = None
    """What stands still in all episodes, if the environment says so."""

    def to_csv(self, path: Path | str) -> None:
        """Write a row for each episode, atomically.

        The columns are `seed`, `success` (0 or 1), `return`, `steps` (to the first success; empty if there
        was none), `length`, and `start_NAME`, `end_NAME` and `goal_NAME` of every factor; a factor of several
        numbers has a column for each, `start_NAME_0` and so on.
        """
        rows = [self._row(k) for k in range(self.episodes)]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(Path(path), text.getvalue())

    def _row(self, k: int) -> dict[str, Any]:
        first = int(self.steps[k])
        row = {
            "seed": int(self.seeds[k]),
            "success": int(self.successes[k]),
            "return": float(self.returns[k]),
            "steps": first if first > 0 else "",
            "length": int(self.lengths[k]),
        }
        if self.paths:
            row |= _columns("start", {name: values[0] for name, values in self.paths[k].items()})
            row |= _columns("end", {name: values[-1] for name, values in self.paths[k].items()})
        return row | _columns("goal", self.goals[k] if self.goals else {})

    def plot(self, shown: int = 24) -> "Figure":
        """Plot the paths of some episodes on the map, and success over the distance from start to goal.

        Needs the extra `learn`. Paths are those of every factor that is a place (two numbers) and has a goal:
        a ring marks the start, a star the goal; blue is a success, orange a failure.

        Args:
            shown: how many paths, evenly spread over the episodes, at least 1.

        Raises:
            ValueError: no factor is a place with a goal.
        """
        count(1, shown=shown)
        places = self._places()
        if not places:
            raise ValueError("nothing to plot: no factor is a place (two numbers) and has a goal")
        require("learn", "matplotlib")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 4.2), layout="constrained")
        paths, distances = figure.subplots(1, 2)
        self._plot_paths(paths, places, shown)
        self._plot_distances(distances, places)
        return figure

    def _places(self) -> list[str]:
        """Return the names of the factors that are places and have a goal."""
        if not (self.paths and self.goals):
            return []
        return [name for name, goal in self.goals[0].items() if np.shape(goal) == (2,)]

    def _plot_paths(self, panel: Any, places: list[str], shown: int) -> None:
        if self.floor_plan is not None:
            blocked, low = self.floor_plan
            extent = (low, blocked.shape[1] + low, blocked.shape[0] + low, low)
            panel.imshow(blocked, cmap="Greys", vmin=0, vmax=2, extent=extent)
        else:
            panel.invert_yaxis()
        for k in np.unique(np.linspace(0, self.episodes - 1, shown).round().astype(int)):
            colour = SUCCESS if self.successes[k] else FAILURE
            for name in places:
                path, goal = self.paths[k][name], self.goals[k][name]
                panel.plot(path[:, 1], path[:, 0], ".-", color=colour, markersize=3, linewidth=1, alpha=0.8)
                panel.plot(path[0, 1], path[0, 0], "o", color=colour, fillstyle="none", markersize=8)
                panel.plot(goal[1], goal[0], "*", color=colour, markersize=9)
        panel.set(xlabel="column", ylabel="row", aspect="equal", title="○ start, ★ goal; orange: no success")

    def _plot_distances(self, panel: Any, places: list[str]) -> None:
        moved = [
            [np.subtract(path[name][0], goal[name]) for name in places]
            for path, goal in zip(self.paths, self.goals, strict=True)
        ]
        distances = np.linalg.norm(np.array(moved, float).reshape(self.episodes, -1), axis=1)
        width = max(np.ptp(distances), 1e-6)  # all may be equal
        edges = distances.min() + np.linspace(0, width, BINS + 1)
        group = np.searchsorted(edges[1:-1], distances, side="right")
        for k in np.unique(group):
            solved = self.successes[group == k]
            rate, (low, high) = solved.mean(), wilson_interval(int(solved.sum()), len(solved))
            middle = (edges[k] + edges[k + 1]) / 2
            errors = 100 * np.array([[rate - low], [high - rate]]).clip(0)
            panel.errorbar(middle, 100 * rate, errors, fmt="o", color=SUCCESS)
            panel.text(middle, 100 * high + 3, f"n={len(solved)}", ha="center")
        panel.set(xlabel="distance from start to goal", ylabel="success, %", ylim=(-5, 112))
        panel.set_title(f"{100 * self.success_rate:.1f}% of {self.episodes} episodes, 95% intervals")


SUCCESS, FAILURE = "#0072B2", "#D55E00"
"""Okabe and Ito's blue and vermilion, which colour-blind people can tell apart."""


def _columns(prefix: str, values: Mapping[str, Array]) -> dict[str, Any]:
    """Return table cells of factors."""
    cells: dict[str, Any] = {}
    for name, value in values.items():
        flat = np.ravel(value).tolist()
        suffixes = [""] if np.ndim(value) == 0 else [f"_{k}" for k in range(len(flat))]
        cells |= {f"{prefix}_{name}{suffix}": cell for suffix, cell in zip(suffixes, flat, strict=True)}
    return cells
