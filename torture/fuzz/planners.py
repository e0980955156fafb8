"""Random calls of planners, on problems of a few states."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torture.fuzz.target import Target, usually
from unknot.planners import (
    CEM,
    ILQR,
    MPPI,
    Arrival,
    BreadthFirst,
    DirectionSearch,
    Greedy,
    Memory,
    PoseCEM,
    QuadraticCost,
    RecedingHorizon,
    Roadmap,
)

HORIZON = 3
START, GOAL = torch.tensor([[0.0, 0.0], [1.0, -1.0]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]])
STARTS = (
    START, START.double(), START[:0], START[:1], torch.full((2, 2), torch.nan), torch.full((2, 2), 1e30),
    START.half(), START.long(), torch.zeros(2, 3), torch.zeros(2), torch.tensor(0.0), torch.zeros(2, 0),
    START.clone().requires_grad_(), START.numpy(),
)  # fmt: skip
WARM = (None, torch.zeros(2, HORIZON, 2), torch.full((2, HORIZON, 2), torch.nan), torch.zeros(2, 1, 2), START)
LIMITS = (
    None, (-1, 1), (-1.0, torch.inf), (-torch.inf, torch.inf), (-3.4e38, 3.4e38), (1, -1), (torch.nan, 1),
    (0, 0), (torch.zeros(2), torch.ones(2)), (torch.zeros(3), torch.ones(3)), (True, False), ("a", "b"), (1,),
    (-torch.inf, -torch.inf), (np.zeros(2), np.ones(2)), 1.0,
)  # fmt: skip
MOVES = torch.tensor([[0.5, 0.0], [0.0, 0.5], [-0.5, 0.0]])


class _Push:
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z + u


class _PushInPlace:
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z.add_(u)


class _Narrow:
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z[:, :1]


class _Learnt:
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z @ torch.eye(2) + u


class _Numbers:
    def step(self, z: Tensor, u: Tensor) -> Any:
        return 7


class _Endless:
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return z * torch.inf


DYNAMICS = (_PushInPlace(), _Narrow(), _Learnt(), _Numbers(), _Endless())


def _squares(states: Tensor, actions: Tensor) -> Tensor:
    return states.square().sum((1, 2)) + actions.square().sum((1, 2))


def _quadratic(goal: Tensor) -> QuadraticCost:
    return QuadraticCost(torch.eye(2), torch.eye(2), goal)


COSTS = (
    _quadratic(GOAL), _quadratic(GOAL.double()), _quadratic(GOAL[:1]), _squares,
    lambda states, actions: 1.0, lambda states, actions: states.sum(), Arrival(GOAL, 0.1), Arrival(GOAL, 9.0),
)  # fmt: skip


def targets() -> Iterable[Target]:
    """Return constructors, and plans of planners that were made well."""
    for kind, settings in CONSTRUCTORS:
        yield Target(kind.__name__, partial(_construct, kind, settings), calls=200)
    for name, planner in PLANNERS.items():
        yield Target(f"{name}.plan", partial(_plan, planner), calls=250)
    yield Target("RecedingHorizon.act", _act, calls=250)
    yield Target("Roadmap.paths", _paths, calls=150)
    for name, search in (("PoseCEM", PoseCEM(iterations=1)), ("DirectionSearch", DirectionSearch(steps=2))):
        yield Target(f"{name}.search", partial(_search, search), calls=100)


GENERATORS = (None, torch.Generator())
COMMON: dict[str, tuple[Any, ...]] = {
    "horizon": (1, 3, np.int64(3)),
    "limits": LIMITS,
    "iterations": (1, 5),
    "tolerance": (0.0, 0.5, np.float32(0.1)),
    "generator": GENERATORS,
}
CONSTRUCTORS: tuple[tuple[Callable[..., Any], dict[str, tuple[Any, ...]]], ...] = (
    (MPPI, {**COMMON, "population": (2, 256), "temperature": (0.1, 1.0), "noise": (0.1, 1.0)}),
    (CEM, {**COMMON, "population": (32, 256), "elites": (2, 32), "smoothing": (0, 0.1)}),
    (ILQR, {**COMMON, "starts": (1, 4)}),
    (BreadthFirst, {"actions": (MOVES, MOVES[:0]), "horizon": (1, 3), "merge": (0, 0.1), "limit": (1, 60)}),
    (Greedy, {"actions": (MOVES, MOVES[:0]), "horizon": (1, 3)}),
    (RecedingHorizon, {"planner": (ILQR(3),), "replan_every": (1, 3), "replan_distance": (0, 1.0)}),
    (
        Roadmap,
        {
            "states": (START, START.long(), START[:0], START * torch.nan),
            "move_cost": (lambda z, following: z.new_zeros(len(z)),),
            "reach": (1.0, 0.1),
            "neighbours": (1, 64),
        },
    ),
    (Arrival, {"goal": STARTS, "tolerance": (0, 0.1)}),
    (
        QuadraticCost,
        {
            "Q": (torch.eye(2), torch.eye(3)),
            "R": (torch.eye(2), torch.ones(2)),
            "goal": STARTS,
            "penalty": (None, lambda z: z.sum(-1)),
            "sweep": (None, torch.eye(2), torch.ones(3)),
        },
    ),
    (
        PoseCEM,
        {
            "std": ((0.1, 0.1), (0, 1), (torch.nan, 1)),
            "noise": ((0.1, 0.1), (1,)),
            "population": (8, 32),
            "elites": (2, 8),
            "smoothing": (0.1,),
            "iterations": (1, 2),
            "generator": GENERATORS,
        },
    ),
    (
        DirectionSearch,
        {
            "length": ((0.1, 0.1), (True, 1)),
            "directions": (1, 4),
            "steps": (1, 2),
            "generator": GENERATORS,
        },
    ),
)
PLANNERS: dict[str, Any] = {
    "CEM": CEM(HORIZON, limits=(-1, torch.inf), population=8, elites=3, iterations=2),
    "MPPI": MPPI(HORIZON, limits=(-1, torch.inf), population=8, iterations=2),
    "ILQR": ILQR(HORIZON, limits=(-1, 1), starts=2, iterations=3),
    "BreadthFirst": BreadthFirst(MOVES, HORIZON, merge=0.1, limit=20),
    "Greedy": Greedy(MOVES, HORIZON),
}


def _construct(
    kind: Callable[..., Any], settings: dict[str, tuple[Any, ...]], rng: np.random.Generator
) -> None:
    kind(**{name: usually(rng, *good) for name, good in settings.items()})


def _unchanged(tensors: tuple[Any, ...], call: Callable[[], Any]) -> Any:
    """Call, and check that the tensors are what they were, also where the call is refused."""
    before = [each.clone() if isinstance(each, Tensor) else None for each in tensors]
    try:
        return call()
    finally:
        for each, was in zip(tensors, before, strict=True):
            assert was is None or torch.equal(each.nan_to_num(), was.nan_to_num()), "an argument has changed"


def _plan(planner: Any, rng: np.random.Generator) -> None:
    searches = isinstance(planner, BreadthFirst | Greedy)
    dynamics = usually(rng, _Push(), *DYNAMICS)
    cost = usually(rng, Arrival(GOAL, 0.1) if searches else _quadratic(GOAL), *COSTS)
    start, warm = usually(rng, *STARTS), usually(rng, *WARM)
    goal = getattr(cost, "goal", None)
    plan = _unchanged((start, warm, goal), lambda: planner.plan(dynamics, cost, start, warm))
    invalid = plan.status == 3
    assert torch.equal(plan.actions.isnan().any(2).any(1), invalid), "a plan is NaN though it is valid"
    assert plan.actions.dtype == plan.states.dtype == start.dtype, "the plan has another dtype"


def _act(rng: np.random.Generator) -> None:
    made = RecedingHorizon(PLANNERS["ILQR"], int(rng.integers(1, 4)))
    start, cost = START, _quadratic(GOAL)
    _, memory = made.act(_Push(), cost, start)
    given = usually(rng, memory, None, Memory(*[torch.zeros(1)] * 4))
    restarts = (torch.tensor([True, False]), torch.zeros(2), torch.zeros(3, dtype=torch.bool))
    start, restart = usually(rng, *STARTS), usually(rng, None, *restarts)
    before = [getattr(memory, name).clone() for name in ("actions", "states", "used")]
    _unchanged((start, *before), lambda: made.act(_Push(), cost, start, given, restart))
    assert all(map(torch.equal, before, (memory.actions, memory.states, memory.used))), (
        "the memory has changed"
    )


def _paths(rng: np.random.Generator) -> None:
    roadmap = Roadmap(START, lambda z, following: z.new_zeros(len(z)), reach=1.0)
    start, goal = (usually(rng, *STARTS) for _ in range(2))
    horizon = usually(rng, 1, 4)
    _unchanged((start, goal), lambda: roadmap.paths(start, goal, horizon))


def _search(search: Any, rng: np.random.Generator) -> None:
    scores = (
        lambda poses: poses.sum(-1),
        lambda poses: poses.mul_(2).sum(-1),
        lambda poses: poses,
        lambda poses: poses.sum(-1) * torch.nan,
        lambda poses: 1.0,
    )
    shape = (2, 3, 6) if isinstance(search, PoseCEM) else (2, 6)
    odd = (torch.zeros(2, 6), torch.zeros(2, 3, 6), torch.zeros(0, 6), torch.full(shape, torch.nan))
    start = usually(rng, torch.zeros(shape), torch.zeros(shape).double(), torch.full(shape, torch.inf), *odd)
    _unchanged((start,), lambda: search.search(usually(rng, *scores), start))
