"""Ways around obstacles through known states, for plans to begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from unknot.planners.base import whole

Passable = Callable[[Tensor, Tensor], Tensor]
"""From (moves, dim) to (moves, dim): what the move costs beyond a step (moves,), >= 0, infinity if barred."""


@dataclass(frozen=True)
class Paths:
    """A batch of paths.

    Attributes:
        states: (batch, horizon + 1, dim), the start first, at rest once at the goal. What does not fit the
            horizon is cut off. Where no way was found, the straight line in moves no longer than the reach.
        found: (batch,), bool, whether there is a way, however long.
    """

    states: Tensor
    found: Tensor


class Roadmap:
    """A graph over known states, an edge wherever one action makes the move (Kavraki et al. 1996).

    iLQR starts from a guess and stays near it: a long detour must be in the guess. The nodes are states
    known to exist (encoded data), so no path leaves the data. A path is a shortest one in moves; among
    these one of short, even moves is preferred, by a charge of at most half a move on its squared length.
    All shortest ways between nodes are found once, here, so that a path costs a few look-ups.

    Args:
        states: (nodes, dim), the known states; time and memory grow with their square (1,000: a second).
        passable: What a move costs beyond a step, infinity where it is barred; moves have a direction.
        reach: Length of the longest move that is looked at; `passable` may bar shorter ones.
        neighbours: The most nodes that a start, a goal or a node is joined to, the nearest first.

    Raises:
        ValueError: A shape or a value is out of range, or `passable` returns a negative cost or NaN.
    """

    def __init__(self, states: Tensor, passable: Passable, *, reach: float, neighbours: int = 64) -> None:
        if states.ndim != 2 or not len(states) or not bool(states.isfinite().all()):
            raise ValueError(
                f"states have the shape {tuple(states.shape)}, expected (nodes, dim), all finite"
            )
        if not 0 < reach < float("inf"):
            raise ValueError(f"reach={reach!r}, expected a finite number > 0")
        self.nodes, self.passable, self.reach = states.detach(), passable, reach
        self.neighbours = min(whole("neighbours", neighbours, 1), len(states))
        near = self._near(self.nodes)
        count = len(self.nodes)
        here = torch.arange(count, device=states.device)[:, None].expand_as(near)
        lengths = self._lengths(self.nodes[here], self.nodes[near])
        self._step = lengths.new_full((count, count), torch.inf).scatter(1, near, lengths)
        self._step.fill_diagonal_(torch.inf)
        known = self._step.isfinite().numpy(force=True)
        weights = self._step.numpy(force=True).astype(np.float64)
        graph = csr_matrix((weights[known], known.nonzero()), shape=(count, count))
        self._distance = torch.from_numpy(dijkstra(graph)).to(self._step)

    @torch.no_grad()
    def paths(self, start: Tensor, goal: Tensor, horizon: int) -> Paths:
        """Return a shortest path for each problem, in `horizon` moves.

        Args:
            start: (batch, dim).
            goal: (batch, dim); there is no way from or to what is not finite.
            horizon: Number of moves, those at rest included.

        Raises:
            ValueError: A shape does not fit.
        """
        dim = self.nodes.shape[1]
        if start.ndim != 2 or start.shape[1] != dim or goal.shape != start.shape:
            raise ValueError(
                f"start and goal have the shapes {tuple(start.shape)} and {tuple(goal.shape)}, "
                f"expected (batch, {dim}) both"
            )
        last = self._last_moves(goal)
        to_go = self._to_go(goal, last)
        near = self._near(start)
        onward = self._lengths(start[:, None].expand(*near.shape, dim), self.nodes[near]) + to_go.gather(
            1, near
        )
        best, which = onward.min(1)
        direct = self._lengths(start, goal)
        found = torch.minimum(best, direct).isfinite()
        here = near.gather(1, which[:, None])[:, 0]
        arrived = (direct <= best) | ~found
        states = [start, torch.where(arrived[:, None], goal, self.nodes[here])]
        for _ in range(horizon - 1):
            beyond, node = (self._step[here] + to_go).min(1)
            arrived = arrived | (last.gather(1, here[:, None])[:, 0] <= beyond)
            here = node
            states.append(torch.where(arrived[:, None], goal, self.nodes[here]))
        ways = torch.where(found[:, None, None], torch.stack(states, 1), self._straight(start, goal, horizon))
        return Paths(ways, found)

    def _near(self, states: Tensor) -> Tensor:
        """Return the nearest nodes (n, neighbours) of states (n, dim), whatever their distance."""
        return (
            torch.cdist(states, self.nodes).nan_to_num(torch.inf).topk(self.neighbours, largest=False).indices
        )

    def _lengths(self, z: Tensor, following: Tensor) -> Tensor:
        """Return what moves cost (...), infinity where barred or too far; z and following are (..., dim)."""
        squared = (following - z).square().sum(-1)
        lengths = torch.full_like(squared, torch.inf)
        within = squared <= self.reach**2
        if bool(within.any()):
            penalty = self.passable(z[within], following[within]).detach()
            if penalty.shape != (int(within.sum()),) or not bool((penalty >= 0).all()):
                raise ValueError(
                    f"passable returned the shape {tuple(penalty.shape)} and the least value "
                    f"{penalty.min().item()}, expected ({int(within.sum())},) and values >= 0"
                )
            lengths[within] = 1 + penalty + 0.5 * squared[within] / self.reach**2
        return lengths

    def _last_moves(self, goal: Tensor) -> Tensor:
        """Return what the move from each node to each goal costs, (batch, nodes)."""
        near = self._near(goal)
        lengths = self._lengths(self.nodes[near], goal[:, None].expand(*near.shape, -1))
        return lengths.new_full((len(goal), len(self.nodes)), torch.inf).scatter(1, near, lengths)

    def _to_go(self, goal: Tensor, last: Tensor) -> Tensor:
        """Return what the way from each node to each goal costs, (batch, nodes)."""
        near = self._near(goal)
        ways: Tensor = self._distance[:, near] + last.gather(1, near)
        return ways.amin(2).T

    def _straight(self, start: Tensor, goal: Tensor, horizon: int) -> Tensor:
        """Return straight lines (batch, horizon + 1, dim) in moves as long as the reach."""
        way = goal - start
        moves = torch.arange(horizon + 1).to(start)
        share: Tensor = (moves * self.reach / way.norm(dim=1, keepdim=True)).nan_to_num(1.0).clamp(max=1)
        return start[:, None] + share[..., None] * way[:, None]
