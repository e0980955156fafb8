"""Receding horizon around any planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unknot.planners.base import Cost, Dynamics, Planner, check_start, whole
from unknot.planners.costs import as_row_cost

Guesses = Callable[[Tensor], Tensor]
"""From the numbers of some problems (rows,) to action sequences (rows, any, horizon, action dim)."""


@dataclass(frozen=True)
class Memory:
    """What a receding horizon remembers between calls.

    Attributes:
        actions: (batch, horizon, action dim), the latest plan of each problem.
        states: (batch, horizon + 1, dim), the states it expects.
        used: (batch,), int64, how many of its actions were returned.
        status: (batch,), int64, how that plan ended, a `Status`.
    """

    actions: Tensor
    states: Tensor
    used: Tensor
    status: Tensor


class RecedingHorizon:
    """Plan, act, and plan again from where that led.

    Args:
        planner: Plans; its horizon stays the same however long one acts.
        replan_every: Number of actions of a plan to take before the next plan.
        surprise: Distance from the state that the plan expects beyond which a problem is planned for anew
            before that.

    Raises:
        ValueError: replan_every is not a whole number of at least 1, or surprise is negative or NaN.
    """

    def __init__(self, planner: Planner, replan_every: int = 1, surprise: float = float("inf")) -> None:
        if not surprise >= 0:
            raise ValueError(f"surprise={surprise}, expected a distance of at least 0")
        self.planner, self.surprise = planner, surprise
        self.replan_every = whole("replan_every", replan_every, 1)

    @torch.no_grad()
    def act(
        self,
        dynamics: Dynamics,
        cost: Cost,
        start: Tensor,
        memory: Memory | None = None,
        restart: Tensor | None = None,
        guesses: Guesses | None = None,
    ) -> tuple[Tensor, Memory]:
        """Return the next action of each problem and what to hand in at the next call.

        Only the problems whose plan is used up, as far as it is to be used, and those that are not where
        their plan expects them, are planned for. What is left of the old plan, with zeros after it, is the
        warm start.

        Args:
            dynamics: Moves states; see `Dynamics`.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), where the problems are now.
            memory: What the last call returned; None at first. It is not changed.
            restart: (batch,), bool, the problems that begin anew: what memory holds of them is not used.
            guesses: Further action sequences to begin with, for a planner that takes several.

        Returns:
            (batch, action dim), NaN where a problem is invalid, and the memory.

        Raises:
            ValueError: A shape does not fit, or a plan is shorter than replan_every.
        """
        check_start(start)
        batch = len(start)
        _check("restart", restart, batch)
        _check("memory.used", None if memory is None else memory.used, batch)
        rows = self._rows(start, memory, restart)
        if memory is None:
            plan = self.planner.plan(dynamics, cost, start, None if guesses is None else guesses(rows))
            memory = Memory(plan.actions, plan.states, torch.zeros_like(plan.status), plan.status)
        elif len(rows):
            memory = self._replan(dynamics, cost, start, memory, rows, restart, guesses)
        if memory.actions.shape[1] < self.replan_every:
            raise ValueError(
                f"replan_every={self.replan_every}, expected at most the horizon {memory.actions.shape[1]}"
            )
        actions = memory.actions[torch.arange(batch, device=start.device), memory.used]
        return actions, Memory(memory.actions, memory.states, memory.used + 1, memory.status)

    def _rows(self, start: Tensor, memory: Memory | None, restart: Tensor | None) -> Tensor:
        """Return the problems that are fresh, at the end of what is used of their plan, or off it."""
        every = torch.arange(len(start), device=start.device)
        if memory is None:
            return every
        expected = memory.states[every, memory.used.clamp(max=memory.states.shape[1] - 1)]
        due = (memory.used >= self.replan_every) | ~((start - expected).norm(dim=1) <= self.surprise)
        return every[due if restart is None else due | restart.to(start.device)]

    def _replan(
        self,
        dynamics: Dynamics,
        cost: Cost,
        start: Tensor,
        memory: Memory,
        rows: Tensor,
        restart: Tensor | None,
        guesses: Guesses | None,
    ) -> Memory:
        warm = shifted(memory.actions[rows], memory.used[rows])
        if restart is not None:
            warm = warm * ~restart.to(rows.device)[rows, None, None]
        if guesses is not None:
            warm = torch.cat([warm[:, None], guesses(rows)], 1)
        plan = self.planner.plan(dynamics, as_row_cost(cost, len(start)).select(rows), start[rows], warm)
        return Memory(
            memory.actions.index_copy(0, rows, plan.actions),
            memory.states.index_copy(0, rows, plan.states),
            memory.used.index_fill(0, rows, 0),
            memory.status.index_copy(0, rows, plan.status),
        )


def shifted(actions: Tensor, used: Tensor) -> Tensor:
    """Drop the first actions of each row and put zeros behind.

    Args:
        actions: (batch, horizon, action dim).
        used: (batch,), whole numbers, how many to drop.
    """
    horizon = actions.shape[1]
    later = used[:, None] + torch.arange(horizon, device=actions.device)
    taken = actions.gather(1, later.clamp(max=horizon - 1)[..., None].expand_as(actions))
    return torch.where((later < horizon)[..., None], taken, 0.0)


def _check(name: str, values: Tensor | None, batch: int) -> None:
    if values is not None and values.shape != (batch,):
        raise ValueError(f"{name} has the shape {tuple(values.shape)}, expected ({batch},), as start has")
