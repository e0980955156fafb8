"""Agents that grasp what they imagine: in one attempt, or step by step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from unknot.files import find_seed
from unknot.planners import PoseCEM
from unknot.representation import WEIGHTS, load_learner
from unknot.representation.grasp_net import Features, GraspNet
from unknot.representation.projection import far_depth, surface_points

from .steering import Course, advance, steer

__all__ = ["GraspAgent", "ReachAgent", "propose", "without_gripper"]

INTO = 0.02
"""Metres behind the surface that is seen, at most, where a proposed grasp has its centre."""
LOWEST = -0.3
"""Least height of the unit vector from the fingertips to the palm: a hand is hardly ever held from below."""
HAND = 0.05
"""Metres below the middle of an open gripper's fingertips above which all that is seen is the gripper, where
episodes begin."""

Observation = Mapping[str, NDArray[Any]]


class GraspAgent:
    """Proposes poses about what it sees, has the net score them, and improves the best by `PoseCEM`.

    It acts as Stable-Baselines3's models do. Of `unknot/Grasp-v0` it takes observations as they are; it plans
    each anew, and all it remembers is how often it has, from which the random numbers follow.

    Args:
        net: trained.
        proposals: poses at first, for each observation.
        starts: the best of them, from each of which the search starts.
        population: poses that the search samples about each start in an iteration.
        elites: how many of these decide on the next.
        iterations: of the search, at least 1.
        seed: of what is random.

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
        if not 1 <= starts <= proposals:
            raise ValueError(f"starts must be from 1 to the {proposals} proposals there are, not {starts}")
        self.net, self.proposals, self.starts, self.seed = net.eval(), proposals, starts, seed
        self.generator = torch.Generator()
        self.search = PoseCEM(
            population=population, elites=elites, iterations=iterations, generator=self.generator
        )

    @classmethod
    def load(cls, run: str | Path, name: str = "geometry", seed: int | None = None, **settings: Any) -> Self:
        """Load the net of a run.

        Args:
            run: a run folder, its name, or weights that ship ("pretrained/grasping").
            name: which of the run's nets.
            seed: which of the run's seeds; the lowest unless told.
            settings: those of the constructor.

        Raises:
            FileNotFoundError: no such run, seed or net.
            WeightsError: a file that can't be used.
            TypeError: a learner of another kind.
        """
        folder = find_seed(run, seed) / name
        net = load_learner(folder / WEIGHTS)
        if not isinstance(net, GraspNet):
            raise TypeError(f"{folder} holds a {type(net).__name__}, which scores no grasps")
        return cls(net, **settings)

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
            state: what the last call returned; None at first.
            episode_start: not needed; there for the interface.
            deterministic: no other way is known; there for the interface.

        Returns:
            float32 (n, 6), or (6,) for one: the gripper's centre in metres and a rotation vector; and the
            state.

        Raises:
            ValueError: another observation.
        """
        batch, single = _batched(observation)
        features = self.net.observe(batch)
        calls = 0 if state is None else int(state)
        self.generator.manual_seed(int(np.random.SeedSequence([self.seed, calls]).generate_state(1)[0]))
        poses = self._plan(features).numpy(force=True).astype(np.float32)
        return (poses[0] if single else poses), calls + 1

    def _plan(self, features: Features) -> Tensor:
        proposals = propose(features, self.proposals, self.generator)
        best = self.net.score(features, proposals).topk(self.starts, 1).indices
        starts = proposals.gather(1, best[..., None].expand(-1, -1, 6))
        return self.search.search(lambda poses: torch.sigmoid(self.net.score(features, poses)), starts).poses[
            :, -1
        ]


class ReachAgent:
    """Plans a grasp when an episode begins, steers to it, closes, and lifts, in `unknot/GraspReach-v0`.

    It looks once, with the gripper taken out of the picture (`without_gripper`), and acts as
    Stable-Baselines3's models do.

    Args:
        planner: plans the grasps.
    """

    def __init__(self, planner: GraspAgent) -> None:
        self.planner = planner

    @classmethod
    def load(cls, run: str | Path, name: str = "geometry", seed: int | None = None, **settings: Any) -> Self:
        """Load the net of a run: as `GraspAgent.load`."""
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
            state: what the last call returned; None at first.
            episode_start: where episodes begin, (n,); nowhere but at first unless told.
            deterministic: no other way is known; there for the interface.

        Returns:
            float32 (n, 7), or (7,) for one, in metres and radians; and the state.

        Raises:
            ValueError: another observation.
        """
        batch, single = _batched(observation)
        count = len(batch["image"])
        courses: list[Any] = [None] * count if state is None else list(state)
        begun = np.broadcast_to(False if episode_start is None else episode_start, count)
        rows = np.flatnonzero(begun | (state is None))
        if len(rows):
            seen = without_gripper({name: value[rows] for name, value in batch.items()})
            poses, _ = self.planner.predict(seen)
            for row, pose in zip(rows, poses.astype(np.float64), strict=True):
                courses[row] = Course(steer(pose))
        actions, after = advance(courses)
        return (actions[0] if single else actions), after


def _batched(observation: Observation) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return the observation of n environments, and whether it was of a single one."""
    single = np.ndim(observation["image"]) == 3
    return {name: np.asarray(value)[None] if single else value for name, value in observation.items()}, single


def without_gripper(observation: Observation) -> dict[str, NDArray[Any]]:
    """Return what a camera would see if the gripper, still above the object, were not there.

    Where it was nothing is seen, whatever it hid.

    Args:
        observation: `image`, `depth`, `view`, `projection` and `gripper` of n environments, as
            `unknot/GraspReach-v0` gives them.
    """
    names = ("depth", "view", "projection")
    depth, view, projection = (torch.from_numpy(np.asarray(observation[name])) for name in names)
    height = surface_points(depth, view, projection)[..., 2].numpy()
    far = far_depth(projection)[:, None, None].numpy()
    hidden = height > observation["gripper"][:, 2, None, None] - HAND
    kept = {name: observation[name] for name in ("image", "view", "projection")}
    return {**kept, "depth": np.where(hidden, far, observation["depth"])}


def propose(features: Features, count: int, generator: torch.Generator) -> Tensor:
    """Draw poses (b, count, 6) about what is seen of each object: centres at it or a little behind it.

    Args:
        features: of b observations.
        count: for each.
        generator: a CPU's; draws them.
    """
    sight = features.sight
    shown = sight.image[:, 3].flatten(1).cpu() + 1e-6
    rows = torch.multinomial(shown, count, replacement=True, generator=generator).to(sight.points.device)
    surface = sight.points.gather(1, rows[..., None].expand(-1, -1, 3))
    eye = -(sight.view[:, None, :3, 3:].mT @ sight.view[:, None, :3, :3])[:, :, 0]
    into = INTO * torch.rand((*rows.shape, 1), generator=generator).to(surface)
    centres = surface + into * functional.normalize(surface - eye, dim=-1)
    turns = Rotation.from_quat(torch.randn((rows.numel(), 4), generator=generator).numpy())
    below = turns.as_matrix()[:, 2, 2] < LOWEST
    turns = turns * Rotation.from_rotvec(np.outer(np.pi * below, (1, 0, 0)))
    vectors = torch.from_numpy(turns.as_rotvec()).view(*rows.shape, 3).to(surface)
    return torch.cat([centres, vectors], -1)
