"""ILQR compared with Riccati, with other optimisers and with single problems; and invalid problems."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from unknot.planners import ILQR, Plan, QuadraticCost, Status
from unknot.planners.riccati import _inverse, _positive

torch.set_num_threads(1)

Array = NDArray[np.float64]


class Linear:
    """z' = z A' + u B'."""

    def __init__(self, A: Tensor, B: Tensor) -> None:
        self.A, self.B = A, B

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z @ self.A.mT + u @ self.B.mT


class Pendulum:
    """Angle and speed, a torque; 0 is upright."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        angle, speed = z.unbind(-1)
        faster = speed + 0.1 * (4 * torch.sin(angle) + u[..., 0])
        return torch.stack([angle + 0.1 * faster, faster], -1)


class PendulumByHand(Pendulum):
    """The same, with its Jacobians."""

    def linearize(self, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        slope = 0.4 * torch.cos(z[:, 0])
        A = torch.zeros(len(z), 2, 2).to(z)
        A[:, 0, 0], A[:, 0, 1], A[:, 1, 0], A[:, 1, 1] = 1 + 0.1 * slope, 0.1, slope, 1
        B = torch.tensor([[0.01], [0.1]]).to(z).expand(len(z), 2, 1)
        c = self.step(z, u) - (A @ z[..., None] + B @ u[..., None])[..., 0]
        return A, B, c


class Neural(nn.Module):
    """A residual network in two latent dimensions and two controls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2)).double()

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        following: Tensor = z + 0.5 * u + self.net(torch.cat([z, u], -1))
        return following


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear_problem(n: int, m: int, batch: int) -> tuple[Linear, QuadraticCost, Tensor]:
    dynamics = Linear(torch.eye(n).double() + 0.2 * normal(n, n), normal(n, m, seed=1))
    root, effort = normal(n, n, seed=2), normal(m, m, seed=3)
    cost = QuadraticCost(
        root @ root.mT, effort @ effort.mT + 0.1 * torch.eye(m).double(), normal(batch, n, seed=4)
    )
    return dynamics, cost, normal(batch, n, seed=5)


def pendulum_problem(batch: int) -> tuple[QuadraticCost, Tensor]:
    Q, R = torch.diag(torch.tensor([1.0, 0.1])).double(), torch.tensor([[0.05]]).double()
    start = torch.stack([torch.linspace(-3, 3, batch), torch.linspace(1, -1, batch)], -1).double()
    return QuadraticCost(Q, R, torch.zeros(batch, 2).double()), start


def neural_problem(batch: int) -> tuple[Neural, QuadraticCost, Tensor]:
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), normal(batch, 2, seed=1))
    return Neural(), cost, normal(batch, 2)


def riccati(dynamics: Linear, cost: QuadraticCost, start: Tensor, horizon: int) -> Tensor:
    """Optimal actions by dynamic programming on the state beside a 1, in NumPy."""
    n, m = dynamics.B.shape
    A, B = np.eye(n + 1), np.zeros((n + 1, m))
    A[:n, :n], B[:n] = dynamics.A, dynamics.B
    actions = []
    for z, goal in zip(start.numpy(), cost.goal.numpy(), strict=True):
        offset = np.concatenate([np.eye(n), -goal[:, None]], 1)
        Q, R = offset.T @ cost.Q.numpy() @ offset, cost.R.numpy()
        V, gains = Q, []
        for t in reversed(range(horizon)):
            K = np.linalg.solve(R + B.T @ V @ B, B.T @ V @ A)
            V = (Q if t else 0 * Q) + A.T @ V @ (A - B @ K)
            gains.append(K)
        state, row = np.append(z, 1.0), []
        for K in reversed(gains):
            row.append(-K @ state)
            state = A @ state + B @ row[-1]
        actions.append(row)
    return torch.tensor(np.array(actions))


def total(
    dynamics: Linear | Pendulum | Neural, cost: QuadraticCost, start: Tensor, actions: Tensor
) -> Tensor:
    states = [start]
    for action in actions.unbind(1):
        states.append(dynamics.step(states[-1], action))
    return cost(torch.stack(states, 1), actions)


