"""Searching gripper poses, elements of SE(3), by a score, for many problems at once.

A pose is six numbers: a position in metres and a rotation vector in radians. Rotations are composed, never
added up. A score is any callable of poses (batch, n, 6) that returns (batch, n), the higher the better; both
searches ask it for all the poses of a step at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from unknot.planners.base import whole
from unknot.planners.cem import best_rows, normal

__all__ = ["DirectionSearch", "PoseCEM", "PosePath", "Score", "compose"]

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PosePath:
    """The poses that a search came through."""

    poses: Tensor
    """(batch, steps + 1, 6); the last one is the result."""
    scores: Tensor
    """(batch, steps + 1)."""


def compose(poses: Tensor, moves: Tensor) -> Tensor:
    """Move poses in their own frames.

    Args:
        poses: (..., 6).
        moves: (..., 6), in the axes of the pose that is moved.

    Returns:
        (..., 6); the angles are at most pi.
    """
    pose, move = (x.numpy(force=True).astype(float) for x in (poses, moves))
    shape = np.broadcast_shapes(pose.shape, move.shape)
    pose, move = (np.broadcast_to(x, shape).reshape(-1, 6).copy() for x in (pose, move))
    turn = Rotation.from_rotvec(pose[:, 3:])
    position = torch.from_numpy(pose[:, :3] + turn.apply(move[:, :3]))
    turned = torch.from_numpy((turn * Rotation.from_rotvec(move[:, 3:])).as_rotvec())
    return torch.cat([position, turned], 1).view(shape).to(poses)


class DirectionSearch:
    """Goes where the best of a few random directions leads, step by step (Yan et al. 2018, section 2).

    The paper calls it the cross-entropy method: each step samples 10 directions of the 6-dimensional space
    and takes the top one, better than where it is or not, and a grasp is a success if one of up to 20 steps
    is. The length of a step, which the paper does not give, is the caller's.

    Args:
        length: Of a step along a pure translation in metres, and along a pure rotation in radians.
        directions: Of which one is taken.
        steps: Taken in all.
        generator: Draws the directions; torch's default generator if none is given.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        *,
        length: tuple[float, float] = (0.03, 0.5),
        directions: int = 10,
        steps: int = 20,
        generator: torch.Generator | None = None,
    ) -> None:
        self.length = _scale("length", length)
        self.directions = whole("directions", directions, 1)
        self.steps = whole("steps", steps, 1)
        self.generator = generator

    @torch.no_grad()
    def search(self, score: Score, start: Tensor) -> PosePath:
        """Search from poses.

        Args:
            score: See the module.
            start: (batch, 6), floating.

        Raises:
            ValueError: A shape does not fit.
        """
        _check_poses("start", start, 2)
        poses, scores = [start], [_scores(score, start[:, None])[:, 0]]
        for _ in range(self.steps):
            directions = normal((len(start), self.directions, 6), start, self.generator)
            moves = directions / directions.norm(dim=-1, keepdim=True) * self.length.to(start)
            tried = compose(poses[-1][:, None], moves)
            kept, values = best_rows(tried, -_scores(score, tried), 1)
            poses.append(kept[:, 0])
            scores.append(-values[:, 0])
        return PosePath(torch.stack(poses, 1), torch.stack(scores, 1))


