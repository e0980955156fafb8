"""The tasks of a maze: which factors a goal has, when it is met, and what steps are worth."""

from dataclasses import dataclass

import numpy as np

from unknot.checks import one_of

from .maze_world import WATER, Bools, Cells
from .simulation import Array

TASKS = {"reach": ("agent",), "switch": ("agent", "switches"), "none": ()}
"""By name, the factors that a goal has."""
REWARDS = ("sparse", "dense")
WATER_COST = 0.2
"""The cost of a step that ends in water, as in MazeBase."""


@dataclass(frozen=True)
class Task:
    """Decides about success and rewards, for batches of n steps.

    Attributes:
        name: one of `TASKS`.
        reward: one of `REWARDS`.
        cells: the number of cells of a board, more steps than any path has.

    Raises:
        ValueError: an unknown name.
    """

    name: str
    reward: str
    cells: int

    def __post_init__(self) -> None:
        """Check the names."""
        one_of("task", self.name, TASKS)
        one_of("reward", self.reward, REWARDS)

    def wrong_switches(self, states: Cells, wanted: Cells) -> Array:
        """Count the switches (n, switches) in another state than wanted: (n,); only "switch" wants any."""
        if self.name != "switch":
            return np.zeros(len(states), dtype=np.int64)
        wrong: Array = (states != wanted).sum(axis=1)
        return wrong

    def success(self, agents: Cells, goals: Cells, wrong: Array) -> Bools:
        """Return which agents (n, 2) are at their goals with no wrong switches: (n,)."""
        if self.name == "none":
            return np.zeros(len(agents), dtype=np.bool_)
        success: Bools = (agents == goals).all(axis=1) & (wrong == 0)
        return success

    def rewards(self, success: Bools, distance: Array, wrong: Array, kind: Array) -> Array:
        """Return rewards (n,).

        Args:
            success: (n,), of the scenes that steps end in.
            distance: (n,), steps to the goal; -1 where no path leads there.
            wrong: (n,), wrong switches.
            kind: (n,), the kind of the cell under each agent.
        """
        if self.reward == "sparse":
            rewards = success.astype(np.float64)
        elif self.name == "none":
            rewards = np.zeros(len(kind))
        else:
            # Without a path, possible only with a given start or goal, it is further than any path.
            distance = np.where(distance < 0, self.cells, distance)
            rewards = -(distance + wrong).astype(np.float64)
        rewards -= WATER_COST * (kind == WATER)
        return rewards
