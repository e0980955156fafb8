"""Environments in the form of hindsight experience replay: goals as arrays, rewards as a function."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from unknot.checks import one_of, shown

from .adapter import to_array
from .simulation import Array, Tree
from .state_observation import FlatFactors, ScaledFactors, StateObservation, StateVectorObservation, check_env

__all__ = ["GoalConditioned", "GoalConditionedVector"]

OBSERVABLE = ("pixels", "factors")


class _Rewarding:
    """Computes the rewards of goals as arrays."""

    _goal_form: "_GoalForm"

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Return the reward of a step that ends with `achieved_goal` when `desired_goal` is the goal.

        Args:
            achieved_goal: (k,), or (n, k) for n steps.
            desired_goal: in the same form; one of the two may be one goal, for all steps.
            info: ignored; Gymnasium-Robotics' interface has it.

        Returns:
            A float if both are (k,), else float64 (n,).

        Raises:
            ValueError: goals of other shapes or outside their space, in float32, which replay buffers hold.
        """
        return self._goal_form.reward(achieved_goal, desired_goal)


class GoalConditioned(_Rewarding, StateObservation, RecordConstructorArgs):
    """A goal-conditioned environment as in Gymnasium-Robotics, for hindsight experience replay.

    Andrychowicz et al., "Hindsight Experience Replay", 2017. It observes a Dict:

    - `observation`: the scene's image, uint8 (h, w, c), without a marked goal; or all its factors,
      float32 (d,), each from -1 to 1 over its range;
    - `achieved_goal` and `desired_goal`, float64 (k,): the scene's values of the factors that a goal has, and
      the goal, in their own units.

    `compute_reward` returns the reward of any such pair, equal to that of the environment's own steps.

        env = GoalConditioned(gym.make("unknot/Planar-v0", reward="dense"))
        SAC("MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer)

    Args:
        env: an environment with a `factor_space`, a `goal_space` and `goal_rewards`, whose infos have
            `factors` and `goal`.
        observe: "pixels" or "factors".

    Raises:
        ValueError: the task has no goal; the goal is marked in the observed image; the reward depends on
            more than the achieved and the desired goal.
    """

    def __init__(self, env: gym.Env[Any, Any], observe: str = "pixels") -> None:
        RecordConstructorArgs.__init__(self, observe=observe)
        check_env(env, gym.Env)
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
        check_env(env, VectorEnv)
        self._goal_form = _GoalForm(env.unwrapped, env.single_observation_space, observe)
        super().__init__(env, self._goal_form)


class _GoalForm:
    """Observes scenes beside goals, and computes rewards."""

    def __init__(self, env: Any, observed: spaces.Space[Any], observe: str) -> None:
        one_of("observe", observe, OBSERVABLE)
        if not env.goal_space.spaces:
            raise ValueError("env has no goal: its goal_space is empty")
        self._env = env
        self._factors = ScaledFactors(env.factor_space) if observe == "factors" else None
        self._goals = FlatFactors(env.goal_space)
        if self._factors is not None:
            shown: spaces.Space[Any] = self._factors.space
        elif isinstance(observed, spaces.Dict):
            shown = observed["observation"]
        else:
            raise ValueError(
                f"env must not mark the goal in the image that it observes, {observed}; "
                "make env with goal='image', or take observe='factors'"
            )
        goal = self._goals.space
        self.space = spaces.Dict({"observation": shown, "achieved_goal": goal, "desired_goal": goal})
        self.reward(goal.low, goal.low)  # raises if goals do not determine it

    def __call__(self, observation: Tree, info: Mapping[str, Any]) -> Tree:
        factors = self._factors
        return {
            "observation": factors.flatten(info["factors"]) if factors else observation["observation"],
            "achieved_goal": self._goals.flatten(info["factors"]),
            "desired_goal": self._goals.flatten(info["goal"]),
        }

    def reward(self, achieved: Array, desired: Array) -> Any:
        """Return the reward for goals (k,), or the rewards (n,) where one or both are (n, k)."""
        ends, goals = self._read("achieved_goal", achieved), self._read("desired_goal", desired)
        try:
            pair = np.broadcast_arrays(ends, goals)
        except ValueError:
            raise ValueError(f"desired_goal must have shape {ends.shape}, not {goals.shape}") from None
        rewards = self._env.goal_rewards(*(self._goals.unflatten(np.atleast_2d(part)) for part in pair))
        return rewards if pair[0].ndim == 2 else float(rewards[0])

    def _read(self, name: str, goals: Any) -> Array:
        """Check goals (k,) or (n, k); those that float32 has rounded out of their space are put back."""
        array, low, high = to_array(name, goals), self._goals.space.low, self._goals.space.high
        if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or array.shape[-1] != len(low):
            raise ValueError(f"{name} must be numbers of shape (n, {len(low)}), not {shown(goals)}")
        with np.errstate(over="ignore"):
            singles, bottom, top = (part.astype(np.float32) for part in (array, low, high))
        good = (singles >= bottom) & (singles <= top)
        clipped = np.where(good, np.clip(array, low, high), low)
        if not (good & (self._goals.flatten(self._goals.unflatten(clipped)) == clipped)).all():
            raise ValueError(f"{name} must be in {self._goals.space}, cells whole, not {shown(goals)}")
        return clipped
