"""Receding horizon around any planner."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unknot.planners.base import Cost, Dynamics, Planner, check_start, whole
from unknot.planners.costs import as_row_cost


@dataclass(frozen=True)
class Memory:
    """What a receding horizon remembers between calls.

    Attributes:
        actions: (batch, horizon, action dim), the latest plan of each problem.
        used: (batch,), int64, how many of its actions were returned.
        status: (batch,), int64, how that plan ended, a `Status`.
    """

    actions: Tensor
    used: Tensor
    status: Tensor


class RecedingHorizon:
    """Plan, act, and plan again from where that led.

    Args:
        planner: Plans; its horizon stays the same however long one acts.
        replan_every: Number of actions of a plan to take before the next plan.

    Raises:
        ValueError: replan_every is not a whole number of at least 1.
    """

    def __init__(self, planner: Planner, replan_every: int = 1) -> None:
        self.planner = planner
        self.replan_every = whole("replan_every", replan_every, 1)

    @torch.no_grad()
    def act(
        self,
        dynamics: Dynamics,
        cost: Cost,
        start: Tensor,
        memory: Memory | None = None,
        restart: Tensor | None = None,
    ) -> tuple[Tensor, Memory]:
        """Return the next action of each problem and what to hand in at the next call.

        Only the problems whose plan is used up, as far as it is to be used, are planned for. What is left
        of the old plan, with zeros after it, is the warm start.

        Args:
            dynamics: Moves states; see `Dynamics`.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), where the problems are now.
            memory: What the last call returned; None at first. It is not changed.
            restart: (batch,), bool, the problems that begin anew: what memory holds of them is not used.

        Returns:
            (batch, action dim), NaN where a problem is invalid, and the memory.

        Raises:
            ValueError: A shape does not fit, or a plan is shorter than replan_every.
        """
        check_start(start)
        batch = len(start)
        _check("restart", restart, batch)
        _check("memory.used", None if memory is None else memory.used, batch)
        if memory is None:
            plan = self.planner.plan(dynamics, cost, start)
            memory = Memory(plan.actions, torch.zeros_like(plan.status), plan.status)
        else:
            fresh = torch.zeros_like(memory.used, dtype=torch.bool) if restart is None else restart
            fresh = fresh.to(start.device)
            memory = self._replan(dynamics, cost, start, memory, fresh)
        if memory.actions.shape[1] < self.replan_every:
            raise ValueError(
                f"replan_every={self.replan_every}, expected at most the horizon {memory.actions.shape[1]}"
            )
        actions = memory.actions[torch.arange(batch, device=start.device), memory.used]
        return actions, Memory(memory.actions, memory.used + 1, memory.status)

    def _replan(self, dynamics: Dynamics, cost: Cost, start: Tensor, memory: Memory, fresh: Tensor) -> Memory:
        """Plan for the problems that are fresh or at the end of what is used of their plan."""
        rows = (fresh | (memory.used >= self.replan_every)).nonzero()[:, 0]
        if not len(rows):
            return memory
        warm = shifted(memory.actions[rows], memory.used[rows]) * ~fresh[rows, None, None]
        plan = self.planner.plan(dynamics, as_row_cost(cost, len(start)).select(rows), start[rows], warm)
        return Memory(
            memory.actions.index_copy(0, rows, plan.actions),
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
