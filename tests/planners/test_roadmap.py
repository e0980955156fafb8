"""Paths through a small grid, checked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unknot.planners import Roadmap

GRID = torch.cartesian_prod(torch.arange(7.0), torch.arange(7.0))


def wall(z: Tensor, following: Tensor) -> Tensor:
    """A wall at 3 on the first axis, with a gap from 5.5 upwards on the second."""
    crosses = (z[:, 0] - 3).sign() * (following[:, 0] - 3).sign() <= 0
    low = torch.minimum(z[:, 1], following[:, 1]) < 5.5
    return torch.where(crosses & low, torch.inf, 0.0)


def free(z: Tensor, following: Tensor) -> Tensor:
    return torch.zeros(len(z))


def barred(z: Tensor, following: Tensor) -> Tensor:
    return torch.full((len(z),), torch.inf)


def test_paths_lead_around_a_wall() -> None:
    start, goal = torch.tensor([[2.0, 4.0], [2.0, 4.0]]), torch.tensor([[4.0, 4.0], [1.0, 4.0]])
    paths = Roadmap(GRID, wall, reach=1.0).paths(start, goal, 8)
    assert paths.found.all()
    assert paths.states[0].tolist() == [
        [2, 4], [2, 5], [2, 6], [3, 6], [4, 6], [4, 5], [4, 4], [4, 4], [4, 4],
    ]  # fmt: skip
    assert paths.states[1].tolist() == [[2, 4]] + 8 * [[1, 4]]


def test_starts_and_goals_may_lie_between_the_nodes() -> None:
    start, goal = torch.tensor([[0.2, 0.3]]), torch.tensor([[4.8, 0.4]])
    paths = Roadmap(GRID, free, reach=1.5).paths(start, goal, 6)
    assert torch.equal(paths.states[0, 0], start[0])
    assert torch.equal(paths.states[0, -1], goal[0])
    assert (paths.states.diff(dim=1).norm(dim=2) <= 1.5).all()


def test_moves_have_a_direction() -> None:
    def forward(z: Tensor, following: Tensor) -> Tensor:
        return torch.where(following[:, 0] >= z[:, 0], 0.0, torch.inf)

    there, back = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 0.0]])
    paths = Roadmap(GRID, forward, reach=1.0).paths(torch.cat([there, back]), torch.cat([back, there]), 3)
    assert paths.found.tolist() == [True, False]


def test_a_penalty_is_worth_a_detour() -> None:
    def mud(z: Tensor, following: Tensor) -> Tensor:
        return 10.0 * ((following[:, 0] == 1) & (following[:, 1] == 0))

    paths = Roadmap(GRID, mud, reach=1.0).paths(torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]]), 4)
    assert paths.states[0].tolist() == [[0, 0], [0, 1], [1, 1], [2, 1], [2, 0]]


def test_without_a_path_it_returns_the_straight_line_and_reports_it() -> None:
    start, goal = torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])
    paths = Roadmap(GRID, barred, reach=1.5).paths(start, goal, 4)
    assert paths.found.tolist() == [False]
    assert paths.states[0].tolist() == [[0, 0], [1.5, 0], [3, 0], [4, 0], [4, 0]]


def test_a_path_longer_than_the_horizon_is_cut_off() -> None:
    paths = Roadmap(GRID, free, reach=1.0).paths(torch.tensor([[0.0, 0.0]]), torch.tensor([[6.0, 0.0]]), 3)
    assert paths.states[0].tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]


def test_a_start_that_is_not_finite_has_no_path_and_does_not_affect_others() -> None:
    start, goal = torch.tensor([[torch.nan, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    paths = Roadmap(GRID, wall, reach=1.0).paths(start, goal, 2)
    assert paths.found.tolist() == [False, True]
    assert paths.states[1].tolist() == [[0, 0], [1, 0], [1, 0]]


def test_few_neighbours_still_reach_far() -> None:
    paths = Roadmap(GRID, free, reach=2.0, neighbours=6).paths(
        torch.tensor([[0.0, 0.0]]), torch.tensor([[6.0, 6.0]]), 12
    )
    assert paths.found.all()
    assert (paths.states.diff(dim=1).norm(dim=2) <= 2).all()


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="states must be finite and have the shape"):
        Roadmap(GRID[0], free, reach=1.0)
    with pytest.raises(ValueError, match="reach must be above 0, not 0"):
        Roadmap(GRID, free, reach=0.0)
    with pytest.raises(ValueError, match="neighbours must be at least 1, not 0"):
        Roadmap(GRID, free, reach=1.0, neighbours=0)
    with pytest.raises(ValueError, match="move_cost must return values of at least 0"):
        Roadmap(GRID, lambda z, following: -free(z, following) - 1, reach=1.0)
    with pytest.raises(ValueError, match=r"start and goal must both have the shape \(batch, 2\)"):
        Roadmap(GRID, free, reach=1.0).paths(torch.zeros(2, 2), torch.zeros(3, 2), 4)