def slope(dynamics: Linear | Pendulum | Neural, cost: QuadraticCost, start: Tensor, plan: Plan) -> Tensor:
    """The gradient of the cost by the actions, (batch, horizon, action dim)."""
    actions = plan.actions.clone().requires_grad_()
    return torch.autograd.grad(total(dynamics, cost, start, actions).sum(), actions)[0]


def assert_optimal_within(limit: float, gradient: Tensor, actions: Tensor, tolerance: float) -> None:
    """No action within its limits could be moved to lower the cost (Karush, Kuhn, Tucker)."""
    assert actions.abs().max() <= limit
    moved = (actions - gradient).clamp(-limit, limit)
    torch.testing.assert_close(moved, actions, atol=tolerance, rtol=0)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (4, 3)])
@pytest.mark.parametrize("warm", [False, True])
def test_a_linear_problem_has_riccatis_solution(n: int, m: int, warm: bool) -> None:
    dynamics, cost, start = linear_problem(n, m, 7)
    exact = riccati(dynamics, cost, start, 25)
    plan = ILQR(25).plan(dynamics, cost, start, exact + 1e-4 * normal(*exact.shape) if warm else None)
    torch.testing.assert_close(plan.actions, exact, atol=1e-6, rtol=0)
    assert (plan.status == Status.CONVERGED).all()


def test_costs_begin_with_the_cost_of_zeros_and_have_an_entry_for_each_iteration() -> None:
    dynamics, cost, start = neural_problem(5)
    plan = ILQR(12, iterations=30).plan(dynamics, cost, start)
    assert plan.costs.shape == (5, 31)
    torch.testing.assert_close(plan.costs[:, 0], total(dynamics, cost, start, torch.zeros(5, 12, 2).double()))


def test_the_plan_for_a_pendulum_equals_that_of_another_optimiser() -> None:
    cost, start = pendulum_problem(3)
    start = start / 3
    plan = ILQR(20, tolerance=1e-12).plan(Pendulum(), cost, start)
    assert (plan.status == Status.CONVERGED).all()
    assert slope(Pendulum(), cost, start, plan).abs().max() < 1e-5
    for i in range(3):
        one = QuadraticCost(cost.Q, cost.R, cost.goal[i : i + 1])

        def value(u: Array, i: int = i, one: QuadraticCost = one) -> tuple[float, Array]:
            actions = torch.tensor(u).view(1, 20, 1).requires_grad_()
            loss = total(Pendulum(), one, start[i : i + 1], actions)
            return loss.item(), torch.autograd.grad(loss, actions)[0].numpy().ravel()

        best = minimize(
            value, np.zeros(20), jac=True, method="L-BFGS-B", options={"gtol": 1e-10, "ftol": 1e-15}
        )
        np.testing.assert_allclose(plan.costs[i, -1], best.fun, rtol=1e-8)
        np.testing.assert_allclose(plan.actions[i, :, 0], best.x, atol=1e-4)


def test_no_action_within_the_limits_is_better() -> None:
    cost, start = pendulum_problem(16)
    plan = ILQR(30, limits=(-1.5, 1.5), iterations=200, tolerance=1e-13).plan(Pendulum(), cost, start)
    assert (plan.actions.abs() == 1.5).any(1).sum() >= 14
    assert (plan.status == Status.CONVERGED).all()
    assert_optimal_within(1.5, slope(Pendulum(), cost, start, plan), plan.actions, 1e-4)


@pytest.mark.parametrize(("n", "m", "limit"), [(2, 2, 0.3), (3, 2, 0.2), (4, 3, 0.2), (5, 4, 0.2)])
def test_linear_problems_are_solved_within_limits(n: int, m: int, limit: float) -> None:
    dynamics, cost, start = linear_problem(n, m, 10)
    plan = ILQR(15, limits=(-limit, limit), iterations=200, tolerance=1e-14).plan(dynamics, cost, start)
    assert (plan.actions.abs() == limit).any()
    assert (plan.status == Status.CONVERGED).all()
    assert_optimal_within(limit, slope(dynamics, cost, start, plan), plan.actions, 1e-4)


