"""Small mazes of one layout, and the paper's recipe for learning in them, which two parts have."""

from typing import Any

import gymnasium as gym

import unknot  # noqa: F401  (registers the environments)

__all__ = ["AS_PUBLISHED", "COPIES", "MAZE", "SIZE", "make_maze"]

MAZE = "unknot/Maze-v0"
SIZE = 6
"""Cells along an axis."""
COPIES = 128
"""Mazes of a batch."""
AS_PUBLISHED: dict[str, Any] = {
    "baseline": True,
    "spread": 0.0,
    "sharpness": 1.0,
    "pull": 0.0,
    "autoencode_from": 0.0,
    "entropy": 0.01,
    "gain": 1.0,
}
"""Settings of a selectivity learner by which it has none of our additions."""


def make_maze(copies: int, layout: str, actions: tuple[str, ...]) -> Any:
    """Make mazes of 6 × 6 cells without a goal, all of one layout: "paper", with a block, or "open"."""
    return gym.make_vec(MAZE, num_envs=copies, size=SIZE, layout=layout, task="none", actions=actions)
