"""Agents that grasp by a learnt score: in one attempt, or step by step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from unknot.checks import count
from unknot.planners import PoseCEM
from unknot.representation import WEIGHTS, load_learner
from unknot.representation.grasp_net import Features, GraspNet
from unknot.representation.projection import Sight, far_depth, surface_points
from unknot.run_folders import find_model

from .evaluation import Agent, beginnings
from .steering import Course, advance, steer

__all__ = ["GraspAgent", "ReachAgent", "propose", "without_gripper"]

MAX_DEPTH = 0.02
"""Maximum distance in metres of a proposed grasp's centre behind the visible surface."""
LOWEST_PALM = -0.3
"""Lowest z of the unit vector from the fingertips to the palm: a hand hardly ever grasps from below."""
HAND_BELOW = 0.05
"""When an episode begins, everything visible above this many metres below the gripper's centre belongs to the
gripper."""

Observation = Mapping[str, NDArray[Any]]


class GraspAgent:
    """Proposes poses around the visible surface, scores them by the net, and improves the best by `PoseCEM`.

    It has the interface of Stable-Baselines3's models and takes the observations of `unknot/Grasp-v0`. It
    plans each observation anew; its state is the number of calls, which determines the random numbers.

    Args:
        net: trained.
        proposals: number of initial poses for each observation.
        starts: how many of the best proposals the search starts from.
        population: number of poses that the search samples about each start in an iteration.
        elites: how many of the best samples the next distribution is computed from.
        iterations: number of iterations of the search, at least 1.
        seed: seed of the random numbers.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        net: GraspNet,
        *,
        proposals: int = 256,
        starts: int = 8,
        population: int = 32,
        elites: int = 8,
        iterations: int = 6,
        seed: int = 0,
    ) -> None:
        count(1, starts=starts)
        if starts > proposals:
            raise ValueError(f"starts must be at most proposals = {proposals}, not {starts}")
        self.net, self.proposals, self.starts, self.seed = net.eval(), proposals, starts, seed
        self.generator = torch.Generator()
        self.search = PoseCEM(
            population=population, elites=elites, iterations=iterations, generator=self.generator
        )

    @classmethod
    def load(cls, run: str | Path, name: str = "geometry", seed: int | None = None, **settings: Any) -> Self:
        """Load the net of a run.

        Args:
            run: a run folder, its name, or weights that ship ("pretrained/grasping"); or RUN/MODEL.
            name: which of the run's nets, if `run` does not name it.
            seed: which of the run's seeds; the lowest by default.
            settings: keyword arguments of the constructor.

        Raises:
            FileNotFoundError: no such run, seed or net.
            WeightsError: a file can't be used, or its learner is not a `GraspNet`.
        """
        folder, model = find_model(run, seed)
        return cls(load_learner(folder / (model or name) / WEIGHTS, kind=GraspNet), **settings)

    @torch.no_grad()
    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """Return poses and the state for the next call, as Stable-Baselines3's models do.

        Args:
            observation: `image`, `depth`, `view` and `projection`, as `unknot/Grasp-v0` gives them, of n
                environments or of one.
            state: the state that the last call returned; None at first.
            episode_start: ignored; kept for the Stable-Baselines3 interface.
            deterministic: ignored; kept for the Stable-Baselines3 interface.

        Returns:
            float32 (n, 6), or (6,) for one: the gripper's centre in metres and a rotation vector; and the
            state.

        Raises:
            ValueError: the observation doesn't fit.
        """
        batch, single = batched(observation)
        features = self.net.observe(batch)
        calls = 0 if state is None else int(state)
        self.generator.manual_seed(int(np.random.SeedSequence([self.seed, calls]).generate_state(1)[0]))
        poses = self._plan(features).numpy(force=True).astype(np.float32)
        return (poses[0] if single else poses), calls + 1

    def _plan(self, features: Features) -> Tensor:
        proposals = propose(features.sight, self.proposals, self.generator)
        best = self.net.score(features, proposals).topk(self.starts, 1).indices
        starts = proposals.gather(1, best[..., None].expand(-1, -1, 6))
        path = self.search.search(lambda poses: torch.sigmoid(self.net.score(features, poses)), starts)
        return path.poses[:, -1]


class ReachAgent:
    """Plans a grasp when an episode begins, steers to it, closes, and lifts, in `unknot/GraspReach-v0`.

    It looks once, at an image with the gripper removed (`without_gripper`), and has the interface of
    Stable-Baselines3's models.

    Args:
        planner: plans the grasps: any agent of `unknot/Grasp-v0`.
    """

    def __init__(self, planner: Agent) -> None:
        self.planner = planner

    @classmethod
    def load(cls, run: str | Path, name: str = "geometry", seed: int | None = None, **settings: Any) -> Self:
        """Load the net of a run; see `GraspAgent.load`."""
        return cls(GraspAgent.load(run, name, seed, **settings))

    def predict(
        self,
        observation: Observation,
        state: Sequence[Course] | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], list[Course]]:
        """Return actions and the state for the next call, as Stable-Baselines3's models do.

        Args:
            observation: as `unknot/GraspReach-v0` gives it, of n environments or of one.
            state: the state that the last call returned; None at first.
            episode_start: bool (n,), which rows begin an episode; by default none but at the first call.
            deterministic: ignored; kept for the Stable-Baselines3 interface.

        Returns:
            float32 (n, 7), or (7,) for one, in metres and radians; and the state.

        Raises:
            ValueError: the observation doesn't fit.
        """
        batch, single = batched(observation)
        n = len(batch["image"])
        courses: list[Any] = [None] * n if state is None else list(state)
        begins = beginnings(episode_start, n)
        rows = np.flatnonzero(begins | (state is None))
        if len(rows):
            seen = without_gripper({name: value[rows] for name, value in batch.items()})
            poses, _ = self.planner.predict(seen)
            for row, pose in zip(rows, poses.astype(np.float64), strict=True):
                courses[row] = Course(steer(pose))
        actions, after = advance(courses)
        return (actions[0] if single else actions), after


def batched(observation: Observation) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return the observation as a batch, and whether it was a single one."""
    single = np.ndim(observation["image"]) == 3
    return {name: np.asarray(value)[None] if single else value for name, value in observation.items()}, single


