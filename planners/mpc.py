"""Receding horizon around any planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unknot.checks import at_least, count
from unknot.planners.base import Cost, Dynamics, Planner, check_start, check_tensors, without_gradients
from unknot.planners.costs import as_row_cost

Guesses = Callable[[Tensor], Tensor]
"""From the indices of some problems (rows,) to action sequences (rows, any, horizon, action dim)."""


@dataclass(frozen=True)
class Memory:
    """The memory of a receding horizon between calls.

    Attributes:
        actions: (batch, horizon, action dim), the latest plan of each problem.
        states: (batch, horizon + 1, dim), the states that plan expects.
        used: (batch,), int64, how many of its actions have been returned.
        status: (batch,), int64, how that plan ended, a `Status`.
    """

    actions: Tensor
    states: Tensor
    used: Tensor
    status: Tensor


class RecedingHorizon:
    """Plan, act, and plan again from the state reached.

    Args:
        planner: Makes the plans; its horizon does not shrink over time.
        replan_every: Number of actions taken from a plan before the next plan.
        replan_distance: Euclidean distance from the state that the plan expects, beyond which a problem is
            planned again early; infinite by default.
        replanner: Makes the plans that begin from a problem's last one, such as the planner with fewer
            iterations; the planner itself by default.

    Raises:
        ValueError: replan_every is not a whole number of at least 1, replan_distance is negative or NaN, or
            a planner has no method plan.
    """

    def __init__(
        self,
        planner: Planner,
        replan_every: int = 1,
        replan_distance: float = float("inf"),
        replanner: Planner | None = None,
    ) -> None:
        count(1, replan_every=replan_every)
        if not isinstance(replan_distance, float) or replan_distance != float("inf"):
            at_least(0, replan_distance=replan_distance)
        self.planner, self.replanner = planner, planner if replanner is None else replanner
        for name, value in {"planner": self.planner, "replanner": self.replanner}.items():
            if not callable(getattr(value, "plan", None)):
                raise ValueError(f"{name} must have a method plan, unlike {value!r}")
        self.replan_every, self.replan_distance = replan_every, replan_distance

    @without_gradients
    def act(
        self,
        dynamics: Dynamics,
        cost: Cost,
        start: Tensor,
        memory: Memory | None = None,
        restart: Tensor | None = None,
        guesses: Guesses | None = None,
    ) -> tuple[Tensor, Memory]:
        """Return the next action of each problem, and the memory for the next call.

        A problem is planned again when `replan_every` actions of its plan are used or its state is not the
        one that the plan expects. The warm start is the rest of the old plan, followed by zeros.

        Args:
            dynamics: See `Dynamics`.
            cost: Sum over time; see `Cost`.
            start: (batch, dim), the current states.
            memory: The memory that the last call returned; None at first. It is not changed.
            restart: (batch,), bool, the problems that restart: their part of the memory is ignored.
            guesses: Further action sequences to begin with, for a planner that takes several.

        Returns:
            (batch, action dim), NaN where a problem is invalid, and the memory.

        Raises:
            ValueError: A shape is wrong, or a plan is shorter than replan_every.
        """
        check_start(start)
        batch = len(start)
        _check_batch("restart", restart, batch)
        if restart is not None and restart.dtype != torch.bool:
            raise ValueError(f"restart must be of booleans, not of {restart.dtype}")
        if memory is not None:
            _check_memory(memory, start)
        rows = self._rows(start, memory, restart)
        if memory is None:
            plan = self.planner.plan(dynamics, cost, start, None if guesses is None else guesses(rows))
            memory = Memory(plan.actions, plan.states, torch.zeros_like(plan.status), plan.status)
        elif len(rows):
            memory = self._replan(dynamics, cost, start, memory, rows, restart, guesses)
        if memory.actions.shape[1] < self.replan_every:
            raise ValueError(
                f"replan_every must be at most the horizon {memory.actions.shape[1]}, not {self.replan_every}"
            )
        actions = memory.actions[torch.arange(batch, device=start.device), memory.used]
        return actions, Memory(memory.actions, memory.states, memory.used + 1, memory.status)

    def _rows(self, start: Tensor, memory: Memory | None, restart: Tensor | None) -> Tensor:
        """Return the problems to plan: new ones, those whose plan is used up, and those off their plan."""
        every = torch.arange(len(start), device=start.device)
        if memory is None:
            return every
        expected = memory.states[every, memory.used.clamp(max=memory.states.shape[1] - 1)]
        on_plan = (start - expected).norm(dim=1) <= self.replan_distance
        due = (memory.used >= self.replan_every) | ~on_plan
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
        cost = as_row_cost(cost, start)
        for planner, part in self._parts(rows, restart):
            warm = shifted(memory.actions[part], memory.used[part])
            if restart is not None:
                warm = warm * ~restart.to(part.device)[part, None, None]
            if guesses is not None:
                warm = torch.cat([warm[:, None], guesses(part)], 1)
            plan = planner.plan(dynamics, cost.select(part), start[part], warm)
            memory = Memory(
                memory.actions.index_copy(0, part, plan.actions),
                memory.states.index_copy(0, part, plan.states),
                memory.used.index_fill(0, part, 0),
                memory.status.index_copy(0, part, plan.status),
            )
        return memory

    def _parts(self, rows: Tensor, restart: Tensor | None) -> list[tuple[Planner, Tensor]]:
        """Return the planners, and the problems that each plans."""
        if restart is None or self.replanner is self.planner:
            return [(self.replanner, rows)]
        new = restart.to(rows.device)[rows]
        parts = ((self.planner, rows[new]), (self.replanner, rows[~new]))
        return [(planner, part) for planner, part in parts if len(part)]


def shifted(actions: Tensor, used: Tensor) -> Tensor:
    """Drop the first actions of each row and append zeros.

    Args:
        actions: (batch, horizon, action dim).
        used: (batch,), int64, how many to drop.
    """
    horizon = actions.shape[1]
    later = used[:, None] + torch.arange(horizon, device=actions.device)
    rest = actions.gather(1, later.clamp(max=horizon - 1)[..., None].expand_as(actions))
    return torch.where((later < horizon)[..., None], rest, 0.0)


def _check_memory(memory: Memory, start: Tensor) -> None:
    if not isinstance(memory, Memory):
        raise ValueError(f"memory must be the Memory that the last call returned, or None, not {memory!r}")
    _check_batch("memory.used", memory.used, len(start))
    if memory.states.shape[2:] != start.shape[1:] or memory.states.dtype != start.dtype:
        raise ValueError(
            f"start must have the width and dtype of memory.states, {tuple(memory.states.shape[2:])} and "
            f"{memory.states.dtype}, not {tuple(start.shape[1:])} and {start.dtype}"
        )


def _check_batch(name: str, values: Tensor | None, batch: int) -> None:
    if values is None:
        return
    check_tensors(**{name: values})
    if values.shape != (batch,):
        raise ValueError(f"{name} must have the shape ({batch},), as start has, not {tuple(values.shape)}")
