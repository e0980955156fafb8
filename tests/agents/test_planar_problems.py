"""The measures of planning, worked by hand."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.agents import StraightLineExpert
from unknot.agents.planar_problems import (
    Rollout,
    pc3_problems,
    planning_loss,
    rate,
    reference,
    roll_out,
    sample_problems,
    share_at_goal,
    successes,
)
from unknot.files import read_json, write_json


def _walk(distances: list[float]) -> tuple[Rollout, NDArray[np.float64]]:
    """A walk along a column towards the goal (10, 10), at the given distances from it."""
    positions = np.array([[[10.0 + d, 10.0]] for d in distances])
    return Rollout(positions, np.diff(positions, axis=0)), np.array([[10.0, 10.0]])


def test_the_planning_loss_is_equation_7() -> None:
    rollout, goal = _walk([3, 1, 0])  # moves of 2 and 1
    assert planning_loss(rollout, goal) == pytest.approx([1 + 0 + 0.1 * (4 + 1)])
    assert planning_loss(rollout, goal, steps=1) == pytest.approx([1 + 0.1 * 4])


def test_success_needs_five_steps_near_in_a_row_at_the_end() -> None:
    rollout, goal = _walk([4, 2, 1, 0, 0, 0, 3])
    assert successes(rollout, goal, 5).tolist() == [True]  # near at 1, 2, 3, 4, 5
    assert successes(rollout, goal, 4).tolist() == [False]  # near at 1..4 alone: the start was far
    assert successes(rollout, goal, 6).tolist() == [False]  # it left


def test_the_share_at_the_goal_counts_steps_and_not_the_start() -> None:
    rollout, goal = _walk([0, 3, 2, 1, 3])
    assert share_at_goal(rollout, goal) == 50


def test_pc3_poses_each_of_the_other_corners_from_each_start() -> None:
    problems = pc3_problems(4, seed=0)
    assert ((problems.starts >= 3) & (problems.starts <= 7)).all()
    for start in np.unique(problems.starts, axis=0):
        goals = problems.goals[(problems.starts == start).all(1)]
        assert sorted(map(tuple, goals)) == [(3, 37), (37, 3), (37, 37)]


def test_problems_depend_on_the_seed_alone() -> None:
    first, again = (sample_problems("anywhere", {}, 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.starts, again.starts)
    longer = sample_problems("anywhere", {}, 8, seed=3)
    np.testing.assert_array_equal(longer.goals[:5], first.goals)


def test_the_baseline_walks_straight_and_the_oracle_loses_no_more(tmp_path: Path) -> None:
    problems = sample_problems("anywhere", {"collision": "solid"}, 6, seed=0)
    known = reference(problems, tmp_path)
    straight = planning_loss(roll_out(StraightLineExpert(), problems, "square", 40), problems.goals)
    assert known.floor["loss"] == pytest.approx(straight.mean())
    assert (known.best_loss <= straight + 1e-6).all()
    kept = reference(problems, tmp_path)  # read back from the file
    np.testing.assert_array_equal(kept.steps, known.steps)
    assert (kept.floor, kept.shaken, kept.ceiling) == (known.floor, known.shaken, known.ceiling)


def test_references_without_the_shaken_line_are_measured_again(tmp_path: Path) -> None:
    problems = sample_problems("anywhere", {}, 3, seed=0)
    known = reference(problems, tmp_path)
    (path,) = tmp_path.iterdir()
    earlier = {key: value for key, value in read_json(path).items() if key != "shaken"}
    write_json(path, earlier)
    assert reference(problems, tmp_path).shaken == known.shaken


def test_a_rate_has_the_outcome_of_each_problem() -> None:
    measured = rate(np.array([True, False, True, True]))
    assert (measured["success"], measured["outcomes"]) == (75, "1011")
