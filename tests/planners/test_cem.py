"""CEM: near the linear-quadratic optimum, within limits, and unharmed by bad problems."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unknot.planners import CEM, ILQR, QuadraticCost, Status


class Push:
    """A point that actions move."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return 0.9 * z + u


def problem(batch: int) -> tuple[QuadraticCost, Tensor]:
    generator = torch.Generator().manual_seed(0)
    goal, start = torch.randn(2, batch, 2, generator=generator).double()
    return QuadraticCost(torch.eye(2), 0.3 * torch.eye(2), goal), start


def planner(seed: int = 0, **settings: Any) -> CEM:
    return CEM(5, generator=torch.Generator().manual_seed(seed), **settings)


@pytest.mark.parametrize("limits", [None, (-0.4, 0.4)])
def test_it_comes_near_the_optimum(limits: tuple[float, float] | None) -> None:
    cost, start = problem(6)
    plan = planner(limits=limits, iterations=60).plan(Push(), cost, start)
    best = ILQR(5, limits=limits, iterations=200).plan(Push(), cost, start)
    torch.testing.assert_close(plan.costs[:, -1], best.costs[:, -1], rtol=1e-3, atol=2e-3)
    assert (plan.status == Status.CONVERGED).all()
    assert plan.costs.shape == (6, 61)
    assert (plan.costs.diff(dim=1) <= 0).all()
    torch.testing.assert_close(plan.costs[:, -1], cost(plan.states, plan.actions))
    if limits:
        assert plan.actions.abs().max() <= 0.4


def test_the_same_generator_gives_the_same_plan() -> None:
    cost, start = problem(2)
    one, same, other = (planner(seed).plan(Push(), cost, start).actions for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_warm_start_is_the_first_plan_tried() -> None:
    cost, start = problem(4)
    best = ILQR(5).plan(Push(), cost, start)
    plan = planner(iterations=1).plan(Push(), cost, start, best.actions)
    torch.testing.assert_close(plan.costs[:, 0], best.costs[:, -1])
    assert (plan.status == Status.ITERATION_LIMIT).all()


def test_a_function_that_knows_its_problems_is_a_cost() -> None:
    cost, start = problem(3)
    plain = planner(limits=(-torch.ones(2), torch.ones(2))).plan(Push(), lambda s, a: cost(s, a), start)
    known = planner(limits=(-torch.ones(2), torch.ones(2))).plan(Push(), cost, start)
    torch.testing.assert_close(plain.actions, known.actions)


def test_an_invalid_problem_spoils_no_other() -> None:
    cost, start = problem(4)
    good = planner().plan(Push(), cost, start)
    start[1] = torch.nan
    plan = planner().plan(Push(), cost, start)
    assert plan.status[1] == Status.INVALID
    assert plan.actions[1].isnan().all()
    assert plan.costs[1].isnan().all()
    fine = [0, 2, 3]
    torch.testing.assert_close(plan.actions[fine], good.actions[fine])


def test_no_problems_at_all() -> None:
    cost, start = problem(0)
    assert planner().plan(Push(), cost, start).actions.shape == (0, 5, 2)


@pytest.mark.parametrize(
    "settings", [{"elites": 1}, {"population": 8}, {"smoothing": 1.0}, {"tolerance": -1.0}, {"iterations": 0}]
)
def test_arguments_out_of_range_are_named(settings: dict[str, Any]) -> None:
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        planner(**settings)


def test_wrong_shapes_are_named() -> None:
    cost, start = problem(2)
    with pytest.raises(ValueError, match="warm_start has the shape"):
        planner().plan(Push(), cost, start, torch.zeros(2, 3, 5, 2))
    with pytest.raises(ValueError, match="start has the shape"):
        planner().plan(Push(), cost, start[0])
