"""The contract of every planner: `plan(dynamics, cost, start, warm_start)` gives a `Plan` as documented.

A planner joins by a row in PLANNERS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from unknot import planners
from unknot.planners import CEM, ILQR, MPPI, Arrival, BreadthFirst, Cost, Greedy, Plan, QuadraticCost, Status
from unknot.planners.base import unroll

HORIZON, LIMIT, BATCH, BAD = 6, 0.4, 5, 2
MOVES = LIMIT * torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)


@dataclass(frozen=True)
class Row:
    """A planner with small settings, its actions within ±LIMIT, and a cost for goals (batch, 2)."""

    make: Callable[[torch.Generator], Any]
    cost: Callable[[Tensor], Cost]
    takes_warm_start: bool


def quadratic(goal: Tensor) -> Cost:
    return QuadraticCost(torch.eye(2), 0.3 * torch.eye(2), goal)


def arrival(goal: Tensor) -> Cost:
    return Arrival(goal, 0.25)


PLANNERS = {
    "CEM": Row(
        lambda generator: CEM(
            HORIZON,
            limits=(-LIMIT, LIMIT),
            population=32,
            elites=6,
            iterations=5,
            generator=generator,
        ),
        quadratic,
        takes_warm_start=True,
    ),
    "MPPI": Row(
        lambda generator: MPPI(
            HORIZON, limits=(-LIMIT, LIMIT), population=32, temperature=0.1, iterations=5, generator=generator
        ),
        quadratic,
        takes_warm_start=True,
    ),
    "ILQR": Row(
        lambda generator: ILQR(HORIZON, limits=(-LIMIT, LIMIT), starts=3, iterations=8, generator=generator),
        quadratic,
        takes_warm_start=True,
    ),
    "BreadthFirst": Row(
        lambda generator: BreadthFirst(MOVES, HORIZON, merge=0.1, limit=60), arrival, takes_warm_start=False
    ),
    "Greedy": Row(lambda generator: Greedy(MOVES, HORIZON), arrival, takes_warm_start=False),
}

each_planner = pytest.mark.parametrize("name", PLANNERS)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


class Slope:
    """A point that actions move, the farther the larger its first number; it can't move beyond 2."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return (z + u * (1 + 0.3 * torch.tanh(z[:, :1]))).clamp(max=2)


def problem(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Starts and goals (BATCH, 2): at the goal, near it, too far, to be approached, and out of reach."""
    start = torch.tensor([[0.5, 0.5], [0.0, 0.0], [-1.0, 0.3], [1.0, -1.0], [1.9, 0.1]], dtype=dtype)
    goal = torch.tensor([[0.5, 0.5], [0.4, 0.9], [-0.2, -0.5], [-4.0, 4.0], [3.0, 0.1]], dtype=dtype)
    return start, goal


class SlopeInPlace(Slope):
    """The same point; it works in its arguments, and returns the same buffer each time."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        u.mul_(1 + 0.3 * torch.tanh(z[:, :1]))
        return z.add_(u).clamp_(max=2)


class SlopeInABuffer(Slope):
    """The same point; it returns the same tensor each time."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        after = super().step(z, u)
        if after.requires_grad:
            return after
        if getattr(self, "buffer", torch.zeros(0)).shape != z.shape:
            self.buffer = torch.zeros_like(z)
        return self.buffer.copy_(after)


def plan(name: str, start: Tensor, goal: Tensor, warm_start: Tensor | None = None) -> Plan:
    row = PLANNERS[name]
    found: Plan = row.make(torch.Generator().manual_seed(3)).plan(Slope(), row.cost(goal), start, warm_start)
    return found


@pytest.fixture
def same_random_numbers_for_every_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a problem's random numbers depend on its place in the batch."""
    for name in ("rand", "randn"):
        original = getattr(torch, name)
        monkeypatch.setattr(
            torch,
            name,
            lambda shape, original=original, **options: original((1, *shape[1:]), **options).expand(shape),
        )


def test_every_exported_planner_has_a_row() -> None:
    exported = {name: getattr(planners, name) for name in planners.__all__}
    planning = {
        name
        for name, value in exported.items()
        if hasattr(value, "plan") and not getattr(value, "_is_protocol", False)
    }
    missing = sorted(planning - PLANNERS.keys())
    assert not missing, (
        f"add a row to PLANNERS in {Path(__file__).name} for {', '.join(missing)}: "
        "its name, how to make it with small settings and actions within LIMIT, and a cost it plans for"
    )


@each_planner
@each_dtype
def test_a_plan_holds_what_its_docstring_says(name: str, dtype: torch.dtype) -> None:
    start, goal = problem(dtype)
    found = plan(name, start, goal)
    assert found.actions.shape == (BATCH, HORIZON, 2)
    assert found.states.shape == (BATCH, HORIZON + 1, 2)
    assert found.costs.shape[0] == BATCH
    assert found.status.shape == (BATCH,)
    assert found.actions.dtype == found.states.dtype == found.costs.dtype == dtype
    assert found.status.dtype == torch.int64
    assert not found.actions.requires_grad
    assert torch.equal(found.states[:, 0], start)
    torch.testing.assert_close(found.states, unroll(Slope(), start, found.actions))
    cost = PLANNERS[name].cost(goal)(found.states, found.actions)
    torch.testing.assert_close(found.costs[:, -1], cost)


@each_planner
@each_dtype
def test_costs_never_rise(name: str, dtype: torch.dtype) -> None:
    costs = plan(name, *problem(dtype)).costs
    assert costs.isfinite().all()
    assert (costs.diff(dim=1) <= 0).all()
    assert (costs[:, -1] < costs[:, 0]).any()


@each_planner
@each_dtype
def test_actions_keep_to_the_limits(name: str, dtype: torch.dtype) -> None:
    actions = plan(name, *problem(dtype)).actions
    assert actions.abs().max() <= torch.tensor(LIMIT, dtype=dtype)


@each_planner
@each_dtype
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_start_that_is_not_finite_changes_no_other_plan(
    name: str, dtype: torch.dtype, value: float
) -> None:
    start, goal = problem(dtype)
    without = plan(name, start, goal)
    start[BAD, 1] = value
    found = plan(name, start, goal)
    assert found.status[BAD] == Status.INVALID
    assert found.actions[BAD].isnan().all()
    assert found.costs[BAD].isnan().all()
    others = torch.arange(BATCH) != BAD
    for field in fields(Plan):
        assert torch.equal(getattr(found, field.name)[others], getattr(without, field.name)[others])


@each_planner
@pytest.mark.usefixtures("same_random_numbers_for_every_problem")
def test_a_problem_alone_gets_the_plan_that_it_gets_in_a_batch(name: str) -> None:
    start, goal = problem()
    together = plan(name, start, goal)
    for row in range(BATCH):
        alone = plan(name, start[row : row + 1], goal[row : row + 1])
        for field in fields(Plan):
            one, many = (getattr(found, field.name) for found in (alone, together))
            torch.testing.assert_close(one[0], many[row], rtol=1e-8, atol=1e-8)


@each_planner
def test_no_problems_give_no_plans(name: str) -> None:
    start, goal = (ends[:0] for ends in problem())
    found = plan(name, start, goal)
    assert found.actions.shape == (0, HORIZON, 2)
    assert found.status.shape == (0,)


@each_planner
def test_the_same_seed_gives_the_same_plan(name: str) -> None:
    one, other = plan(name, *problem()), plan(name, *problem())
    assert all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Plan))


