"""Iterative LQR with control limits, for many problems at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from unknot.checks import count
from unknot.planners.base import (
    Cost,
    Dynamics,
    Limits,
    Plan,
    Status,
    action_dim,
    as_limits,
    check_below_one,
    check_generator,
    check_start,
    first_actions,
    half_width,
    moved,
    unroll,
    without_gradients,
)
from unknot.planners.costs import RowCost, as_row_cost
from unknot.planners.derivatives import linearize
from unknot.planners.riccati import as_array, solve

# In this module the batch is the last axis: products of many small matrices are then sums of a few long
# products, several times faster on a CPU than batched matrix multiplication.
# x is (horizon + 1, n, rows), u is (horizon, m, rows), matrices (..., n, m, rows).

_STEP_FRACTIONS = ((0.5, 0.25), (0.1, 0.03, 0.01))
"""Fractions of a step tried where the full step is refused; the second group where the first fails, too."""
_GOOD_STEP = 0.1
"""A full step skips the line search if it lowers the cost by this fraction of the model's prediction."""
_DAMPING = (1e-3, 1e4)
"""The lowest damping above zero, and the damping above which a problem is stuck; relative to the control
Hessian."""
_NEARLY_UNDAMPED = 1e-2
"""Up to this damping a small predicted decrease means an optimum; above it, it may only mean a small step."""


@dataclass
class _Work:
    """The plans still being improved, one per row (the last axis)."""

    index: Tensor
    x: Tensor
    u: Tensor
    value: Tensor
    damping: Tensor
    noise: Tensor

    def select(self, rows: Tensor) -> Self:
        """Return some of the rows."""
        return replace(self, **{field.name: getattr(self, field.name)[..., rows] for field in fields(self)})