class PoseCEM:
    """Cross-entropy method (Rubinstein 1999) on SE(3): a normal distribution in the frame of a mean pose.

    The mean moves by the mean of the elites' moves; the next covariance is theirs about the old mean, with a
    share of the old one. (About their own mean it would shrink before the mean arrives.) A problem may have
    several starts, each with a distribution of its own, of which the best ends as the result: grasps of an
    object are of several kinds, and a mean of two kinds is of none.

    A learned score has peaks where it errs, and the best of hundreds of samples is likely to be on one. So
    the result is no sample but a mean, of the distribution whose samples score best on average, and `noise`
    keeps these from shrinking to a point: what is found is good for all its surroundings.

    Args:
        deviation: Of the first samples, in metres and in radians along each axis.
        noise: Deviation that samples have beside that of the elites, in the same units.
        population: Poses sampled about each mean in an iteration; the mean is one of them.
        elites: How many of them the next mean and covariance are taken from.
        smoothing: Share of the old covariance in the new one, in [0, 1).
        iterations: How often the means move.
        generator: Draws the samples; torch's default generator if none is given.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        *,
        deviation: tuple[float, float] = (0.02, 0.4),
        noise: tuple[float, float] = (0.006, 0.1),
        population: int = 32,
        elites: int = 8,
        smoothing: float = 0.2,
        iterations: int = 6,
        generator: torch.Generator | None = None,
    ) -> None:
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing={smoothing!r}, expected 0 <= smoothing < 1")
        self.deviation = _scale("deviation", deviation)
        self.noise = _scale("noise", noise)
        self.elites = whole("elites", elites, 2)
        self.population = whole("population", population, self.elites)
        self.smoothing = smoothing
        self.iterations = whole("iterations", iterations, 1)
        self.generator = generator

    @torch.no_grad()
    def search(self, score: Score, start: Tensor) -> PosePath:
        """Search from poses.

        Args:
            score: See the module; it is asked for starts x population poses a problem. What is best on
                average depends on its scale: of probabilities, it is what succeeds most often.
            start: (batch, starts, 6), floating.

        Returns:
            At first and after each iteration, the mean whose samples score best on average, and that average.

        Raises:
            ValueError: A shape does not fit.
        """
        _check_poses("start", start, 3)
        batch, starts, _ = start.shape
        rows = torch.arange(batch, device=start.device)
        means = start.flatten(0, 1)
        covariance = torch.diag(self.deviation.to(start) ** 2).expand(len(means), 6, 6)
        path, values = [], []
        for _ in range(self.iterations + 1):
            moves = self._sample(covariance)
            tried = compose(means[:, None], moves)
            scores = _scores(score, tried.view(batch, -1, 6)).view(batch, starts, -1)
            value, best = scores.mean(-1).max(1)
            path.append(means.view(batch, starts, 6)[rows, best])
            values.append(value)
            elite, _ = best_rows(moves, -scores.flatten(0, 1), self.elites)
            fresh = elite.mT @ elite / self.elites
            covariance = self.smoothing * covariance + (1 - self.smoothing) * fresh
            means = compose(means, elite.mean(1))
        return PosePath(torch.stack(path, 1), torch.stack(values, 1))

    def _sample(self, covariance: Tensor) -> Tensor:
        """Return moves (problems, population, 6), the first of which stays."""
        root = torch.linalg.cholesky(covariance + torch.diag(self.noise.to(covariance) ** 2))
        noise = normal((len(root), self.population - 1, 6), covariance, self.generator)
        return torch.cat([torch.zeros_like(noise[:, :1]), noise @ root.mT], 1)


def _scale(name: str, pair: tuple[float, float]) -> Tensor:
    """Return lengths along the six axes of metres and radians."""
    if len(pair) != 2 or not all(0 < value < float("inf") for value in pair):
        raise ValueError(f"{name}={pair!r}, expected two positive numbers: metres, radians")
    return torch.tensor(pair, dtype=torch.float64).repeat_interleave(3)


def _check_poses(name: str, poses: Tensor, axes: int) -> None:
    if poses.ndim != axes or poses.shape[-1] != 6 or not poses.is_floating_point():
        expected = "(batch, 6)" if axes == 2 else "(batch, starts, 6)"
        raise ValueError(
            f"{name} has the shape {tuple(poses.shape)} and {poses.dtype}, expected {expected}, floating"
        )


def _scores(score: Score, poses: Tensor) -> Tensor:
    """Return the scores (batch, n) of poses (batch, n, 6), minus infinity for one that is no number."""
    values = score(poses)
    if values.shape != poses.shape[:2]:
        raise ValueError(f"score returned the shape {tuple(values.shape)}, expected {tuple(poses.shape[:2])}")
    return values.nan_to_num(-torch.inf, torch.inf, -torch.inf)
