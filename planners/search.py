"""Search over finitely many moves, for many problems at once: breadth first, and greedy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unknot.planners.base import Dynamics, Plan, Status, check_start, unroll, whole


@dataclass(frozen=True)
class Arrival:
    """A cost in moves: how many states of a plan, its start apart, are not at the goal.

    Attributes:
        goal: (batch, dim), one for each problem.
        tolerance: Distance from the goal, Euclidean, within which a state is at it.
    """

    goal: Tensor
    tolerance: float

    def __post_init__(self) -> None:
        """Refuse goals that are not a batch, and a tolerance that nothing keeps."""
        if self.goal.ndim != 2:
            raise ValueError(f"goal has the shape {tuple(self.goal.shape)}, expected (batch, dim)")
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance={self.tolerance}, expected a distance of at least 0")

    def distance(self, states: Tensor) -> Tensor:
        """Return how far from the goal states (batch, any, dim) are: (batch, any)."""
        distance: Tensor = torch.linalg.vector_norm(states - self.goal[:, None], dim=2)
        return distance

    def __call__(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return (batch,), at most the horizon."""
        away = ~(self.distance(states[:, 1:]) <= self.tolerance)
        return away.sum(1).to(states)


class BreadthFirst:
    """Breadth-first search (Moore 1959): no plan that arrives has fewer moves.

    All problems are searched together, wave by wave. States closer than `merge` count as one, the first
    found, so that a search in a learnt space, where no two are equal, ends as one on a grid does. Memory
    and time grow with the square of how many are told apart.

    A problem whose goal is reached has converged; it is stuck where nothing new can be reached, and has
    run into a limit where the horizon ends before, or there are too many states. It then gets the way to
    the nearest state found.

    Args:
        actions: (moves, action dim), what can be done. In a plan zeros follow the arrival, so dynamics take
            the action 0 as staying.
        horizon: The most moves in a plan.
        merge: Distance, Euclidean, up to which two states of a problem are one.
        limit: States of a problem from which on no more are looked for.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, actions: Tensor, horizon: int, *, merge: float, limit: int = 1000) -> None:
        if not merge >= 0:
            raise ValueError(f"merge={merge}, expected a distance of at least 0")
        self.actions, self.merge = _checked_moves(actions), merge
        self.horizon = whole("horizon", horizon, 1)
        self.limit = whole("limit", limit, 1)

    @torch.no_grad()
    def plan(
        self, dynamics: Dynamics, cost: Arrival, start: Tensor, warm_start: Tensor | None = None
    ) -> Plan:
        """Plan for a batch of problems.

        Args:
            dynamics: Moves states; see `Dynamics`.
            cost: The goals.
            start: (batch, dim), floating.
            warm_start: Not used, since a search needs no guess; there for the interface.

        Raises:
            ValueError: A shape does not fit.
        """
        batch, device = len(start), start.device
        valid, start = _valid(cost, start)
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
        # Of states at the goal the first found: the fewest moves lead there.
        last = torch.where(near.any(1), near.to(torch.int8).argmax(1), distance.argmin(1))
        limited = frontier.any(1) | (known.sum(1) >= self.limit)
        status = torch.where(limited, int(Status.ITERATION_LIMIT), int(Status.STUCK))
        status = torch.where(arrived, int(Status.CONVERGED), status)
        return _finish(dynamics, cost, start, self._way(start, last, parents, moves), status, valid)

    def _expand(self, dynamics: Dynamics, states: Tensor, open_: Tensor) -> Tensor:
        """Return where every move leads from the open states: (batch, states x moves, dim), else NaN."""
        batch, count, dim = states.shape
        count *= len(self.actions)
        rows = open_.repeat_interleave(len(self.actions), 1)
        actions = self.actions.to(states).repeat(batch * count // len(self.actions), 1)[rows.flatten()]
        origins = states.repeat_interleave(len(self.actions), 1)[rows]
        reached = states.new_full((batch, count, dim), torch.nan)
        reached[rows] = dynamics.step(origins, actions)
        return reached

    def _fresh(self, reached: Tensor, states: Tensor, known: Tensor) -> Tensor:
        """Tell which of the states reached (batch, n, dim) are finite and new: (batch, n)."""
        fresh = reached.isfinite().all(2)
        rows = fresh.any(1)  # the other problems' searches have ended
        clear = reached[rows].nan_to_num(0.0)
        old = self._close(clear, states[rows].nan_to_num(0.0)) & known[rows][:, None]
        new = fresh[rows] & ~old.any(2)
        earlier = self._close(clear, clear) & new[:, None]
        fresh[rows] = new & ~earlier.tril(-1).any(2)
        return fresh

    def _close(self, some: Tensor, others: Tensor) -> Tensor:
        # By differences: the faster way, by products, is off by more than a small `merge`.
        return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist") <= self.merge

    def _way(self, start: Tensor, last: Tensor, parents: Tensor, moves: Tensor) -> Tensor:
        """Return the actions (batch, horizon, action dim) from the start to the states `last`."""
        backwards, ended = [], []
        for _ in range(self.horizon):
            ended.append(last == 0)
            backwards.append(moves.gather(1, last[:, None])[:, 0])
            last = parents.gather(1, last[:, None])[:, 0]
        index, rest = torch.stack(backwards[::-1], 1), torch.stack(ended[::-1], 1)
        order = rest.to(torch.int8).argsort(dim=1, stable=True)  # the rest at the end, not at the start
        actions = self.actions.to(start)[index.gather(1, order)]
        return actions * ~rest.gather(1, order)[..., None]


class Greedy:
    """Takes the move that leads nearest to the goal, for as long as one leads nearer.

    With dynamics that only add moves up it decomposes the difference of two states into moves, as in
    Thomas et al. (2018), appendix B.2.

    Args:
        actions: (moves, action dim), as for `BreadthFirst`.
        horizon: The most moves in a plan.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(self, actions: Tensor, horizon: int) -> None:
        self.actions = _checked_moves(actions)
        self.horizon = whole("horizon", horizon, 1)

    @torch.no_grad()
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
            tried = dynamics.step(z.repeat_interleave(len(moves), 0), moves.repeat(len(z), 1))
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
    if actions.ndim != 2 or not len(actions) or not bool(actions.isfinite().all()):
        raise ValueError(
            f"actions have the shape {tuple(actions.shape)}, expected (moves, action dim), at least one move "
            "and all finite"
        )
    return actions.detach()


def _valid(cost: Arrival, start: Tensor) -> tuple[Tensor, Tensor]:
    """Check the shapes; return which problems (batch,) are finite, and the starts with 0 for the others."""
    check_start(start)
    if cost.goal.shape != start.shape:
        raise ValueError(
            f"cost.goal has the shape {tuple(cost.goal.shape)}, expected {tuple(start.shape)}, as start has"
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
