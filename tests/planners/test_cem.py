"""CEM comes near the linear-quadratic optimum and uses its warm start."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.planners.push import Push, problem
from unknot.planners import CEM, ILQR, QuadraticCost, Status
from unknot.planners.sampling import Gaussian


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "limits", [(-torch.inf, torch.inf), (-3.4e38, 3.4e38), (-torch.inf, 0.2), (-0.2, 3.4e38)]
)
def test_limits_without_end_are_as_none(limits: tuple[float, float], dtype: torch.dtype) -> None:
    cost, start = problem(6)
    cost, start = QuadraticCost(cost.Q, cost.R, cost.goal.to(dtype)), start.to(dtype)
    plan = planner(limits=limits, iterations=60).plan(Push(), cost, start)
    best = ILQR(5, limits=limits, iterations=200).plan(Push(), cost, start)
    torch.testing.assert_close(plan.costs[:, -1], best.costs[:, -1], rtol=1e-3, atol=2e-3)
    assert (plan.actions >= limits[0]).all()
    assert (plan.actions <= torch.tensor(limits[1], dtype=dtype)).all()


def test_the_first_samples_lie_between_limits_that_leave_zero_out() -> None:
    cost, start = problem(4)
    for limits in ((2.0, torch.inf), (-torch.inf, -2.0)):
        actions = planner(limits=limits).plan(Push(), cost, start).actions
        torch.testing.assert_close(actions, torch.full_like(actions, min(limits, key=abs)), rtol=0, atol=0.3)


def test_another_seed_gives_another_plan() -> None:
    cost, start = problem(2)
    one, other = (planner(seed).plan(Push(), cost, start).actions for seed in (1, 2))
    assert not torch.equal(one, other)


def test_the_warm_start_is_the_first_plan_tried() -> None:
    cost, start = problem(4)
    best = ILQR(5).plan(Push(), cost, start)
    plan = planner(iterations=1).plan(Push(), cost, start, best.actions)
    torch.testing.assert_close(plan.costs[:, 0], best.costs[:, -1])
    assert (plan.status == Status.ITERATION_LIMIT).all()


def test_a_plain_function_is_a_cost() -> None:
    cost, start = problem(3)
    plain = planner(limits=(-torch.ones(2), torch.ones(2))).plan(Push(), lambda s, a: cost(s, a), start)
    quadratic = planner(limits=(-torch.ones(2), torch.ones(2))).plan(Push(), cost, start)
    torch.testing.assert_close(plain.actions, quadratic.actions)


@pytest.mark.parametrize(
    "settings", [{"elites": 1}, {"population": 8}, {"smoothing": 1.0}, {"tolerance": -1.0}, {"iterations": 0}]
)
def test_an_argument_out_of_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"^{name} must be at least .*not {value}$"):
        planner(**settings)


def test_several_warm_starts_are_refused() -> None:
    cost, start = problem(2)
    with pytest.raises(ValueError, match="warm_start must have the shape"):
        planner().plan(Push(), cost, start, torch.zeros(2, 3, 5, 2))


def test_the_next_samples_mix_the_elites_with_the_old_ones_by_the_smoothing() -> None:
    samples = torch.tensor([2.0, 4.0, 9.0]).view(1, 3, 1, 1)
    old = Gaussian(torch.tensor([[[1.0]]]), torch.tensor([[[5.0]]]), torch.zeros(1, dtype=torch.bool))
    values = torch.tensor([[0.0, 1.0, 2.0]])
    found = planner(elites=2, population=3, smoothing=0.25)._refit(samples, values, old)
    assert [float(each) for each in found[:2]] == [0.25 * 1 + 0.75 * 3, 0.25 * 5 + 0.75 * 1]
