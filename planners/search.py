"""Search over a finite set of moves, for many problems at once: breadth-first and greedy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unknot.checks import at_least, count
from unknot.planners.base import (
    Dynamics,
    Plan,
    Status,
    check_like_start,
    check_start,
    check_tensors,
    moved,
    unroll,
    without_gradients,
)


@dataclass(frozen=True)
class Arrival:
    """A cost in moves: how many states of a plan, except its start, are not at the goal.

    Attributes:
        goal: (batch, dim), one for each problem.
        tolerance: Euclidean distance from the goal within which a state counts as at the goal.

    Raises:
        ValueError: The goal has another shape, or the tolerance is negative or not finite.
    """

    goal: Tensor
    tolerance: float

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_tensors(goal=self.goal)
        if self.goal.ndim != 2 or not self.goal.is_floating_point():
            given = f"{self.goal.dtype} of the shape {tuple(self.goal.shape)}"
            raise ValueError(f"goal must have the shape (batch, dim), floating point, not {given}")
        at_least(0, tolerance=self.tolerance)

    def distance(self, states: Tensor) -> Tensor:
        """Return the distances (batch, any) of states (batch, any, dim) from the goal."""
        distance: Tensor = torch.linalg.vector_norm(states - self.goal[:, None], dim=2)
        return distance

    def __call__(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return (batch,), at most the horizon."""
        away = ~(self.distance(states[:, 1:]) <= self.tolerance)
        return away.sum(1).to(states)


class BreadthFirst:
    """Breadth-first search (Moore 1959): no plan that arrives has fewer moves.

    All problems are searched together, one move deeper at a time. States within `merge` of each other are
    merged into the first one found. So a search ends in a learnt space, where no two states are equal, as it
    does on a grid. Memory and time grow with the square of the number of distinct states.

    A problem has converged when its goal is reached. It is stuck when no new state can be reached, and ends
    at the iteration limit when the horizon or the limit of states comes first. Both plans lead to the
    state nearest to the goal among those found.

    Args:
        actions: (moves, action dim), the possible actions. Plans are filled up with zeros after the arrival,
            so the dynamics must take the action 0 as staying.
        horizon: Maximum number of moves in a plan.
        merge: Euclidean distance up to which two states of a problem are merged.
        limit: Number of states of a problem at which its search stops.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, actions: Tensor, horizon: int, *, merge: float, limit: int = 1000) -> None:
        at_least(0, merge=merge)
        count(1, horizon=horizon, limit=limit)
        self.actions, self.horizon = _checked_moves(actions), horizon
        self.merge, self.limit = merge, limit

    @without_gradients
    def plan(
        self, dynamics: Dynamics, cost: Arrival, start: Tensor, warm_start: Tensor | None = None
    ) -> Plan:
        """Plan for a batch of problems.

        Args:
            dynamics: See `Dynamics`.
            cost: The goals.
            start: (batch, dim), floating point; the plan has its dtype and device.
            warm_start: Ignored; kept for the `Planner` interface.

        Raises:
            ValueError: A shape is wrong.
        """
        valid, start = _valid(cost, start)
        batch, device = len(start), start.device
        states, known = start[:, None], valid[:, None]
        parents = torch.zeros(batch, 1, dtype=torch.long, device=device)
        moves = torch.zeros(batch, 1, dtype=torch.long, device=device)
        frontier, arrived = known, _at_goal(cost, states)[:, 0]
        for _ in range(self.horizon):
            first = states.shape[1] - frontier.shape[1]
            open_ = frontier & ~(arrived | (known.sum(1) >= self.limit))[:, None]
            if not bool(open_.any()):
                break
            reached = self._expand(dynamics, states[:, first:], open_)
            fresh = self._fresh(reached, states, known)
            width = max(int(fresh.sum(1).max()), 1)
            kept = fresh.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :width]
            frontier = fresh.gather(1, kept)
            found = reached.gather(1, kept[..., None].expand(-1, -1, start.shape[1]))
            states, known = torch.cat([states, found], 1), torch.cat([known, frontier], 1)
            parents = torch.cat([parents, first + kept // len(self.actions)], 1)
            moves = torch.cat([moves, kept % len(self.actions)], 1)
            arrived = arrived | (frontier & _at_goal(cost, found)).any(1)
        distance = torch.where(known, cost.distance(states), torch.inf)
        near = distance <= cost.tolerance
        # The first state found at the goal is the one with the fewest moves.
        last = torch.where(near.any(1), near.to(torch.int8).argmax(1), distance.argmin(1))
        limited = frontier.any(1) | (known.sum(1) >= self.limit)
        status = torch.where(limited, int(Status.ITERATION_LIMIT), int(Status.STUCK))
        status = torch.where(arrived, int(Status.CONVERGED), status)
        actions = self._actions_to(last, parents, moves).to(start)
        return _finish(dynamics, cost, start, actions, status, valid)

    def _expand(self, dynamics: Dynamics, states: Tensor, open_: Tensor) -> Tensor:
        """Return where every move leads from the open states: (batch, states x moves, dim), else NaN."""
        batch, width, dim = states.shape
        rows = open_.repeat_interleave(len(self.actions), 1)
        actions = self.actions.to(states).repeat(batch * width, 1)[rows.flatten()]
        origins = states.repeat_interleave(len(self.actions), 1)[rows]
        reached = states.new_full((batch, width * len(self.actions), dim), torch.nan)
        reached[rows] = moved(dynamics, origins, actions)
        return reached

    def _fresh(self, reached: Tensor, states: Tensor, known: Tensor) -> Tensor:
        """Return which of the states reached (batch, n, dim) are finite and new: (batch, n)."""
        fresh = reached.isfinite().all(2)
        rows = fresh.any(1)  # the searches of the other problems have ended
        finite = reached[rows].nan_to_num(0.0)
        old = self._merged(finite, states[rows].nan_to_num(0.0)) & known[rows][:, None]
        new = fresh[rows] & ~old.any(2)
        earlier = self._merged(finite, finite) & new[:, None]
        fresh[rows] = new & ~earlier.tril(-1).any(2)
        return fresh

    def _merged(self, some: Tensor, others: Tensor) -> Tensor:
        # The faster mode, by matrix products, has errors larger than a small `merge`.
        return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist") <= self.merge

    def _actions_to(self, last: Tensor, parents: Tensor, moves: Tensor) -> Tensor:
        """Return the actions (batch, horizon, action dim) from the start to the states `last`."""
        backwards, stays_backwards = [], []
        for _ in range(self.horizon):
            stays_backwards.append(last == 0)
            backwards.append(moves.gather(1, last[:, None])[:, 0])
            last = parents.gather(1, last[:, None])[:, 0]
        index, stays = torch.stack(backwards[::-1], 1), torch.stack(stays_backwards[::-1], 1)
        order = stays.to(torch.int8).argsort(dim=1, stable=True)  # staying comes last, not first
        actions = self.actions.to(last.device)[index.gather(1, order)]
        return actions * ~stays.gather(1, order)[..., None]


class Greedy:
    """Takes the move that leads nearest to the goal, as long as one leads nearer.

    With dynamics that only add moves, it decomposes the difference of two states into moves, as in Thomas
    et al. (2018), appendix B.2.

    Args:
        actions: (moves, action dim), as for `BreadthFirst`.
        horizon: Maximum number of moves in a plan.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, actions: Tensor, horizon: int) -> None:
        count(1, horizon=horizon)
        self.actions, self.horizon = _checked_moves(actions), horizon

    @without_gradients
    def plan(
        self, dynamics: Dynamics, cost: Arrival, start: Tensor, warm_start: Tensor | None = None
    ) -> Plan:
        """Plan for a batch of problems; see `BreadthFirst.plan`."""
        valid, start = _valid(cost, start)
        moves = self.actions.to(start)
        chosen, z = [], start
        rows = torch.arange(len(start), device=start.device)
        better = torch.ones_like(rows, dtype=torch.bool)
        for _ in range(self.horizon):
            tried = moved(dynamics, z.repeat_interleave(len(moves), 0), moves.repeat(len(z), 1))
            tried = tried.view(len(z), len(moves), z.shape[1])
            distance, best = cost.distance(tried).nan_to_num(torch.inf).min(1)
            now = cost.distance(z[:, None])[:, 0]
            better = (now > cost.tolerance) & (distance < now)
            chosen.append(moves[best] * better[:, None])
            z = torch.where(better[:, None], tried[rows, best], z)
        arrived = _at_goal(cost, z[:, None])[:, 0]
        status = torch.where(better, int(Status.ITERATION_LIMIT), int(Status.STUCK))
        status = torch.where(arrived, int(Status.CONVERGED), status)
        return _finish(dynamics, cost, start, torch.stack(chosen, 1), status, valid)


