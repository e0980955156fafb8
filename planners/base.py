"""The inputs and outputs of planners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import ParamSpec, Protocol, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from unknot.checks import finite

P = ParamSpec("P")
T = TypeVar("T")

WIDEST = 1e9
"""Half the distance between limits from which on nothing is sampled uniformly: costs would overflow."""


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
        """Return the next states (rows, dim) of states (rows, dim) under actions (rows, action dim).

        It may work in place: its arguments are copies.
        """
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
    """Anything that plans: `ILQR`, `CEM`, `MPPI`, `BreadthFirst`, `Greedy`."""

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
        ValueError: It is not a pair, a limit is NaN or neither a number nor a vector, low is above high, or
            no finite action is between them.
    """
    if limits is None:
        return None
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise ValueError(f"limits must be the lowest and the highest action, or None, not {limits!r}")
    low, high = (_as_limit(limit, limits) for limit in limits)
    if low.ndim > 1 or high.ndim > 1 or (low.ndim and high.ndim and low.shape != high.shape):
        shapes = f"{tuple(low.shape)} and {tuple(high.shape)}"
        raise ValueError(f"limits must be numbers or have the shape (action dim,), not {shapes}")
    low, high = torch.broadcast_tensors(low, high)  # type: ignore[no-untyped-call]
    if not bool(((low <= high) & (low < torch.inf) & (high > -torch.inf)).all()):
        raise ValueError(
            f"limits must be low <= high, not {low.tolist()} and {high.tolist()}, with finite actions between"
        )
    return low.clone(), high.clone()


def _as_limit(limit: object, limits: object) -> Tensor:
    try:
        tensor = limit.detach() if isinstance(limit, Tensor) else torch.from_numpy(np.array(limit))
    except (TypeError, ValueError) as error:
        raise ValueError(f"limits must be numbers or tensors (action dim,), not {limits!r}") from error
    if tensor.dtype == torch.bool or tensor.is_complex() or not tensor.numel():
        raise ValueError(f"limits must be numbers or tensors (action dim,), not {limits!r}")
    return tensor.to(torch.float64)


def half_width(limits: tuple[Tensor, Tensor], like: Tensor) -> Tensor:
    """Return half the distance between the limits, like a tensor; infinity where it is above `WIDEST`."""
    half = limits[1] / 2 - limits[0] / 2
    return torch.where(half <= WIDEST, half, torch.inf).to(like)


def check_below_one(**values: float) -> None:
    """Refuse what is not a number in [0, 1).

    Raises:
        ValueError: A value below 0, of 1 or more, NaN, or not a number.
    """
    finite(**values)
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value!r}")


def check_tensors(**values: object) -> None:
    """Raise ValueError for an argument that is not a tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} must be a torch tensor, not {type(value).__name__}: {value!r}")


def check_start(start: Tensor) -> None:
    """Raise ValueError unless start is a floating-point tensor (batch, dim)."""
    check_tensors(start=start)
    if start.ndim != 2 or not start.is_floating_point():
        raise ValueError(
            "start must be floating point of the shape (batch, dim), "
            f"not {start.dtype} of the shape {tuple(start.shape)}"
        )


def check_like_start(start: Tensor, **values: Tensor) -> None:
    """Raise ValueError unless tensors (any, dim), such as goals, have the width and the dtype of start."""
    for name, value in values.items():
        if start.shape[1:] != value.shape[1:] or start.dtype != value.dtype:
            raise ValueError(
                f"start must have the width and dtype of {name}, {tuple(value.shape[1:])} and {value.dtype}, "
                f"not {tuple(start.shape[1:])} and {start.dtype}"
            )


def check_generator(generator: object) -> None:
    """Raise ValueError unless it is a generator of torch's, or None."""
    if not (generator is None or isinstance(generator, torch.Generator)):
        raise ValueError(f"generator must be a torch.Generator or None, not {generator!r}")


def without_gradients(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function record no gradients by itself, also where `torch.inference_mode()` would forbid them."""
    decorated: Callable[P, T] = torch.inference_mode(False)(torch.no_grad()(function))
    return decorated


def action_dim(
    limits: tuple[Tensor, Tensor] | None, cost: Cost, dynamics: Dynamics, warm_start: Tensor | None
) -> int:
    """Find the number of components of an action, from the arguments that show it.

    Raises:
        ValueError: None of them shows it, or they disagree, or warm_start is not a tensor with axes.
    """
    if warm_start is not None:
        check_tensors(warm_start=warm_start)
        if not warm_start.ndim or not warm_start.shape[-1]:
            shape = tuple(warm_start.shape)
            raise ValueError(f"warm_start must have the shape (batch, horizon, action dim), not {shape}")
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


def moved(dynamics: Dynamics, z: Tensor, u: Tensor) -> Tensor:
    """Return where actions u (rows, action dim) lead from z (rows, dim), by dynamics that may work in place.

    Raises:
        ValueError: dynamics.step refuses its arguments, or returns another shape or dtype.
    """
    if not callable(getattr(dynamics, "step", None)):
        raise ValueError(f"dynamics must have a method step, unlike {dynamics!r}")
    try:
        # A dynamics may change its arguments, or return the same buffer each time.
        after = dynamics.step(z.clone(), u.clone())
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # torch's, of other widths and dtypes
        raise ValueError(
            f"dynamics.step must take states of {_described(z)}, as start has, "
            f"and actions of {_described(u)}: {error}"
        ) from error
    if not isinstance(after, Tensor) or after.shape != z.shape or after.dtype != z.dtype:
        given = _described(after) if isinstance(after, Tensor) else repr(after)
        raise ValueError(f"dynamics.step must return {_described(z)}, as start has, not {given}")
    return after.clone()


def _described(tensor: Tensor) -> str:
    return f"the shape {tuple(tensor.shape)} and {tensor.dtype}"


def unroll(dynamics: Dynamics, start: Tensor, actions: Tensor) -> Tensor:
    """Return the states (batch, horizon + 1, dim) that actions (batch, horizon, action dim) lead to.

    Raises:
        ValueError: dynamics.step refuses the states, or returns another shape or dtype.
    """
    states = [start]
    for action in actions.unbind(1):
        states.append(moved(dynamics, states[-1], action))
    return torch.stack(states, 1)
