"""Problems of one's own: starts and goals that an evaluation poses in place of sampled ones."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from unknot.checks import shown

__all__ = ["EXAMPLE", "Problem", "check_problems", "reset_options"]

Problem: TypeAlias = Mapping[str, Any]
"""What `reset` takes as options, of one episode."""

EXAMPLE = '{"factors": {"position": [4, 4]}, "goal": {"position": [30, 30]}}'


def check_problems(problems: Sequence[Problem], episodes: int | None = None) -> None:
    """Refuse what is no list of problems that can run in one batch.

    Args:
        problems: dicts, such as `EXAMPLE`.
        episodes: how many they must be; None for at least one.

    Raises:
        ValueError: none, another number, something else than such dicts, or problems that name different
            factors.
    """
    if not isinstance(problems, list | tuple) or len(problems) == 0:
        raise ValueError(f"problems must be a list such as [{EXAMPLE}], not {shown(problems)}")
    for k, problem in enumerate(problems):
        if not (isinstance(problem, Mapping) and all(isinstance(part, Mapping) for part in problem.values())):
            raise ValueError(f"problems must be dicts such as {EXAMPLE}, not {shown(problem)} (number {k})")
        if _names(problem) != _names(problems[0]):
            first, other = _names(problems[0]), _names(problem)
            raise ValueError(f"problems must name the same factors: {first}, not {other} (number {k})")
    if episodes not in (None, len(problems)):
        raise ValueError(f"problems must be as many as episodes, {episodes}, not {len(problems)}")


def _names(problem: Problem) -> dict[str, list[str]]:
    return {key: sorted(map(str, problem[key])) for key in sorted(map(str, problem))}


def reset_options(
    problems: Sequence[Problem], numbers: NDArray[np.int64], vector: VectorEnv[Any, Any, Any]
) -> dict[str, Any]:
    """Return what a vector environment's reset takes to pose some problems, one in each copy.

    Args:
        problems: checked.
        numbers: of those to pose.
        vector: a native vector environment, or one copy.

    Raises:
        ValueError: Gymnasium's `SyncVectorEnv` of several copies, which hands the same options to all; or
            values of different shapes.
    """
    chosen = [problems[k] for k in numbers]
    if isinstance(vector, SyncVectorEnv):
        if vector.num_envs > 1:
            raise ValueError("problems need a native vector environment, or a single one, not SyncVectorEnv")
        return {key: dict(factors) for key, factors in chosen[0].items()}
    return {
        key: {name: np.stack([np.asarray(problem[key][name]) for problem in chosen]) for name in factors}
        for key, factors in chosen[0].items()
    }
