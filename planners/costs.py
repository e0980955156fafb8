"""Costs, and the quadratic models that planners make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from unknot.planners.base import Cost, check_like_start, check_tensors
from unknot.planners.derivatives import pieces, psd, rows_jacobian

_SWEEP_FRACTIONS = (1 / 3, 2 / 3, 1.0)
"""Fractions of a move at which a swept penalty is evaluated."""


@runtime_checkable
class RowCost(Protocol):
    """A cost that can select some of its problems and quadratise itself."""

    def __call__(self, states: Tensor, actions: Tensor, /) -> Tensor:
        """Return (rows,) from states (rows, horizon + 1, dim) and actions (rows, horizon, action dim)."""
        ...

    def __len__(self) -> int:
        """Return the number of its problems."""
        ...

    def select(self, rows: Tensor, /) -> RowCost:
        """Return the cost of the problems `rows` (any number,), which may repeat."""
        ...

    def quadratize(self, states: Tensor, actions: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return gradient and Hessian of every time's term by state and action joined, state first.

        Returns:
            (rows, horizon + 1, dim + action dim) and (rows, horizon + 1, dim + action dim, the same), the
            latter positive semidefinite. The last state has no action: those entries are not used.
        """
        ...


class QuadraticCost:
    """Sum over t = 1..T of (z_t - g)' Q (z_t - g) + u_(t-1)' R u_(t-1), and a penalty on the states.

    This is the planning loss of the papers on latent control (paper 05, eq. 7): every action and every state
    has a cost, except the start.

    Args:
        Q: (dim, dim), positive semidefinite.
        R: (action dim, action dim), positive semidefinite.
        goal: (batch, dim), one for each problem.
        penalty: Extra cost of a state: (..., dim) -> (...), twice differentiable, added for t = 1..T. It is
            quadratised with the nearest positive semidefinite matrix to its Hessian.
        sweep: (dim, action dim): moves are straight lines from z_t to about z_t + sweep u_t, and the penalty
            is the mean over three points of each line instead, so that no plan jumps over an obstacle.

    Raises:
        ValueError: An argument is not a tensor, or a shape is wrong.
    """

    def __init__(
        self,
        Q: Tensor,
        R: Tensor,
        goal: Tensor,
        penalty: Callable[[Tensor], Tensor] | None = None,
        sweep: Tensor | None = None,
    ) -> None:
        check_tensors(Q=Q, R=R, goal=goal)
        if goal.ndim != 2 or not goal.is_floating_point():
            given = f"{goal.dtype} of the shape {tuple(goal.shape)}"
            raise ValueError(f"goal must have the shape (batch, dim), floating point, not {given}")
        if penalty is not None and not callable(penalty):
            raise ValueError(f"penalty must be a function or None, not {penalty!r}")
        if sweep is not None:
            check_tensors(sweep=sweep)
        if Q.shape != (goal.shape[1], goal.shape[1]):
            expected = 2 * tuple(goal.shape[1:])
            raise ValueError(f"Q must have the shape (dim, dim) = {expected}, not {tuple(Q.shape)}")
        if R.ndim != 2 or R.shape[0] != R.shape[1]:
            raise ValueError(f"R must have the shape (action dim, action dim), not {tuple(R.shape)}")
        if sweep is not None and sweep.shape != (len(Q), len(R)):
            raise ValueError(
                f"sweep must have the shape (dim, action dim) = {(len(Q), len(R))}, not {tuple(sweep.shape)}"
            )
        self.Q, self.R, self.goal, self.penalty = Q.to(goal), R.to(goal), goal, penalty
        self.sweep = None if sweep is None else sweep.to(goal)

    @property
    def action_dim(self) -> int:
        """The number of components of an action."""
        return len(self.R)

    def __call__(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return the cost (batch,) of states (batch, T + 1, dim) and actions (batch, T, action dim)."""
        self._check(states, actions)
        off = states[:, 1:] - self.goal[:, None]
        cost = ((off @ self.Q) * off).sum((1, 2)) + ((actions @ self.R) * actions).sum((1, 2))
        if self.penalty is None:
            return cost
        if self.sweep is None:
            return cost + self.penalty(states[:, 1:]).sum(1)
        return cost + self.penalty(self._swept(states, actions)).mean(0).sum(1)

    def __len__(self) -> int:
        """Return the number of problems."""
        return len(self.goal)

    def select(self, rows: Tensor) -> QuadraticCost:
        """Return the cost of the problems `rows`, which may repeat."""
        return QuadraticCost(self.Q, self.R, self.goal[rows], self.penalty, self.sweep)

    def quadratize(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient and Hessian as `RowCost.quadratize` has them."""
        self._check(states, actions)
        n, m = len(self.Q), len(self.R)
        Q, R = self.Q + self.Q.mT, self.R + self.R.mT
        gradient = states.new_zeros(*states.shape[:2], n + m)
        gradient[:, 1:, :n] = (states[:, 1:] - self.goal[:, None]) @ Q
        gradient[:, :-1, n:] = actions @ R
        hessian = states.new_zeros(*states.shape[:2], n + m, n + m)
        hessian[:, 1:, :n, :n] = Q
        hessian[:, :-1, n:, n:] = R
        if self.penalty is not None and self.sweep is None:
            slope, curvature = self._penalty_derivatives(states[:, 1:])
            gradient[:, 1:, :n] += slope
            hessian[:, 1:, :n, :n] += curvature
        elif self.penalty is not None and self.sweep is not None:
            slope, curvature = self._penalty_derivatives(self._swept(states, actions))
            points = zip(_SWEEP_FRACTIONS, slope, curvature, strict=True)
            for fraction, point_slope, point_curvature in points:
                J = torch.cat([torch.eye(n).to(states), fraction * self.sweep], 1)  # d(point)/d(z, u)
                gradient[:, :-1] += point_slope @ J / len(_SWEEP_FRACTIONS)
                hessian[:, :-1] += J.mT @ point_curvature @ J / len(_SWEEP_FRACTIONS)
        return gradient, hessian

    def _swept(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return points along the moves (fractions, batch, T, dim)."""
        assert self.sweep is not None
        move = actions @ self.sweep.mT
        return torch.stack([states[:, :-1] + fraction * move for fraction in _SWEEP_FRACTIONS])

    def _penalty_derivatives(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalty's slope (..., dim) and curvature (..., dim, dim), positive semidefinite."""
        assert self.penalty is not None
        slopes, curvatures = [], []
        for piece in pieces(states.flatten(0, -2)):
            with torch.enable_grad():
                z = piece.detach().requires_grad_()
                (slope,) = _slope(self.penalty(z), (z,), "penalty")
                (curvature,) = rows_jacobian(slope, (z,))
            slopes.append(slope.detach())
            curvatures.append(psd(curvature))
        shape = states.shape
        return torch.cat(slopes).view(shape), torch.cat(curvatures).view(*shape, shape[-1])

    def _check(self, states: Tensor, actions: Tensor) -> None:
        batch, n = self.goal.shape
        if states.ndim != 3 or states.shape[::2] != (batch, n):
            raise ValueError(
                f"states must have the shape ({batch}, horizon + 1, {n}), as goal has, "
                f"not {tuple(states.shape)}"
            )
        if actions.shape != (batch, states.shape[1] - 1, len(self.R)):
            raise ValueError(
                f"actions must have the shape ({batch}, {states.shape[1] - 1}, {len(self.R)}), "
                f"as states and R have, not {tuple(actions.shape)}"
            )


class FunctionCost:
    """Any callable as a `RowCost`, quadratised by automatic differentiation.

    The function must be a sum over time of terms that each depend on one state and the action taken there:
    only the blocks of the Hessian at one time are computed and replaced by the nearest positive
    semidefinite matrices. It is always called with all problems in their order, once for each of the plans
    that a problem tries at the same time.

    Args:
        function: states (batch, horizon + 1, dim), actions (batch, horizon, action dim) -> (batch,).
        batch: Number of problems.
        rows: The problem of each row; by default every problem once.
    """

    def __init__(self, function: Cost, batch: int, rows: Tensor | None = None) -> None:
        self.function, self.batch = function, batch
        self.rows = torch.arange(batch) if rows is None else rows
        order = self.rows.argsort(stable=True)
        ordered = self.rows[order]
        first = torch.searchsorted(ordered, ordered)
        self.layers = torch.empty_like(order)
        self.layers[order] = torch.arange(len(order), device=order.device) - first

    def __call__(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return the cost (rows,) of states (rows, horizon + 1, dim) and actions (rows, horizon, dim)."""
        count = int(self.layers.max()) + 1 if len(self.rows) else 0
        place = (self.layers.to(states.device), self.rows.to(states.device))
        all_states = states.new_zeros(count, self.batch, *states.shape[1:]).index_put(place, states)
        all_actions = actions.new_zeros(count, self.batch, *actions.shape[1:]).index_put(place, actions)
        costs = [self.function(*layer) for layer in zip(all_states, all_actions, strict=True)]
        for cost in costs:
            if not isinstance(cost, Tensor) or cost.shape != (self.batch,):
                given = tuple(cost.shape) if isinstance(cost, Tensor) else repr(cost)
                raise ValueError(f"cost must return the shape ({self.batch},), not {given}")
        return torch.stack(costs)[place] if costs else states.new_zeros(0)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def select(self, rows: Tensor) -> FunctionCost:
        """Return the cost of some of the rows, which may repeat."""
        return FunctionCost(self.function, self.batch, self.rows[rows.to(self.rows.device)])

    def quadratize(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient and Hessian as `RowCost.quadratize` has them."""
        padded = torch.cat([actions, torch.zeros_like(actions[:, :1])], 1)
        n = states.shape[-1]
        with torch.enable_grad():
            joined = torch.cat([states, padded], -1).detach().requires_grad_()
            cost = self(joined[..., :n], joined[:, :-1, n:])
            gradient = _slope(cost, (joined,), "cost")[0]
            (hessian,) = rows_jacobian(gradient, (joined,))
        return gradient.detach(), psd(hessian)


def _slope(values: Tensor, inputs: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    if not values.requires_grad:
        raise ValueError(f"{name} must return a result that can be differentiated: let it record gradients")
    return torch.autograd.grad(values.sum(), inputs, create_graph=True)


def as_row_cost(cost: Cost, start: Tensor) -> RowCost:
    """Return a `RowCost`: the cost itself, or a `FunctionCost` around a plain function.

    Raises:
        ValueError: The cost can't be called, or has another number of problems than start (batch, dim), or
            goals of another width or dtype.
    """
    if not callable(cost):
        raise ValueError(f"cost must be a function of states and actions, not {cost!r}")
    if not isinstance(cost, RowCost):
        return FunctionCost(cost, len(start))
    if len(cost) != len(start):
        raise ValueError(f"cost must have {len(start)} problems (goals), as start has, not {len(cost)}")
    if isinstance(cost, QuadraticCost):
        check_like_start(start, **{"cost.goal": cost.goal})
    return cost
