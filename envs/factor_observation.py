"""Observations as ground truth: factors and goals as flat arrays, in place of images."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from .simulation import Array
from .state_observation import ScaledFactors, StateObservation, StateVectorObservation

__all__ = ["FactorObservation", "FactorVectorObservation"]

OBSERVED = "observed"
"""Where, beside factors and goals, vectors come from that are observed."""


class FactorObservation(StateObservation, RecordConstructorArgs):
    """An environment that is seen through its true factors: float32 (d,), the scene's and then the goal's.

    Behind them stands what is observed as a vector beside images, such as where a gripper is. What an agent
    learns from all of it is the ceiling for one that learns from images. Each goes from -1 to 1 over its
    range, as networks like it; `info` has factors in their own units. What is neither, such as a random
    layout, isn't seen.

        env = FactorObservation(gym.make("unknot/Planar-v0"))  # (row, column) of the agent, then of the goal

    Args:
        env: it has a `factor_space` and a `goal_space`, and its infos have `factors` and `goal`.

    Raises:
        ValueError: the environment has no such spaces, or a factor no bounds.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        StateObservation.__init__(self, env, _SceneAndGoal(env))


class FactorVectorObservation(StateVectorObservation):
    """`FactorObservation` of a native vector environment: float32 (num_envs, d).

    Args:
        env: the vector environment.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env, _SceneAndGoal(env))


class _SceneAndGoal:
    """Shows the factors of scenes and goals, and vectors that are observed."""

    def __init__(self, env: Any) -> None:
        seen = env.single_observation_space if isinstance(env, VectorEnv) else env.observation_space
        shown = seen.spaces if isinstance(seen, spaces.Dict) else {}
        vectors = {name: space for name, space in shown.items() if len(space.shape or ()) == 1}
        inner = env.unwrapped
        if not (hasattr(inner, "factor_space") and hasattr(inner, "goal_space")):
            raise ValueError(f"env must have a factor_space and a goal_space to show, which {inner} has not")
        parts = {"factors": inner.factor_space, "goal": inner.goal_space, OBSERVED: vectors}
        self._names = [(key, name) for key, space in parts.items() for name in space]
        self._flat = ScaledFactors(
            spaces.Dict({f"{key} {name}": parts[key][name] for key, name in self._names})
        )
        self.space = self._flat.space

    def __call__(self, observation: Any, info: Mapping[str, Any]) -> Array:
        told = {**info, OBSERVED: observation}
        return self._flat.flatten({f"{key} {name}": told[key][name] for key, name in self._names})