@each_planner
@pytest.mark.parametrize("dynamics", [SlopeInPlace, SlopeInABuffer])
def test_dynamics_that_work_in_place_change_neither_the_start_nor_the_plan(
    name: str, dynamics: Callable[[], Any]
) -> None:
    start, goal = problem()
    given, goals, row = start.clone(), goal.clone(), PLANNERS[name]
    warm_start = torch.full((BATCH, HORIZON, 2), 0.1, dtype=torch.float64)
    warm, made = warm_start.clone(), row.make(torch.Generator().manual_seed(3))
    found = made.plan(dynamics(), row.cost(goals), given, warm)
    for now, before in ((given, start), (goals, goal), (warm, warm_start)):
        assert torch.equal(now, before)
    expected = plan(name, start, goal, warm_start)
    for field in fields(Plan):
        torch.testing.assert_close(getattr(found, field.name), getattr(expected, field.name))


@each_planner
def test_plans_are_the_same_in_inference_mode(name: str) -> None:
    with torch.inference_mode():
        found = plan(name, *problem())
    expected = plan(name, *problem())
    for field in fields(Plan):
        assert torch.equal(getattr(found, field.name), getattr(expected, field.name))


@each_planner
def test_a_start_of_another_width_or_dtype_is_refused_by_name(name: str) -> None:
    start, goal = problem()
    with pytest.raises(ValueError, match=r"^start must have the width and dtype of cost.goal, .*float32"):
        plan(name, start.float(), goal)
    with pytest.raises(ValueError, match=r"^start must have the width and dtype of cost.goal, .*\(3,\)"):
        plan(name, torch.zeros(BATCH, 3, dtype=torch.float64), goal)


@each_planner
def test_a_start_that_the_dynamics_cannot_take_is_refused_by_name(name: str) -> None:
    class Learnt:
        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return z @ torch.eye(2) + u

    row, (start, goal) = PLANNERS[name], problem()
    made = row.make(torch.Generator().manual_seed(3))
    with pytest.raises(ValueError, match=r"^dynamics.step must take states of .*float64, as start has"):
        made.plan(Learnt(), row.cost(goal), start, torch.zeros(BATCH, HORIZON, 2, dtype=torch.float64))


@each_planner
def test_wrong_shapes_are_refused_by_name(name: str) -> None:
    start, goal = problem()
    with pytest.raises(ValueError, match=r"^start must .*\(2,\)"):
        plan(name, start[0], goal)
    with pytest.raises(ValueError, match=r"^start must .*int64"):
        plan(name, start.long(), goal)
    with pytest.raises(ValueError, match=r"^cost.* must "):
        plan(name, start[:2], goal)
    if PLANNERS[name].takes_warm_start:
        with pytest.raises(ValueError, match=r"^warm_start must .*\(5, 4, 2\)"):
            plan(name, start, goal, torch.zeros(BATCH, HORIZON - 2, 2))


@pytest.mark.parametrize("planner", [CEM, ILQR, MPPI])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limits", True),
        ("limits", (0.0, True)),
        ("limits", (0.0, "1")),
        ("limits", (0.0, 1.0, 2.0)),
        ("limits", (torch.inf, torch.inf)),
        ("limits", ([0.0, 1.0], [1.0, 2.0, 3.0])),
        ("tolerance", None),
        ("tolerance", [0.1]),
        ("horizon", True),
        ("horizon", 10**30),
        ("iterations", 1.5),
        ("generator", 7),
    ],
)
def test_nonsense_is_refused_by_name(planner: Any, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must "):
        planner(**{"horizon": HORIZON, name: value})
