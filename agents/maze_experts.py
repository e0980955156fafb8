"""Oracle and trivial baseline for the maze: acting from true positions, with and without planning."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import flag
from unknot.envs.maze import Maze
from unknot.envs.maze_world import ACTIONS, BLOCK, SWITCH, move, shortest_paths

from .experts import true_pair

Array = NDArray[Any]

WALKS = ("down", "left", "right", "up")


class MazeExpert:
    """Follows a shortest path on the true grid; if the goal needs a switch set, it goes to the switch first.

    Args:
        maze: the world of the environment it acts in (`env.unwrapped.simulation`), whose layouts it reads.
            Its actions must include the four steps along rows and columns, and `toggle` if there is a
            switch. It may have at most one switch, with two states.
        greedy: be the trivial baseline: use true positions only and take an open step that reduces the
            distance along rows and columns; stay if there is none.

    Raises:
        ValueError: the maze has more switches, or switches of more states, or lacks one of the actions.
    """

    privileged = True

    def __init__(self, maze: Maze, *, greedy: bool = False) -> None:
        if not isinstance(maze, Maze):
            raise ValueError(f"maze must be a Maze, such as env.unwrapped.simulation, not {maze!r}")
        flag(greedy=greedy)
        needed = {*WALKS, *(["toggle"] if maze.switch_count else [])}
        if not needed <= set(maze.actions):
            raise ValueError(f"maze must have the actions {sorted(needed)}, not {list(maze.actions)}")
        if maze.switch_count > 1 or maze.switch_states != 2:
            raise ValueError(
                "maze must have at most one switch, of two states, "
                f"not {maze.switch_count} switches of {maze.switch_states} states"
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
        """Return actions (n,) for true factors and goals, one for each copy of the maze; () for one.

        Raises:
            ValueError: an entry is missing, of another shape, or of as many copies as the maze does not have.
        """
        agent, goal = true_pair(observation, "agent")
        single, copies = agent.ndim == 1, len(self._maze.layouts)
        agent, goal = (
            np.atleast_2d(self._cells(name, value)) for name, value in (("factors", agent), ("goal", goal))
        )
        if len(agent) != copies:
            raise ValueError(f"observation must be of the maze's {copies} copies, not of {len(agent)}")
        unset = self._unset(observation, copies)
        target = np.where(unset[:, None], self._switches(), goal) if unset.any() else goal
        free = self._maze.layouts != BLOCK
        ends = move(free, np.repeat(agent[:, None], len(WALKS), 1), self._offsets)
        remaining = self._distance(free, target, ends)
        best = remaining.argmin(1)
        actions = self._steps[best]
        stuck = remaining.min(1) >= self._distance(free, target, agent[:, None])[:, 0]
        blocked = (ends == agent[:, None]).all(2)
        actions = np.where(stuck & blocked.any(1), self._steps[blocked.argmax(1)], actions)
        if "pass" in self._maze.actions:
            actions = np.where(stuck, self._maze.actions.index("pass"), actions)
        arrived = (agent == target).all(1)
        if unset.any():
            actions = np.where(arrived & unset, self._maze.actions.index("toggle"), actions)
        return (actions[0] if single else actions), None

    def _cells(self, name: str, cells: Array) -> Array:
        """Return cells as indices; refuse those outside of the maze."""
        sides = self._maze.layouts.shape[1:]
        if not ((cells >= 0) & (cells < sides) & (cells == np.round(cells))).all():
            raise ValueError(f"{name}['agent'] must be cells of the maze, {sides}, not {cells.tolist()}")
        return cells.astype(np.int64)

    def _unset(self, observation: Mapping[str, Mapping[str, Array]], copies: int) -> Array:
        """Return where the switch is not yet in the goal's state: bool (copies,)."""
        if "switches" not in observation["goal"]:
            return np.zeros(copies, bool)
        now, wanted = true_pair(observation, "switches", (self._maze.switch_count,))
        unset: Array = np.atleast_2d(now != wanted).any(1)
        if len(unset) != copies:
            raise ValueError(f"observation must be of the maze's {copies} copies, not of {len(unset)}")
        return unset

    def _switches(self) -> Array:
        """Return the cell of each copy's switch, (n, 2)."""
        return np.argwhere(self._maze.layouts == SWITCH)[:, 1:]

    def _distance(self, free: Array, target: Array, cells: Array) -> Array:
        """Return the distances (n, any) of cells (n, any, 2) from `target` (n, 2)."""
        if self._greedy:
            distance: Array = np.abs(cells - target[:, None]).sum(2)
            return distance
        lengths = shortest_paths(free, target)
        steps: Array = lengths[np.arange(len(cells))[:, None], cells[..., 0], cells[..., 1]]
        return steps


def fewest_steps(maze: Maze) -> Array:
    """Return how many actions `MazeExpert` takes to success in each copy of a maze: (n,), int64."""
    free, every = maze.layouts != BLOCK, np.arange(maze.num_envs)
    straight: Array = shortest_paths(free, maze.goal)[every, maze.agent[:, 0], maze.agent[:, 1]]
    if maze.task != "switch":
        return straight
    switch = np.argwhere(maze.layouts == SWITCH)[:, 1:]
    lengths = shortest_paths(free, switch)
    to_switch, to_goal = (lengths[every, cells[:, 0], cells[:, 1]] for cells in (maze.agent, maze.goal))
    unset = (maze.switches != maze.wanted).any(1)
    steps: Array = np.where(unset, to_switch + 1 + to_goal, straight)
    return steps
