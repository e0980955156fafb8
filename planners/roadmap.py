"""Ways around obstacles through known states, for plans to begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from torch import Tensor

Passable = Callable[[Tensor, Tensor], Tensor]
"""From (moves, dim) to (moves, dim): what the move costs beyond a step (moves,), >= 0, infinity if barred."""


@dataclass(frozen=True)
class Paths:
    """A batch of paths.

    Attributes:
        states: (batch, horizon + 1, dim), the start first, at rest once at the goal. What does not fit the
            horizon is cut off. Where no way was found, the straight line in moves no longer than the reach.
        found: (batch,), bool, whether there is a way, however long.
        moves: (batch,), int64, how many moves the whole way takes; -1 where none was found.
    """

    states: Tensor
    found: Tensor
    moves: Tensor


class Roadmap:
    """A graph over known states, an edge wherever one action makes the move.

    iLQR starts from a guess and stays near it: a long detour must be in the guess. The nodes are states
    known to exist (encoded data), so no path leaves the data. A path is a shortest one in moves; among
    these one of short, even moves is preferred, by a charge of at most half a move on its squared length.

    Args:
        states: (nodes, dim), the known states.
        passable: What a move costs beyond a step, infinity where it is barred; moves have a direction.
        reach: Length of the longest move that is looked at; `passable` may bar shorter ones.
        neighbours: The most moves from a node, spread evenly over their lengths, the longest included.

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
        if neighbours < 1:
            raise ValueError(f"neighbours={neighbours!r}, expected a whole number >= 1")
        self.nodes, self.passable, self.reach, self.neighbours = states.detach(), passable, reach, neighbours
        self._tree = cKDTree(self.nodes.double().cpu().numpy())
        sources, targets = self._near(self.nodes)
        distinct = sources != targets
        sources, targets = sources[distinct], targets[distinct]
        lengths = self._lengths(self.nodes[sources], self.nodes[targets])
        self._edges = (sources.numpy(), targets.numpy(), lengths)

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
        known = (start.isfinite() & goal.isfinite()).all(1)
        source, target = (torch.where(known[:, None], z, self.nodes[0].to(z)) for z in (start, goal))
        goals, inverse = torch.unique(target, dim=0, return_inverse=True)
        of_goal = inverse.numpy(force=True)
        onward, cost = self._towards(goals)
        first, found = self._first(source, target, of_goal, cost)
        found &= known.numpy(force=True)
        return self._follow(start, goal, horizon, first, found, onward[of_goal])

    def _near(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return which nodes lie within reach: pairs of the row of a state and a node."""
        points = states.double().cpu().numpy()
        near = self._tree.query_ball_point(points, self.reach)
        rows = [np.full(0, 0)]
        nodes = [np.full(0, 0)]
        for row, found in enumerate(near):
            some = np.asarray(found, dtype=np.int64)
            if len(some) > self.neighbours:
                by_length = some[np.linalg.norm(self._tree.data[some] - points[row], axis=1).argsort()]
                some = by_length[np.linspace(0, len(some) - 1, self.neighbours).round().astype(np.int64)]
            rows.append(np.full(len(some), row))
            nodes.append(some)
        return torch.from_numpy(np.concatenate(rows)), torch.from_numpy(np.concatenate(nodes))

    def _lengths(self, z: Tensor, following: Tensor) -> NDArray[np.float64]:
        """Return what moves cost, (moves,), infinity where barred."""
        if not len(z):
            return np.zeros(0)
        penalty = self.passable(z, following).detach().double().cpu().numpy()
        if penalty.shape != (len(z),) or not (penalty >= 0).all():
            raise ValueError(
                f"passable returned the shape {penalty.shape} and the least value {penalty.min()}, "
                f"expected ({len(z)},) and values >= 0"
            )
        squared = ((following - z) ** 2).sum(1).double().cpu().numpy()
        lengths: NDArray[np.float64] = 1 + penalty + 0.5 * squared / self.reach**2
        return lengths

    def _towards(self, goals: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return for each goal and node the next node (-1: the goal itself, -2: no way) and the cost."""
        count, sources = len(self.nodes), self._edges[0]
        rows, nodes = self._near(goals)
        into = self._lengths(self.nodes[nodes], goals[rows])
        # Turned round, so that one search from a goal answers for every node.
        tail = np.concatenate([self._edges[1], count + rows.numpy()])
        head = np.concatenate([sources, nodes.numpy()])
        weight = np.concatenate([self._edges[2], into])
        open_ = np.isfinite(weight)
        size = count + len(goals)
        graph = csr_matrix((weight[open_], (tail[open_], head[open_])), shape=(size, size))
        cost, before = dijkstra(graph, indices=np.arange(count, size), return_predecessors=True)
        before = before[:, :count].astype(np.int64)
        onward = np.where(before >= count, -1, np.where(before < 0, -2, before))
        return onward, cost[:, :count]

    def _first(
        self, start: Tensor, goal: Tensor, of_goal: NDArray[np.int64], cost: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return for each problem the first node of its path (-1: the goal itself) and if there is one."""
        rows, nodes = (pairs.numpy() for pairs in self._near(start))
        total = self._lengths(start[rows], self.nodes[nodes]) + cost[of_goal[rows], nodes]
        direct = self._lengths(start, goal)
        direct[((goal - start).norm(dim=1) > self.reach).numpy(force=True)] = np.inf
        rows = np.concatenate([np.arange(len(start)), rows])
        nodes = np.concatenate([np.full(len(start), -1), nodes])
        total = np.concatenate([direct, total])
        order = np.lexsort((total, rows))
        best = order[np.searchsorted(rows[order], np.arange(len(start)))]
        return nodes[best], np.isfinite(total[best])

    def _follow(
        self,
        start: Tensor,
        goal: Tensor,
        horizon: int,
        first: NDArray[np.int64],
        found: NDArray[np.bool_],
        onward: NDArray[np.int64],
    ) -> Paths:
        here = np.where(found, first, -1)
        places = torch.cat([self.nodes, self.nodes[:1]]).to(start)
        steps, moves = [start], np.zeros(len(start), dtype=np.int64)
        time = 0
        while time < horizon or (here >= 0).any():
            arrived = torch.from_numpy(here < 0).to(start.device)[:, None]
            if time < horizon:
                steps.append(torch.where(arrived, goal, places[torch.from_numpy(here).to(start.device)]))
            moves += here >= 0
            here = np.where(here >= 0, onward[np.arange(len(here)), here], -1)
            time += 1
        return self._or_straight(start, goal, torch.stack(steps, 1), found, moves + 1)

    def _or_straight(
        self, start: Tensor, goal: Tensor, states: Tensor, found: NDArray[np.bool_], moves: NDArray[np.int64]
    ) -> Paths:
        """Put the straight line where there is no way."""
        way = goal - start
        share = torch.arange(states.shape[1]).to(start) * self.reach / way.norm(dim=1, keepdim=True)
        straight = start[:, None] + share.nan_to_num(1.0).clamp(max=1)[..., None] * way[:, None]
        known = torch.from_numpy(found).to(start.device)
        count = torch.from_numpy(np.where(found, moves, -1)).to(start.device)
        return Paths(torch.where(known[:, None, None], states, straight), known, count)


def actions_for(states: Tensor, action_between: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the actions (batch, horizon, action dim) that follow states (batch, horizon + 1, dim).

    Args:
        states: The paths, such as `Paths.states`.
        action_between: The action for each of many moves: (moves, dim), (moves, dim) -> (moves, action dim).
    """
    batch, steps, _ = states.shape
    actions = action_between(states[:, :-1].flatten(0, 1), states[:, 1:].flatten(0, 1))
    return actions.view(batch, steps - 1, -1)
