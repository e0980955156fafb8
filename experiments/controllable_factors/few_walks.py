"""Learning to plan from few walks, all that is learnt from counted: what `agents` sets beside PPO.

The part `planning` lets the learner and `LatentMoves` each collect for themselves, as much as they please.
Here both learn from the same random walks, over and over, in mazes like those that the agent will act in.
Of these nothing is known but images and actions: no reward, and not even which actions were permitted. One
that changed no pixel was not; it tells the learner nothing, and `LatentMoves` much.

On the grid of two digits nothing is ever in the way but the edge. There the moves that the learner's
variations cluster around are all that is needed: the agent adds them up (appendix B.2 of the paper).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.agents.latent_path import LatentPathAgent
from unknot.checks import settings_at_least
from unknot.experiments.controllable_factors import planning
from unknot.experiments.controllable_factors.planning_data import COPIES, WALK, encode_all
from unknot.representation import WEIGHTS, Learner, minibatches, save_learner, train
from unknot.representation.discrete_selectivity import DiscreteSelectivity
from unknot.representation.interaction import interactions
from unknot.representation.scene_selectivity import SceneSelectivity
from unknot.representation.selectivity import frames

__all__ = ["FewWalks", "learn_to_plan"]


@dataclass(frozen=True)
class FewWalks:
    """What is learnt from, and how long."""

    environment: str
    """Id of the environment; its actions are discrete."""
    options: Mapping[str, Any]
    """Its keyword arguments, such as `layout`."""
    walks: int
    """Random walks of 15 steps in each of 64 copies; in random layouts every one is in a new one."""
    steps: int = 600
    """Updates of the selectivity learner."""
    moves: int = 600
    """Updates of what learns where moves happen; 0 where they always do, so that they add up."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to learn from."""
        settings_at_least(self, walks=1, steps=1, moves=0)

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
        _first_learner(settings, seen),
        lambda start, name: learn(start, name, seen, settings.steps),
        seen,
        seed,
    )
    save_learner(learner.eval(), folder / "learner" / WEIGHTS)
    torch.manual_seed(seed)  # so that a resume, which has trained no learner before, starts alike
    moves = planning.start_moves(learner, made, seen, settings.moves)
    if settings.moves:
        codes = encode_all(learner, walks["images"].flatten(0, 1)).view(*walks["images"].shape[:2], -1)
        learn(moves, "moves", {**walks, "codes": codes}, settings.moves)
    else:
        save_learner(moves.eval(), folder / "moves" / WEIGHTS)
    return LatentPathAgent(learner, moves, greedy=not settings.moves)


def record(settings: FewWalks, seed: int) -> dict[str, Tensor]:
    """Record walks that take any action.

    Returns:
        `images`, uint8 (n, 16, h, w, c), `action`, int64 (n, 15), and `action_mask`, bool (n, 15, actions),
        all true.
    """
    env = gym.make_vec(settings.environment, num_envs=COPIES, task="none", **settings.options)
    source = interactions(env, seed, steps=WALK, masked=False)
    walks = [source(number) for number in range(settings.walks)]
    env.close()
    return {
        "images": torch.cat([frames(walk) for walk in walks]),
        **{name: torch.cat([walk[name] for walk in walks]) for name in ("action", "action_mask")},
    }


def transitions_of(walks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the transitions in which something changed, every action taken to be permitted anywhere."""
    before, after = (images.flatten(0, 1) for images in (walks["images"][:, :-1], walks["images"][:, 1:]))
    changed = (before != after).flatten(1).any(1)
    mask = walks["action_mask"].flatten(0, 1)[changed]
    return {
        "observation": before[changed],
        "next_observation": after[changed],
        "action": walks["action"].flatten()[changed],
        "action_mask": mask,
        "probability": 1 / mask.sum(1),
    }


def _first_learner(settings: FewWalks, seen: Mapping[str, Tensor]) -> Learner:
    """Make the part `planning`'s learner, or that of the part `digits` where moves add up."""
    actions = seen["action_mask"].shape[1]
    if settings.moves:
        chosen = planning.options(planning.Settings(settings.steps), "reach")
        return SceneSelectivity(actions=actions, **chosen)
    height, width, channels = seen["observation"].shape[1:]
    return DiscreteSelectivity(
        shape=(height, width, channels), actions=actions, features=actions, steps=settings.steps
    )
