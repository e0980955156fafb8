"""The memory of a receding horizon, when it plans again, and from which guesses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unknot.planners import ILQR, Cost, Dynamics, Plan, QuadraticCost, RecedingHorizon, Status
from unknot.planners.mpc import shifted


class Push:
    """A point that actions move."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z + u


class Counting:
    """Plans 10 n, 10 n + 1, ... at its n-th call, and records its arguments."""

    def __init__(self) -> None:
        self.starts: list[Tensor] = []
        self.warm: list[Tensor | None] = []

    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        self.starts.append(start)
        self.warm.append(warm_start)
        actions = (10.0 * len(self.starts) + torch.arange(4.0))[None, :, None].repeat(len(start), 1, 1)
        states, costs = torch.zeros(len(start), 5, 1), torch.zeros(len(start), 1)
        return Plan(actions, states, costs, torch.zeros(len(start), dtype=torch.int64))


def cost(states: Tensor, actions: Tensor) -> Tensor:
    return states.sum((1, 2))


def test_it_plans_again_after_replan_every_actions() -> None:
    planner = Counting()
    horizon, memory = RecedingHorizon(planner, replan_every=3), None
    taken = []
    for call in range(7):
        actions, memory = horizon.act(Push(), cost, torch.full((2, 1), float(call)), memory)
        taken.append(actions[0].item())
    assert taken == [10, 11, 12, 20, 21, 22, 30]
    assert [start[0].item() for start in planner.starts] == [0, 3, 6]
    assert planner.warm[0] is None
    assert planner.warm[1] is not None
    assert planner.warm[1][0].ravel().tolist() == [13, 0, 0, 0]


def test_a_restart_plans_at_once_for_that_problem_alone_and_drops_its_memory() -> None:
    planner = Counting()
    horizon = RecedingHorizon(planner, replan_every=3)
    start = torch.tensor([[0.0], [1.0], [2.0]])
    _, memory = horizon.act(Push(), cost, start)
    actions, memory = horizon.act(Push(), cost, start, memory, torch.tensor([False, True, False]))
    assert actions.ravel().tolist() == [11, 20, 11]
    assert planner.starts[1].tolist() == [[1.0]]
    assert planner.warm[1] is not None
    assert not planner.warm[1].any()
    assert memory.used.tolist() == [2, 1, 2]
    actions, memory = horizon.act(Push(), cost, start, memory)
    assert actions.ravel().tolist() == [12, 21, 12]
    actions, _ = horizon.act(Push(), cost, start, memory)
    assert actions.ravel().tolist() == [30, 22, 30]


def test_the_memory_passed_in_is_not_changed() -> None:
    horizon = RecedingHorizon(Counting())
    _, memory = horizon.act(Push(), cost, torch.zeros(2, 1))
    before = memory.actions.clone(), memory.used.clone()
    horizon.act(Push(), cost, torch.zeros(2, 1), memory)
    assert torch.equal(memory.actions, before[0])
    assert torch.equal(memory.used, before[1])


def test_each_problem_keeps_its_own_goal_when_only_some_are_planned_for() -> None:
    goals = torch.tensor([[3.0], [-2.0], [1.0]])
    horizon = RecedingHorizon(ILQR(4), replan_every=2)
    quadratic = QuadraticCost(torch.eye(1), 0.01 * torch.eye(1), goals)
    z, memory = torch.zeros(3, 1), None
    for call in range(8):
        restart = torch.tensor([call == 1, False, call == 4])
        actions, memory = horizon.act(Push(), quadratic, z, memory, restart)
        z = Push().step(z, actions)
    torch.testing.assert_close(z, goals, atol=1e-2, rtol=0)


def test_a_replanner_makes_the_plans_that_begin_from_the_last_one() -> None:
    planner, replanner = Counting(), Counting()
    horizon = RecedingHorizon(planner, replan_every=2, replanner=replanner)
    start = torch.tensor([[0.0], [1.0], [2.0]])
    memory = None
    for restart in (None, None, torch.tensor([False, True, False])):
        actions, memory = horizon.act(Push(), cost, start, memory, restart)
    assert actions.ravel().tolist() == [10, 20, 10]  # the first plan of each, the second of the planner
    assert [begun.ravel().tolist() for begun in planner.starts] == [[0, 1, 2], [1]]
    assert [begun.ravel().tolist() for begun in replanner.starts] == [[0, 2]]
    assert replanner.warm[0] is not None
    assert replanner.warm[0][0].ravel().tolist() == [12, 13, 0, 0]


def test_only_problems_beyond_the_replan_distance_are_planned_early() -> None:
    planner = Counting()  # all its plans expect to be at 0
    horizon = RecedingHorizon(planner, replan_every=4, replan_distance=0.5)
    _, memory = horizon.act(Push(), cost, torch.zeros(4, 1))
    now = torch.tensor([[0.4], [0.6], [-0.6], [torch.nan]])
    actions, memory = horizon.act(Push(), cost, now, memory)
    assert actions.ravel().tolist() == [11, 20, 20, 20]
    assert planner.starts[1].ravel().tolist() == pytest.approx([0.6, -0.6, torch.nan], nan_ok=True)
    assert memory.used.tolist() == [2, 1, 1, 1]


