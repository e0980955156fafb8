"""Learning to plan from few walks, all that is learnt from counted: what `agents` sets beside PPO.

The part `planning` lets the learner and `LatentMoves` each collect for themselves, as much as they please.
Here both learn from the same random walks, over and over, in mazes like those that the agent will act in.
Of these nothing is known but images and actions: no reward, and not even which actions were permitted. One
that changed no pixel was not; it tells the learner nothing, and `LatentMoves` much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unknot.agents.latent_path import LatentPathAgent
from unknot.experiments.common import check_least
from unknot.experiments.controllable_factors import planning
from unknot.experiments.controllable_factors.planning_data import (
    COPIES,
    WALK,
    encode_all,
    make_mazes,
)
from unknot.representation import WEIGHTS, Learner, minibatches, save_learner, train
from unknot.representation.interaction import interactions
from unknot.representation.scene_selectivity import SceneSelectivity
from unknot.representation.selectivity import frames

__all__ = ["FewWalks", "learn_to_plan"]


@dataclass(frozen=True)
class FewWalks:
    """What is learnt from, and how long."""

    mazes: Mapping[str, Any]
    """Keyword arguments of the mazes, such as `layout`; all of them are 8 × 8 cells."""
    walks: int
    """Random walks of 15 steps in each of 64 mazes; in random layouts every one is in a new one."""
    steps: int = 600
    """Updates of the selectivity learner."""
    moves: int = 600
    """Updates of the moves."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to learn from."""
        check_least(self, walks=1, steps=1, moves=1)

    @property
    def environment_steps(self) -> int:
        """Steps in the environment, all copies counted: there are no others."""
        return self.walks * COPIES * WALK


def learn_to_plan(settings: FewWalks, folder: Path, seed: int, resume: bool = False) -> LatentPathAgent:
    """Walk, learn, and return the agent that plans in what was learnt.

    Args:
        settings: how much.
        folder: where `learner` and `moves` are written, as the part `planning` has them.
        seed: of the walks and the weights.
        resume: go on from what is in `folder`.
    """
    torch.manual_seed(seed)
    walks = record(settings, seed)
    seen = transitions_of(walks)
    learner: Learner = SceneSelectivity(
        actions=len(planning.STEPS), **planning.options(planning.Settings(settings.steps), "reach")
    )

    def learn(learner: Learner, name: str, data: Mapping[str, Tensor], updates: int) -> None:
        train(
            learner,
            minibatches(data, COPIES, seed),
            updates,
            folder=folder / name,
            resume=resume,
            description=f"seed {seed}: {name}",
        )

    learner, made = planning.tightest(
        learner, lambda start, name: learn(start, name, seen, settings.steps), seen, seed
    )
    save_learner(learner.eval(), folder / "learner" / WEIGHTS)
    torch.manual_seed(seed)  # so that a resume, which has trained no learner before, starts alike
    moves = planning.start_moves(learner, made, seen, settings.moves)
    codes = encode_all(learner, walks["images"].flatten(0, 1)).view(*walks["images"].shape[:2], -1)
    learn(moves, "moves", {**walks, "codes": codes}, settings.moves)
    return LatentPathAgent(learner, moves)


def record(settings: FewWalks, seed: int) -> dict[str, Tensor]:
    """Record walks that take any action: `images`, uint8 (n, 16, h, w, c), and `action`, int64 (n, 15)."""
    env = make_mazes(COPIES, "none", planning.STEPS, False, **settings.mazes)
    source = interactions(env, seed, steps=WALK, masked=False)
    walks = [source(number) for number in range(settings.walks)]
    env.close()
    return {
        "images": torch.cat([frames(walk) for walk in walks]),
        "action": torch.cat([walk["action"] for walk in walks]),
    }


def transitions_of(walks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the transitions in which something changed, every action taken to be permitted anywhere."""
    before, after = (images.flatten(0, 1) for images in (walks["images"][:, :-1], walks["images"][:, 1:]))
    changed = (before != after).flatten(1).any(1)
    action, count = walks["action"].flatten()[changed], len(planning.STEPS)
    return {
        "observation": before[changed],
        "next_observation": after[changed],
        "action": action,
        "action_mask": torch.ones(len(action), count, dtype=torch.bool),
        "probability": torch.full((len(action),), 1 / count),
    }
