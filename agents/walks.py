"""Random walks in environments with discrete actions: behaviours, transitions, batches."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.representation import Learner, encode_all
from unknot.representation.interaction import Behaviour, interactions, sample_actions
from unknot.representation.selectivity import frames

__all__ = ["WALK", "changed_transitions", "codes_of", "favour", "permitted_transitions", "walk_batches"]

WALK = 15
"""Steps of a random walk whose blocked actions are learnt from."""
PERMITTED_WALK = 16
"""Steps of a random walk over permitted actions."""
REUSED = 2
"""Updates of the moves on each batch of walks."""


def favour(rare: int | None, *, blocked: bool) -> Behaviour:
    """Act uniformly, but take the action `rare` half the time where it is permitted.

    Args:
        rare: an action that is seldom permitted, such as `toggle`, so that its effect is learnt; None for
            none.
        blocked: whether the other actions are taken where they are blocked, too.
    """

    def act(_: NDArray[np.uint8], mask: Tensor) -> tuple[Tensor, Tensor]:
        shares = torch.ones(mask.shape) if blocked else mask.float()
        if rare is not None:
            others = (shares.sum(1) - 1).clamp(min=1)
            shares[:, rare] = torch.where(mask[:, rare], others, shares[:, rare])
        return sample_actions(shares / shares.sum(1, keepdim=True))

    return lambda observation: act


def permitted_transitions(env: Any, seed: int, walks: int, rare: int | None) -> dict[str, Tensor]:
    """Collect transitions of random walks over permitted actions.

    Args:
        env: a vector environment with an action mask.
        seed: of the walks.
        walks: how many of 16 steps in each copy; where layouts are random, every one is in a new one.
        rare: as in `favour`. 40% of the kept transitions are from where it is permitted; None keeps all.

    Returns:
        What `SceneSelectivity` learns from: `observation` and `next_observation`, uint8 (n, h, w, c),
        `action`, `probability` and `action_mask`.
    """
    source, kept = interactions(env, seed, steps=PERMITTED_WALK, behaviour=favour(rare, blocked=False)), []
    rng = np.random.default_rng(seed)
    for number in range(walks):
        walk = source(number)
        seen = _rows({**walk, "images": frames(walk)})
        if rare is not None:
            can = seen["action_mask"][:, rare].numpy()
            others = rng.permutation(np.flatnonzero(~can))[: int(1.5 * can.sum())]
            rows = np.concatenate([np.flatnonzero(can), others])
            seen = {name: column[rows] for name, column in seen.items()}
        kept.append(seen)
    return {name: torch.cat([part[name] for part in kept]) for name in kept[0]}


def changed_transitions(walks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the transitions of recorded walks in which a pixel changed, as `permitted_transitions` does.

    Args:
        walks: `images`, uint8 (n, steps + 1, h, w, c), `action`, `probability` and `action_mask`, each with
            first axes (n, steps).
    """
    seen = _rows(walks)
    changed = (seen["observation"] != seen["next_observation"]).flatten(1).any(1)
    return {name: column[changed] for name, column in seen.items()}


def _rows(walks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the transitions of walks, one after the other."""
    images = walks["images"]
    columns = {"observation": images[:, :-1], "next_observation": images[:, 1:]}
    columns |= {name: walks[name] for name in ("action", "probability", "action_mask")}
    return {name: column.flatten(0, 1) for name, column in columns.items()}


def walk_batches(
    env: Any, learner: Learner, seed: int, rare: int | None
) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of random walks of 15 steps, blocked actions included, for `LatentMoves` to learn from.

    Args:
        env: a vector environment with an action mask.
        learner: its codes of the images are in the batches.
        seed: of the walks.
        rare: as in `favour`.
    """
    source = interactions(env, seed, steps=WALK, behaviour=favour(rare, blocked=True))
    kept: dict[int, dict[str, Tensor]] = {}  # the latest alone: walking costs more than learning

    def batch_at(step: int) -> dict[str, Tensor]:
        number = step // REUSED
        if number not in kept:
            kept.clear()
            walk = source(number)
            images = frames(walk)
            kept[number] = {"images": images, "codes": codes_of(learner, images), "action": walk["action"]}
        return kept[number]

    return batch_at


def codes_of(learner: Learner, images: Tensor) -> Tensor:
    """Return the codes (n, steps, d) of the images (n, steps, h, w, c) of walks."""
    return encode_all(learner, images.flatten(0, 1)).reshape(*images.shape[:2], -1)
