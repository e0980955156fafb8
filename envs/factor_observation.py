"""Observations as ground truth: factors and goals as flat arrays, in place of images."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from .simulation import Array
from .state_observation import ScaledFactors, StateObservation, StateVectorObservation, check_env

__all__ = ["FactorObservation", "FactorVectorObservation"]

OBSERVED = "observed"
"""The key, beside "factors" and "goal", of vectors in the observation."""


class FactorObservation(StateObservation, RecordConstructorArgs):
    """Replaces observations by the true factors, float32 (d,): the scene's, then the goal's.

    Vectors that the environment observes beside images, such as the gripper's pose, come last. An agent that
    learns from these is an upper bound for one that learns from images. Each number goes from -1 to 1 over
    its range, as networks need it; `info` has factors in their own units. Only factors and observed vectors
    are included, so a random layout is not.

        env = FactorObservation(gym.make("unknot/Planar-v0"))  # (row, column) of the agent, then of the goal

    Args:
        env: an environment with a `factor_space` and a `goal_space`, whose infos have `factors` and `goal`.

    Raises:
        ValueError: the environment has no such spaces, or a factor has no bounds.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        check_env(env, gym.Env)
        StateObservation.__init__(self, env, _SceneAndGoal(env))


class FactorVectorObservation(StateVectorObservation):
    """`FactorObservation` of a native vector environment: float32 (num_envs, d).

    Args:
        env: the vector environment.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        check_env(env, VectorEnv)
        super().__init__(env, _SceneAndGoal(env))


class _SceneAndGoal:
    """Collects the factors of scenes and goals, and observed vectors."""

    def __init__(self, env: Any) -> None:
        observed = env.single_observation_space if isinstance(env, VectorEnv) else env.observation_space
        entries = observed.spaces if isinstance(observed, spaces.Dict) else {}
        vectors = {name: space for name, space in entries.items() if len(space.shape or ()) == 1}
        inner = env.unwrapped
        parts = {"factors": inner.factor_space, "goal": inner.goal_space, OBSERVED: vectors}
        self._names = [(key, name) for key, space in parts.items() for name in space]
        self._flat = ScaledFactors(
            spaces.Dict({f"{key} {name}": parts[key][name] for key, name in self._names})
        )
        self.space = self._flat.space

    def __call__(self, observation: Any, info: Mapping[str, Any]) -> Array:
        values = {**info, OBSERVED: observation}
        return self._flat.flatten({f"{key} {name}": values[key][name] for key, name in self._names})
