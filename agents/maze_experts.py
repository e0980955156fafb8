"""Floor and ceiling for the maze: what is achieved from true positions, with and without foresight."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.envs.maze import Maze
from unknot.envs.maze_world import ACTIONS, BLOCK, SWITCH, move, shortest_paths

Array = NDArray[Any]

WALKS = ("down", "left", "right", "up")


class MazeExpert:
    """Follows a shortest path on the true grid; where a switch is to be set, it goes there first.

    Args:
        maze: the world of the environment it acts in (`env.unwrapped.simulation`), whose layouts it reads.
            Its actions have the four steps along rows and columns, and `toggle` where there are switches,
            of which there is one at most, with two states.
        greedy: look at true positions only: take the step that leads nearer to where it is bound, along rows
            and columns, if one is open. It stays where none is. The floor, for the other is the ceiling.

    Raises:
        ValueError: a maze with more than it knows of.
    """

    privileged = True

    def __init__(self, maze: Maze, *, greedy: bool = False) -> None:
        if maze.switch_count > 1 or maze.switch_states != 2:
            raise ValueError(
                f"maze has {maze.switch_count} switches of {maze.switch_states} states, "
                "expected one at most, of two"
            )
        self._maze, self._greedy = maze, greedy
        self._steps = np.array([maze.actions.index(name) for name in WALKS])
        self._offsets = np.array([ACTIONS[name] for name in WALKS])

    def predict(
        self,
        observation: Mapping[str, Mapping[str, Array]],
        state: None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, None]:
        """Return actions (n,) for true factors and goals, one for each copy in the maze."""
        agent, goal = observation["factors"]["agent"], observation["goal"]["agent"]
        unset = self._unset(observation)
        bound = np.where(unset[:, None], self._switches(), goal) if unset.any() else goal
        free = self._maze.layouts != BLOCK
        ends = move(free, np.repeat(agent[:, None], len(WALKS), 1), self._offsets)
        remaining = self._distance(free, bound, ends)
        best = remaining.argmin(1)
        actions = self._steps[best]
        stuck = remaining.min(1) >= self._distance(free, bound, agent[:, None])[:, 0]
        blocked = (ends == agent[:, None]).all(2)
        actions = np.where(stuck & blocked.any(1), self._steps[blocked.argmax(1)], actions)
        if "pass" in self._maze.actions:
            actions = np.where(stuck, self._maze.actions.index("pass"), actions)
        arrived = (agent == bound).all(1)
        if unset.any():
            actions = np.where(arrived & unset, self._maze.actions.index("toggle"), actions)
        return actions, None

    def _unset(self, observation: Mapping[str, Mapping[str, Array]]) -> Array:
        """Tell where the switch isn't yet as it is wanted: (n,)."""
        factors, goal = observation["factors"], observation["goal"]
        if "switches" not in goal:
            return np.zeros(len(factors["agent"]), bool)
        unset: Array = (factors["switches"] != goal["switches"]).any(1)
        return unset

    def _switches(self) -> Array:
        """Return the cell of each copy's switch, (n, 2)."""
        return np.argwhere(self._maze.layouts == SWITCH)[:, 1:]

    def _distance(self, free: Array, bound: Array, cells: Array) -> Array:
        """Return how far from `bound` (n, 2) cells (n, any, 2) are: (n, any)."""
        if self._greedy:
            distance: Array = np.abs(cells - bound[:, None]).sum(2)
            return distance
        ways = shortest_paths(free, bound)
        steps: Array = ways[np.arange(len(cells))[:, None], cells[..., 0], cells[..., 1]]
        return steps


def fewest_steps(maze: Maze) -> Array:
    """Return how many actions each copy of a maze is from success, as `MazeExpert` would act: (n,), int64."""
    free, every = maze.layouts != BLOCK, np.arange(maze.num_envs)
    straight: Array = shortest_paths(free, maze.goal)[every, maze.agent[:, 0], maze.agent[:, 1]]
    if maze.task != "switch":
        return straight
    switch = np.argwhere(maze.layouts == SWITCH)[:, 1:]
    ways = shortest_paths(free, switch)
    there, back = (ways[every, cells[:, 0], cells[:, 1]] for cells in (maze.agent, maze.goal))
    unset = (maze.switches != maze.wanted).any(1)
    steps: Array = np.where(unset, there + 1 + back, straight)
    return steps