def test_one_step_with_two_controls_is_exact_after_one_iteration() -> None:
    """Horizon 1 is a quadratic programme in a box: compared with the best of all nine active sets."""
    batch = 300
    B = normal(2, 2)
    cost = QuadraticCost(torch.eye(2).double(), 0.01 * torch.eye(2).double(), 2 * normal(batch, 2, seed=1))
    low, high = torch.tensor([-0.7, -0.2]).double(), torch.tensor([0.3, 0.9]).double()
    dynamics, start = Linear(torch.eye(2).double(), B), torch.zeros(batch, 2).double()
    plan = ILQR(1, limits=(low, high), iterations=1).plan(dynamics, cost, start)
    H, g = B.mT @ B + cost.R, -cost.goal @ B
    candidates = []
    for sides in product((None, 0, 1), repeat=2):
        u = torch.zeros(batch, 2).double()
        free = [i for i, side in enumerate(sides) if side is None]
        for i, side in enumerate(sides):
            if side is not None:
                u[:, i] = (low, high)[side][i]
        if free:
            u[:, free] = -torch.linalg.solve(H[free][:, free], (g + u @ H)[:, free].mT).mT
        inside = ((u >= low - 1e-12) & (u <= high + 1e-12)).all(1)
        value = ((u @ H) * u).sum(1) + 2 * (g * u).sum(1)
        candidates.append((torch.where(inside, value, torch.inf), u))
    which = torch.stack([value for value, _ in candidates]).argmin(0)
    best = torch.stack([u for _, u in candidates])[which, torch.arange(batch)]
    assert len(torch.bincount(which).nonzero()) >= 8
    torch.testing.assert_close(plan.actions[:, 0], best, atol=1e-9, rtol=0)


@pytest.mark.parametrize("limits", [None, (-0.5, 0.5)])
def test_a_large_batch_gets_the_plans_of_its_problems_alone(limits: tuple[float, float] | None) -> None:
    dynamics, cost, start = neural_problem(64)
    planner = ILQR(10, limits=limits)
    together = planner.plan(dynamics, cost, start)
    for i in range(64):
        rows = torch.tensor([i])
        alone = planner.plan(dynamics, cost.select(rows), start[rows])
        torch.testing.assert_close(alone.actions[0], together.actions[i], atol=1e-8, rtol=1e-8)
        torch.testing.assert_close(alone.costs[0], together.costs[i])
        assert alone.status[0] == together.status[i]


def test_automatic_derivatives_give_the_plan_of_those_by_hand() -> None:
    cost, start = pendulum_problem(8)
    automatic, by_hand = (ILQR(30).plan(d, cost, start) for d in (Pendulum(), PendulumByHand()))
    torch.testing.assert_close(automatic.actions, by_hand.actions)
    assert torch.equal(automatic.status, by_hand.status)


def test_a_plain_function_gives_the_plan_of_the_same_quadratic_cost() -> None:
    dynamics, cost, start = neural_problem(6)
    goal = cost.goal

    def plain(states: Tensor, actions: Tensor) -> Tensor:
        return ((states[:, 1:] - goal[:, None]) ** 2).sum((1, 2)) + 0.1 * (actions**2).sum((1, 2))

    planner = ILQR(10, limits=(-0.5 * torch.ones(2), 0.5))
    torch.testing.assert_close(
        planner.plan(dynamics, plain, start).actions, planner.plan(dynamics, cost, start).actions
    )


def test_several_starts_find_a_path_that_one_does_not() -> None:
    """A bump lies between start and goal: at rest on its axis, no derivative points around it."""

    def bump(z: Tensor) -> Tensor:
        return 30 * torch.exp(-2 * (z**2).sum(-1))

    start = torch.tensor([[-2.0, 0.0]]).double().repeat(4, 1)
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), -start, bump)
    dynamics = Linear(torch.eye(2).double(), torch.eye(2).double())
    one = ILQR(15, limits=(-0.5, 0.5)).plan(dynamics, cost, start)
    several = [
        ILQR(15, limits=(-0.5, 0.5), starts=8, generator=torch.Generator().manual_seed(0)).plan(
            dynamics, cost, start
        )
        for _ in range(2)
    ]
    assert (several[0].costs[:, -1] < 0.9 * one.costs[:, -1]).all()
    assert torch.equal(several[0].actions, several[1].actions)