@dataclass
class _Step:
    """An affine change of plan, u + a k + K (z - x), and the decrease in cost that its model predicts.

    The decrease is NaN where a control Hessian is not positive definite: it needs more damping.
    """

    k: Tensor
    K: Tensor
    decrease: Tensor

    def select(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.k[..., rows], self.K[..., rows]


class ILQR:
    """Iterative LQR (Li and Todorov 2004) with control limits (box-DDP, Tassa et al. 2014).

    Each iteration linearises the dynamics and quadratises the cost along the current plan, solves that
    problem backwards in time with every action kept within its limits, and rolls out the new plan,
    shortening the step where the cost would not fall. Each problem has its own damping, line search and
    stopping, and a finished problem takes no more computation. Second derivatives of the dynamics are
    ignored.

    ```
    @inproceedings{tassa2014control,
      title={Control-limited differential dynamic programming},
      author={Tassa, Yuval and Mansard, Nicolas and Todorov, Emo},
      booktitle={IEEE International Conference on Robotics and Automation}, year={2014}}
    ```

    Args:
        horizon: Number of actions in a plan.
        limits: Lowest and highest action, numbers or tensors (action dim,); none by default.
        starts: Initial action sequences for each problem; the plan of lowest cost is returned. The first
            is the warm start (zeros without one), the others are sampled uniformly within the limits
            (standard normal, clipped, where a limit is infinite or they are further apart than 2e9).
        generator: For the sampled starts; torch's default generator if None.
        iterations: Maximum number of iterations, including those that only raise the damping.
        tolerance: A problem has converged when the predicted decrease of its next full step is less than
            this fraction of its cost, in [0, 1). That step is still taken.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        horizon: int,
        *,
        limits: Limits | None = None,
        starts: int = 1,
        generator: torch.Generator | None = None,
        iterations: int = 50,
        tolerance: float = 1e-6,
    ) -> None:
        check_below_one(tolerance=tolerance)
        count(1, horizon=horizon, starts=starts, iterations=iterations)
        check_generator(generator)
        self.horizon, self.iterations, self.limits = horizon, iterations, as_limits(limits)
        self.starts, self.generator = starts, generator
        self.tolerance = tolerance

    @without_gradients
    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        """Plan for a batch of problems.

        Args:
            dynamics: See `Dynamics`. Its `linearize`, if it has one, is used.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), floating point; the plan has its dtype and device.
            warm_start: Actions to begin with, already shifted: (batch, horizon, action dim), or
                (batch, starts, horizon, action dim) in place of sampled starts. Actions that are not
                finite are replaced by zeros.

        Raises:
            ValueError: A shape is wrong.
        """
        check_start(start)
        size = action_dim(self.limits, cost, dynamics, warm_start)
        actions = self._starts(size, start, warm_start)
        rows = torch.arange(len(start), device=start.device).repeat_interleave(actions.shape[1])
        cost = as_row_cost(cost, start).select(rows)
        plan = self._improve(dynamics, cost, start[rows], actions.flatten(0, 1))
        return _best(plan, *actions.shape[:2])

    def _starts(self, size: int, start: Tensor, warm_start: Tensor | None) -> Tensor:
        """Return the first actions (batch, starts, horizon, size), within the limits."""
        actions = first_actions(self.horizon, size, start, warm_start, self.starts)
        if self.starts > 1 and actions.shape[1] == 1:
            shape = (len(start), self.starts - 1, self.horizon, size)
            actions = torch.cat([actions, self._random_starts(shape, start)], 1)
        if self.limits:
            low, high = (limit.to(start) for limit in self.limits)
            actions = actions.clamp(low, high)
        return actions

    def _random_starts(self, shape: tuple[int, ...], start: Tensor) -> Tensor:
        device = start.device if self.generator is None else self.generator.device

        def sample(kind: Callable[..., Tensor]) -> Tensor:
            return kind(shape, generator=self.generator, dtype=start.dtype, device=device).to(start.device)

        if self.limits is None:
            return sample(torch.randn)
        half, low = half_width(self.limits, start), self.limits[0].to(start)
        uniform = low + 2 * half * sample(torch.rand)
        return uniform if bool(half.isfinite().all()) else uniform.where(half.isfinite(), sample(torch.randn))

    def _improve(self, dynamics: Dynamics, cost: RowCost, start: Tensor, actions: Tensor) -> Plan:
        """Improve each row's plan until it converges; here every start is a separate problem."""
        limits = _box(self.limits, actions)
        u = actions.permute(1, 2, 0).contiguous()
        x = unroll(dynamics, start, actions).permute(1, 2, 0).contiguous()
        value = cost(*_batch_first(x, u))
        histories = value[:, None].repeat(1, self.iterations + 1)
        valid = value.isfinite() & x.isfinite().all(0).all(0)
        status = torch.where(valid, int(Status.ITERATION_LIMIT), int(Status.INVALID))
        noise = torch.finfo(value.dtype).eps * value.abs()
        work = _Work(torch.arange(len(value), device=x.device), x, u, value, torch.zeros_like(value), noise)
        work, cost = work.select(valid), cost.select(valid.nonzero()[:, 0])
        x[..., ~valid], u[..., ~valid], histories[~valid] = torch.nan, torch.nan, torch.nan
        for iteration in range(self.iterations):
            if not len(work.index):
                break
            ended = self._iterate(dynamics, cost, work, limits)
            histories[work.index, iteration + 1 :] = work.value[:, None]
            status[work.index] = ended
            going = (ended == Status.ITERATION_LIMIT).nonzero()[:, 0]
            if len(going) < len(work.index) or iteration == self.iterations - 1:
                x[..., work.index], u[..., work.index] = work.x, work.u
                work, cost = work.select(going), cost.select(going)
        states, actions = _batch_first(x, u)
        return Plan(actions, states, histories, status)

    def _iterate(
        self, dynamics: Dynamics, cost: RowCost, work: _Work, limits: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Improve the plans in place by one step each and return the Status of each (rows,)."""
        step = _backward(_model(dynamics, cost, work), work, limits)
        x, u = _forward(dynamics, work.x, work.u, step.k, step.K, limits)
        value = cost(*_batch_first(x, u))
        converged = step.decrease <= self.tolerance * work.value.abs() + work.noise
        converged &= work.damping <= _NEARLY_UNDAMPED
        full = value <= work.value - _GOOD_STEP * step.decrease
        # A decrease of NaN, from a control Hessian that is not positive definite, compares as false.
        search = (step.decrease.isfinite() & ~full & ~converged).nonzero()[:, 0]
        if len(search):
            _shorten(dynamics, cost, work, step, limits, search, (x, u, value))
        better = step.decrease.isfinite() & (value < work.value)
        work.x = torch.where(better, x, work.x)
        work.u = torch.where(better, u, work.u)
        work.value = torch.where(better, value, work.value)
        work.damping = _damp(work.damping, full & better, better)
        stuck = ~converged & (work.damping > _DAMPING[1])
        status = torch.full_like(work.index, int(Status.ITERATION_LIMIT))
        return status.masked_fill(stuck, int(Status.STUCK)).masked_fill(converged, int(Status.CONVERGED))


def _damp(damping: Tensor, full: Tensor, better: Tensor) -> Tensor:
    """Lower the damping after a full step, keep it after a shorter one, raise it after a failed one."""
    least, _ = _DAMPING
    relaxed = torch.where(damping > least, damping / 10, 0.0)
    return torch.where(full, relaxed, torch.where(better, damping, (damping * 10).clamp(min=least)))


def _model(dynamics: Dynamics, cost: RowCost, work: _Work) -> tuple[Tensor, Tensor, Tensor]:
    """Return F = [A B] (T, n, n + m, rows), gradient (T + 1, n + m, rows), Hessian (T + 1, ., ., rows)."""
    states, actions = _batch_first(work.x, work.u)
    T, rows = len(work.u), len(work.index)
    z = work.x[:-1].mT.flatten(0, 1)
    A, B = linearize(dynamics, z, work.u.mT.flatten(0, 1))
    F = torch.cat([A, B], -1).view(T, rows, A.shape[1], -1).permute(0, 2, 3, 1).contiguous()
    gradient, hessian = cost.quadratize(states, actions)
    return F, gradient.permute(1, 2, 0).contiguous(), hessian.permute(1, 2, 3, 0).contiguous()


def _backward(
    model: tuple[Tensor, Tensor, Tensor], work: _Work, limits: tuple[Tensor, Tensor] | None
) -> _Step:
    """Solve the linear-quadratic problem around the plans, every action within its limits."""
    F, gradient, hessian = map(as_array, model)
    room = limits and (as_array(limits[0] - work.u), as_array(limits[1] - work.u))
    law = solve(F, gradient, hessian, as_array(work.damping), room)
    return _Step(*(torch.from_numpy(part).to(work.u) for part in law))


def _shorten(
    dynamics: Dynamics,
    cost: RowCost,
    work: _Work,
    step: _Step,
    limits: tuple[Tensor, Tensor] | None,
    search: Tensor,
    found: tuple[Tensor, Tensor, Tensor],
) -> None:
    """Try shorter steps on the rows `search`, and write those that are better into found (x, u, value)."""
    found_x, found_u, found_value = found
    for fractions in _STEP_FRACTIONS:
        rows = search.repeat(len(fractions))
        fraction = torch.tensor(fractions, dtype=work.x.dtype, device=rows.device)
        fraction = fraction.repeat_interleave(len(search))
        k, K = step.select(rows)
        x, u = _forward(dynamics, work.x[..., rows], work.u[..., rows], fraction * k, K, limits)
        value = cost.select(rows)(*_batch_first(x, u)).nan_to_num(torch.inf)
        least, which = value.view(len(fractions), -1).min(0)
        better = ~(found_value[search] <= least)
        place, source = search[better], (which * len(search) + torch.arange(len(search)).to(rows))[better]
        found_x[..., place], found_u[..., place] = x[..., source], u[..., source]
        found_value[place] = value[source]
        search = search[~(found_value[search] < work.value[search])]
        if not len(search):
            break


def _forward(
    dynamics: Dynamics,
    x: Tensor,
    u: Tensor,
    k: Tensor,
    K: Tensor,
    limits: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """Roll out u + k + K (z - x), within the limits."""
    z = x[0].T.contiguous()
    states, actions = [z], []
    for aim, slope, planned in zip((u + k).unbind(), K.unbind(), x.unbind(), strict=False):
        action = aim + (slope * (z.T - planned)).sum(1)
        if limits is not None:
            action = torch.clamp(action, *limits)
        z = moved(dynamics, z, action.T)
        states.append(z)
        actions.append(action)
    return torch.stack(states).mT.contiguous(), torch.stack(actions)


def _batch_first(x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    return x.permute(2, 0, 1).contiguous(), u.permute(2, 0, 1).contiguous()


def _box(limits: tuple[Tensor, Tensor] | None, actions: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the limits as (action dim, 1) each."""
    if limits is None:
        return None
    low, high = (limit.to(actions).expand(actions.shape[-1])[:, None] for limit in limits)
    return low, high


def _best(plan: Plan, batch: int, starts: int) -> Plan:
    """Return the plan of lowest cost for each problem."""
    values = plan.costs[:, -1].view(batch, starts)
    best = values.nan_to_num(torch.inf).argmin(1)
    rows = torch.arange(batch, device=best.device) * starts + best
    return Plan(plan.actions[rows], plan.states[rows], plan.costs[rows], plan.status[rows])
