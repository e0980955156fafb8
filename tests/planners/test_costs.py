"""The quadratic models of costs, compared with finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.planners import ILQR, QuadraticCost, RowCost
from unknot.planners.base import check_start
from unknot.planners.costs import FunctionCost, as_row_cost
from unknot.planners.derivatives import psd

ONE = torch.eye(1)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bowl(z: Tensor) -> Tensor:
    return torch.log(torch.exp(z).sum(-1)) + (z**4).sum(-1)


def quadratic(sweep: Tensor | None = None) -> QuadraticCost:
    lopsided = torch.tensor([[2.0, 0.8], [0.1, 1.0]])
    return QuadraticCost(lopsided, torch.tensor([[0.5]]), normal(3, 2, seed=1), bowl, sweep)


def plain(states: Tensor, actions: Tensor) -> Tensor:
    terms = bowl(states[:, :-1]) + (actions[..., 0] - states[:, :-1, 1]) ** 2
    return terms.sum(1) + (states[:, -1] ** 2).sum(1)


def finite_differences(cost: RowCost, states: Tensor, actions: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """Return gradient and Hessian of the cost by state and action at time t, from its values alone."""
    n, h = states.shape[-1], 1e-4
    size = n + actions.shape[-1]

    def value(shift: Tensor) -> Tensor:
        moved_states, moved_actions = states.clone(), actions.clone()
        moved_states[:, t] += shift[:n]
        if t < actions.shape[1]:
            moved_actions[:, t] += shift[n:]
        return cost(moved_states, moved_actions)

    e = h * torch.eye(size, dtype=torch.float64)
    gradient = torch.stack([(value(e[i]) - value(-e[i])) / (2 * h) for i in range(size)], -1)
    second = [
        (value(e[i] + e[j]) - value(e[i] - e[j]) - value(e[j] - e[i]) + value(-e[i] - e[j])) / (4 * h * h)
        for i in range(size)
        for j in range(size)
    ]
    return gradient, torch.stack(second, -1).view(-1, size, size)


@pytest.mark.parametrize(
    "cost",
    [quadratic(), quadratic(normal(2, 1, seed=4)), as_row_cost(plain, torch.zeros(3, 2))],
    ids=["quadratic", "swept", "plain"],
)
@pytest.mark.parametrize("t", range(5))
def test_gradient_and_hessian_are_those_of_finite_differences(cost: RowCost, t: int) -> None:
    states, actions = normal(3, 5, 2, seed=2), normal(3, 4, 1, seed=3)
    gradient, hessian = cost.quadratize(states, actions)
    expected_gradient, expected_hessian = finite_differences(cost, states, actions, t)
    torch.testing.assert_close(gradient[:, t], expected_gradient, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(hessian[:, t], expected_hessian, atol=1e-5, rtol=1e-5)


def test_the_cost_is_the_sum_in_its_docstring() -> None:
    cost = QuadraticCost(2 * torch.eye(1), 3 * torch.eye(1), torch.tensor([[1.0]]), lambda z: 10 * z[..., 0])
    states, actions = torch.tensor([[[50.0], [2.0], [4.0]]]), torch.tensor([[[1.0], [2.0]]])
    assert cost(states, actions).tolist() == [2 * (1 + 9) + 3 * (1 + 4) + 10 * (2 + 4)]


def test_a_swept_penalty_is_the_mean_along_the_move() -> None:
    cost = QuadraticCost(
        torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), lambda z: z[..., 0], 3 * ONE
    )
    states, actions = torch.tensor([[[1.0], [50.0], [60.0]]]), torch.tensor([[[1.0], [2.0]]])
    assert cost(states, actions).tolist() == pytest.approx([(2 + 3 + 4) / 3 + (52 + 54 + 56) / 3])


class Push:
    """A point that actions move."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z + u


def wall(z: Tensor) -> Tensor:
    """About 100 from 0.3 to 0.7, 0 elsewhere: narrower than the longest move."""
    return 100 * (torch.sigmoid(40 * (z[..., 0] - 0.3)) - torch.sigmoid(40 * (z[..., 0] - 0.7)))


