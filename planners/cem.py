"""The cross-entropy method over action sequences, for many problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

from unknot.checks import count
from unknot.planners.base import Limits, check_below_one
from unknot.planners.sampling import Gaussian, SamplingPlanner, best_rows


class CEM(SamplingPlanner):
    """Cross-entropy method (Rubinstein 1999): sample plans, keep the best, sample around those.

    It needs no derivatives. The plan returned is the best one ever rolled out, so its cost never rises.
    A problem has converged when the standard deviation of its samples is at most `tolerance` times the
    initial one.

    ```
    @article{rubinstein1999cross,
      title={The cross-entropy method for combinatorial and continuous optimization},
      author={Rubinstein, Reuven}, journal={Methodology and Computing in Applied Probability}, year={1999}}
    ```

    Args:
        horizon: Number of actions in a plan.
        limits: Lowest and highest action, numbers or tensors (action dim,); none by default. Either may be
            infinite. The first samples have half the distance between them as their standard deviation, or 1
            where there is no limit or that is above 1e9.
        population: Plans sampled for each problem and iteration; the mean is one of them.
        elites: How many of the best the next mean and standard deviation are computed from.
        smoothing: Weight of the old mean and standard deviation in the new ones, in [0, 1).
        generator: For the samples; torch's default generator if None.
        iterations: Maximum number of iterations.
        tolerance: Fraction of the initial standard deviation at which a problem has converged, in [0, 1).

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        horizon: int,
        *,
        limits: Limits | None = None,
        population: int = 256,
        elites: int = 32,
        smoothing: float = 0.1,
        generator: torch.Generator | None = None,
        iterations: int = 30,
        tolerance: float = 1e-3,
    ) -> None:
        super().__init__(horizon, limits, population, generator, iterations, tolerance)
        check_below_one(smoothing=smoothing)
        count(2, elites=elites)
        count(elites, population=population)
        self.elites, self.smoothing = elites, smoothing

    def _refit(self, samples: Tensor, values: Tensor, old: Gaussian) -> Gaussian:
        elite, _ = best_rows(samples, values, self.elites)
        mean = elite.mean(1)
        std = (elite - mean[:, None]).square().mean(1).sqrt()
        kept = self.smoothing
        std = kept * old.std + (1 - kept) * std
        converged = (std <= self.tolerance * self._initial_std(mean)).flatten(1).all(1)
        return Gaussian(kept * old.mean + (1 - kept) * mean, std, converged)
