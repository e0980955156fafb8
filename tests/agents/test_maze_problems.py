"""Success in mazes is counted against the fewest steps."""

from typing import Any

import gymnasium as gym
import pytest

import unknot  # noqa: F401  (registers the environments)
from unknot.agents.maze_problems import solve
from unknot.envs.maze_world import STEPS


def mazes() -> Any:
    options: dict[str, Any] = {"task": "reach", "actions": STEPS, "goal": "image", "max_steps": 1000}
    return gym.make_vec("unknot/Maze-v0", num_envs=30, **options)


def test_the_expert_needs_the_fewest_steps_and_the_greedy_one_gets_stuck() -> None:
    best, greedy = (solve(None, mazes(), seed=0, slack=2.0, greedy=greedy) for greedy in (False, True))
    assert (best["rate"], best["length"], best["count"]) == (1, 1, 30)
    assert best["interval"] == pytest.approx((0.886, 1), abs=1e-3)
    assert 0 < greedy["rate"] < 1


def test_without_steps_nothing_is_solved() -> None:
    none = solve(None, mazes(), seed=0, slack=0.9)
    assert (none["rate"], none["length"]) == (0, None)
