"""MPPI weighs samples by their cost, comes near the optimum, and stays where no cost is finite."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.planners.push import Push, problem
from unknot.planners import ILQR, MPPI
from unknot.planners.sampling import Gaussian


def around(mean: float, std: float, batch: int = 1) -> Gaussian:
    shape = (batch, 1, 1)
    return Gaussian(torch.full(shape, mean), torch.full(shape, std), torch.zeros(batch, dtype=torch.bool))


def planner(seed: int = 0, **settings: Any) -> MPPI:
    return MPPI(5, generator=torch.Generator().manual_seed(seed), **settings)


def test_the_next_mean_weighs_samples_by_the_exponential_of_their_cost() -> None:
    samples, values = torch.tensor([2.0, 4.0, 9.0]).view(1, 3, 1, 1), torch.tensor([[1.0, 3.0, torch.inf]])
    mean, std, _ = planner(temperature=2.0)._refit(samples, values, around(1.0, 5.0))
    weight = math.exp(-1)  # of the second beside the first: exp(-(3 - 1) / 2)
    assert float(mean) == pytest.approx((2 + weight * 4) / (1 + weight))
    assert float(std) == 5


def test_the_mean_stays_where_no_plan_has_a_finite_cost() -> None:
    samples, values = torch.randn(2, 3, 1, 1), torch.tensor([[torch.inf] * 3, [0.0, 1.0, 2.0]])
    mean, _, converged = planner()._refit(samples, values, around(1.0, 1.0, batch=2))
    assert float(mean[0]) == 1
    assert float(mean[1]) != 1
    assert converged.tolist() == [False, False]


@pytest.mark.parametrize("limits", [None, (-0.4, 0.4)])
def test_it_comes_near_the_optimum(limits: tuple[float, float] | None) -> None:
    cost, start = problem(6)
    resting = torch.stack([start * 0.9**k for k in range(6)], 1)
    begin = cost(resting, start.new_zeros(6, 5, 2))
    plan = planner(limits=limits, temperature=0.05, noise=0.1, iterations=100).plan(Push(), cost, start)
    best = ILQR(5, limits=limits, iterations=200).plan(Push(), cost, start).costs[:, -1]
    assert ((plan.costs[:, -1] - best) < 0.02 * (begin - best)).all()
    assert (plan.costs.diff(dim=1) <= 0).all()
    torch.testing.assert_close(plan.costs[:, -1], cost(plan.states, plan.actions))
    if limits:
        assert plan.actions.abs().max() <= 0.4


def test_a_problem_has_converged_once_the_mean_hardly_moves() -> None:
    samples = torch.tensor([[0.0, 0.2, -0.2], [0.0, 0.2, 0.4], [0.0, 1.0, -1.0]])[:, :, None, None]
    values = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 99.0, 99.0]])
    converged = planner(tolerance=0.1)._refit(samples, values, around(0.0, 1.0, batch=3)).converged
    assert converged.tolist() == [True, False, False]  # the second moved; the third is the best of one


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"noise": -1.0}, {"population": 0}])
def test_an_argument_out_of_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"^{name} must be .*not {value}$"):
        planner(**settings)
