"""Nearly optimal paths on the true planar map: costs to go on grids, then refinement off the grids.

Both minimise equation 7 of Banijamali et al. (2018), "Disentangling Dynamics and Content for Control
and Planning", with Q = I and R = 0.1 I: the sum over steps of |s - goal|² after the move + 0.1 |u|².
They use only the moves of the true world, so they work for every map and collision rule.
"""

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.envs import PlanarWorld

Array = NDArray[Any]

ACTION_COST = 0.1
"""R of equation 7, in units of the identity."""
SPACING = 0.5
"""Distance between a grid's nodes in pixels."""
OFFSETS = ((0.0, 0.0), (0.25, 0.25), (0.0, 0.25), (0.25, 0.0))
"""Where the grids begin, in pixels. Which of two detours is shorter can depend on where the start lies
between the nodes, so several grids are searched and the best refined path is kept."""
MARGIN = 1e-4
"""Pixels added to the agent's half width: rounding an action to float32 must not turn a touch into a
collision, and a path must not use a gap that only exact actions pass."""
REFUSED = 1e-6
"""A move that ends further than this, in pixels, from its aim was refused or clipped."""
ROUNDING = 1e-9
"""Pixels by which a difference of positions may exceed an action's limit; the action itself is clipped."""
PADDING = 3
"""Steps that a refined path may take in addition to its route on the grid."""
SHORTLIST = 1 / 8
"""Lattice spacing in pixels to which all candidates for a problem are refined; rivals are refined further."""
RIVAL_COST, RIVAL_DISTANCE = 1.01, 1.0
"""A candidate is a rival of the best path if its cost is at most RIVAL_COST times as high and it is somewhere
more than RIVAL_DISTANCE pixels away."""
FINEST = 2e-4
"""Lattice spacing in pixels of a finished path."""
BLOCK = 64
"""Number of problems or paths computed at a time, to bound memory."""
CHUNK = 4096
"""Number of moves tested at a time: intermediate results then stay in the processor's cache."""


