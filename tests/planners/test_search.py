"""Search compared with SciPy's shortest paths on the same grids, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from unknot.planners import CEM, Arrival, BreadthFirst, Greedy, Plan, Status

MOVES = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 0.0]])
SIZE = 6


@dataclass
class Maze:
    """Moves by one cell on a grid; the third number of a state is the index of its grid."""

    free: Tensor
    """bool (grids, SIZE, SIZE)."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        place = z[:, :2] + u
        cell = place.round().long().clamp(0, SIZE - 1)
        inside = (place.round() == cell).all(1)
        allowed = inside & self.free[z[:, 2].long(), cell[:, 0], cell[:, 1]]
        return torch.cat([torch.where(allowed[:, None], place, z[:, :2]), z[:, 2:]], 1)


def problems(free: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample a start and a goal on free cells of each grid: (grids, 3) both."""
    ends = []
    for grid in range(len(free)):
        cells = free[grid].nonzero()
        two = cells[torch.randint(len(cells), (2,), generator=generator)].float()
        ends.append(torch.cat([two, torch.full((2, 1), float(grid))], 1))
    both = torch.stack(ends)
    return both[:, 0], both[:, 1]


def distance_by_scipy(free: Tensor, start: Tensor, goal: Tensor) -> float:
    """Return the number of moves from start to goal (3,), infinity if there is no path."""
    cells = [(int(r), int(c)) for r, c in free.nonzero()]
    number = {cell: i for i, cell in enumerate(cells)}
    edges = [
        (number[r, c], number[r + dr, c + dc])
        for r, c in cells
        for dr, dc in ((1, 0), (-1, 0), (0, 1), (0, -1))
        if (r + dr, c + dc) in number
    ]
    ones = [1.0] * len(edges)
    graph = coo_matrix((ones, tuple(zip(*edges, strict=True)) or ([], [])), shape=(len(cells),) * 2)
    ends = [number[int(end[0]), int(end[1])] for end in (start, goal)]
    return float(shortest_path(graph, indices=ends[0])[ends[1]])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.1, 0.6))
def test_breadth_first_paths_are_as_short_as_scipys(seed: int, density: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    free = torch.rand(8, SIZE, SIZE, generator=generator) >= density
    free[:, 0, 0] = True
    start, goal = problems(free, generator)
    plan = BreadthFirst(MOVES, SIZE * SIZE, merge=0.1).plan(Maze(free), Arrival(goal, 0.1), start)
    for row in range(len(free)):
        shortest = distance_by_scipy(free[row], start[row], goal[row])
        if shortest == torch.inf:
            assert plan.status[row] == Status.STUCK
            continue
        assert plan.status[row] == Status.CONVERGED
        taken = plan.actions[row].abs().sum(1)
        assert taken.sum() == shortest
        assert (taken.diff() <= 0).all(), "stays only once it is there"
        assert torch.equal(plan.states[row, int(shortest)], goal[row])
        assert torch.equal(plan.states[row, -1], goal[row])
        assert plan.costs[row, -1] == max(shortest - 1, 0)


def test_nearly_equal_states_are_merged() -> None:
    class Drifting:
        """Adds a small error that depends on the path taken."""

        def __init__(self) -> None:
            self.rows = 0

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            self.rows += len(z)
            return (z + u * (1 + 0.002 * z[:, :1])).clamp(-5, 5)

    start, goal = torch.zeros(1, 2), torch.tensor([[4.0, -4.0]])
    dynamics = Drifting()
    plan = BreadthFirst(MOVES, 20, merge=0.3).plan(dynamics, Arrival(goal, 0.3), start)
    assert plan.status.tolist() == [Status.CONVERGED]
    assert plan.actions.abs().sum() == 8
    assert dynamics.rows < 121 * 4 + 21, "each of at most 121 places is expanded once"


def test_without_a_path_the_plan_leads_to_the_nearest_state_found() -> None:
    free = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    free[0, :, 3] = False
    start, goal = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[4.0, 5.0, 0.0]])
    plan = BreadthFirst(MOVES, 20, merge=0.1).plan(Maze(free), Arrival(goal, 0.1), start)
    assert plan.status.tolist() == [Status.STUCK]
    assert plan.states[0, -1].tolist() == [4, 2, 0]
    assert plan.costs.tolist() == [[20, 20]]


def test_a_goal_beyond_the_horizon_is_approached() -> None:
    free = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    start, goal = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[5.0, 5.0, 0.0]])
    short = BreadthFirst(MOVES, 9, merge=0.1).plan(Maze(free), Arrival(goal, 0.1), start)
    long = BreadthFirst(MOVES, 10, merge=0.1).plan(Maze(free), Arrival(goal, 0.1), start)
    assert short.status.tolist() == [Status.ITERATION_LIMIT]
    assert (short.states[0, -1] - goal[0]).norm() == 1
    assert long.status.tolist() == [Status.CONVERGED]


def test_the_limit_of_states_ends_a_search() -> None:
    class Plane:
        """Unbounded, but no move leads on from beyond 50."""

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return torch.where(z[:, :1] > 50, z, z + u)

    start = torch.tensor([[0.0, 0.0], [60.0, 0.0]])
    goal = torch.tensor([[9.0, 0.0], [0.0, 0.0]])
    few = BreadthFirst(MOVES, 20, merge=0.1, limit=50).plan(Plane(), Arrival(goal, 0.1), start)
    many = BreadthFirst(MOVES, 20, merge=0.1, limit=500).plan(Plane(), Arrival(goal, 0.1), start)
    assert few.status.tolist() == [Status.ITERATION_LIMIT, Status.STUCK]
    assert many.status.tolist() == [Status.CONVERGED, Status.STUCK]


def test_a_search_that_others_outlast_still_reports_its_limit_of_states() -> None:
    class Corridor:
        """A plane without obstacles, and a line 20 long beside it, at -1."""

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            line = z[:, :1] < -0.5
            return torch.where(line, (z + u * torch.tensor([0.0, 1.0])).clamp(max=20), z + u)

    start, goal = torch.tensor([[9.0, 9.0], [-1.0, 0.0]]), torch.tensor([[90.0, 90.0], [-1.0, 20.0]])
    plan = BreadthFirst(MOVES, 30, merge=0.1, limit=45).plan(Corridor(), Arrival(goal, 0.1), start)
    assert plan.status.tolist() == [Status.ITERATION_LIMIT, Status.CONVERGED]


def breadth_first(horizon: int) -> BreadthFirst:
    return BreadthFirst(MOVES, horizon, merge=0.1)


def greedy(horizon: int) -> Greedy:
    return Greedy(MOVES, horizon)


def test_a_start_at_the_goal_stays_there() -> None:
    free = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    start = torch.tensor([[2.0, 2.0, 0.0]])
    for planner in (breadth_first(5), greedy(5)):
        plan = planner.plan(Maze(free), Arrival(start, 0.1), start)
        assert plan.status.tolist() == [Status.CONVERGED]
        assert not plan.actions.any()
        assert plan.costs.tolist() == [[0, 0]]


def test_greedy_goes_straight_and_stops_at_a_wall() -> None:
    free = torch.ones(2, SIZE, SIZE, dtype=torch.bool)
    free[1, :, 3] = False
    free[1, 5, 3] = True
    start = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    goal = torch.tensor([[0.0, 5.0, 0.0], [0.0, 5.0, 1.0]])
    plan = Greedy(MOVES, 20).plan(Maze(free), Arrival(goal, 0.1), start)
    assert plan.status.tolist() == [Status.CONVERGED, Status.STUCK]
    assert plan.states[0, 5:].tolist() == 16 * [[0, 5, 0]]
    assert plan.states[1, -1].tolist() == [0, 2, 1]
    around = BreadthFirst(MOVES, 20, merge=0.1).plan(Maze(free), Arrival(goal, 0.1), start)
    assert around.actions.abs().sum((1, 2)).tolist() == [5, 15]


def test_greedy_reports_that_its_horizon_was_too_short() -> None:
    free = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    start, goal = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[0.0, 5.0, 0.0]])
    plan = Greedy(MOVES, 3).plan(Maze(free), Arrival(goal, 0.1), start)
    assert plan.status.tolist() == [Status.ITERATION_LIMIT]
    assert plan.states[0, -1].tolist() == [0, 3, 0]


def test_arrival_counts_the_states_that_are_not_at_the_goal() -> None:
    goal = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    states = torch.tensor([[[0.0, 0], [0.6, 0], [0.8, 0]], [[9.0, 9], [0.0, 0], [0.0, torch.nan]]])
    assert Arrival(goal, 0.25)(states, torch.zeros(2, 2, 1)).tolist() == [1, 1]


def test_other_planners_take_an_arrival() -> None:
    class Point:
        action_dim = 2

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            return z + u

    planner = CEM(4, limits=(-1.0, 1.0), generator=torch.Generator().manual_seed(0))
    goal = torch.tensor([[1.5, 0.0]])
    plan: Plan = planner.plan(Point(), Arrival(goal, 0.7), torch.zeros(1, 2))
    assert plan.costs[0, -1] == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BreadthFirst(torch.zeros(0, 2), 5, merge=0.1), "actions must be finite and have the shape"),
        (lambda: BreadthFirst(torch.full((1, 2), torch.nan), 5, merge=0.1), "actions must be finite"),
        (lambda: Greedy(torch.zeros(2), 5), r"actions must .* not \(2,\)"),
        (lambda: BreadthFirst(MOVES, 0, merge=0.1), "horizon must be at least 1, not 0"),
        (lambda: Greedy(MOVES, 0), "horizon must be at least 1, not 0"),
        (lambda: BreadthFirst(MOVES, 5, merge=-1.0), "merge must be at least 0, not -1.0"),
        (lambda: BreadthFirst(MOVES, 5, merge=0.1, limit=0), "limit must be at least 1, not 0"),
        (lambda: Arrival(torch.zeros(2), 0.1), r"goal must have the shape \(batch, dim\)"),
        (lambda: Arrival(torch.zeros(1, 2), -0.1), "tolerance must be at least 0, not -0.1"),
    ],
)
def test_bad_arguments_are_refused_by_name(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
