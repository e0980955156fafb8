"""Environments for agents that learn: their observations and their rewards."""

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
"""What an agent observes: images; the true factors of the scene and of the goal; an encoder's codes."""

MAX_COPIES = {"unknot/GraspReach-v0": 32}
"""Maximum number of copies of an environment evaluated at once, where it is not `LARGEST_BATCH`: each copy
has its own simulation, of some 30 MB."""

Vector: TypeAlias = VectorEnv[Any, Any, Any]


class Progress(VectorWrapper):
    """Rewards the gain in a dense reward since the previous step; an episode's first step gains nothing.

    Where the reward is minus the distance to the goal, the sum of gains telescopes: this is potential-based
    shaping (Ng, Harada and Russell, "Policy invariance under reward transformations", 1999), and an action
    is rewarded for its own effect, not for where the episode began. PPO learns in a fraction of the steps.

    Args:
        env: a vector environment in the autoreset mode SAME_STEP.
    """

    def __init__(self, env: Vector) -> None:
        super().__init__(env)
        self.before = np.full(env.num_envs, np.nan)
        """The previous reward of each copy's episode; NaN where there is none yet."""

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
    """Return how many copies of an environment play some episodes, in as few batches as possible.

    Args:
        name: its id.
        episodes: number of episodes, at least 1.
    """
    batches = math.ceil(episodes / MAX_COPIES.get(name, LARGEST_BATCH))
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
    """Make copies of an environment: a native vector environment if it has one, else Gymnasium's.

    Args:
        name: its id.
        num_envs: number of copies.
        options: its keyword arguments.
        observe: one of `OBSERVED`; "codes" leaves images as they are, to be encoded later.
        goals: whether to use the form that hindsight experience replay takes (`GoalConditioned`).
        learning: whether to use the rewards that agents learn from (`REWARDS`, unless the options name one)
            and the autoreset mode SAME_STEP, which `GymVecEnv` needs.

    Raises:
        ValueError: an unknown name, with near matches, or options that the environment refuses.
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
    """Return whether an environment has a native vector environment that honours `autoreset_mode`."""
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
