"""Oracles for grasping: experts that know the mesh and try grasps in their own simulation before they act.

They declare `privileged = True` and get true factors, of one environment or of n. Their grasps come from the
demonstrations' sampler, best first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.checks import count
from unknot.envs.grasp.env import GraspEnv
from unknot.envs.grasp.objects import GraspObject
from unknot.envs.grasp.reach import HOME, LIFT
from unknot.envs.grasp.reach_world import ReachWorld
from unknot.envs.grasp.world import GraspWorld

from .evaluation import beginnings
from .steering import Course, advance, steer

__all__ = ["GraspExpert", "ReachExpert"]

Floats = NDArray[np.float64]
TrueState = Mapping[str, Mapping[str, NDArray[Any]]]


class GraspExpert:
    """Chooses the first grasp that holds, in `unknot/Grasp-v0`.

    Args:
        objects: the objects of the environment it acts in, in the same order.
        candidates: maximum number of grasps to try; if none holds, it takes the first.
        seed: seed of the random numbers.
    """

    privileged = True

    def __init__(
        self, objects: str | Sequence[GraspObject] = "train", *, candidates: int = 8, seed: int = 0
    ) -> None:
        count(1, candidates=candidates)
        count(0, seed=seed)
        self._table, self._seed = _Table(objects, candidates), seed

    def predict(
        self,
        observation: TrueState,
        state: Any = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """Return poses (n, 6) float32, or (6,) for one, that held with the object placed by the factors.

        Args:
            observation: `factors`, of one environment or of n.
            state: the number of calls so far; None at first.
            episode_start: ignored; kept for the Stable-Baselines3 interface.
            deterministic: ignored; kept for the Stable-Baselines3 interface.
        """
        calls = 0 if state is None else int(state)
        poses = [
            self._grasp(factors, np.random.default_rng([self._seed, calls, row]))
            for row, factors in enumerate(_rows(observation["factors"]))
        ]
        return _like(observation, poses), calls + 1

    def _grasp(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Floats:
        world, candidates = self._table.set(factors, rng)
        held = (pose for pose in candidates if world.attempt(pose.astype(np.float32)).success)
        return next(held, candidates[0] if len(candidates) else np.zeros(6))

    def close(self) -> None:
        """Disconnect from the physics."""
        self._table.close()


@dataclass(frozen=True, kw_only=True)
class _Course(Course):
    """A course and the factors it was planned for."""

    factors: dict[str, list[float]]


class ReachExpert:
    """Steers to a grasp, closes, and lifts, in `unknot/GraspReach-v0`.

    It simulates grasps in its own world and takes the first that ends held and lifted. The environment then
    behaves the same to the bit, so the expert's state is only its position in its course.

    Args:
        objects: the objects of the environment it acts in, in the same order.
        candidates: maximum number of grasps to simulate; if none holds, it takes the first.
        seed: seed of the random numbers.
    """

    privileged = True

    def __init__(
        self, objects: str | Sequence[GraspObject] = "train", *, candidates: int = 8, seed: int = 0
    ) -> None:
        count(1, candidates=candidates)
        count(0, seed=seed)
        self._table, self._seed = _Table(objects, candidates), seed
        self._world: ReachWorld | None = None

    def predict(
        self,
        observation: TrueState,
        state: Sequence[_Course] | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], list[_Course]]:
        """Return actions (n, 7) float32, or (7,) for one, in metres and radians.

        Args:
            observation: `factors`, of one environment or of n.
            state: the state that the last call returned; None at first.
            episode_start: bool (n,), where courses begin again; new factors begin a new course anyway.
            deterministic: ignored; kept for the Stable-Baselines3 interface.
        """
        rows = _rows(observation["factors"])
        before = [None] * len(rows) if state is None else state
        begins = beginnings(episode_start, len(rows))
        courses = []
        for factors, course, again in zip(rows, before, begins, strict=True):
            scene = {name: np.ravel(value).tolist() for name, value in factors.items()}
            if course is None or course.factors != scene:
                courses.append(_Course(self._plan(factors), factors=scene))
            else:
                courses.append(replace(course, taken=0) if again else course)
        actions, after = advance(courses)
        return _like(observation, list(actions)), after

    def _plan(self, factors: Mapping[str, Any]) -> Floats:
        world, candidates = self._table.set(factors, np.random.default_rng(self._seed))
        courses = [steer(pose) for pose in candidates] or [np.zeros((1, 7))]
        return next((course for course in courses if self._holds(world, course)), courses[0])

    def _holds(self, table: GraspWorld, course: Floats) -> bool:
        placement = table.placement
        assert placement is not None
        begin = (table.objects[placement.object_index], placement, HOME)
        if self._world is None:
            self._world = ReachWorld(*begin)
        else:
            self._world.begin(*begin)
        for action in course.astype(np.float32):  # as the environment takes them
            self._world.act(action.astype(np.float64))
        return self._world.gripped and self._world.lifted >= LIFT

    def close(self) -> None:
        """Disconnect from the physics."""
        self._table.close()
        if self._world is not None:
            self._world.physics.close()


class _Table:
    """An expert's own environment, in which it places the object."""

    def __init__(self, objects: str | Sequence[GraspObject], candidates: int) -> None:
        self._env, self._candidates = GraspEnv(objects=objects), candidates

    def set(self, factors: Mapping[str, Any], rng: np.random.Generator) -> tuple[GraspWorld, Floats]:
        """Place the object by its factors; return the world, and grasps (k, 6) of the object, best first."""
        self._env.reset(seed=0, options={"factors": factors})
        return self._env.simulation.world(0), self._env.sample_grasps(self._candidates, rng)

    def close(self) -> None:
        """Disconnect from the physics."""
        self._env.close()


def _rows(factors: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Return the factors of each environment, given those of one or of n."""
    if np.ndim(factors["yaw"]) == 0:
        return [dict(factors)]
    return [{name: value[row] for name, value in factors.items()} for row in range(len(factors["yaw"]))]


def _like(observation: TrueState, actions: Sequence[Floats]) -> NDArray[np.float32]:
    """Return actions as an array, without its first axis if the observation is a single one."""
    stacked = np.stack(actions).astype(np.float32)
    return stacked[0] if np.ndim(observation["factors"]["yaw"]) == 0 else stacked