def _checked_moves(actions: Tensor) -> Tensor:
    check_tensors(actions=actions)
    if actions.ndim != 2 or not actions.numel() or not bool(actions.isfinite().all()):
        raise ValueError(
            "actions must be finite and have the shape (moves, action dim), with at least one move, "
            f"not {tuple(actions.shape)}"
        )
    return actions.detach().clone()


def _valid(cost: Arrival, start: Tensor) -> tuple[Tensor, Tensor]:
    """Check shapes; return which problems (batch,) are finite, and the starts, 0 where they are not."""
    if not isinstance(cost, Arrival):
        raise ValueError(f"cost must be an Arrival, not {cost!r}")
    check_start(start)
    check_like_start(start, **{"cost.goal": cost.goal})
    if len(cost.goal) != len(start):
        raise ValueError(
            f"cost.goal must have the shape {tuple(start.shape)}, as start has, not {tuple(cost.goal.shape)}"
        )
    valid = start.isfinite().all(1) & cost.goal.isfinite().all(1)
    return valid, torch.where(valid[:, None], start, 0.0)


def _at_goal(cost: Arrival, states: Tensor) -> Tensor:
    return cost.distance(states) <= cost.tolerance


def _finish(
    dynamics: Dynamics, cost: Arrival, start: Tensor, actions: Tensor, status: Tensor, valid: Tensor
) -> Plan:
    states = unroll(dynamics, start, actions)
    staying = cost(start[:, None].expand_as(states), actions)
    costs = torch.stack([staying, torch.minimum(staying, cost(states, actions))], 1)
    return Plan(
        torch.where(valid[:, None, None], actions, torch.nan),
        torch.where(valid[:, None, None], states, torch.nan),
        torch.where(valid[:, None], costs, torch.nan),
        torch.where(valid, status, int(Status.INVALID)),
    )