class Grid:
    """A square grid of positions, the moves between its nodes, and the cost to go from each.

    Attributes:
        nodes: positions (nodes, 2), float64, row by row.
        free: whether the agent fits there, bool (nodes,).

    Args:
        world: the true dynamics.
        reach: largest component of an action, in pixels.
        offset: where the first node lies, in pixels from the corner of least coordinates.
    """

    def __init__(self, world: PlanarWorld, reach: float, offset: tuple[float, float]) -> None:
        self.world, self.reach = world, reach
        self.corner = world.low + np.array(offset)
        self.side = int((world.high - self.corner.max()) / SPACING + 1e-9) + 1
        self.radius = int(reach / SPACING + 1e-9)
        rows, columns = self.corner[:, None] + SPACING * np.arange(self.side)
        self.nodes = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        self.free = world.is_free(self.nodes)
        self._measure_moves()

    def _measure_moves(self) -> None:
        """Find `shadowed`, the free nodes from which moves to other free nodes are refused, and their moves.

        From all other nodes every free node within reach can be reached, so their best move is found one
        axis at a time.
        """
        span = range(-self.radius, self.radius + 1)
        row, column = np.divmod(np.arange(len(self.nodes)), self.side)
        moves, shadowed, clear = [], np.zeros(len(self.nodes), bool), self.free.copy()
        for a, b in [(a, b) for a in span for b in span]:
            inside = self._in_range(row + a) & self._in_range(column + b)
            start = np.flatnonzero(inside & self.free)
            end = start + a * self.side + b
            clear[start[~self.free[end]]] = False
            start, end = start[self.free[end]], end[self.free[end]]
            refused = self.world.blocked(self.nodes[start], self.nodes[end])
            shadowed[start[refused]] = True
            cost = np.float32(ACTION_COST * SPACING**2 * (a * a + b * b))
            moves.append((start[~refused], end[~refused], cost))
        self.shadowed = np.flatnonzero(shadowed)
        place = np.cumsum(shadowed) - 1
        self.shadow_moves = [
            (place[start[shadowed[start]]], end[shadowed[start]], cost) for start, end, cost in moves
        ]
        self._clear_nodes = (clear & ~shadowed).reshape(self.side, self.side)

    def _in_range(self, index: Array) -> Array:
        inside: Array = (index >= 0) & (index < self.side)
        return inside

    @cached_property
    def _clear_cells(self) -> Array:
        """Cells between four nodes from which no move is obstructed, bool (side - 1, side - 1).

        That is, no move is refused from any of the 16 nodes in and around the cell.
        """
        nodes = np.pad(self._clear_nodes, 1, mode="edge")
        clear: Array = np.lib.stride_tricks.sliding_window_view(nodes, (4, 4)).all(axis=(-2, -1))
        return clear

    def reaches(self, start: Array, end: Array) -> Array:
        """Return whether one move, its length ignored, leads from start (n, 2) to end (n, 2): bool (n,)."""
        inside: Array = ((self.world.low <= end) & (end <= self.world.high)).all(axis=-1)
        cell = np.clip(((start - self.corner) / SPACING).astype(int), 0, self.side - 2)
        to_test = np.flatnonzero(inside & ~self._clear_cells[cell[:, 0], cell[:, 1]])
        for part in np.split(to_test, range(CHUNK, len(to_test), CHUNK)):
            inside[part] = ~self.world.blocked(start[part], end[part])
        return inside

    def costs_to_go(self, goals: Array) -> Array:
        """Solve the problem from every node to goals (n, 2) by value iteration.

        Returns:
            float32 (nodes, n); inf where the goal is out of reach.
        """
        blocks = [self._solve(goals[k : k + BLOCK]) for k in range(0, len(goals), BLOCK)]
        return np.concatenate(blocks, axis=1)

    def _solve(self, goals: Array) -> Array:
        difference = self.nodes[:, None] - goals
        state_cost = np.square(difference).sum(-1).astype(np.float32)
        state_cost[~self.free] = np.inf
        value = self._last_moves(goals, difference)
        direct = value
        while True:
            better = np.minimum(self._best_moves(state_cost + value), direct)
            # Values start at infinity and only fall, until none falls further.
            if not (better < value - 1e-3).any():
                return value
            value = better

    def _last_moves(self, goals: Array, difference: Array) -> Array:
        """Return the cost (nodes, n) of going to the goal in one move, inf where that is impossible."""
        cost = np.full(difference.shape[:2], np.inf, np.float32)
        node, goal = np.nonzero((np.abs(difference) <= self.reach).all(-1) & self.free[:, None])
        possible = self.reaches(self.nodes[node], goals[goal])
        node, goal = node[possible], goal[possible]
        cost[node, goal] = ACTION_COST * np.square(difference[node, goal]).sum(-1)
        return cost

    def _best_moves(self, after: Array) -> Array:
        """Return the cost of the best move from each node (nodes, n), given the cost `after` the move."""
        square = after.reshape(self.side, self.side, -1)
        best = self._best_along(self._best_along(square).swapaxes(0, 1)).swapaxes(0, 1).reshape(after.shape)
        shadow = np.full((len(self.shadowed), after.shape[1]), np.inf, np.float32)
        for place, end, cost in self.shadow_moves:
            shadow[place] = np.minimum(shadow[place], after[end] + cost)
        best[self.shadowed] = shadow
        return best

    def _best_along(self, after: Array) -> Array:
        """Return the cost of the best move along the first axis."""
        best = after.copy()
        for k in range(1, self.radius + 1):
            cost = np.float32(ACTION_COST * (k * SPACING) ** 2)
            np.minimum(best[k:], after[:-k] + cost, out=best[k:])
            np.minimum(best[:-k], after[k:] + cost, out=best[:-k])
        return best

    def routes(self, starts: Array, goals: Array) -> Array:
        """Return paths over the nodes from starts (n, 2) to goals (n, 2): (n, steps + 1, 2).

        All have the length of the longest; a shorter path stays at its end.
        """
        value = self.costs_to_go(goals)
        path, moving = [starts], np.arange(len(starts))
        while moving.size:
            here, there = path[-1], path[-1].copy()
            there[moving] = self._next_on_route(here[moving], goals[moving], value[:, moving])
            path.append(there)
            moving = moving[(there != here)[moving].any(axis=1) & (there != goals)[moving].any(axis=1)]
        return np.stack(path, axis=1)

    def _next_on_route(self, positions: Array, goals: Array, value: Array) -> Array:
        """Return the best node, or the goal, within one move of positions (n, 2); else the positions."""
        index = np.ceil((positions - self.reach - self.corner) / SPACING - 1e-9).astype(int)
        index = np.clip(index[:, :, None] + np.arange(2 * self.radius + 1), 0, self.side - 1)
        node = (index[:, 0, :, None] * self.side + index[:, 1, None, :]).reshape(len(positions), -1)
        ends = np.concatenate([self.nodes[node], goals[:, None]], axis=1)
        to_go = np.pad(np.take_along_axis(value.T, node, axis=1), ((0, 0), (0, 1)))
        step = ends - positions[:, None]
        cost = to_go + np.square(ends - goals[:, None]).sum(-1) + ACTION_COST * np.square(step).sum(-1)
        cost[(np.abs(step) > self.reach + ROUNDING).any(-1)] = np.inf
        row, column = np.nonzero(np.isfinite(cost))
        possible = self.reaches(positions[row], ends[row, column])
        cost[row[~possible], column[~possible]] = np.inf
        best = cost.argmin(axis=1)
        every = np.arange(len(positions))
        return np.where(np.isfinite(cost[every, best])[:, None], ends[every, best], positions)


