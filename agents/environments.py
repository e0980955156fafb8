"""Environments as agents that learn see them: what is observed of them, and what is rewarded."""

import math
from collections.abc import Mapping
from inspect import signature
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from unknot.checks import unknown
from unknot.envs import FactorObservation, FactorVectorObservation, GoalConditioned, GoalConditionedVector
from unknot.envs.vector import VectorWrapper

from .evaluation import LARGEST_BATCH
from .hyperparameters import REWARDS

__all__ = ["OBSERVED", "Progress", "copies_for", "make_environment"]

OBSERVED = ("pixels", "factors", "codes")
"""What an agent sees: images; the true factors of the scene and of the goal; an encoder's codes."""

LARGEST = {"unknot/GraspReach-v0": 32}
"""Most copies of an environment that are evaluated at once, where not `LARGEST_BATCH`: each of these has a
simulation of its own, and some 30 MB of memory for it."""

Vector: TypeAlias = VectorEnv[Any, Any, Any]


class Progress(VectorWrapper):
    """Rewards what a dense reward has gained since the step before; an episode's first step gains nothing.

    Where the reward is minus the distance to the goal, its sum telescopes: it shapes by a potential (Ng,
    Harada and Russell, "Policy invariance under reward transformations", 1999), and an action is judged by
    what it brought about, not by where the episode began. PPO learns from it in a fraction of the steps.

    Args:
        env: it restarts copies in the step that ends them.
    """

    def __init__(self, env: Vector) -> None:
        super().__init__(env)
        self.before = np.full(env.num_envs, np.nan)
        """The last reward of each copy's episode; NaN where there is none yet."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes."""
        self.before = np.full(self.num_envs, np.nan)
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        gained = np.nan_to_num(rewards - self.before)
        self.before = np.where(terminated | truncated, np.nan, rewards)
        return observations, gained, terminated, truncated, infos


def copies_for(name: str, episodes: int) -> int:
    """Return in how many copies of an environment some episodes are played, in as few batches as it allows.

    Args:
        name: its id.
        episodes: how many, at least 1.
    """
    batches = math.ceil(episodes / LARGEST.get(name, LARGEST_BATCH))
    return math.ceil(episodes / batches)


def make_environment(
    name: str,
    num_envs: int,
    options: Mapping[str, Any],
    *,
    observe: str = "pixels",
    goals: bool = False,
    learning: bool = False,
) -> Vector:
    """Make copies of an environment, native ones where it has them, else Gymnasium's.

    Args:
        name: its id.
        num_envs: how many copies.
        options: its keyword arguments.
        observe: one of `OBSERVED`; "codes" leaves images as they are, for whoever encodes them.
        goals: in the form that hindsight experience replay takes (`GoalConditioned`).
        learning: with the rewards that agents learn from (`REWARDS`, where the options name none), and copies
            that restart in the step that ends them, as `GymVecEnv` needs it.

    Raises:
        ValueError: an unknown name, with those near to it, or options that the environment refuses.
    """
    if name not in gym.registry:
        known = [key for key, spec in gym.registry.items() if spec.namespace == "unknot"]
        raise ValueError(unknown("environment", name, known))
    shaped = learning and not goals and name in REWARDS and "reward" not in options
    settings = {**(REWARDS[name] if shaped else {}), **options}
    mode = AutoresetMode.SAME_STEP if learning else AutoresetMode.NEXT_STEP
    seen = "pixels" if observe == "codes" else observe
    try:
        if _native(name):
            env = _observe(gym.make_vec(name, num_envs, autoreset_mode=mode, **settings), seen, goals)
        else:
            env = gym.make_vec(
                name,
                num_envs,
                vectorization_mode="sync",
                vector_kwargs={"autoreset_mode": mode},
                wrappers=_wrappers(seen, goals),
                **settings,
            )
    except TypeError as error:
        raise ValueError(f"{name} does not take these options: {error}") from error
    return Progress(env) if shaped else env


def _native(name: str) -> bool:
    """Return whether an environment has native copies that restart as they are told; not all do."""
    entry = gym.spec(name).vector_entry_point
    if entry is None:
        return False
    creator = entry if callable(entry) else gym.envs.registration.load_env_creator(str(entry))
    given = signature(creator).parameters.values()
    return any(each.name == "autoreset_mode" or each.kind is each.VAR_KEYWORD for each in given)


def _observe(env: Vector, seen: str, goals: bool) -> Vector:
    if goals:
        return GoalConditionedVector(env, seen)
    return FactorVectorObservation(env) if seen == "factors" else env


def _wrappers(seen: str, goals: bool) -> list[Any]:
    if goals:
        return [lambda env: GoalConditioned(env, seen)]
    return [FactorObservation] if seen == "factors" else []
