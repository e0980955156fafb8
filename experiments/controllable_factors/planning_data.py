"""The data of planning in mazes: transitions and random walks, each walk in a new layout."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.agents.few_walks import WALK
from unknot.agents.learnt_moves import encode_all
from unknot.representation import Learner
from unknot.representation.interaction import Behaviour, interactions, sample_actions, uniform
from unknot.representation.selectivity import frames

__all__ = ["eager", "make_mazes", "restless", "transitions", "walks"]

REUSED = 2
"""Updates of the moves on each batch of walks."""


def make_mazes(copies: int, task: str, actions: tuple[str, ...], switch: bool, **options: Any) -> Any:
    """Make mazes of 8 × 8 cells, 20% of them blocks, with a switch or without."""
    return gym.make_vec(
        "unknot/Maze-v0", num_envs=copies, task=task, actions=actions, switches=int(switch), **options
    )


def transitions(env: Any, seed: int, walks: int, rare: int | None) -> dict[str, Tensor]:
    """Collect transitions of random walks over permitted actions.

    Args:
        env: the mazes.
        seed: of the walks.
        walks: how many of 16 steps in each maze, every one in a new layout.
        rare: an action that is seldom permitted (`toggle`). Where it is permitted it is taken half
            the time, and 40% of the kept transitions are from there, so that its effect is learnt. None keeps
            all transitions.
    """
    behaviour = uniform if rare is None else eager(rare)
    source, kept = interactions(env, seed, steps=16, behaviour=behaviour), []
    rng = np.random.default_rng(seed)
    for number in range(walks):
        walk = source(number)
        images = frames(walk)
        columns = {name: walk[name] for name in ("action", "probability", "action_mask")}
        columns |= {"observation": images[:, :-1], "next_observation": images[:, 1:]}
        rows = np.arange(walk["action"].numel())
        if rare is not None:
            can = walk["action_mask"][..., rare].flatten().numpy()
            others = rng.permutation(rows[~can])[: int(1.5 * can.sum())]
            rows = np.concatenate([rows[can], others])
        kept.append({name: column.flatten(0, 1)[rows] for name, column in columns.items()})
    return {name: torch.cat([part[name] for part in kept]) for name in kept[0]}


def eager(action: int) -> Behaviour:
    """Take an action half the time where it is permitted, and else the other permitted ones uniformly."""

    def act(_: NDArray[np.uint8], mask: Tensor) -> tuple[Tensor, Tensor]:
        shares = mask.float()
        shares[:, action] *= (mask.sum(1) - 1).clamp(min=1)
        return sample_actions(shares / shares.sum(1, keepdim=True))

    return lambda observation: act


def restless(rare: int | None) -> Behaviour:
    """Act uniformly, blocked actions included, but take `rare` half the time where it is permitted."""

    def act(_: NDArray[np.uint8], mask: Tensor) -> tuple[Tensor, Tensor]:
        shares = torch.ones(mask.shape)
        if rare is not None:
            shares[mask[:, rare], rare] = mask.shape[1] - 1
        return sample_actions(shares / shares.sum(1, keepdim=True))

    return lambda observation: act


def walks(env: Any, learner: Learner, seed: int, rare: int | None) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of random walks as `LatentMoves` learns from them; see `restless`."""
    source = interactions(env, seed, steps=WALK, behaviour=restless(rare))
    kept: dict[int, dict[str, Tensor]] = {}  # the latest alone: walking costs more than learning

    def batch_at(step: int) -> dict[str, Tensor]:
        number = step // REUSED
        if number not in kept:
            kept.clear()
            walk = source(number)
            images = frames(walk)
            codes = encode_all(learner, images.flatten(0, 1)).reshape(*images.shape[:2], -1)
            kept[number] = {"images": images, "codes": codes, "action": walk["action"]}
        return kept[number]

    return batch_at
