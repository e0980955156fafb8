"""Search for gripper poses, elements of SE(3), by a score, for many problems at once.

A pose is six numbers: a position in metres and a rotation vector in radians. Rotations are composed, never
added. A score is any callable of poses (batch, n, 6) that returns (batch, n), higher is better; both searches
score all the poses of a step in one call.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from unknot.checks import above, count
from unknot.planners.base import check_below_one, check_generator, check_tensors, without_gradients
from unknot.planners.sampling import best_rows, normal

__all__ = ["DirectionSearch", "PoseCEM", "PosePath", "Score", "compose"]

Score = Callable[[Tensor], Tensor]
"""From poses (batch, n, 6) to scores (batch, n); higher is better."""


@dataclass(frozen=True)
class PosePath:
    """The poses that a search passed through."""

    poses: Tensor
    """(batch, steps + 1, 6); the last one is the result."""
    scores: Tensor
    """(batch, steps + 1)."""


def compose(poses: Tensor, moves: Tensor) -> Tensor:
    """Move poses in their own frames.

    Args:
        poses: (..., 6).
        moves: (..., 6), each in the axes of its pose.

    Returns:
        (..., 6); rotation angles are at most pi.
    """
    pose, move = (x.numpy(force=True).astype(float) for x in (poses, moves))
    shape = np.broadcast_shapes(pose.shape, move.shape)
    pose, move = (np.broadcast_to(x, shape).reshape(-1, 6).copy() for x in (pose, move))
    turn = Rotation.from_rotvec(pose[:, 3:])
    position = torch.from_numpy(pose[:, :3] + turn.apply(move[:, :3]))
    turned = torch.from_numpy((turn * Rotation.from_rotvec(move[:, 3:])).as_rotvec())
    return torch.cat([position, turned], 1).view(shape).to(poses)


class DirectionSearch:
    """Moves step by step along the best of a few random directions (Yan et al. 2018, section 2).

    The paper calls it the cross-entropy method: each step samples 10 directions of the 6-dimensional space
    and takes the best one, even if it is worse than the current pose; a grasp is a success if one of up to
    20 steps is. The paper does not give the length of a step.

    Args:
        length: Length of a step, in metres for a pure translation and in radians for a pure rotation.
        directions: Number of directions sampled for each step.
        steps: Number of steps.
        generator: For the directions; torch's default generator if None.

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
        count(1, directions=directions, steps=steps)
        check_generator(generator)
        self.length = _scale("length", length)
        self.directions, self.steps, self.generator = directions, steps, generator

    @without_gradients
    def search(self, score: Score, start: Tensor) -> PosePath:
        """Search from given poses.

        Args:
            score: See the module.
            start: (batch, 6), floating point.

        Raises:
            ValueError: A shape is wrong.
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

    The mean moves by the mean of the elites' moves. The next covariance is that of the elites about the old
    mean, smoothed with the old covariance. (About their own mean it would shrink before the mean arrives.)
    A problem may have several starts, each with its own distribution, and the best one is the result: an
    object has grasps of several kinds, and the mean of two kinds is often no grasp.

    A learned score has peaks where it is wrong, and the best of hundreds of samples is likely to lie on one.
    So the result is not a sample but the mean of the distribution whose samples score best on average, and
    `noise` keeps this distribution from shrinking to a point: all the surroundings of the result score well.

    Args:
        std: Standard deviation of the first samples along each axis, in metres and in radians.
        noise: Standard deviation of the noise added to the samples, in the same units.
        population: Poses sampled about each mean in an iteration; the mean is one of them.
        elites: How many of the best the next mean and covariance are computed from.
        smoothing: Weight of the old covariance in the new one, in [0, 1).
        iterations: Number of moves of the means.
        generator: For the samples; torch's default generator if None.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        *,
        std: tuple[float, float] = (0.02, 0.4),
        noise: tuple[float, float] = (0.006, 0.1),
        population: int = 32,
        elites: int = 8,
        smoothing: float = 0.2,
        iterations: int = 6,
        generator: torch.Generator | None = None,
    ) -> None:
        check_below_one(smoothing=smoothing)
        check_generator(generator)
        count(1, iterations=iterations)
        count(2, elites=elites)
        count(elites, population=population)
        self.std, self.noise = _scale("std", std), _scale("noise", noise)
        self.population, self.elites = population, elites
        self.smoothing, self.iterations, self.generator = smoothing, iterations, generator

    @without_gradients
    def search(self, score: Score, start: Tensor) -> PosePath:
        """Search from given poses.

        Args:
            score: See the module; called with starts x population poses for each problem. The best average
                depends on its scale: if scores are probabilities, it is the most frequent success.
            start: (batch, starts, 6), floating point.

        Returns:
            Initially and after each iteration, the mean whose samples score best on average, and that
            average.

        Raises:
            ValueError: A shape is wrong.
        """
        _check_poses("start", start, 3)
        batch, starts, _ = start.shape
        rows = torch.arange(batch, device=start.device)
        means = start.flatten(0, 1)
        covariance = torch.diag(self.std.to(start) ** 2).expand(len(means), 6, 6)
        path, values = [], []
        for _ in range(self.iterations + 1):
            moves = self._sample(covariance)
            tried = compose(means[:, None], moves)
            scores = _scores(score, tried.view(batch, -1, 6)).view(batch, starts, -1)
            value, best = scores.mean(-1).max(1)
            path.append(means.view(batch, starts, 6)[rows, best])
            values.append(value)
            elite, _ = best_rows(moves, -scores.flatten(0, 1), self.elites)
            elite_covariance = elite.mT @ elite / self.elites
            covariance = self.smoothing * covariance + (1 - self.smoothing) * elite_covariance
            means = compose(means, elite.mean(1))
        return PosePath(torch.stack(path, 1), torch.stack(values, 1))

    def _sample(self, covariance: Tensor) -> Tensor:
        """Return moves (problems, population, 6), the first of which is zero."""
        root = torch.linalg.cholesky(covariance + torch.diag(self.noise.to(covariance) ** 2))
        noise = normal((len(root), self.population - 1, 6), covariance, self.generator)
        return torch.cat([torch.zeros_like(noise[:, :1]), noise @ root.mT], 1)


def _scale(name: str, pair: tuple[float, float]) -> Tensor:
    """Return lengths along the six axes from one in metres and one in radians."""
    try:
        metres, radians = pair
        above(0, metres=metres, radians=radians)
    except (TypeError, ValueError) as error:
        message = f"{name} must be two positive numbers, metres and radians, not {pair!r}"
        raise ValueError(message) from error
    return torch.tensor(pair, dtype=torch.float64).repeat_interleave(3)


def _check_poses(name: str, poses: Tensor, axes: int) -> None:
    check_tensors(**{name: poses})
    if poses.ndim != axes or poses.shape[-1] != 6 or not poses.is_floating_point():
        expected = "(batch, 6)" if axes == 2 else "(batch, starts, 6)"
        raise ValueError(
            f"{name} must be floating point of the shape {expected}, "
            f"not {poses.dtype} of the shape {tuple(poses.shape)}"
        )
    if not bool(poses.isfinite().all()):
        raise ValueError(f"{name} must be finite, not with {poses[~poses.isfinite()][0].item()}")


def _scores(score: Score, poses: Tensor) -> Tensor:
    """Return the scores (batch, n) of poses (batch, n, 6), minus infinity in place of NaN."""
    if not callable(score):
        raise ValueError(f"score must be a function of poses, not {score!r}")
    values = score(poses.clone())  # it may work in place
    if not isinstance(values, Tensor) or values.shape != poses.shape[:2]:
        given = tuple(values.shape) if isinstance(values, Tensor) else repr(values)
        raise ValueError(f"score must return the shape {tuple(poses.shape[:2])}, not {given}")
    return values.nan_to_num(-torch.inf, torch.inf, -torch.inf)