def test_a_swept_plan_does_not_jump_over_an_obstacle_that_an_unswept_one_jumps_over() -> None:
    start, goal = torch.tensor([[0.0]]), torch.tensor([[1.6]])
    rest, leap = torch.zeros(6), torch.tensor([1.0, 0.6, 0.0, 0.0, 0.0, 0.0])
    guesses = torch.stack([rest, leap])[None, :, :, None]
    ends = {}
    for name, sweep in [("points", None), ("lines", ONE)]:
        cost = QuadraticCost(ONE, 0.01 * ONE, goal, wall, sweep)
        states = ILQR(6, limits=(-1.0, 1.0)).plan(Push(), cost, start, guesses).states[0, :, 0]
        ends[name] = states[-1].item()
        if sweep is not None:
            assert states.max() < 0.3  # and so are the moves, lines between states
    assert ends["points"] == pytest.approx(1.6, abs=0.05)
    assert ends["lines"] > 0.1  # it still goes as near as it may


@pytest.mark.parametrize("n", [1, 2, 3])
def test_negative_eigenvalues_become_zero(n: int) -> None:
    roots = normal(50, n, n)
    matrices = roots + roots.mT
    matrices[0] = 0
    values, vectors = torch.linalg.eigh(matrices)
    nearest = (vectors * values.clamp(min=0)[:, None]) @ vectors.mT
    torch.testing.assert_close(psd(matrices), nearest)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_matrix_that_is_not_finite_does_not_affect_others(n: int) -> None:
    matrices = torch.eye(n).repeat(3, 1, 1)
    matrices[1] = torch.nan
    result = psd(matrices)
    assert result[1].isnan().any()
    assert torch.equal(result[::2], matrices[::2])


def test_a_penalty_that_curves_down_still_gives_a_model_with_a_minimum() -> None:
    cost = QuadraticCost(torch.zeros(2, 2), torch.eye(1), normal(3, 2), lambda z: -((z**2).sum(-1)))
    _, hessian = cost.quadratize(normal(3, 5, 2), normal(3, 4, 1))
    assert torch.linalg.eigvalsh(hessian).min() >= 0


def test_selected_rows_cost_what_they_cost_in_the_batch() -> None:
    goal = normal(3, 2)

    def to_each_goal(states: Tensor, actions: Tensor) -> Tensor:
        assert len(states) == 3
        return ((states - goal[:, None]) ** 2).sum((1, 2)) + actions.sum((1, 2))

    rows = torch.tensor([2, 0, 2, 2])
    states, actions = normal(4, 5, 2), normal(4, 4, 1)
    expected = ((states - goal[rows][:, None]) ** 2).sum((1, 2)) + actions.sum((1, 2))
    selected = as_row_cost(to_each_goal, torch.zeros(3, 2)).select(rows)
    torch.testing.assert_close(selected(states, actions), expected)
    again = torch.tensor([3, 1])
    torch.testing.assert_close(selected.select(again)(states[again], actions[again]), expected[again])


def test_only_a_plain_function_is_wrapped() -> None:
    cost = quadratic()
    assert as_row_cost(cost, cost.goal) is cost
    assert isinstance(as_row_cost(plain, torch.zeros(3, 2)), FunctionCost)


def test_an_argument_that_is_not_a_tensor_is_refused_by_name() -> None:
    eye: Any = np.eye(2)
    with pytest.raises(ValueError, match="Q must be a torch tensor, not ndarray"):
        QuadraticCost(eye, torch.eye(2), torch.zeros(1, 2))
    start: Any = [[0.0, 0.0]]
    with pytest.raises(ValueError, match="start must be a torch tensor, not list"):
        check_start(start)


def test_wrong_shapes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"goal must have the shape \(batch, dim\), .* of the shape \(2,\)"):
        QuadraticCost(torch.eye(2), torch.eye(1), torch.zeros(2))
    with pytest.raises(ValueError, match=r"Q must have the shape .* \(2, 2\), not \(3, 3\)"):
        QuadraticCost(torch.eye(3), torch.eye(1), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="R must have the shape"):
        QuadraticCost(torch.eye(2), torch.ones(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"sweep must have the shape .* \(2, 1\), not \(1, 2\)"):
        QuadraticCost(torch.eye(2), torch.eye(1), torch.zeros(1, 2), bowl, torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"actions must have the shape \(3, 4, 1\)"):
        quadratic()(torch.zeros(3, 5, 2), torch.zeros(3, 5, 1))
    with pytest.raises(ValueError, match=r"states must have the shape \(3, horizon \+ 1, 2\)"):
        quadratic()(torch.zeros(3, 5, 1), torch.zeros(3, 4, 1))


def test_a_penalty_without_gradients_is_refused() -> None:
    cut = QuadraticCost(torch.eye(2), torch.eye(1), torch.zeros(3, 2), lambda z: z.detach().sum(-1))
    with pytest.raises(ValueError, match="penalty must return a result that can be differentiated"):
        cut.quadratize(torch.zeros(3, 5, 2), torch.zeros(3, 4, 1))