def test_given_starts_replace_the_sampled_ones() -> None:
    cost, start = pendulum_problem(4)
    given = normal(4, 3, 20, 1)
    planner = ILQR(20, starts=5)
    together = planner.plan(Pendulum(), cost, start, given)
    alone = [ILQR(20).plan(Pendulum(), cost, start, given[:, k]) for k in range(3)]
    least = torch.stack([plan.costs[:, -1] for plan in alone]).min(0).values
    torch.testing.assert_close(together.costs[:, -1], least)


def test_a_warm_start_is_clipped_to_the_limits_and_zero_where_it_is_not_finite() -> None:
    dynamics, cost, start = neural_problem(3)
    warm = torch.full((3, 8, 2), 9.0)
    warm[1] = torch.nan
    plan = ILQR(8, limits=(-0.5, 0.5)).plan(dynamics, cost, start, warm)
    assert plan.actions.abs().max() <= 0.5
    cold = ILQR(8, limits=(-0.5, 0.5)).plan(dynamics, cost, start)
    torch.testing.assert_close(plan.costs[1], cold.costs[1])


def test_problems_that_run_out_of_iterations_report_it() -> None:
    cost, start = pendulum_problem(4)
    plan = ILQR(30, iterations=1).plan(Pendulum(), cost, start)
    assert (plan.status == Status.ITERATION_LIMIT).all()


