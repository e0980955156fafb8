"""Planning grasps from failed ones, and trying them in simulation (Yan et al., 2017, section 2, Table 3).

`sample_problems` poses problems from a dataset. `stepwise` and `best_grasps` plan by the scores of a net.
`proposals` and `narrow_sides` are trivial baselines. `success` tries the plans; `demonstrated` is the oracle.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.envs.grasp.objects import load_objects
from unknot.envs.grasp.sampler import sample_grasps
from unknot.envs.grasp.shards import GraspShard
from unknot.envs.grasp.tabletop import OBJECTS, find_objects
from unknot.envs.grasp.world import GraspWorld
from unknot.planners import DirectionSearch
from unknot.representation.grasp_net import GraspNet
from unknot.representation.projection import look

from .grasp_batches import observe
from .grasp_measures import by_category
from .grasping import GraspAgent, propose
from .narrow_side import PIXELS, NarrowSideAgent

__all__ = [
    "OUTCOMES",
    "Problem",
    "best_grasps",
    "demonstrated",
    "narrow_sides",
    "opened",
    "place",
    "proposals",
    "sample_problems",
    "stepwise",
    "success",
]

STEPS = 20
"""The most attempts."""
CHUNK = 32
"""Problems that are planned at a time."""
OUTCOMES = "outcomes"
"""Where metrics keep what became of each object's problems."""


@dataclass(frozen=True)
class Problem:
    """A placement, the view it is seen from, and a grasp that failed."""

    shard: GraspShard
    view: int
    start: NDArray[np.float32]
    """(6,), the pose of the failed grasp."""


def sample_problems(shards: Sequence[GraspShard], placements: int, repeats: int) -> list[Problem]:
    """Sample failed grasps of the first placements, each seen from another elevation than the last.

    Args:
        shards: all placements.
        placements: how many.
        repeats: problems of each placement.
    """
    rng = np.random.default_rng(0)  # the same for all nets and seeds
    return [
        Problem(shard, k % len(shard.view), rng.choice(shard.pose[shard.perturbed & ~shard.success]))
        for shard in shards[:placements]
        for k in range(repeats)
    ]


def stepwise(net: GraspNet | None, problems: Sequence[Problem], seed: int) -> NDArray[np.float32]:
    """Return the poses (problems, steps + 1, 6) along the paper's search, the failed one first.

    Args:
        net: whose scores it follows; None for random directions.
        problems: where it starts.
        seed: of the directions.
    """
    generator = torch.Generator().manual_seed(seed)
    search = DirectionSearch(steps=STEPS, generator=generator)
    paths = []
    for first in range(0, len(problems), CHUNK):
        chunk = problems[first : first + CHUNK]
        start = torch.from_numpy(np.stack([problem.start for problem in chunk]))
        if net is None:
            paths.append(search.search(lambda poses: torch.rand(poses.shape[:2], generator=generator), start))
            continue
        with torch.no_grad():
            features = net.observe(_observed(chunk))
            paths.append(search.search(lambda poses: net.score(features, poses), start))  # noqa: B023
    return torch.cat([path.poses for path in paths]).numpy()


def best_grasps(net: GraspNet, problems: Sequence[Problem], seed: int) -> NDArray[np.float32]:
    """Return the grasp (problems, 1, 6) that an agent plans by `PoseCEM` for each problem's view."""
    agent, state, poses = GraspAgent(net, seed=seed), None, []
    for first in range(0, len(problems), CHUNK):
        pose, state = agent.predict(_observed(problems[first : first + CHUNK]), state)
        poses.append(pose)
    return np.concatenate(poses)[:, None]


def proposals(problems: Sequence[Problem]) -> NDArray[np.float32]:
    """Return as many unscored proposals of `GraspAgent` as the search has steps: (problems, steps, 6)."""
    poses = propose(look(_observed(problems), PIXELS), STEPS, torch.Generator().manual_seed(0))
    return poses.numpy().astype(np.float32)


def narrow_sides(problems: Sequence[Problem]) -> NDArray[np.float32]:
    """Return the grasp (problems, 1, 6) of a `NarrowSideAgent` for each problem's view."""
    return NarrowSideAgent().predict(_observed(problems))[0][:, None]


def success(problems: Sequence[Problem], world: GraspWorld, poses: NDArray[np.float32]) -> dict[str, Any]:
    """Try poses (problems, n, 6) until one holds.

    Returns:
        The percentage of problems where one holds, by category, and `OUTCOMES`: for each object, 1 or 0 for
        each of its problems in turn.
    """
    rows = iter(poses)
    return _try_out(problems, world, lambda: next(rows))


def demonstrated(problems: Sequence[Problem], world: GraspWorld, count: int = 8) -> dict[str, Any]:
    """Return the same for at most `count` grasps of the demonstrations' sampler on the true mesh."""
    rng = np.random.default_rng(0)
    return _try_out(problems, world, lambda: sample_grasps(world, count, rng))


def _try_out(
    problems: Sequence[Problem], world: GraspWorld, grasps: Callable[[], Iterable[Any]]
) -> dict[str, Any]:
    """Return what `success` does, of grasps that are asked for in turn."""
    held = []
    outcomes: dict[str, str] = {}
    for problem in problems:
        place(world, problem.shard)
        held.append(any(world.attempt(pose).success for pose in grasps()))
        name = problem.shard.name
        outcomes[name] = outcomes.get(name, "") + str(int(held[-1]))
    rates = by_category([problem.shard.category for problem in problems], np.array(held))
    return {**rates, OUTCOMES: outcomes}


@contextmanager
def opened(objects: str) -> Iterator[GraspWorld]:
    """Open the world of a dataset's objects, and close it.

    Args:
        objects: a name that `unknot/Grasp-v0` knows, or a folder of meshes.
    """
    world = GraspWorld(find_objects(objects) if objects in OBJECTS else load_objects(Path(objects)))
    try:
        yield world
    finally:
        world.close()


def place(world: GraspWorld, shard: GraspShard) -> None:
    """Place a shard's object where it was."""
    world.place(shard.object_index, shard.position, shard.yaw)


def _observed(problems: Sequence[Problem]) -> dict[str, NDArray[Any]]:
    return observe([problem.shard for problem in problems], [problem.view for problem in problems])
