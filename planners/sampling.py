"""What planners that sample action sequences share: the loop, the samples, and the best plan so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

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


class Gaussian(NamedTuple):
    """What plans are sampled from: the mean and the standard deviation of each action's components."""

    mean: Tensor
    """(batch, horizon, action dim)."""
    std: Tensor
    """(batch, horizon, action dim)."""
    converged: Tensor
    """(batch,), bool."""


class SamplingPlanner(ABC):
    """Samples plans around a mean, again and again, and returns the best one ever rolled out.

    Subclasses say how the samples' costs change what is sampled from (`_refit`).

    Args:
        horizon: Number of actions in a plan.
        limits: Lowest and highest action, as `CEM` takes them.
        population: Plans sampled for each problem and iteration, at least 1; the mean is one of them.
        generator: For the samples; torch's default generator if None.
        iterations: Maximum number of iterations.
        tolerance: Of convergence, in [0, 1).

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        horizon: int,
        limits: Limits | None,
        population: int,
        generator: torch.Generator | None,
        iterations: int,
        tolerance: float,
    ) -> None:
        check_below_one(tolerance=tolerance)
        count(1, horizon=horizon, iterations=iterations, population=population)
        check_generator(generator)
        self.horizon, self.iterations, self.limits = horizon, iterations, as_limits(limits)
        self.population, self.tolerance, self.generator = population, tolerance, generator

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
        now = Gaussian(
            mean, self._initial_std(mean).expand_as(mean), start.new_zeros(batch, dtype=torch.bool)
        )
        rows = torch.arange(batch, device=start.device).repeat_interleave(self.population)
        row_cost = as_row_cost(cost, start).select(rows)
        best, least, costs = mean, start.new_full((batch,), torch.inf), []
        for _ in range(self.iterations + 1):
            samples = self._sample(now)
            values = self._values(dynamics, row_cost, start[rows], samples)
            chosen, value = (found[:, 0] for found in best_rows(samples, values, 1))
            best = torch.where((value < least)[:, None, None], chosen, best)
            least = torch.minimum(value, least)
            costs.append(least)
            now = self._refit(samples, values, now)
        status = torch.where(now.converged, int(Status.CONVERGED), int(Status.ITERATION_LIMIT))
        return self._finish(dynamics, start, best, torch.stack(costs, 1), status)

    def _initial_std(self, mean: Tensor) -> Tensor:
        """Return half the distance between the limits, or 1 without limits: (action dim,)."""
        if self.limits is None:
            return mean.new_ones(mean.shape[-1])
        half = half_width(self.limits, mean)
        return torch.where(half.isfinite(), half, 1.0).expand(mean.shape[-1])

    @abstractmethod
    def _refit(self, samples: Tensor, values: Tensor, old: Gaussian) -> Gaussian:
        """Return what to sample from next.

        Args:
            samples: Plans (batch, population, horizon, action dim).
            values: Their costs (batch, population), infinite where they are not finite.
            old: What they were sampled from.
        """

    def _sample(self, now: Gaussian) -> Tensor:
        """Return plans (batch, population, horizon, action dim), the mean first."""
        mean = now.mean[:, None]
        shape = (len(mean), self.population - 1, *mean.shape[2:])
        noise = normal(shape, mean, self.generator)
        return self._limited(torch.cat([mean, mean + now.std[:, None] * noise], 1))

    def _limited(self, actions: Tensor) -> Tensor:
        return (
            actions if self.limits is None else actions.clamp(*(limit.to(actions) for limit in self.limits))
        )

    def _values(self, dynamics: Dynamics, cost: RowCost, start: Tensor, samples: Tensor) -> Tensor:
        """Return the cost of each plan (batch, population), infinity where it is not finite."""
        actions = samples.flatten(0, 1)
        values = cost(unroll(dynamics, start, actions), actions)
        return values.nan_to_num(torch.inf, torch.inf, torch.inf).view(samples.shape[:2])

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
