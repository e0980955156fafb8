"""The mazes of the parts, and the paper's recipe for learning in them."""

from typing import Any

import gymnasium as gym

import unknot  # noqa: F401  (registers the environments)

MAZE = "unknot/Maze-v0"
SIZE = 6
"""Cells along an axis."""
COPIES = 128
"""Mazes of a batch."""
AS_PUBLISHED: dict[str, Any] = {
    "factors": 256,
    "baseline": True,
    "spread": 0.0,
    "sharpness": 1.0,
    "pull": 0.0,
    "autoencode_from": 0.0,
    "entropy": 0.01,
    "gain": 1.0,
}
"""Settings of a selectivity learner without our additions."""


def make_maze(copies: int, layout: str, actions: tuple[str, ...]) -> Any:
    """Make mazes of 6 × 6 cells without a goal, all of one layout: "paper", with a block, or "open"."""
    return gym.make_vec(MAZE, num_envs=copies, size=SIZE, layout=layout, task="none", actions=actions)


def make_mazes(copies: int, task: str, actions: tuple[str, ...], switch: bool, **options: Any) -> Any:
    """Make mazes of 8 × 8 cells, 20% of them blocks, with a switch or without."""
    return gym.make_vec(MAZE, num_envs=copies, task=task, actions=actions, switches=int(switch), **options)
