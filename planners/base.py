"""The inputs and outputs of planners."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, overload

import torch
from torch import Tensor


class Status(IntEnum):
    """How planning ended for one problem; `sentence` says what it means and what to try."""

    CONVERGED = 0
    ITERATION_LIMIT = 1
    STUCK = 2
    INVALID = 3

    @property
    def sentence(self) -> str:
        """The meaning of the status, and what to try."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.CONVERGED: "The plan is a local optimum within the tolerance.",
    Status.ITERATION_LIMIT: (
        "The plan was still improving when the iterations ran out: allow more iterations."
    ),
    Status.STUCK: (
        "No step of any size lowered the cost although its gradient is not zero: "
        "look for a kink in the cost or the dynamics, or plan in float64. "
        "For a search: its moves reach no further state that is new or nearer to the goal; "
        "give it other moves."
    ),
    Status.INVALID: (
        "The start, the cost or a state is not finite: there is no plan, and the actions are NaN."
    ),
}


@dataclass(frozen=True)
class Plan:
    """A batch of plans.

    Attributes:
        actions: (batch, horizon, action dim), within the limits; NaN where the status is INVALID.
        states: (batch, horizon + 1, dim), the start first: the states that the actions lead to.
        costs: (batch, iterations + 1), the cost of the best plan so far. It never rises; the last value is
            repeated where a problem needs fewer iterations. NaN where the status is INVALID.
        status: (batch,), int64, a `Status` for each problem.
    """

    actions: Tensor
    states: Tensor
    costs: Tensor
    status: Tensor


class Dynamics(Protocol):
    """How an action changes a state.

    Rows are problems, each computed independently in the same way: a planner drops the rows that are
    finished and repeats those for which it tries several plans. A dynamics may bring its own derivative as
    `linearize(z, u) -> A, B, c` (see `Linearizable`).
    """

    def step(self, z: Tensor, u: Tensor, /) -> Tensor:
        """Return the next states (rows, dim) of states (rows, dim) under actions (rows, action dim)."""
        ...


class Cost(Protocol):
    """The cost of a plan: a sum over time of terms that each depend on one state and the action taken there.

    It may be a plain function. It is called with the whole batch of problems, in their order, so it may hold
    goals and other data of each. A cost with `select` and `quadratize` (see `QuadraticCost`) is called with
    selected rows instead, which is faster.
    """

    def __call__(self, states: Tensor, actions: Tensor, /) -> Tensor:
        """Return (batch,).

        Args:
            states: (batch, horizon + 1, dim), the start first.
            actions: (batch, horizon, action dim).
        """
        ...


class Planner(Protocol):
    """Anything that plans: `ILQR`, `CEM`, `BreadthFirst`, `Greedy`."""

    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        """Plan from start (batch, dim), with warm_start (batch, horizon, action dim) as the first guess."""
        ...


Limits = tuple[float | Tensor, float | Tensor]
"""The lowest and the highest action: numbers, or tensors of shape (action dim,)."""


@overload
def as_limits(limits: Limits) -> tuple[Tensor, Tensor]: ...


@overload
def as_limits(limits: None) -> None: ...


@overload
def as_limits(limits: Limits | None) -> tuple[Tensor, Tensor] | None: ...


def as_limits(limits: Limits | None) -> tuple[Tensor, Tensor] | None:
    """Check limits and return them as float64 tensors of shape () or (action dim,).

    Raises:
        ValueError: A limit is NaN or neither a number nor a vector, or low is above high.
    """
    if limits is None:
        return None
    low, high = (torch.as_tensor(limit, dtype=torch.float64) for limit in limits)
    if low.ndim > 1 or high.ndim > 1:
        shapes = f"{tuple(low.shape)} and {tuple(high.shape)}"
        raise ValueError(f"limits must be numbers or have the shape (action dim,), not {shapes}")
    low, high = low + torch.zeros_like(high), high + torch.zeros_like(low)
    if not bool((low <= high).all()):
        raise ValueError(f"limits must be low <= high, not {low.tolist()} and {high.tolist()}")
    return low, high


def check_below_one(**values: float) -> None:
    """Refuse numbers outside [0, 1).

    Raises:
        ValueError: A value below 0, of 1 or more, or NaN.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value!r}")


def check_tensors(**values: object) -> None:
    """Raise TypeError for an argument that is not a tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch tensor, not {type(value).__name__}: {value!r}")


def check_start(start: Tensor) -> None:
    """Raise TypeError unless start is a tensor, ValueError unless it is floating point, (batch, dim)."""
    check_tensors(start=start)
    if start.ndim != 2 or not start.is_floating_point():
        raise ValueError(
            "start must be floating point of the shape (batch, dim), "
            f"not {start.dtype} of the shape {tuple(start.shape)}"
        )


def action_dim(
    limits: tuple[Tensor, Tensor] | None, cost: Cost, dynamics: Dynamics, warm_start: Tensor | None
) -> int:
    """Find the number of components of an action, from the arguments that show it.

    Raises:
        ValueError: None of them shows it, or they disagree.
    """
    found = (
        warm_start.shape[-1] if warm_start is not None else None,
        getattr(cost, "action_dim", None),
        getattr(dynamics, "action_dim", None),
        limits[0].numel() if limits and limits[0].ndim else None,
    )
    sizes = [int(size) for size in found if size is not None]
    if not sizes:
        raise ValueError(
            "the action dim is unknown: give warm_start, limits of shape (action dim,), "
            "or a cost or dynamics with the attribute action_dim"
        )
    if len(set(sizes)) > 1:
        raise ValueError(
            f"warm_start, cost, dynamics and limits must have one action dim, not the action dims {found}"
        )
    return sizes[0]


def first_actions(
    horizon: int, size: int, start: Tensor, warm_start: Tensor | None, starts: int | None = None
) -> Tensor:
    """Return the actions to begin with: the warm start, with zeros where it is not finite, or all zeros.

    Returns:
        (batch, any number of starts, horizon, size); one start unless warm_start has more.

    Raises:
        ValueError: warm_start has the wrong shape.
    """
    batch = len(start)
    if warm_start is None:
        return start.new_zeros(batch, 1, horizon, size)
    given = warm_start[:, None] if warm_start.ndim == 3 else warm_start
    if given.ndim != 4 or given.shape[::2] != (batch, horizon) or (starts is None and given.shape[1] != 1):
        with_starts = "" if starts is None else f" or ({batch}, starts, {horizon}, {size})"
        raise ValueError(
            f"warm_start must have the shape ({batch}, {horizon}, {size}){with_starts}, "
            f"not {tuple(warm_start.shape)}"
        )
    given = given.detach().to(start)
    return torch.where(given.isfinite().all(-1, keepdim=True), given, 0.0)


def unroll(dynamics: Dynamics, start: Tensor, actions: Tensor) -> Tensor:
    """Return the states (batch, horizon + 1, dim) that actions (batch, horizon, action dim) lead to.

    Raises:
        ValueError: dynamics.step returns the wrong shape.
    """
    states = [start]
    for action in actions.unbind(1):
        states.append(dynamics.step(states[-1], action))
        if states[-1].shape != start.shape:
            raise ValueError(
                f"dynamics.step must return the shape {tuple(start.shape)}, not {tuple(states[-1].shape)}"
            )
    return torch.stack(states, 1)
