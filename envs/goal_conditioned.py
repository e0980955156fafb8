"""Environments in the form that hindsight experience replay takes: goals as arrays, rewards as a function."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from unknot.checks import unknown

from .simulation import Array, Tree
from .state_observation import FlatFactors, ScaledFactors, StateObservation, StateVectorObservation

__all__ = ["GoalConditioned", "GoalConditionedVector"]

SEEN = ("pixels", "factors")


class _Rewarding:
    """Gives rewards of goals as arrays."""

    _goal_form: "_GoalForm"

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Return the reward of a step that ends with `achieved_goal` when `desired_goal` is the goal.

        Args:
            achieved_goal: (k,), or (n, k) for n steps.
            desired_goal: alike.
            info: nothing is taken from it.

        Returns:
            A float, or float64 (n,).
        """
        return self._goal_form.reward(achieved_goal, desired_goal)


class GoalConditioned(_Rewarding, StateObservation, RecordConstructorArgs):
    """An environment as Gymnasium-Robotics has goal-conditioned ones, for hindsight experience replay.

    Andrychowicz et al., "Hindsight Experience Replay", 2017. It observes a Dict:

    - `observation`: the scene's image, uint8 (h, w, c), in which no goal is drawn; or all its factors,
      float32 (d,), each from -1 to 1 over its range;
    - `achieved_goal` and `desired_goal`, float64 (k,): what the scene has of the factors that a goal has, and
      the goal, in their own units, which rewards are made of.

    `compute_reward` is the reward of any such pair, and gives what the environment's own steps do.

        env = GoalConditioned(gym.make("unknot/Planar-v0", reward="dense"))
        SAC("MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer)

    Args:
        env: it has a `factor_space`, a `goal_space` and `goal_rewards`; its infos have `factors` and `goal`.
        observe: "pixels" or "factors".

    Raises:
        ValueError: the task has no goal; the goal is drawn in what would be observed; the reward depends on
            more than what was achieved and what was desired.
    """

    def __init__(self, env: gym.Env[Any, Any], observe: str = "pixels") -> None:
        RecordConstructorArgs.__init__(self, observe=observe)
        self._goal_form = _GoalForm(env.unwrapped, env.observation_space, observe)
        StateObservation.__init__(self, env, self._goal_form)


class GoalConditionedVector(_Rewarding, StateVectorObservation):
    """`GoalConditioned` of a native vector environment.

    Args:
        env: the vector environment.
        observe: "pixels" or "factors".

    Raises:
        ValueError: as for `GoalConditioned`.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], observe: str = "pixels") -> None:
        self._goal_form = _GoalForm(env.unwrapped, env.single_observation_space, observe)
        super().__init__(env, self._goal_form)


class _GoalForm:
    """Shows scenes beside goals, and knows the rewards."""

    def __init__(self, env: Any, seen: spaces.Space[Any], observe: str) -> None:
        if observe not in SEEN:
            raise ValueError(unknown("observe", observe, SEEN))
        if not env.goal_space.spaces:
            raise ValueError("env has no goal: its goal_space is empty")
        self._env = env
        self._factors = ScaledFactors(env.factor_space) if observe == "factors" else None
        self._goals = FlatFactors(env.goal_space)
        if self._factors is not None:
            shown: spaces.Space[Any] = self._factors.space
        elif isinstance(seen, spaces.Dict):
            shown = seen["observation"]
        else:
            raise ValueError(
                f"env draws the goal into what it shows, {seen}, where no other can take its place; "
                "make it with goal='image', or take observe='factors'"
            )
        goal = self._goals.space
        self.space = spaces.Dict({"observation": shown, "achieved_goal": goal, "desired_goal": goal})
        self.reward(goal.low, goal.low)  # raises where it can't be told

    def __call__(self, observation: Tree, info: Mapping[str, Any]) -> Tree:
        factors = self._factors
        return {
            "observation": factors.flatten(info["factors"]) if factors else observation["observation"],
            "achieved_goal": self._goals.flatten(info["factors"]),
            "desired_goal": self._goals.flatten(info["goal"]),
        }

    def reward(self, achieved: Array, desired: Array) -> Any:
        """Return the reward for goals (k,), or the rewards (n,) for (n, k)."""
        pair = (self._goals.unflatten(np.atleast_2d(goals)) for goals in (achieved, desired))
        rewards = self._env.goal_rewards(*pair)
        return rewards if np.ndim(achieved) == 2 else float(rewards[0])