def without_gripper(observation: Observation) -> dict[str, NDArray[Any]]:
    """Remove the gripper, while it is still above the object, from the depth of observations.

    Its pixels get the depth of the background, whatever the gripper hides.

    Args:
        observation: `image`, `depth`, `view`, `projection` and `gripper` of n environments, as
            `unknot/GraspReach-v0` gives them.
    """
    names = ("depth", "view", "projection")
    depth, view, projection = (torch.from_numpy(np.asarray(observation[name])) for name in names)
    height = surface_points(depth, view, projection)[..., 2].numpy()
    far = far_depth(projection)[:, None, None].numpy()
    gripper = height > observation["gripper"][:, 2, None, None] - HAND_BELOW
    others = {name: observation[name] for name in ("image", "view", "projection")}
    return {**others, "depth": np.where(gripper, far, observation["depth"])}


def propose(sight: Sight, number: int, generator: torch.Generator) -> Tensor:
    """Sample poses (b, number, 6) with centres on the visible surface of each object or a little behind it.

    Args:
        sight: b observations.
        number: how many for each observation.
        generator: of a CPU.
    """
    shown = sight.image[:, 3].flatten(1).cpu() + 1e-6
    rows = torch.multinomial(shown, number, replacement=True, generator=generator).to(sight.points.device)
    surface = sight.points.gather(1, rows[..., None].expand(-1, -1, 3))
    eye = -(sight.view[:, None, :3, 3:].mT @ sight.view[:, None, :3, :3])[:, :, 0]
    depth = MAX_DEPTH * torch.rand((*rows.shape, 1), generator=generator).to(surface)
    centres = surface + depth * functional.normalize(surface - eye, dim=-1)
    turns = Rotation.from_quat(torch.randn((rows.numel(), 4), generator=generator).numpy())
    from_below = turns.as_matrix()[:, 2, 2] < LOWEST_PALM
    turns = turns * Rotation.from_rotvec(np.outer(np.pi * from_below, (1, 0, 0)))
    vectors = torch.from_numpy(turns.as_rotvec()).view(*rows.shape, 3).to(surface)
    return torch.cat([centres, vectors], -1)