@lru_cache(maxsize=8)
def _grids(world: PlanarWorld, reach: float) -> tuple[Grid, ...]:
    return tuple(Grid(world, reach, offset) for offset in OFFSETS)


def grids_of(world: PlanarWorld, reach: float) -> tuple[Grid, ...]:
    """Return the grids of a world with an agent wider by MARGIN; cached by map, rule and agent size."""
    dynamics = PlanarWorld(world.map, world.collision, half_agent=world.half_agent + MARGIN)
    return _grids(dynamics, reach)


def path_costs(paths: Array, goals: Array) -> Array:
    """Return equation 7 for paths (n, steps + 1, 2) to goals (n, 2): (n,)."""
    costs: Array = np.square(paths[:, 1:] - goals[:, None]).sum((1, 2))
    costs += ACTION_COST * np.square(np.diff(paths, axis=1)).sum((1, 2))
    return costs


def straight_paths(world: PlanarWorld, starts: Array, goals: Array, reach: float) -> Array:
    """Return the paths of moves straight to the goals, clipped to reach on each axis: (n, steps + 1, 2)."""
    path = [starts]
    while len(path) < 2 or (path[-1] != path[-2]).any():
        path.append(world.move(path[-1], np.clip(goals - path[-1], -reach, reach)))
    return np.stack(path, axis=1)


def best_paths(world: PlanarWorld, starts: Array, goals: Array, reach: float) -> Array:
    """Return paths of nearly the lowest cost (equation 7), never higher than that of the straight path.

    Args:
        world: the true world; its noise is ignored.
        starts: float64 (n, 2), pixels.
        goals: float64 (n, 2), pixels.
        reach: largest component of an action, in pixels.

    Returns:
        float64 (n, steps + 1, 2): the start, then the state after each move, ending at the goal. Where no
        path to the goal is found, the straight path as far as it leads.
    """
    grids = grids_of(world, reach)
    straight = straight_paths(world, starts, goals, reach)
    found = [grid.routes(starts, goals) for grid in grids] + [straight]
    candidates = _same_length(found)  # (candidates, n, steps + 1, 2)
    arrived = np.isclose(candidates[:, :, -1], goals, rtol=0, atol=REFUSED).all(-1)
    candidates[arrived, -1] = np.broadcast_to(goals, candidates[:, :, -1].shape)[arrived]
    costs = np.full(arrived.shape, np.inf)
    costs[-1] = 1e30  # the straight path remains where no candidate arrives
    every = np.arange(len(starts))

    def improve(which: Array, coarse: float, fine: float, width: int) -> Array:
        candidates[which] = refine(grids[0], candidates[which], coarse, fine, width)
        costs[which] = path_costs(candidates[which], candidates[which][:, -1])
        best: Array = costs.argmin(axis=0)
        return best

    best = improve(arrived, SPACING, SHORTLIST, width=3)
    different = np.abs(candidates - candidates[best, every]).max(axis=(2, 3)) > RIVAL_DISTANCE
    different[-1] = True  # always refine the straight path, so that the result is never worse
    rivals = arrived & different & (costs <= RIVAL_COST * costs[best, every])
    rivals[best, every] = arrived[best, every]
    # Where a path turns round a corner, two states must slide along it at once, in directions that only
    # the wider lattice has.
    best = improve(rivals, SHORTLIST / 2, FINEST, width=5)
    chosen: Array = candidates[best, every]
    return chosen


