"""The cross-entropy method over action sequences, for many problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

from unknot.checks import count
from unknot.planners.base import (
    Cost,
    Dynamics,
    Limits,
    Plan,
    Status,
    action_dim,
    as_limits,
    check_below_one,
    check_generator,
    check_start,
    first_actions,
    half_width,
    unroll,
    without_gradients,
)
from unknot.planners.costs import RowCost, as_row_cost


class CEM:
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
        check_below_one(smoothing=smoothing, tolerance=tolerance)
        count(1, horizon=horizon, iterations=iterations)
        count(2, elites=elites)
        count(elites, population=population)
        check_generator(generator)
        self.horizon, self.iterations, self.limits = horizon, iterations, as_limits(limits)
        self.population, self.elites = population, elites
        self.smoothing, self.tolerance = smoothing, tolerance
        self.generator = generator

    @without_gradients
    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        """Plan for a batch of problems.

        Args:
            dynamics: See `Dynamics`.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), floating point; the plan has its dtype and device.
            warm_start: (batch, horizon, action dim), the first mean; zeros by default.

        Raises:
            ValueError: A shape is wrong.
        """
        check_start(start)
        batch = len(start)
        size = action_dim(self.limits, cost, dynamics, warm_start)
        mean = self._limited(first_actions(self.horizon, size, start, warm_start)[:, 0])
        initial_std = self._initial_std(mean)
        std = initial_std.expand_as(mean)
        rows = torch.arange(batch, device=start.device).repeat_interleave(self.population)
        row_cost = as_row_cost(cost, start).select(rows)
        best, least, costs = mean, start.new_full((batch,), torch.inf), []
        for _ in range(self.iterations + 1):
            samples = self._sample(mean, std)
            values = self._values(dynamics, row_cost, start[rows], samples)
            chosen, value = (found[:, 0] for found in best_rows(samples, values, 1))
            best = torch.where((value < least)[:, None, None], chosen, best)
            least = torch.minimum(value, least)
            costs.append(least)
            mean, std = self._refit(samples, values, mean, std)
        converged = (std <= self.tolerance * initial_std).flatten(1).all(1)
        status = torch.where(converged, int(Status.CONVERGED), int(Status.ITERATION_LIMIT))
        return self._finish(dynamics, start, best, torch.stack(costs, 1), status)

    def _initial_std(self, mean: Tensor) -> Tensor:
        """Return half the distance between the limits, or 1 without limits: (action dim,)."""
        if self.limits is None:
            return mean.new_ones(mean.shape[-1])
        half = half_width(self.limits, mean)
        return torch.where(half.isfinite(), half, 1.0).expand(mean.shape[-1])

    def _sample(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return plans (batch, population, horizon, action dim), the mean first."""
        shape = (len(mean), self.population - 1, *mean.shape[1:])
        noise = normal(shape, mean, self.generator)
        return self._limited(torch.cat([mean[:, None], mean[:, None] + std[:, None] * noise], 1))

    def _limited(self, actions: Tensor) -> Tensor:
        return (
            actions if self.limits is None else actions.clamp(*(limit.to(actions) for limit in self.limits))
        )

    def _values(self, dynamics: Dynamics, cost: RowCost, start: Tensor, samples: Tensor) -> Tensor:
        """Return the cost of each plan (batch, population), infinity where it is not finite."""
        actions = samples.flatten(0, 1)
        values = cost(unroll(dynamics, start, actions), actions)
        return values.nan_to_num(torch.inf, torch.inf, torch.inf).view(samples.shape[:2])

    def _refit(self, samples: Tensor, values: Tensor, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next mean and standard deviation, each (batch, horizon, action dim)."""
        elite, _ = best_rows(samples, values, self.elites)
        elite_mean = elite.mean(1)
        elite_std = (elite - elite_mean[:, None]).square().mean(1).sqrt()
        old = self.smoothing
        return old * mean + (1 - old) * elite_mean, old * std + (1 - old) * elite_std

    def _finish(
        self, dynamics: Dynamics, start: Tensor, actions: Tensor, costs: Tensor, status: Tensor
    ) -> Plan:
        valid = costs[:, -1].isfinite() & start.isfinite().all(1)
        costs = torch.where(valid[:, None], costs, torch.nan)
        actions = torch.where(valid[:, None, None], actions, torch.nan)
        status = torch.where(valid, status, int(Status.INVALID))
        return Plan(actions, unroll(dynamics, start, actions), costs, status)


def normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Sample standard normal numbers on the generator's device; return them on the device of `like`."""
    device = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=device).to(like.device)


def best_rows(samples: Tensor, costs: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return the samples (batch, number, ...) of lowest cost, best first, and their costs (batch, number).

    Args:
        samples: (batch, n, ...).
        costs: (batch, n).
        number: how many, at most n.
    """
    least, rows = costs.topk(number, 1, largest=False)
    index = rows.reshape(*rows.shape, *[1] * (samples.ndim - 2)).expand(-1, -1, *samples.shape[2:])
    return samples.gather(1, index), least
