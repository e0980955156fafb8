"""Paths around obstacles through known states, as first guesses for plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from unknot.checks import above, count
from unknot.planners.base import check_like_start, check_start, check_tensors, without_gradients

MoveCost = Callable[[Tensor, Tensor], Tensor]
"""The extra cost of moves (moves,), at least 0, infinity if barred, from states (moves, dim) to (moves, dim).

Every move costs 1 besides.
"""


@dataclass(frozen=True)
class Paths:
    """A batch of paths.

    Attributes:
        states: (batch, horizon + 1, dim), the start first, staying at the goal once there. A path longer
            than the horizon is cut off. Where no path was found, it is the straight line in moves no longer
            than the reach.
        found: (batch,), bool, whether there is a path, of any length.
    """

    states: Tensor
    found: Tensor


class Roadmap:
    """A graph over known states with an edge wherever one action can make the move (Kavraki et al. 1996).

    iLQR starts from a guess and stays near it, so a long detour must be in the guess. The nodes are states
    known to exist (encoded data), so no path leaves the data. A path has the fewest moves; among such paths,
    one of short moves of similar length is preferred, by a charge of at most half a move on their squared
    length. All shortest paths between nodes are computed once, in the constructor, so that a path takes a
    few look-ups.

    Args:
        states: (nodes, dim), the known states. Time and memory grow with the square of their number (a
            second for 1,000).
        move_cost: See `MoveCost`; a move and its reverse may differ.
        reach: Length of the longest move considered; `move_cost` may bar shorter ones.
        neighbours: Maximum number of nodes, nearest first, that a start, a goal or a node is joined to.

    Raises:
        ValueError: A shape or a value is out of range, or `move_cost` returns a negative cost or NaN.
    """

    def __init__(self, states: Tensor, move_cost: MoveCost, *, reach: float, neighbours: int = 64) -> None:
        check_tensors(states=states)
        floating = states.is_floating_point()
        if states.ndim != 2 or not states.numel() or not floating or not bool(states.isfinite().all()):
            raise ValueError(
                "states must be finite and have the shape (nodes, dim), floating point, "
                f"with at least one node, not {states.dtype} of the shape {tuple(states.shape)}"
            )
        above(0, reach=reach)
        count(1, neighbours=neighbours)
        if not callable(move_cost):
            raise ValueError(f"move_cost must be a function of states and states, not {move_cost!r}")
        self.nodes, self.move_cost, self.reach = states.detach().clone(), move_cost, float(reach)
        self.neighbours = min(neighbours, len(states))
        near = self._near(self.nodes)
        nodes = len(self.nodes)
        here = torch.arange(nodes, device=states.device)[:, None].expand_as(near)
        lengths = self._lengths(self.nodes[here], self.nodes[near])
        self._step = lengths.new_full((nodes, nodes), torch.inf).scatter(1, near, lengths)
        self._step.fill_diagonal_(torch.inf)
        edges = self._step.isfinite().numpy(force=True)
        weights = self._step.numpy(force=True).astype(np.float64)
        graph = csr_matrix((weights[edges], edges.nonzero()), shape=(nodes, nodes))
        # By the node that paths lead to: rows are read faster than columns.
        self._distance_to = torch.from_numpy(dijkstra(graph)).to(self._step).T.contiguous()

    @without_gradients
    def paths(self, start: Tensor, goal: Tensor, horizon: int) -> Paths:
        """Return a shortest path for each problem, as `horizon` moves.

        Args:
            start: (batch, dim).
            goal: (batch, dim); a problem with a start or goal that is not finite has no path.
            horizon: Number of moves, including those that stay at the goal.

        Raises:
            ValueError: A shape is wrong.
        """
        count(1, horizon=horizon)
        check_start(start)
        check_tensors(goal=goal)
        dim = self.nodes.shape[1]
        if start.shape[1] != dim or goal.shape != start.shape:
            raise ValueError(
                f"start and goal must both have the shape (batch, {dim}), "
                f"not {tuple(start.shape)} and {tuple(goal.shape)}"
            )
        check_like_start(start, states=self.nodes, goal=goal)
        before = self._near(goal)
        last = self._last_moves(goal, before)
        to_go = self._to_go(before, last)
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
        straight = self._straight(start, goal, horizon)
        return Paths(torch.where(found[:, None, None], torch.stack(states, 1), straight), found)

    def _near(self, states: Tensor) -> Tensor:
        """Return the nearest nodes (n, neighbours) of states (n, dim), at any distance."""
        return (
            torch.cdist(states, self.nodes).nan_to_num(torch.inf).topk(self.neighbours, largest=False).indices
        )

    def _lengths(self, z: Tensor, following: Tensor) -> Tensor:
        """Return the cost of moves (...), infinity where barred or too long; z, following are (..., dim)."""
        squared = (following - z).square().sum(-1)
        lengths = torch.full_like(squared, torch.inf)
        within = squared <= self.reach * self.reach
        if bool(within.any()):
            extra = self.move_cost(z[within], following[within]).detach()
            if extra.shape != (int(within.sum()),) or not bool((extra >= 0).all()):
                raise ValueError(
                    f"move_cost must return values of at least 0 of the shape ({int(within.sum())},), "
                    f"not {tuple(extra.shape)} with the minimum {extra.min().item()}"
                )
            lengths[within] = 1 + extra + 0.5 * squared[within] / (self.reach * self.reach)
        return lengths

    def _last_moves(self, goal: Tensor, near: Tensor) -> Tensor:
        """Return the cost of a move from each node to each goal, (batch, nodes), given those near it."""
        lengths = self._lengths(self.nodes[near], goal[:, None].expand(*near.shape, -1))
        return lengths.new_full((len(goal), len(self.nodes)), torch.inf).scatter(1, near, lengths)

    def _to_go(self, near: Tensor, last: Tensor) -> Tensor:
        """Return the cost of the shortest path from each node to each goal, (batch, nodes)."""
        shortest = torch.full_like(last, torch.inf)
        for node, length in zip(near.unbind(1), last.gather(1, near).unbind(1), strict=True):
            torch.minimum(shortest, self._distance_to[node] + length[:, None], out=shortest)
        return shortest

    def _straight(self, start: Tensor, goal: Tensor, horizon: int) -> Tensor:
        """Return straight lines (batch, horizon + 1, dim) in moves as long as the reach."""
        offset = goal - start
        moves = torch.arange(horizon + 1).to(start)
        fraction: Tensor = moves * self.reach / offset.norm(dim=1, keepdim=True)
        return start[:, None] + fraction.nan_to_num(1.0).clamp(max=1)[..., None] * offset[:, None]
