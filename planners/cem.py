"""The cross-entropy method over action sequences, for many problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

from unknot.planners.base import (
    Cost,
    Dynamics,
    Limits,
    Plan,
    Status,
    action_dim,
    as_limits,
    check_start,
    first_actions,
    unroll,
    whole,
)
from unknot.planners.costs import RowCost, as_row_cost


class CEM:
    """Cross-entropy method (Rubinstein 1999): sample plans, keep the best, sample around those.

    Needs no derivatives. The plan returned is the best one ever rolled out, so its cost never rises.
    A problem has converged when the deviation of its samples has shrunk to `tolerance` of the first one.

    ```
    @article{rubinstein1999cross,
      title={The cross-entropy method for combinatorial and continuous optimization},
      author={Rubinstein, Reuven}, journal={Methodology and Computing in Applied Probability}, year={1999}}
    ```

    Args:
        horizon: Number of actions in a plan.
        limits: Lowest and highest action, numbers or tensors (action dim,); none by default.
        population: Plans sampled for each problem and iteration; the mean is one of them.
        elites: How many of them the next mean and deviation are taken from.
        smoothing: Share of the old mean and deviation in the new ones, in [0, 1).
        generator: Draws the samples; torch's default generator if none is given.
        iterations: The most iterations.
        tolerance: Share of the first deviation at which a problem has converged.

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
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing={smoothing!r}, expected 0 <= smoothing < 1")
        if not 0 <= tolerance < 1:
            raise ValueError(f"tolerance={tolerance!r}, expected 0 <= tolerance < 1")
        self.horizon = whole("horizon", horizon, 1)
        self.limits = as_limits(limits)
        self.elites = whole("elites", elites, 2)
        self.population = whole("population", population, self.elites)
        self.smoothing = smoothing
        self.generator = generator
        self.iterations = whole("iterations", iterations, 1)
        self.tolerance = tolerance

    @torch.no_grad()
    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        """Plan for a batch of problems.

        Args:
            dynamics: Moves states; see `Dynamics`.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), floating; its dtype and device are those of the plan.
            warm_start: (batch, horizon, action dim), the first mean; zeros by default.

        Raises:
            ValueError: A shape does not fit.
        """
        check_start(start)
        batch = len(start)
        size = action_dim(self.limits, cost, dynamics, warm_start)
        mean = first_actions(self.horizon, size, start, warm_start)[:, 0]
        first = self._first_deviation(mean)
        deviation = first.expand_as(mean)
        rows = torch.arange(batch, device=start.device).repeat_interleave(self.population)
        many = as_row_cost(cost, batch).select(rows)
        best, least, costs = mean, start.new_full((batch,), torch.inf), []
        for _ in range(self.iterations + 1):
            samples = self._sample(mean, deviation)
            values = self._values(dynamics, many, start[rows], samples)
            chosen, value = (found[:, 0] for found in best_rows(samples, values, 1))
            best = torch.where((value < least)[:, None, None], chosen, best)
            least = torch.minimum(value, least)
            costs.append(least)
            mean, deviation = self._refit(samples, values, mean, deviation)
        settled = (deviation <= self.tolerance * first).flatten(1).all(1)
        status = torch.where(settled, int(Status.CONVERGED), int(Status.ITERATION_LIMIT))
        return self._finish(dynamics, start, best, torch.stack(costs, 1), status)

    def _first_deviation(self, mean: Tensor) -> Tensor:
        """Return half the distance between the limits, or 1 without limits."""
        if self.limits is None:
            return torch.ones_like(mean[0, 0] if len(mean) else mean.new_zeros(mean.shape[-1]))
        low, high = (limit.to(mean) for limit in self.limits)
        return ((high - low) / 2).expand(mean.shape[-1])

    def _sample(self, mean: Tensor, deviation: Tensor) -> Tensor:
        """Return plans (batch, population, horizon, action dim), the mean first."""
        shape = (len(mean), self.population - 1, *mean.shape[1:])
        noise = normal(shape, mean, self.generator)
        samples = torch.cat([mean[:, None], mean[:, None] + deviation[:, None] * noise], 1)
        if self.limits is None:
            return samples
        return samples.clamp(*(limit.to(samples) for limit in self.limits))

    def _values(self, dynamics: Dynamics, cost: RowCost, start: Tensor, samples: Tensor) -> Tensor:
        """Return what each plan costs (batch, population), infinity for one that is not finite."""
        actions = samples.flatten(0, 1)
        values = cost(unroll(dynamics, start, actions), actions)
        return values.nan_to_num(torch.inf, torch.inf, torch.inf).view(samples.shape[:2])

    def _refit(
        self, samples: Tensor, values: Tensor, mean: Tensor, deviation: Tensor
    ) -> tuple[Tensor, Tensor]:
        kept, _ = best_rows(samples, values, self.elites)
        centre = kept.mean(1)
        spread = (kept - centre[:, None]).square().mean(1).sqrt()
        old = self.smoothing
        return old * mean + (1 - old) * centre, old * deviation + (1 - old) * spread

    def _finish(
        self, dynamics: Dynamics, start: Tensor, actions: Tensor, costs: Tensor, status: Tensor
    ) -> Plan:
        valid = costs[:, -1].isfinite() & start.isfinite().all(1)
        costs = torch.where(valid[:, None], costs, torch.nan)
        actions = torch.where(valid[:, None, None], actions, torch.nan)
        status = torch.where(valid, status, int(Status.INVALID))
        return Plan(actions, unroll(dynamics, start, actions), costs, status)


def normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw standard normal numbers where the generator is, and bring them where `like` is, in its dtype."""
    device = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=device).to(like.device)


def best_rows(samples: Tensor, costs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the samples (batch, count, ...) of least cost, the best first, and their costs (batch, count).

    Args:
        samples: (batch, n, ...).
        costs: (batch, n).
        count: at most n.
    """
    least, rows = costs.topk(count, 1, largest=False)
    index = rows.reshape(*rows.shape, *[1] * (samples.ndim - 2)).expand(-1, -1, *samples.shape[2:])
    return samples.gather(1, index), least