def test_a_problem_whose_every_step_fails_is_stuck() -> None:
    class Liar(PendulumByHand):
        def linearize(self, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            A, B, c = super().linearize(z, u)
            return A, -B, c

    cost, start = pendulum_problem(4)
    start[0] = 0
    plan = ILQR(5).plan(Liar(), cost, start)
    assert plan.status.tolist() == [Status.CONVERGED] + 3 * [Status.STUCK]
    assert torch.equal(plan.actions, torch.zeros(4, 5, 1).double())


@pytest.mark.parametrize("limits", [None, (-0.5, 0.5)])
@pytest.mark.parametrize("plain", [False, True])
def test_an_invalid_goal_or_start_does_not_affect_other_problems(
    limits: tuple[float, float] | None, plain: bool
) -> None:
    dynamics, cost, start = neural_problem(6)
    planner = ILQR(8, limits=limits)
    warm = torch.zeros(6, 8, 2)
    good = planner.plan(dynamics, cost, start, warm)
    cost.goal[3] = torch.inf
    start[1], start[4, 0] = torch.nan, torch.inf
    plan = planner.plan(dynamics, (lambda s, a: cost(s, a)) if plain else cost, start, warm)
    bad = [1, 3, 4]
    assert (plan.status[bad] == Status.INVALID).all()
    assert plan.actions[bad].isnan().all()
    assert plan.costs[bad].isnan().all()
    fine = [0, 2, 5]
    torch.testing.assert_close(plan.actions[fine], good.actions[fine])
    assert torch.equal(plan.status[fine], good.status[fine])


def test_a_dynamics_that_explodes_makes_only_its_problem_invalid() -> None:
    class Square:
        action_dim = 1

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return z**2 + u

    cost = QuadraticCost(torch.eye(1), torch.eye(1), torch.zeros(2, 1))
    plan = ILQR(30).plan(Square(), cost, torch.tensor([[0.5], [1e3]]))
    assert plan.status.tolist() == [Status.CONVERGED, Status.INVALID]


def test_a_singular_problem_gets_a_finite_plan() -> None:
    """One control moves nothing and costs nothing, so the Hessian is singular."""
    dynamics = Linear(torch.eye(1).double(), torch.tensor([[1.0, 0.0]]).double())
    cost = QuadraticCost(torch.eye(1), torch.zeros(2, 2), torch.ones(3, 1).double())
    plan = ILQR(4).plan(dynamics, cost, torch.zeros(3, 1).double())
    assert plan.actions.isfinite().all()
    assert (plan.costs[:, -1] < 1e-4).all()


def test_float32_converges() -> None:
    dynamics, cost, start = neural_problem(32)
    cost = QuadraticCost(cost.Q, cost.R, cost.goal.float())
    plan = ILQR(20, limits=(-0.5, 0.5)).plan(dynamics.float(), cost, start.float())
    assert (plan.status == Status.CONVERGED).all()
    assert plan.actions.dtype == torch.float32


def test_every_status_has_a_sentence() -> None:
    assert len({status.sentence for status in Status}) == 4
    assert Status(2) is Status.STUCK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1, not 0"),
        ({"horizon": 5, "starts": 0}, "starts must be at least 1, not 0"),
        ({"horizon": 5, "iterations": 2.5}, "iterations must be a whole number of at least 1, not 2.5"),
        ({"horizon": 5, "tolerance": -1.0}, "tolerance must be at least 0 and below 1, not -1.0"),
        ({"horizon": 5, "limits": (1.0, -1.0)}, "limits must be low <= high, not 1.0 and -1.0"),
        ({"horizon": 5, "limits": (float("nan"), 1.0)}, "limits must be low <= high, not nan"),
        ({"horizon": 5, "limits": (torch.zeros(2, 2), 1.0)}, r"limits must .* not \(2, 2\) and \(\)"),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ILQR(**arguments)  # type: ignore[arg-type]


def test_an_unknown_or_contradictory_action_dim_is_refused() -> None:
    dynamics, cost, start = neural_problem(3)
    with pytest.raises(ValueError, match="must have one action dim"):
        ILQR(5, limits=(torch.zeros(3), 1.0)).plan(dynamics, cost, start)
    with pytest.raises(ValueError, match="action dim is unknown"):
        ILQR(5).plan(dynamics, lambda states, actions: states.sum((1, 2)), start)


def test_a_function_that_returns_a_wrong_shape_is_refused() -> None:
    dynamics, _, start = neural_problem(3)
    with pytest.raises(ValueError, match=r"cost must return the shape \(3,\), not \(3, 6, 2\)"):
        ILQR(5).plan(dynamics, lambda states, actions: states, start, torch.zeros(3, 5, 2))


def test_a_step_that_returns_a_wrong_shape_or_records_no_gradient_is_refused() -> None:
    class Wide:
        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return torch.cat([z, u], -1)

    class Unrecorded(Pendulum):
        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return super().step(z, u).detach()

    cost, start = pendulum_problem(3)
    with pytest.raises(ValueError, match="step must return the shape"):
        ILQR(5).plan(Wide(), cost, start)
    with pytest.raises(ValueError, match="step must return a result that can be differentiated"):
        ILQR(5).plan(Unrecorded(), cost, start)


@pytest.mark.parametrize("limits", [(-torch.inf, torch.inf), (-3.4e38, 3.4e38), (0.0, torch.inf)])
def test_sampled_starts_are_finite_without_limits(limits: tuple[float, float]) -> None:
    _, start = pendulum_problem(3)
    actions = ILQR(5, limits=limits, starts=4)._starts(1, start.float(), None)
    assert actions.isfinite().all()
    assert (actions >= limits[0]).all()
    assert (actions.abs() < 10).all()
    assert len(set(actions.flatten().tolist())) > 10


@pytest.mark.parametrize("m", [1, 2, 3])
def test_small_matrices_are_inverted_and_judged_as_by_their_eigenvalues(m: int) -> None:
    halves = torch.randn(4, 50, m, m, generator=torch.Generator().manual_seed(m), dtype=torch.float64)
    symmetric = halves + halves.mT + torch.tensor([0.0, 1.0, 3.0, 6.0]).view(4, 1, 1, 1) * torch.eye(m)
    positive = (torch.linalg.eigvalsh(symmetric) > 0).all(-1).all(0)
    assert 0 < int(positive.sum()) < 50
    np.testing.assert_array_equal(_positive(symmetric.permute(0, 2, 3, 1).numpy()), positive.numpy())
    inverse = torch.from_numpy(_inverse(symmetric[0].permute(1, 2, 0).numpy())).permute(2, 0, 1)
    torch.testing.assert_close(inverse @ symmetric[0], torch.eye(m).double().expand(50, m, m))
