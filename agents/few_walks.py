"""Learning to plan from few random walks, every step of which is counted.

A learner and the moves of `LatentPathAgent` learn from the same walks, over and over, in mazes like those
that the agent will act in. They see images and actions alone: no reward, and not which actions were
permitted. An action that changed no pixel was blocked; the learner ignores it, and `LatentMoves` learns from
it.

On the grid of two digits only the edge blocks a move. There the moves that the learner's variations cluster
around are enough: the agent adds them up (Thomas et al., 2017, appendix B.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.checks import settings_at_least
from unknot.representation import WEIGHTS, Learner, Trainable, minibatches, save_learner, train
from unknot.representation.discrete_selectivity import DiscreteSelectivity
from unknot.representation.interaction import interactions
from unknot.representation.scene_selectivity import SceneSelectivity
from unknot.representation.selectivity import frames

from .latent_path import LatentPathAgent
from .learnt_moves import start_moves, tightest
from .walks import WALK, changed_transitions, codes_of

__all__ = ["COPIES", "PLACE", "FewWalks", "learn_to_plan"]

COPIES = 64
"""Copies of the environment, and transitions or walks of an update."""
PLACE: dict[str, Any] = {"latent_dim": 2, "factors": 16, "entropy": 0.1}
"""Options of `SceneSelectivity` where all that actions change is a place."""


@dataclass(frozen=True)
class FewWalks:
    """What an agent learns to plan from, and for how long."""

    environment: str
    """Id of an environment with discrete actions."""
    options: Mapping[str, Any]
    """Its keyword arguments, such as `layout`."""
    walks: int
    """Random walks of 15 steps in each of 64 copies; where layouts are random, each is in a new one."""
    steps: int = 600
    """Updates of the selectivity learner."""
    moves: int = 600
    """Updates of `LatentMoves`, which learns where moves happen; 0 where they always do, and add up."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to learn from."""
        settings_at_least(self, walks=1, steps=1, moves=0)

    @property
    def environment_steps(self) -> int:
        """All steps in the environment, in all copies."""
        return self.walks * COPIES * WALK


def learn_to_plan(settings: FewWalks, folder: Path, seed: int, resume: bool = False) -> LatentPathAgent:
    """Walk, learn, and return the agent that plans with what was learnt.

    Args:
        settings: how much.
        folder: for `learner` and `moves`, as `LatentPathAgent.load` reads them.
        seed: of the walks and the weights.
        resume: go on with what is in `folder`.
    """
    torch.manual_seed(seed)
    walks = record(settings, seed)
    seen = changed_transitions(walks)

    def learn(learner: Trainable, name: str, data: Mapping[str, Tensor], updates: int) -> None:
        train(
            learner,
            minibatches(data, COPIES, seed),
            updates,
            folder=folder / name,
            resume=resume,
            description=f"seed {seed}: {name}",
        )

    learner, made = tightest(
        _first_learner(settings, seen),
        lambda start, name: learn(start, name, seen, settings.steps),
        seen,
        seed,
    )
    save_learner(learner.eval(), folder / "learner" / WEIGHTS)
    torch.manual_seed(seed)  # a resume, which has trained no learner before, starts from the same state
    moves = start_moves(learner, made, seen, settings.moves)
    if settings.moves:
        learn(moves, "moves", {**walks, "codes": codes_of(learner, walks["images"])}, settings.moves)
    else:
        save_learner(moves.eval(), folder / "moves" / WEIGHTS)
    return LatentPathAgent(learner, moves, greedy=not settings.moves)


def record(settings: FewWalks, seed: int) -> dict[str, Tensor]:
    """Record walks of uniformly random actions.

    Returns:
        `images`, uint8 (n, 16, h, w, c), `action`, int64 (n, 15), its `probability`, float32 (n, 15), and
        `action_mask`, bool (n, 15, actions), all true: what is permitted is unknown.
    """
    env = gym.make_vec(settings.environment, num_envs=COPIES, task="none", **settings.options)
    source = interactions(env, seed, steps=WALK, masked=False)
    walks = [source(number) for number in range(settings.walks)]
    env.close()
    return {
        "images": torch.cat([frames(walk) for walk in walks]),
        **{
            name: torch.cat([walk[name] for walk in walks])
            for name in ("action", "probability", "action_mask")
        },
    }


def _first_learner(settings: FewWalks, seen: Mapping[str, Tensor]) -> Learner:
    """Make a learner of scenes, or a discrete one where moves add up."""
    actions = seen["action_mask"].shape[1]
    if settings.moves:
        return SceneSelectivity(actions=actions, steps=settings.steps, **PLACE)
    height, width, channels = seen["observation"].shape[1:]
    return DiscreteSelectivity(
        shape=(height, width, channels), actions=actions, features=actions, steps=settings.steps
    )