def test_the_replan_distance_is_measured_from_the_state_expected_now() -> None:
    planner = ILQR(6)
    horizon = RecedingHorizon(planner, replan_every=6, replan_distance=0.01)
    quadratic = QuadraticCost(torch.eye(1), torch.eye(1), torch.tensor([[5.0]]))
    z = torch.zeros(1, 1)
    actions, memory = horizon.act(Push(), quadratic, z)
    first = memory.actions
    for used in range(2, 7):  # the plan is followed exactly
        z = Push().step(z, actions)
        actions, memory = horizon.act(Push(), quadratic, z, memory)
        assert memory.used.tolist() == [used]
        assert torch.equal(memory.actions, first)


def test_guesses_follow_the_rest_of_the_plan_and_are_asked_only_for_the_rows_planned() -> None:
    asked: list[list[int]] = []

    def guesses(rows: Tensor) -> Tensor:
        asked.append(rows.tolist())
        return rows[:, None, None, None] + torch.zeros(len(rows), 2, 4, 1)

    planner = Counting()
    horizon = RecedingHorizon(planner, replan_every=3)
    start = torch.zeros(3, 1)
    _, memory = horizon.act(Push(), cost, start, guesses=guesses)
    _, memory = horizon.act(Push(), cost, start, memory, guesses=guesses)
    restart = torch.tensor([False, False, True])
    horizon.act(Push(), cost, start, memory, restart, guesses)
    assert asked == [[0, 1, 2], [2]]
    first, second = planner.warm
    assert first is not None
    assert second is not None
    assert first.shape == (3, 2, 4, 1)
    assert second[..., 0].tolist() == [[[0.0] * 4, [2.0] * 4, [2.0] * 4]]
    _, memory = horizon.act(Push(), cost, start, memory, guesses=guesses)
    horizon.act(Push(), cost, start, memory, guesses=guesses)
    warm = planner.warm[-1]
    assert warm is not None
    assert warm[1, :, :, 0].tolist() == [[13, 0, 0, 0], [1] * 4, [1] * 4]


def test_a_good_guess_gets_past_a_hill_that_planning_from_rest_does_not() -> None:
    def hill(z: Tensor) -> Tensor:
        return 30 * torch.exp(-2 * (z[..., 0] - 2).square())

    quadratic = QuadraticCost(torch.eye(1), 0.1 * torch.eye(1), torch.tensor([[4.0]]), hill)
    horizon = RecedingHorizon(ILQR(6, limits=(-2.0, 2.0)))
    there = torch.tensor([1.0, 2.0, 1.0, 0.0, 0.0, 0.0])[None, None, :, None]
    ends = []
    for guesses in (None, lambda rows: there):
        _, memory = horizon.act(Push(), quadratic, torch.zeros(1, 1), guesses=guesses)
        ends.append(memory.states[0, -1, 0].item())
    assert ends[0] < 2
    assert ends[1] == pytest.approx(4, abs=0.3)


def test_an_invalid_problem_recovers_when_its_start_does() -> None:
    horizon = RecedingHorizon(ILQR(4))
    quadratic = QuadraticCost(torch.eye(1), torch.eye(1), torch.ones(2, 1))
    actions, memory = horizon.act(Push(), quadratic, torch.tensor([[0.0], [torch.nan]]))
    assert actions.isnan().ravel().tolist() == [False, True]
    assert memory.status.tolist() == [Status.CONVERGED, Status.INVALID]
    actions, memory = horizon.act(Push(), quadratic, torch.zeros(2, 1), memory)
    assert actions.isfinite().all()
    assert memory.status.tolist() == [Status.CONVERGED, Status.CONVERGED]


def test_shifting_appends_zeros() -> None:
    actions = torch.arange(1.0, 7.0).view(2, 3, 1)
    assert shifted(actions, torch.tensor([1, 3])).squeeze(-1).tolist() == [[2, 3, 0], [0, 0, 0]]


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="replan_every must be at least 1, not 0"):
        RecedingHorizon(Counting(), replan_every=0)
    with pytest.raises(ValueError, match=r"^planner must have a method plan, unlike None"):
        RecedingHorizon(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"replanner must have a method plan, unlike 3"):
        RecedingHorizon(Counting(), replanner=3)  # type: ignore[arg-type]
    for distance in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=f"replan_distance must be at least 0, not {distance}"):
            RecedingHorizon(Counting(), replan_distance=distance)
    nothing: Any = torch.zeros(0)
    with pytest.raises(ValueError, match="replan_distance must be at least 0, not tensor"):
        RecedingHorizon(Counting(), replan_distance=nothing)
    with pytest.raises(ValueError, match="replan_every must be at most the horizon 4, not 5"):
        RecedingHorizon(Counting(), replan_every=5).act(Push(), cost, torch.zeros(2, 1))
    horizon = RecedingHorizon(Counting())
    _, memory = horizon.act(Push(), cost, torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"restart must have the shape \(2,\)"):
        horizon.act(Push(), cost, torch.zeros(2, 1), memory, torch.zeros(3, dtype=torch.bool))
    with pytest.raises(
        ValueError, match=r"of memory\.states, \(1,\) and torch\.float32, not \(2,\) and torch\.float32"
    ):
        horizon.act(Push(), cost, torch.zeros(2, 2), memory)
    with pytest.raises(ValueError, match=r"memory\.used must have the shape \(3,\)"):
        horizon.act(Push(), cost, torch.zeros(3, 1), memory)