def _same_length(paths: list[Array]) -> Array:
    """Stack paths, staying at their ends up to the length of the longest and PADDING steps more."""
    length = max(path.shape[1] for path in paths) + PADDING
    return np.stack(
        [np.pad(path, ((0, 0), (0, length - path.shape[1]), (0, 0)), mode="edge") for path in paths]
    )


def refine(grid: Grid, paths: Array, coarse: float, fine: float, width: int) -> Array:
    """Improve paths (n, steps + 1, 2) that end at their goals until no state can be improved.

    Each round puts a square lattice of candidates around every state and finds the best path through the
    lattices by dynamic programming over time. When a path no longer improves, its lattice's spacing is
    halved. No round raises a path's cost, and every move remains possible in the world.

    Args:
        grid: determines which moves are possible.
        paths: their first and last states are not changed.
        coarse: spacing of the first lattice in pixels.
        fine: spacing of the last lattice in pixels.
        width: number of candidates on a lattice's side, odd.
    """
    side = np.arange(width) - width // 2
    lattice = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    # The state itself comes first.
    lattice = np.roll(lattice, len(lattice) // 2 + 1, axis=0)
    paths = paths.copy()
    spacing = np.full(len(paths), coarse)
    cost = path_costs(paths, paths[:, -1])
    while (active := np.flatnonzero(spacing >= fine)[:BLOCK]).size:
        offsets = spacing[active, None, None] * lattice
        paths[active] = _best_through_lattices(grid, paths[active], offsets)
        before, cost[active] = cost[active], path_costs(paths[active], paths[active, -1])
        # A path of no cost, from a goal to itself, can't improve.
        spacing[active[before - cost[active] <= 1e-4 * spacing[active] * before]] /= 2
    return paths


def _best_through_lattices(grid: Grid, paths: Array, offsets: Array) -> Array:
    """Return the best paths with each state moved by one of the offsets (n, k, 2); the first is zero."""
    candidates = paths[:, :, None] + offsets[:, None]
    move_cost = _move_costs(grid, candidates)
    state_cost = np.square(candidates - paths[:, -1, None, None]).sum(-1)
    to_go = np.full(state_cost[:, -1].shape, np.inf)
    to_go[:, 0] = 0  # the last state is fixed
    choices = []
    for t in reversed(range(move_cost.shape[1])):
        total = move_cost[:, t] + (state_cost[:, t + 1] + to_go)[:, None]
        choices.append(total.argmin(-1))
        to_go = total.min(-1)
    best, every, chosen = paths.copy(), np.arange(len(paths)), 0  # the first state is fixed
    for t, choice in enumerate(reversed(choices), start=1):
        chosen = choice[every, chosen]
        best[:, t] = candidates[every, t, chosen]
    return best


def _move_costs(grid: Grid, candidates: Array) -> Array:
    """Return move costs (n, steps, k, k) between candidates (n, steps + 1, k, 2), inf where impossible."""
    start, end = np.broadcast_arrays(candidates[:, :-1, :, None], candidates[:, 1:, None])
    step = end - start
    cost: Array = ACTION_COST * np.square(step).sum(-1)
    possible = (np.abs(step) <= grid.reach + ROUNDING).all(-1)
    possible[:, 0, 1:] = False
    at = np.nonzero(possible)
    possible[at] = grid.reaches(start[at], end[at])
    cost[~possible] = np.inf
    return cost
