"""What goes into a planner and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import torch
from torch import Tensor


class Status(IntEnum):
    """How planning ended for one problem; `sentence` tells a user what it means and what to try."""

    CONVERGED = 0
    ITERATION_LIMIT = 1
    STUCK = 2
    INVALID = 3

    @property
    def sentence(self) -> str:
        """What it means, and what to try."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.CONVERGED: "The plan is a local optimum to the tolerance asked for.",
    Status.ITERATION_LIMIT: (
        "The plan was still getting better when the iterations ran out: allow more of them."
    ),
    Status.STUCK: (
        "No step of any size lowered the cost although its gradient is not zero: "
        "look for a kink in the cost or the dynamics, or plan in float64. "
        "Of a search: its moves lead to nothing more that is new, or nearer; give it others."
    ),
    Status.INVALID: (
        "The start, or what the cost and the dynamics make of it, is not finite: there is no plan, "
        "and the actions are NaN."
    ),
}


@dataclass(frozen=True)
class Plan:
    """A batch of plans.

    Attributes:
        actions: (batch, horizon, action dim), within the limits; NaN where the status is INVALID.
        states: (batch, horizon + 1, dim), the start first: what the dynamics make of the actions.
        costs: (batch, iterations + 1), the cost of the best plan so far; never rises, and its last value
            is repeated when a problem needs fewer iterations. NaN where the status is INVALID.
        status: (batch,), int64, a `Status` for each problem.
    """

    actions: Tensor
    states: Tensor
    costs: Tensor
    status: Tensor


class Dynamics(Protocol):
    """How a state moves.

    Rows are problems and are treated alike, each by itself: a planner drops the rows it is done with and
    repeats those for which it tries several plans. A dynamics may bring its own derivative as
    `linearize(z, u) -> A, B, c` (see `Linearizable`).
    """

    def step(self, z: Tensor, u: Tensor, /) -> Tensor:
        """Return the next states (rows, dim) of states (rows, dim) under actions (rows, action dim)."""
        ...


class Cost(Protocol):
    """What a plan costs: a sum over time of terms that each see one state and the action taken there.

    A plain function will do. It is called with the whole batch of problems, in their order, so it may hold
    what differs between them. A cost with `select` and `quadratize` (see `QuadraticCost`) is asked for
    rows instead, which is faster.
    """

    def __call__(self, states: Tensor, actions: Tensor, /) -> Tensor:
        """Return (batch,).

        Args:
            states: (batch, horizon + 1, dim), the start first.
            actions: (batch, horizon, action dim).
        """
        ...


class Planner(Protocol):
    """Anything that plans: `ILQR`, `CEM`."""

    def plan(self, dynamics: Dynamics, cost: Cost, start: Tensor, warm_start: Tensor | None = None) -> Plan:
        """Plan from start (batch, dim), beginning at the actions warm_start (batch, horizon, action dim)."""
        ...


Limits = tuple[float | Tensor, float | Tensor]
"""The lowest and the highest action: numbers, or tensors of shape (action dim,)."""


def as_limits(limits: Limits | None) -> tuple[Tensor, Tensor] | None:
    """Check limits and return them as float64 tensors of shape () or (action dim,).

    Raises:
        ValueError: A limit is NaN, not a number or a vector, or low is above high.
    """
    if limits is None:
        return None
    low, high = (torch.as_tensor(limit, dtype=torch.float64) for limit in limits)
    if low.ndim > 1 or high.ndim > 1:
        raise ValueError(
            f"limits have the shapes {tuple(low.shape)} and {tuple(high.shape)}, expected () or (action dim,)"
        )
    low, high = low + torch.zeros_like(high), high + torch.zeros_like(low)
    if not bool((low <= high).all()):
        raise ValueError(f"limits=({low.tolist()}, {high.tolist()}), expected low <= high")
    return low, high


def whole(name: str, value: int, least: int) -> int:
    """Return value if it is a whole number of at least `least`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r}, expected a whole number >= {least}")
    return value


def check_tensors(**values: object) -> None:
    """Raise TypeError for an argument that is no tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch tensor, not {type(value).__name__}: {value!r}")


def check_start(start: Tensor) -> None:
    """Raise TypeError unless start is a tensor, ValueError unless it is floating, (batch, dim)."""
    check_tensors(start=start)
    if start.ndim != 2 or not start.is_floating_point():
        raise ValueError(
            f"start has the shape {tuple(start.shape)} and {start.dtype}, expected (batch, dim), floating"
        )


def action_dim(
    limits: tuple[Tensor, Tensor] | None, cost: Cost, dynamics: Dynamics, warm_start: Tensor | None
) -> int:
    """Find how many numbers an action has, from whichever argument says so.

    Raises:
        ValueError: None of them does, or the limits say otherwise than the rest.
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
            f"warm_start, cost, dynamics and limits have the action dims {found}, expected one for all"
        )
    return sizes[0]


def first_actions(
    horizon: int, size: int, start: Tensor, warm_start: Tensor | None, starts: int | None = None
) -> Tensor:
    """Return the actions to begin with: the warm start, zeros where it is not finite, or zeros.

    Returns:
        (batch, any number of starts, horizon, size); one start unless warm_start has more.

    Raises:
        ValueError: warm_start has another shape.
    """
    batch = len(start)
    if warm_start is None:
        return start.new_zeros(batch, 1, horizon, size)
    given = warm_start[:, None] if warm_start.ndim == 3 else warm_start
    if given.ndim != 4 or given.shape[::2] != (batch, horizon) or (starts is None and given.shape[1] != 1):
        starts_too = "" if starts is None else f" or ({batch}, starts, {horizon}, {size})"
        raise ValueError(
            f"warm_start has the shape {tuple(warm_start.shape)}, "
            f"expected ({batch}, {horizon}, {size}){starts_too}"
        )
    given = given.detach().to(start)
    return torch.where(given.isfinite().all(-1, keepdim=True), given, 0.0)


def unroll(dynamics: Dynamics, start: Tensor, actions: Tensor) -> Tensor:
    """Return the states (batch, horizon + 1, dim) to which actions (batch, horizon, action dim) lead.

    Raises:
        ValueError: dynamics.step returns another shape.
    """
    states = [start]
    for action in actions.unbind(1):
        states.append(dynamics.step(states[-1], action))
        if states[-1].shape != start.shape:
            raise ValueError(
                f"dynamics.step returned the shape {tuple(states[-1].shape)}, expected {tuple(start.shape)}"
            )
    return torch.stack(states, 1)
