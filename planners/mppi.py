"""Model predictive path integral control, for many problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

from unknot.checks import above
from unknot.planners.base import Limits
from unknot.planners.sampling import Gaussian, SamplingPlanner

FEWEST = 2.0
"""Where fewer samples count, the mean rests since it is the best of them, which says little."""


class MPPI(SamplingPlanner):
    """Model predictive path integral control (Williams et al. 2017): the mean of samples, weighed by cost.

    Plans are sampled around a mean with the same noise each time. The next mean is theirs with weights
    exp(-S / `temperature`), S the cost of a plan: their eq. 26, without the charge for control, since the
    cost says what actions cost. It needs no derivatives. The plan returned is the best one ever rolled out.
    A problem has converged when the mean last moved by at most `tolerance` times the noise, and more than one
    sample counted.

    ```
    @inproceedings{williams2017information,
      title={Information theoretic {MPC} for model-based reinforcement learning},
      author={Williams, Grady and Wagener, Nolan and Goldfain, Brian and Drews, Paul and Rehg, James M. and
        Boots, Byron and Theodorou, Evangelos A.},
      booktitle={IEEE International Conference on Robotics and Automation}, year={2017}}
    ```

    Args:
        horizon: Number of actions in a plan.
        limits: Lowest and highest action, as `CEM` takes them; samples are clipped.
        population: Plans sampled for each problem and iteration; the mean is one of them.
        temperature: Above 0, in units of the cost: the smaller, the fewer samples count.
        noise: Standard deviation of the samples, above 0, in units of half the distance between the limits,
            or of 1 where there is no limit or that is above 1e9.
        generator: For the samples; torch's default generator if None.
        iterations: Maximum number of iterations.
        tolerance: Fraction of the noise by which the mean moves at most once a problem has converged, in
            [0, 1).

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        horizon: int,
        *,
        limits: Limits | None = None,
        population: int = 256,
        temperature: float = 1.0,
        noise: float = 0.25,
        generator: torch.Generator | None = None,
        iterations: int = 30,
        tolerance: float = 1e-2,
    ) -> None:
        super().__init__(horizon, limits, population, generator, iterations, tolerance)
        above(0, temperature=temperature, noise=noise)
        self.temperature, self.noise = temperature, noise

    def _initial_std(self, mean: Tensor) -> Tensor:
        return self.noise * super()._initial_std(mean)

    def _refit(self, samples: Tensor, values: Tensor, old: Gaussian) -> Gaussian:
        worse = values - values.amin(1, keepdim=True)
        weights = torch.softmax(-worse / self.temperature, 1)  # NaN where no plan has a finite cost
        mean = (weights[:, :, None, None] * samples).sum(1)
        mean = torch.where(mean.isfinite(), mean, old.mean)
        still = ((mean - old.mean).abs() <= self.tolerance * old.std).flatten(1).all(1)
        counting = 1 / weights.square().sum(1)  # how many samples count
        return Gaussian(mean, old.std, still & (counting >= FEWEST))
